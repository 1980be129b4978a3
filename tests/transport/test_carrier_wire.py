"""What leaves: exactly the signed bytes, made at the last moment, written in one go."""

from __future__ import annotations

import asyncio
import hmac
from urllib.parse import quote

import pytest
from raw_server import (
    API_KEY,
    API_SECRET,
    OK,
    Peer,
    answer_all,
    carried,
    make_channel,
    open_carrier,
    order,
    raw_server,
    read,
    until,
)

from spotlane.errors import NotSent, UsageError
from spotlane.transport import ManualClock, Request, Sealed

pytestmark = pytest.mark.usefixtures("carrier_kind")

ODD = "a+b/c%d&e f,g=h?i#j~k'l(m)*n!✓é\t"


def request_line(raw: bytes) -> str:
    return raw.split(b"\r\n", 1)[0].decode("ascii")


def fields(raw: bytes) -> list[tuple[str, str]]:
    head = raw.split(b"\r\n\r\n", 1)[0].decode("ascii")
    return [(name, value) for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"note=" + quote(ODD, safe="").encode(),
        b"a=%2b&b=%2B&c=+&d=%20&e=1,2&f=x/y&g=%25&h=&&i=~!*'()",
        b"symbols=[%22BTCUSDT%22]&text=t-1:2;3@4",
    ],
    ids=["empty", "quoted", "mixed", "reserved"],
)
async def test_signed_bytes_are_the_bytes_on_the_wire(method: str, query: bytes) -> None:
    async with raw_server() as server, carried(server) as client:
        await client.send(order("/api/v3/or%64er/t-1%2F2", query, method=method))
        (raw,) = server.requests
        got_method, target, version = request_line(raw).split(" ")
        assert (got_method, version) == (method, "HTTP/1.1")
        path, _, signed_query = target.partition("?")
        assert path == "/api/v3/or%64er/t-1%2F2"
        total, _, signature = signed_query.rpartition("&signature=")
        assert total.encode().startswith(query)
        assert signature == hmac.digest(API_SECRET, total.encode(), "sha256").hex()
        assert ("X-MEXC-APIKEY", API_KEY) in fields(raw)


async def test_unsigned_request_is_sent_as_it_is() -> None:
    async with raw_server() as server, open_carrier(server.url) as carrier:
        request = order("/api/v3/time", b"x=%2B+%20", method="GET", signed=False)
        deadline = asyncio.get_running_loop().time() + 10
        reply = await carrier.carry(request, lambda _: Sealed(None, None), deadline=deadline)
        assert reply.stamp_ms is None
        assert request_line(server.requests[0]) == "GET /api/v3/time?x=%2B+%20 HTTP/1.1"


async def test_header_fields_are_these_and_no_others() -> None:
    async with raw_server() as server, carried(server) as client:
        await client.send(read())
        await client.send(order(body=b'{"a":1}'))
        base = [
            ("Host", f"127.0.0.1:{server.port}"),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "spotlane"),
            ("Content-Type", "application/json"),
            ("Accept", "*/*"),
            ("X-MEXC-APIKEY", API_KEY),
        ]
        assert sorted(fields(server.requests[0])) == sorted(base)
        assert sorted(fields(server.requests[1])) == sorted([*base, ("Content-Length", "7")])
        assert server.requests[1].endswith(b'\r\n\r\n{"a":1}')


async def test_stamp_and_signature_are_made_after_the_wait_for_a_connection() -> None:
    clock = ManualClock()
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await go_on.wait()
            await peer.write(OK)

    async with raw_server(script) as server, carried(server, clock=clock, max_connections=1) as client:
        first = asyncio.create_task(client.send(order("/first"), within_s=100))
        await until(lambda: server.requests)
        second = asyncio.create_task(client.send(order("/second"), within_s=100))
        await asyncio.sleep(0)
        clock.advance(5)
        go_on.set()
        replies = [await first, await second]
        assert replies[0].stamp_ms is not None
        assert replies[1].stamp_ms == replies[0].stamp_ms + 5_000
        assert f"timestamp={replies[1].stamp_ms}&" in request_line(server.requests[1])


async def test_nothing_else_runs_between_signing_and_writing() -> None:
    arrived: list[int] = []
    has_looked = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.pause()
        await has_looked.wait()
        peer.resume()
        await answer_all(peer)

    async with raw_server(script) as server, carried(server) as client:
        request = order(body=b"{}")
        await until(lambda: server.peers)

        def look() -> None:
            arrived.append(server.peers[0].unread())
            has_looked.set()

        def seal(request: Request) -> Sealed:
            asyncio.get_running_loop().call_soon(look)
            return Sealed(client.authenticator.sign(request, 1), 1)

        await client.carrier.carry(request, seal, deadline=client.clock.monotonic() + 10)
        # The kernel had the whole request before anything else ran.
        assert arrived == [len(server.requests[0])]


async def test_refused_seal_sends_nothing_and_keeps_the_connection() -> None:
    async with raw_server() as server, carried(server) as client:

        def refuse(request: Request) -> Sealed:
            raise NotSent("too late")

        with pytest.raises(NotSent, match="too late") as caught:
            await client.carrier.carry(order(), refuse, deadline=client.clock.monotonic() + 10)
        assert caught.value.__context__ is None
        assert (await client.send(order("/next"))).status == 200
        assert [request_line(raw).split("?")[0] for raw in server.requests] == ["POST /next"]
        assert len(server.peers) == 1


@pytest.mark.parametrize("path", ["/order HTTP/1.1\r\nX-Smuggled: 1", "/order\nX: 1", "/order ?", "/order?a=1"])
async def test_header_that_would_break_the_framing_is_never_written(path: str) -> None:
    async with raw_server() as server, carried(server) as client:
        with pytest.raises(UsageError):
            await client.send(order(path))
        with pytest.raises(UsageError):
            await client.send(order(query=b"a=1 HTTP/1.1\r\nX-Smuggled: 1"))
        assert (await client.send(order("/next"))).status == 200
        assert [request_line(raw).split("?")[0] for raw in server.requests] == ["POST /next"]


async def test_times_of_writing_and_of_the_whole_reply_are_told() -> None:
    clock = ManualClock(monotonic_s=50.0)

    async def script(peer: Peer) -> None:
        await peer.read_request()
        clock.advance(0.25)
        await peer.write(OK)

    async with raw_server(script) as server, carried(server, clock=clock) as client:
        reply = await client.send()
        assert (reply.written_s, reply.received_s) == (50.0, 50.25)


async def test_every_request_of_a_busy_client_gets_its_own_reply() -> None:
    async def echo(peer: Peer) -> None:
        while True:
            path = (await peer.read_request()).split(b" ")[1].split(b"?")[0]
            await asyncio.sleep(0)
            await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    async with raw_server(echo) as server, carried(server, max_connections=3) as client:
        replies = await asyncio.gather(*(client.send(order(f"/{number}")) for number in range(60)))
        assert [reply.body.decode() for reply in replies] == [f"/{number}" for number in range(60)]
        assert len(server.peers) == 3


async def test_channel_sends_over_real_tcp() -> None:
    async with raw_server(answer_all) as server:
        clock = ManualClock()
        async with open_carrier(server.url, clock=clock) as carrier:
            channel = make_channel(carrier, clock)
            reply = await channel.send(order(query=b"symbol=BTCUSDT"))
            assert reply.stamp_ms == clock.time_ms()
            assert channel.status().replies == 1
