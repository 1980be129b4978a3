"""Pytest fixtures for a bot's own tests: an exchange on a local port.

pytest loads this module in every run where spotlane is installed, so the sandbox is imported only by a test that asks
for it. The fixtures are asynchronous; pytest-asyncio runs them in either of its modes.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from spotlane.sandbox import Sandbox


def _async_fixture(function: Callable[..., Any]) -> Any:
    # pytest-asyncio in its strict mode leaves plain async fixtures alone; without it pytest says what is missing.
    if importlib.util.find_spec("pytest_asyncio") is None:
        return pytest.fixture(function)
    return importlib.import_module("pytest_asyncio").fixture(function)


@_async_fixture
async def sandbox() -> AsyncIterator[Callable[..., Awaitable[Sandbox]]]:
    """Start sandboxes: `venue = await sandbox("mexc", tls=True)` takes what Sandbox takes.

    All are stopped after the test, which fails if one of them failed itself.
    """
    from spotlane.sandbox import Sandbox

    started: list[Sandbox] = []
    async with AsyncExitStack() as running:

        async def start(exchange: str = "mexc", **options: Any) -> Sandbox:
            venue = await running.enter_async_context(Sandbox(exchange, **options))
            started.append(venue)
            return venue

        yield start
    errors = [error for venue in started for error in venue.errors]
    if errors:
        raise ExceptionGroup("the sandbox itself failed", errors)


@_async_fixture
async def mexc_sandbox(sandbox: Callable[..., Awaitable[Sandbox]]) -> Sandbox:
    """Start a MEXC sandbox with the default order book: 100,000 USDT and 10 BTC."""
    return await sandbox("mexc")
