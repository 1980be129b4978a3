"""A request that a hostile server answers, and two after it: what has to hold whatever the first answer was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from raw_server import Carried, Peer, RawServer, carried, order, raw_server, turns

from spotlane.spec import Verb
from spotlane.transport import LOSS_REASONS, ManualClock, Reply, ReplyLost, Request

Answer = Callable[[Peer], Awaitable[None]]

BODY = b'{"a": 1}'
WHOLE = '200 {"a": 1}'
_METHODS = {Verb.READ: "GET", Verb.PLACE: "POST", Verb.CANCEL: "DELETE"}


def reply(*lines: bytes, body: bytes = BODY, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Return a reply of a status line, header lines and a body, with nothing added."""
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body


def with_length(body: bytes = BODY) -> bytes:
    return reply(b"Content-Length: %d" % len(body), body=body)


def in_chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a chunked reply whose chunks stand as they are given, sizes and line ends included."""
    return reply(b"Transfer-Encoding: chunked", body=b"".join(parts) + end)


def path_of(request: bytes) -> bytes:
    return request.split(b" ")[1].split(b"?")[0]


def sends(answer: bytes, then: str = "stays open") -> Answer:
    """Answer with these bytes, and then leave the connection open or end it by a FIN or a RST."""

    async def send(peer: Peer) -> None:
        await peer.write(answer)
        await turns(3)  # uvloop writes at the end of a turn
        if then == "FIN":
            peer.end_at_once()
        elif then == "RST":
            peer.reset()

    return send


def asks(path: str, verb: Verb = Verb.PLACE, *, body: bytes = b"", max_reply_bytes: int = 1 << 20) -> Request:
    return order(path, body=body, method=_METHODS[verb], verb=verb, max_reply_bytes=max_reply_bytes)


async def how_it_ends(
    answer: Answer,
    *,
    verb: Verb = Verb.PLACE,
    max_reply_bytes: int = 1 << 20,
    is_spent: bool = False,
) -> str:
    """Send a request that is answered like this, then two others; return how the first ended.

    That is status and body of its reply, or the reason for which it was lost: "deadline" where nothing but the clock
    ended it. Checked are the rules without exception: the other requests get their own replies, each arrives once, and
    a connection whose reply was lost, or that is_spent for whatever reason, is closed and carries nothing more.
    """
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            path = path_of(await peer.read_request())
            if path != b"/first":
                await peer.write(with_length(path))
                continue
            try:
                await answer(peer)
            finally:
                answered.set()

    clock = ManualClock()
    request = asks("/first", verb, max_reply_bytes=max_reply_bytes)
    # No connection is retired for the time that the clock is moved by.
    async with raw_server(script) as server, carried(server, clock=clock, keepalive_s=1_000.0) as client:
        ending = await _first(client, request, clock, answered)
        for path in ("/second", "/third"):
            assert (await client.send(asks(path))).body == path.encode()
        assert sorted(path_of(request) for request in server.requests) == [b"/first", b"/second", b"/third"]
        if is_spent or ending in LOSS_REASONS:
            await check_closed(server, b"/first")
        return ending


async def _first(client: Carried, request: Request, clock: ManualClock, answered: asyncio.Event) -> str:
    sending = asyncio.create_task(client.send(request))
    await answered.wait()
    await turns(50)
    had_ended = sending.done()
    clock.advance(11)
    try:
        told = describe(await sending)
    except ReplyLost as lost:
        told = lost.reason
    assert had_ended is (told != "deadline")
    return told


def describe(told: Reply) -> str:
    return f"{told.status} {told.body.decode()}"


async def check_closed(server: RawServer, path: bytes) -> None:
    """Check that the connection that carried a path has ended and carried nothing after it."""
    (peer,) = [peer for peer in server.peers if path in map(path_of, peer.requests)]
    assert path_of(peer.requests[-1]) == path
    await peer.has_ended.wait()
