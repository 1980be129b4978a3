"""Connections that end, or speak, at every moment that is wrong for it."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import pytest
import trustme
from hostile_course import (
    BODY,
    WHOLE,
    asks,
    check_closed,
    describe,
    how_it_ends,
    in_chunks,
    path_of,
    reply,
    sends,
    with_length,
)
from raw_server import Carried, Peer, RawServer, Script, carried, open_carrier, raw_server, turns, until

from spotlane.errors import NotSent
from spotlane.spec import Verb
from spotlane.transport import ManualClock, Reply, ReplyLost, Request, Sealed, SystemClock
from spotlane.transport.pool import ConnectionPool, PooledConnection

pytestmark = pytest.mark.usefixtures("carrier_kind")

REPLIES = {
    "length": with_length(),
    "chunks": in_chunks(b'3;a="b"\r\n{"a\r\n', b'5\r\n": 1}\r\n', end=b"0\r\nX: y\r\n\r\n"),
    "1xx": reply(b"Link: x", start=b"HTTP/1.1 103 Early Hints", body=b"") + with_length(),
}
HEADS = {name: len(answer) - len(answer.rpartition(b"\r\n\r\n")[2]) for name, answer in REPLIES.items()}
STALE = with_length(b"stale")


async def ending_of(sending: Awaitable[Reply]) -> str:
    """Return a reply's status and body, or why it was lost."""
    try:
        return describe(await sending)
    except ReplyLost as lost:
        return lost.reason


async def told(client: Carried, path: str, verb: Verb) -> str:
    return await ending_of(client.send(asks(path, verb)))


@pytest.mark.parametrize("kind", REPLIES)
@pytest.mark.parametrize("then", ["FIN", "RST"])
async def test_connection_that_ends_at_any_byte_of_a_reply_loses_it(kind: str, then: str) -> None:
    answer = REPLIES[kind]

    async def script(peer: Peer) -> None:
        while True:
            path = path_of(await peer.read_request()).decode()
            if path.startswith("/cut/"):
                await sends(answer[: int(path[5:])], then)(peer)
                return
            await peer.write(with_length(path.encode()))

    async with raw_server(script) as server, carried(server) as client:
        for number in range(2 * len(answer)):
            cut, verb = number // 2, (Verb.PLACE, Verb.READ)[number % 2]
            assert await told(client, f"/cut/{cut}", verb) in ("disconnected", "truncated")
            assert await told(client, f"/{number}", verb) == f"200 /{number}"
        # A client of another test process may knock at this port, when it had it before: its paths are others.
        paths = Counter(path_of(request) for request in server.requests)
        assert all(paths[b"/cut/%d" % cut] == 2 for cut in range(len(answer)))
        assert all(paths[b"/%d" % number] == 1 for number in range(2 * len(answer)))


@pytest.mark.parametrize("kind", REPLIES)
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_whole_reply_counts_although_the_connection_ends_with_it(kind: str, verb: Verb) -> None:
    assert await how_it_ends(sends(REPLIES[kind], "FIN"), verb=verb) == WHOLE
    # A RST may overtake what was sent before it.
    assert await how_it_ends(sends(REPLIES[kind], "RST"), verb=verb) in (WHOLE, "disconnected", "truncated")


@pytest.mark.parametrize("kind", REPLIES)
async def test_reply_of_single_bytes_is_read_whole(kind: str) -> None:
    async def answer(peer: Peer) -> None:
        for byte in REPLIES[kind]:
            peer.write_at_once(bytes([byte]))
            await turns(3)

    assert await how_it_ends(answer) == WHOLE


@pytest.mark.parametrize("then", ["FIN", "RST"])
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_connection_that_ends_before_the_request_is_read_may_have_carried_it(verb: Verb, then: str) -> None:
    async def script(peer: Peer) -> None:
        if peer.number:
            await peer.read_request()
            await peer.write(with_length())
            return
        peer.pause()
        await until(lambda: peer.unread() > 0)
        peer.reset() if then == "RST" else peer.end_at_once()

    async with raw_server(script) as server, carried(server) as client:
        await until(lambda: server.peers)
        assert await told(client, "/first", verb) == "disconnected"
        assert await told(client, "/second", verb) == WHOLE
        assert [path_of(request) for request in server.requests] == [b"/second"]


