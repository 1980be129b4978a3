"""What only the plain path does: how it holds on to aiohttp."""

from __future__ import annotations

from types import SimpleNamespace

import aiohttp
import pytest
from raw_server import order, raw_server

from spotlane.errors import NotSent, NotSupported
from spotlane.transport import PlainCarrier, Sealed, SystemClock


@pytest.mark.parametrize("owner", [aiohttp.BaseConnector, aiohttp.client_proto.ResponseHandler])
async def test_aiohttp_without_what_is_relied_on_is_refused(
    owner: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(owner, "_release" if owner is aiohttp.BaseConnector else "should_close")
    with pytest.raises(NotSupported, match="install aiohttp"):
        await PlainCarrier("http://127.0.0.1:1").open()


async def test_session_never_sends_twice_by_itself() -> None:
    async with raw_server() as server:
        carrier = PlainCarrier(server.url, connections=1)
        await carrier.open()
        session = carrier._session
        assert session is not None
        assert session._retry_connection is False
        assert session.trust_env is False
        assert session.auto_decompress is False
        assert session.timeout == aiohttp.ClientTimeout(total=None, sock_connect=None)
        assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)
        await carrier.close()


async def test_target_that_would_break_the_framing_is_refused_once_more() -> None:
    smuggler = SimpleNamespace(target="/order HTTP/1.1\r\nX-Smuggled: 1", headers={})
    async with raw_server() as server:
        carrier = PlainCarrier(server.url, connections=1)
        await carrier.open()
        with pytest.raises(NotSent):
            await carrier.carry(
                order(),
                lambda _: Sealed(smuggler, 1),  # type: ignore[arg-type]
                deadline=SystemClock().monotonic() + 10,
            )
        assert server.requests == []
        await carrier.close()
