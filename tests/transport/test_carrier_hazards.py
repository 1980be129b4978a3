"""Each way in which an HTTP client can lose, repeat or mistake an order, over real TCP."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from raw_server import (
    OK,
    Peer,
    RawServer,
    answer_all,
    answer_with,
    carried,
    expire,
    order,
    raw_server,
    read,
    turns,
    until,
)

from spotlane.errors import NotSent
from spotlane.spec import Verb
from spotlane.transport import LOSS_REASONS, ManualClock, ReplyLost

pytestmark = pytest.mark.usefixtures("carrier_kind")

CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n3;x=y\r\n 1}\r\n0\r\nTrailer: t\r\n\r\n'


async def lost(server: RawServer, *, verb: Verb = Verb.PLACE, max_reply_bytes: int = 1 << 20) -> str:
    """Send an order whose reply must be lost; check that its connection is gone for good; return the reason."""
    async with carried(server) as client:
        with pytest.raises(ReplyLost) as caught:
            await client.send(order(verb=verb, max_reply_bytes=max_reply_bytes))
        assert caught.value.reason in LOSS_REASONS
        assert client.carrier.status().aborted == 1
        await server.peers[0].has_ended.wait()
        return caught.value.reason


@pytest.mark.parametrize("method", ["DELETE", "PUT", "GET", "POST"])
@pytest.mark.parametrize("is_reused", [False, True])
async def test_request_is_sent_once_when_the_server_dies_after_reading_it(method: str, is_reused: bool) -> None:
    async def script(peer: Peer) -> None:
        if is_reused and not peer.number:
            await peer.read_request()
            await peer.write(OK)
        await peer.read_request()
        peer.writer.close()

    async with raw_server(script) as server, carried(server) as client:
        if is_reused:
            await client.send()
        with pytest.raises(ReplyLost) as caught:
            await client.send(order("/cancel", method=method, verb=Verb.CANCEL))
        assert caught.value.reason == "disconnected"
        await until(lambda: len(server.peers) == 2)  # the keeper has replaced the connection by then
        assert [request.split()[1].split(b"?")[0] for request in server.requests].count(b"/cancel") == 1


async def test_redirect_is_a_reply_and_is_not_followed() -> None:
    async with raw_server() as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}/order\r\nContent-Length: 0\r\n\r\n".encode()
        async with raw_server(answer_with(moved)) as server, carried(server) as client:
            reply = await client.send(order(body=b'{"quantity":"1"}'))
            assert reply.status == 307
            assert len(server.requests) == 1
            assert elsewhere.peers == []


async def test_encoded_reply_is_not_unpacked() -> None:
    packed = gzip.compress(b"{}" + b" " * 50_000_000, 1)
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    async with raw_server(answer_with(reply)) as server:
        assert await lost(server) == "encoded"
        assert b"\r\nAccept-Encoding: identity\r\n" in server.requests[0]


async def test_transfer_coding_other_than_chunked_is_refused() -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    async with raw_server(answer_with(reply)) as server:
        assert await lost(server) == "encoded"


async def test_declared_length_above_the_cap_is_refused_unread() -> None:
    async with raw_server(answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n")) as server:
        assert await lost(server, max_reply_bytes=100) == "oversize"


async def test_endless_reply_is_cut_at_the_cap() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    async with raw_server(script) as server:
        assert await lost(server, max_reply_bytes=100_000) == "oversize"


async def test_reply_of_exactly_the_cap_is_accepted() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
    async with raw_server(answer_with(reply)) as server, carried(server) as client:
        assert (await client.send(order(max_reply_bytes=100))).body == b"x" * 100


async def test_slow_drip_ends_at_the_deadline() -> None:
    clock = ManualClock()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while True:
            await peer.write(b"x")
            clock.advance(0.1)
            await asyncio.sleep(0)

    async with raw_server(script) as server, carried(server, clock=clock) as client:
        with pytest.raises(ReplyLost) as caught:
            await client.send(within_s=2.0)
        assert caught.value.reason == "deadline"
        await server.peers[0].has_ended.wait()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"], ids=["silence", "half"])
async def test_unanswered_order_ends_at_the_deadline_and_its_connection_is_closed(sent: bytes) -> None:
    clock = ManualClock()
    async with raw_server(answer_with(sent)) as server, carried(server, clock=clock) as client:
        sending = asyncio.create_task(client.send())
        await expire(server, clock)
        with pytest.raises(ReplyLost) as caught:
            await sending
        assert caught.value.reason == "deadline"
        await server.peers[0].has_ended.wait()


async def test_late_reply_never_answers_the_next_order() -> None:
    clock = ManualClock()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        if peer.number:
            await peer.write(OK)
        else:
            await is_late.wait()
            await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    is_late = asyncio.Event()
    async with raw_server(script) as server, carried(server, clock=clock) as client:
        sending = asyncio.create_task(client.send(order("/first")))
        await expire(server, clock)
        with pytest.raises(ReplyLost):
            await sending
        is_late.set()
        assert (await client.send(order("/second"))).body == b"{}"


@pytest.mark.parametrize(
    "extra",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale", b"HTTP/1.1 200 OK\r\nContent-Le", b"\r\n\r\n", b"0"],
    ids=["whole", "half", "blank", "byte"],
)
async def test_second_reply_is_never_given_to_the_next_order(extra: bytes) -> None:
    async def script(peer: Peer) -> None:
        request = await peer.read_request()
        await peer.write(OK + extra if b" /first?" in request else OK)
        await answer_all(peer)

    async with raw_server(script) as server, carried(server) as client:
        answers = []
        for path in ("/first", "/second", "/third"):
            try:
                answers.append((await client.send(order(path))).body)
            except ReplyLost as error:
                answers.append(error.reason.encode())
        # What comes in one piece with a reply, and is no whole reply itself, may make the parser give up on both.
        assert answers in ([b"{}"] * 3, [b"malformed", b"{}", b"{}"], [b"{}", b"malformed", b"{}"])
        paths = [request.split(b"?")[0].split(b" ")[1] for request in server.requests]
        assert paths == [b"/first", b"/second", b"/third"]


@pytest.mark.parametrize("stale", [408, 200])
@pytest.mark.parametrize("cut", [1, 12, 30, None], ids=["byte", "status line", "headers", "whole"])
async def test_unasked_reply_while_idle_is_never_given_to_an_order(stale: int, cut: int | None) -> None:
    unasked = b"HTTP/1.1 %d Unasked\r\nContent-Length: 5\r\n\r\nstale" % stale

    async with raw_server() as server, carried(server) as client:
        await client.send()
        server.peers[0].write_at_once(unasked[:cut])
        await turns()
        reply = await client.send(order("/next"))
        assert (reply.status, reply.body) == (200, b"{}")
        assert client.carrier.status().found_dead == 1
        assert b" /next?" in server.peers[1].requests[-1]


@pytest.mark.parametrize("is_end", [False, True], ids=["408", "FIN"])
async def test_what_the_kernel_already_holds_is_seen_before_writing(is_end: bool) -> None:
    async with raw_server() as server, carried(server) as client:
        await client.send()
        if is_end:
            server.peers[0].end_at_once()
        else:
            server.peers[0].write_at_once(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        reply = await client.send(order("/next"))
        assert reply.status == 200
        assert client.carrier.status().found_dead == 1
        assert all(b" /next?" not in request for request in server.peers[0].requests)


async def test_connection_of_a_408_reply_is_not_used_again() -> None:
    timeout = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(answer_with(timeout)) as server, carried(server) as client:
        assert (await client.send()).status == 408
        assert (await client.send(order("/next"))).status == 408
        assert [len(peer.requests) for peer in server.peers if peer.requests] == [1, 1]


async def test_server_that_speaks_first_gets_no_order() -> None:
    async def script(peer: Peer) -> None:
        await peer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await answer_all(peer)

    async with raw_server(script) as server, carried(server) as client:
        with pytest.raises(NotSent, match="spoke first"):
            await client.send()
        assert server.requests == []


async def test_reply_split_at_every_byte_is_read_whole() -> None:
    replies = [
        b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}',
        CHUNKED,
        b'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}',
    ]
    cuts = [(reply, cut) for reply in replies for cut in range(1, len(reply))]

    async def script(peer: Peer) -> None:
        for reply, cut in cuts:
            await peer.read_request()
            await peer.write(reply[:cut])
            for _ in range(4):
                await asyncio.sleep(0)
            await peer.write(reply[cut:])

    async with raw_server(script) as server, carried(server) as client:
        for reply, cut in cuts:
            got = await client.send()
            assert (got.status, got.body) == (200, b'{"a": 1}'), (reply[:cut], reply[cut:])
        # Where the end of a chunked reply came in two pieces, it may be left open whether that was all.
        assert len(server.peers) < 10


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a":', "truncated"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', "truncated"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n0\r\n', "truncated"),
        (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a": 1}', "truncated"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"a": 1}', "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "disconnected"),
        (b"HTTP/1.1 200 O", "disconnected"),
        (b"", "disconnected"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "disconnected"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "malformed"),
        (b"<html>busy</html>\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 4_000 + b"\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 17_408 + b"\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "malformed"),
    ],
)
async def test_reply_that_is_not_whole_is_lost(reply: bytes, reason: str) -> None:
    async with raw_server(answer_with(reply, then_close=True)) as server:
        assert await lost(server) == reason


async def test_half_a_reply_and_then_a_reset_is_lost() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        peer.reset()

    async with raw_server(script) as server:
        assert await lost(server) in ("truncated", "disconnected")


async def test_reset_after_the_whole_request_is_lost_not_unsent() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.reset()

    async with raw_server(script) as server:
        assert await lost(server) == "disconnected"


async def test_reply_that_ends_with_its_connection_is_good_enough_for_a_read() -> None:
    reply = b"HTTP/1.1 200 OK\r\n\r\n[1]"
    async with raw_server(answer_with(reply, then_close=True)) as server, carried(server) as client:
        assert (await client.send(read())).body == b"[1]"


@pytest.mark.parametrize("status", [204, 304])
async def test_reply_without_a_body_is_whole(status: int) -> None:
    async with raw_server(answer_with(b"HTTP/1.1 %d X\r\n\r\n" % status)) as server, carried(server) as client:
        assert ((await client.send()).status, (await client.send()).body) == (status, b"")
        assert len(server.peers) == 1


async def test_proxies_netrc_and_cookies_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with_cookie = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n\r\n")
    async with raw_server() as proxy, raw_server(answer_with(with_cookie)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with carried(server) as client:
            await client.send()
            await client.send()
        assert proxy.peers == []
        assert len(server.requests) == 2
        for request in server.requests:
            assert b"\r\nCookie:" not in request
            assert b"\r\nAuthorization:" not in request
