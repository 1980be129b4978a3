"""Fixtures for the tests of the client, and which tests run on both event loops."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from doubt_rig import Reports

    from spotlane import Credentials
    from spotlane.exchanges.mexc import MexcPrivateRest
    from spotlane.sandbox import Sandbox

LIMIT_S = 30.0

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_ON_BOTH_LOOPS = (
    "transport",
    "test_mexc_orders",
    "test_mexc_cancel",
    "test_mexc_lifecycle",
    "test_gateio_orders",
    "test_gateio_lookups",
    "hostile",
)


def _runs_on_both(item: pytest.Item) -> bool:
    return any(name in (item.path.stem, item.path.parent.name) for name in _ON_BOTH_LOOPS)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the transport's tests and the client's main course on asyncio and on uvloop, all others on asyncio."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if _runs_on_both(item):
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    return loops


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that run on uvloop a limit of the loop itself.

    The alarm of pytest-timeout does not end a uvloop that waits for nothing.
    """
    for item in items:
        if isinstance(item, pytest.Function) and _runs_on_both(item) and inspect.iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj)


def _limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def limited(**arguments: object) -> None:
        async with asyncio.timeout(LIMIT_S):
            await test(**arguments)

    return limited


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses carrier_kind with each carrier."""
    if "carrier_kind" in metafunc.fixturenames:
        from raw_server import CARRIERS

        metafunc.parametrize("carrier_kind", list(CARRIERS), indirect=True)


@pytest.fixture
def carrier_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the carriers of raw_server be of one kind; return its name."""
    import raw_server

    kind = str(request.param)
    monkeypatch.setattr(raw_server, "carrier_class", raw_server.CARRIERS[kind])
    return kind


@pytest.fixture
async def venue() -> AsyncIterator[Sandbox]:
    """A MEXC sandbox without rate limits; the test fails if the sandbox itself does."""
    from spotlane.sandbox import Sandbox

    async with Sandbox("mexc", rate_limits=False) as venue:
        yield venue
    assert venue.errors == ()


@pytest.fixture
async def exchange(venue: Sandbox) -> AsyncIterator[MexcPrivateRest]:
    """An open client of the venue."""
    from mexc_rig import connect

    async with connect(venue) as exchange:
        venue.requests.clear()
        yield exchange


@pytest.fixture
def told() -> Reports:
    """For a client's on_resolved to append to."""
    from doubt_rig import Reports

    return Reports()


@pytest.fixture
def venue_credentials() -> Credentials:
    """Credentials of an exchange that does not run."""
    from spotlane.sandbox import Sandbox

    return Sandbox("mexc").credentials