@pytest.mark.parametrize("then", ["FIN", "RST", "answer", "answer and FIN"])
async def test_server_that_does_not_read_a_long_request_to_its_end(then: str) -> None:
    """An answer may come early; whatever happens, neither it nor the rest of the request reaches another order."""
    clock = ManualClock()
    early = reply(b"Content-Length: 0", start=b"HTTP/1.1 413 X", body=b"")
    is_over, may_end = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        if not peer.number:
            peer.pause()
            await until(lambda: peer.unread() > 0)
            await sends(early if then.startswith("answer") else b"", then.removeprefix("answer and "))(peer)
            is_over.set()
            await may_end.wait()
            return
        while True:
            await peer.write(with_length(path_of(await peer.read_request())))

    async with raw_server(script) as server, carried(server, clock=clock) as client:
        await until(lambda: server.peers)
        sending = asyncio.create_task(client.send(asks("/first", body=b"x" * (32 << 20))))
        await is_over.wait()
        await turns(50)
        clock.advance(11)
        assert await ending_of(sending) in ("413 ", "deadline", "disconnected")
        for path in ("/second", "/third"):
            assert (await client.send(asks(path))).body == path.encode()
        assert [path_of(request) for request in server.requests] == [b"/second", b"/third"]
        may_end.set()


@pytest.mark.parametrize("event", ["FIN", "RST"])
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_connection_that_ends_between_signing_and_writing(verb: Verb, event: str) -> None:
    async with raw_server() as server, carried(server) as client:
        await client.send(asks("/before"))
        request = asks("/first", verb)

        def seal(request: Request) -> Sealed:
            if event == "FIN":
                server.peers[0].end_at_once()
            else:
                server.peers[0].reset()
            return Sealed(client.authenticator.sign(request, 1), 1)

        with pytest.raises((ReplyLost, NotSent)) as caught:
            await client.carrier.carry(request, seal, deadline=client.clock.monotonic() + 10)
        assert getattr(caught.value, "reason", "disconnected") == "disconnected"
        assert (await client.send(asks("/second"))).body == b"{}"
        await until(lambda: b"/second" in map(path_of, server.requests))
        assert [path_of(each) for each in server.requests].count(b"/first") <= 1


@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
@pytest.mark.parametrize("count", [1, 2, 5])
async def test_stale_replies_of_many_connections_are_given_to_nobody(verb: Verb, count: int) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.write(with_length(path_of(await peer.read_request())))

    async with raw_server(script) as server, carried(server, connections=count) as client:
        for turn in range(4):
            await asyncio.gather(*(client.send(asks(f"/{turn}/{number}", verb)) for number in range(count)))
            for peer in server.peers:
                if not peer.has_ended.is_set():
                    peer.write_at_once(STALE)
            if turn % 2:
                await turns()
        assert (await client.send(asks("/last", verb))).body == b"/last"


@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_endless_interim_replies_end_at_the_deadline(verb: Verb) -> None:
    clock = ManualClock()

    async def script(peer: Peer) -> None:
        if path_of(await peer.read_request()) == b"/second":
            await peer.write(with_length())
            return
        while True:
            await peer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            clock.advance(0.1)
            await asyncio.sleep(0)

    async with raw_server(script) as server, carried(server, clock=clock) as client:
        assert await told(client, "/first", verb) in ("deadline", "malformed")
        await check_closed(server, b"/first")
        assert await told(client, "/second", verb) == WHOLE


@pytest.mark.parametrize("part", ["head", "body", "chunk sizes", "trailers"])
async def test_drip_in_any_part_ends_at_the_deadline(part: str) -> None:
    clock = ManualClock()
    start, drop = {
        "head": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        "body": (reply(b"Content-Length: 100000", body=b""), b"x"),
        "chunk sizes": (in_chunks(end=b"1"), b";"),
        "trailers": (in_chunks(end=b"0\r\n"), b"X: y\r\n"),
    }[part]

    async def script(peer: Peer) -> None:
        if path_of(await peer.read_request()) == b"/second":
            await peer.write(with_length())
            return
        await peer.write(start)
        while True:
            await peer.write(drop)
            clock.advance(0.5)
            await asyncio.sleep(0)

    async with raw_server(script) as server, carried(server, clock=clock) as client:
        assert await told(client, "/first", Verb.PLACE) == "deadline"
        await check_closed(server, b"/first")
        assert await told(client, "/second", Verb.PLACE) == WHOLE


@asynccontextmanager
async def tls(script: Script) -> AsyncIterator[tuple[RawServer, Carried]]:
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    async with (
        raw_server(script, ssl_context=theirs) as server,
        open_carrier(f"https://localhost:{server.port}", ssl_context=ours) as carrier,
    ):
        yield server, Carried(carrier, SystemClock())


async def end_without_notice(peer: Peer) -> None:
    """Close the TCP connection under TLS: no close_notify says that this is the end."""
    await turns(3)  # uvloop writes at the end of a turn
    cast(asyncio.Transport, peer.writer.transport).abort()


