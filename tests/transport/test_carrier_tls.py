"""TLS is verified, always: a server that can't prove its name gets no byte of a request."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
import trustme
from raw_server import Carried, Peer, RawServer, make_carrier, open_carrier, order, raw_server

from spotlane.errors import NotSent, UsageError
from spotlane.transport import SystemClock

pytestmark = pytest.mark.usefixtures("carrier_kind")


def server_context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def url_of(server: RawServer) -> str:
    return f"https://localhost:{server.port}"


async def test_right_name_and_authority_are_accepted_and_the_connection_is_kept() -> None:
    authority = trustme.CA()
    async with (
        raw_server(ssl_context=server_context(authority)) as server,
        open_carrier(url_of(server), ssl_context=client_context(authority)) as carrier,
    ):
        client = Carried(carrier, SystemClock())
        for _ in range(5):
            assert (await client.send(order(body=b"{}"))).body == b"{}"
        assert carrier.status().opened == 1
        assert carrier.status().found_dead == 0


@pytest.mark.parametrize(
    ("name", "is_trusted", "match"),
    [
        ("localhost", False, r"can't be trusted \(unable to get local issuer certificate\)"),
        ("elsewhere.example", True, r"can't be trusted \(Hostname mismatch"),
    ],
    ids=["authority", "name"],
)
async def test_wrong_certificate_gets_no_byte_of_a_request(name: str, is_trusted: bool, match: str) -> None:
    authority = trustme.CA()
    trusted = authority if is_trusted else trustme.CA()
    async with (
        raw_server(ssl_context=server_context(authority, name)) as server,
        open_carrier(url_of(server), ssl_context=client_context(trusted)) as carrier,
    ):
        with pytest.raises(NotSent, match=match) as caught:
            await Carried(carrier, SystemClock()).send()
        assert caught.value.__context__ is None
        assert server.requests == []


async def test_private_authority_is_not_trusted_by_default() -> None:
    async with raw_server(ssl_context=server_context(trustme.CA())) as server, open_carrier(url_of(server)) as carrier:
        with pytest.raises(NotSent, match="can't be trusted"):
            await Carried(carrier, SystemClock()).send()


async def test_server_without_tls_gets_no_byte_of_a_request() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(script) as server, open_carrier(url_of(server)) as carrier:
        with pytest.raises(NotSent, match="no TLS connection"):
            await Carried(carrier, SystemClock()).send()


async def test_lax_settings_of_a_borrowed_connector_do_not_count() -> None:
    authority = trustme.CA()
    async with (
        raw_server(ssl_context=server_context(authority)) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session,
        open_carrier(url_of(server), session=session) as carrier,
    ):
        with pytest.raises(NotSent, match="can't be trusted"):
            await Carried(carrier, SystemClock()).send()


def _without_names() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def _without_certificates() -> ssl.SSLContext:
    context = _without_names()
    context.verify_mode = ssl.CERT_NONE
    return context


def _optional_certificates() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.mark.parametrize("context", [_without_names(), _without_certificates(), _optional_certificates()])
def test_context_that_does_not_verify_is_refused(context: ssl.SSLContext) -> None:
    with pytest.raises(UsageError, match="must verify"):
        make_carrier("https://api.example.com", ssl_context=context)