@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_tls_connection_that_ends_without_notice_loses_a_reply(verb: Verb) -> None:
    cuts = [0, 5, 20, HEADS["length"], len(with_length()) - 1, len(with_length())]

    async def script(peer: Peer) -> None:
        while True:
            path = path_of(await peer.read_request()).decode()
            if path.startswith("/cut/"):
                await peer.write(with_length()[: int(path[5:])])
                await end_without_notice(peer)
                return
            await peer.write(with_length(path.encode()))

    async with tls(script) as (server, client):
        for cut in cuts:
            ending = await told(client, f"/cut/{cut}", verb)
            assert ending in ("disconnected", "truncated") or (cut == cuts[-1] and ending == WHOLE)
            await check_closed(server, b"/cut/%d" % cut)
            await turns()
            assert await told(client, f"/{cut}", verb) == f"200 /{cut}"
        assert len(server.requests) == 2 * len(cuts)


async def test_order_is_not_proven_by_what_ends_with_a_tls_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.write(reply(body=BODY[:4]))
        await end_without_notice(peer)

    async with tls(script) as (server, client):
        assert await told(client, "/order", Verb.PLACE) == "truncated"
        assert len(server.requests) == 1


async def test_tls_connection_that_ended_while_idle_is_not_used() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.write(with_length(path_of(await peer.read_request())))

    async with tls(script) as (server, client):
        for turn in range(3):
            assert await told(client, f"/{turn}", Verb.PLACE) == f"200 /{turn}"
            for peer in server.peers:
                await end_without_notice(peer)
            await asyncio.gather(*(peer.has_ended.wait() for peer in server.peers))
            await turns()
        assert sorted(path_of(request) for request in server.requests) == [b"/0", b"/1", b"/2"]


async def test_tls_connection_on_which_the_server_spoke_first_is_not_used() -> None:
    async def script(peer: Peer) -> None:
        if not peer.number:
            await peer.write(STALE)
        while True:
            await peer.write(with_length(path_of(await peer.read_request())))

    async with tls(script) as (server, client):
        await until(lambda: server.peers)
        await turns(50)
        assert await told(client, "/first", Verb.PLACE) == "200 /first"
        assert server.peers[0].requests == []


@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_stale_reply_under_tls_is_given_to_nobody(verb: Verb) -> None:
    async def script(peer: Peer) -> None:
        while True:
            path = path_of(await peer.read_request())
            await peer.write(with_length(path))
            if path == b"/first":
                await peer.write(STALE)

    async with tls(script) as (_, client):
        assert await told(client, "/first", verb) == "200 /first"
        await turns(50)
        assert await told(client, "/second", verb) == "200 /second"
        assert await told(client, "/third", verb) == "200 /third"


@asynccontextmanager
async def plain_tcp(script: Script) -> AsyncIterator[tuple[RawServer, Carried]]:
    async with raw_server(script) as server, carried(server) as client:
        yield server, client


@pytest.mark.parametrize("connected", [plain_tcp, tls])
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_new_connection_is_looked_at_when_it_is_handed_over(
    verb: Verb,
    connected: Callable[[Script], AbstractAsyncContextManager[tuple[RawServer, Carried]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is opened by a task of its own, and the event loop turns before whoever waits for it goes on."""
    connect = ConnectionPool._connect

    async def script(peer: Peer) -> None:
        while True:
            await peer.write(with_length(path_of(await peer.read_request())))

    async with connected(script) as (server, client):

        async def connect_and_hear(pool: ConnectionPool) -> PooledConnection:
            monkeypatch.setattr(ConnectionPool, "_connect", connect)
            connection = await connect(pool)
            await until(lambda: len(server.peers) == 2)
            await server.peers[1].write(STALE)
            return connection

        monkeypatch.setattr(ConnectionPool, "_connect", connect_and_hear)
        await until(lambda: server.peers)
        server.peers[0].end_at_once()
        assert await told(client, "/first", verb) == "200 /first"
        assert server.peers[1].requests == []


@pytest.mark.parametrize("extra", [b"H", b"HTTP/1.1 200 OK\r\nContent-Le", STALE], ids=["byte", "half", "whole"])
@pytest.mark.parametrize("pause", range(6))
async def test_what_follows_a_reply_at_once_is_never_swallowed(extra: bytes, pause: int) -> None:
    """It may arrive with the reply, while that is handed over, or when the connection is idle already."""

    async def answer(peer: Peer) -> None:
        peer.write_at_once(with_length())
        await turns(pause)
        peer.write_at_once(extra)

    assert await how_it_ends(answer, is_spent=True) in (WHOLE, "malformed")
