"""Which connection is used, for how long, and what becomes of it."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest
from raw_server import (
    OK,
    Carried,
    Peer,
    RawServer,
    answer_all,
    answer_with,
    at_rest,
    carried,
    expire,
    make_carrier,
    open_carrier,
    order,
    raw_server,
    read,
    turns,
    until,
    until_equal,
)

from spotlane.errors import NotSent, UsageError, WrongContext
from spotlane.transport import ManualClock, ReplyLost, Request, Sealed

pytestmark = pytest.mark.usefixtures("carrier_kind")


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that is taken but that nobody listens on."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def number_of(server: RawServer, path: str) -> int:
    """Return the number of the connection over which a path was asked for."""
    (number,) = [p.number for p in server.peers if any(f" {path}?".encode() in raw for raw in p.requests)]
    return number


async def test_connections_are_warmed_in_parallel_and_then_used() -> None:
    all_asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        if sum(len(other.requests) for other in server.peers) == 3:
            all_asked.set()
        await all_asked.wait()
        await peer.write(OK)
        await answer_all(peer)

    async with raw_server(script) as server, carried(server, connections=3, warm_path="/ping") as client:
        assert [raw.split(b" HTTP")[0] for raw in server.requests] == [b"GET /ping"] * 3
        for _ in range(10):
            await client.send()
        assert len(server.peers) == 3
        assert client.carrier.status().opened == 3


async def test_connection_used_last_is_used_first() -> None:
    async with raw_server() as server, carried(server, connections=3) as client:
        await client.send(order("/0"))
        for turn in range(1, 5):
            await client.send(order(f"/{turn}"))
        assert len({number_of(server, f"/{turn}") for turn in range(5)}) == 1


@pytest.mark.parametrize(("idle_s", "is_kept"), [(5.9, True), (6.1, False)])
async def test_connection_is_retired_at_three_fifths_of_the_servers_idle_limit(idle_s: float, is_kept: bool) -> None:
    clock = ManualClock()
    async with raw_server() as server, carried(server, clock=clock, keepalive_s=10.0) as client:
        await client.send(order("/before"))
        clock.advance(idle_s)
        await client.send(order("/after"))
        assert (number_of(server, "/before") == number_of(server, "/after")) is is_kept
        assert client.carrier.status().retired == (0 if is_kept else 1)


async def test_refused_request_does_not_renew_the_idle_time_of_its_connection() -> None:
    clock = ManualClock()

    def refuse(request: Request) -> Sealed:
        raise NotSent("too late")

    async with raw_server() as server, carried(server, clock=clock, keepalive_s=10.0) as client:
        await client.send(order("/before"))
        clock.advance(5)
        with pytest.raises(NotSent, match="too late"):
            await client.carrier.carry(order(), refuse, deadline=clock.monotonic() + 1)
        clock.advance(5)
        await client.send(order("/after"))
        assert number_of(server, "/before") != number_of(server, "/after")


async def test_keepalive_field_of_a_reply_shortens_the_idle_time() -> None:
    clock = ManualClock()
    reply = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=5, max=100\r\n\r\n")
    async with raw_server(answer_with(reply)) as server, carried(server, clock=clock, keepalive_s=60.0) as client:
        await client.send(order("/before"))
        clock.advance(3.1)
        await client.send(order("/after"))
        assert number_of(server, "/before") != number_of(server, "/after")


async def test_idle_connections_are_warmed_again_before_they_are_retired() -> None:
    clock = ManualClock()
    async with (
        raw_server() as server,
        carried(server, clock=clock, connections=2, warm_path="/ping", keepalive_s=10.0) as client,
    ):
        for turn in range(2, 8):
            await at_rest(client, clock)
            clock.advance(3.1)
            await until_equal(lambda: [len(peer.requests) for peer in server.peers], [turn, turn])
        assert client.carrier.status().opened == 2
        assert client.carrier.status().retired == 0


async def test_warming_asks_for_permission_and_waits_for_it() -> None:
    clock = ManualClock()
    asked: list[bool] = []
    answers = iter([True, False, False])

    def permit() -> bool:
        asked.append(next(answers, True))
        return asked[-1]

    async with (
        raw_server() as server,
        carried(server, clock=clock, warm_path="/ping", permit=permit, keepalive_s=10.0) as client,
    ):
        assert len(server.requests) == 1
        for turns, pause_s in ((2, 3.1), (3, 0.8), (4, 0.8)):
            await at_rest(client, clock)
            assert len(server.requests) == 1
            clock.advance(pause_s)
            await until_equal(lambda: len(asked), turns)
        await until(lambda: len(server.requests) == 2)
        assert asked == [True, False, False, True]


async def test_lost_connections_are_replaced_without_a_request() -> None:
    clock = ManualClock()
    async with raw_server() as server, carried(server, clock=clock, connections=2) as client:
        await at_rest(client, clock)
        for peer in server.peers[:2]:
            peer.writer.close()
            await peer.has_ended.wait()
        clock.advance(2)
        await until(lambda: client.carrier.status().opened == 4 and client.carrier.status().idle == 2)
        assert client.carrier.status().found_dead == 2


async def test_server_that_keeps_no_connection_is_not_hammered() -> None:
    clock = ManualClock()
    closing_reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.write(closing_reply)
        peer.writer.close()

    async with raw_server(script) as server, carried(server, clock=clock, warm_path="/ping") as client:
        # The first was opened by open(), the second at once in its place.
        for turn, pause_s in enumerate((0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0), start=2):
            await until_equal(lambda: len(server.peers), turn)
            await at_rest(client, clock)
            clock.advance(pause_s - 0.01)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(server.peers) == turn
            clock.advance(0.02)


async def test_exchange_that_is_down_when_opening_is_found_when_it_is_back(unused_port: int) -> None:
    clock = ManualClock()
    async with open_carrier(f"http://127.0.0.1:{unused_port}", clock=clock) as carrier:
        client = Carried(carrier, clock)
        with pytest.raises(NotSent, match="Connection refused"):
            await client.send()
        assert carrier.status().opened == 0


async def test_connection_is_not_used_again_after_the_server_says_close() -> None:
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with raw_server(answer_with(reply)) as server, carried(server) as client:
        await client.send(order("/first"))
        await client.send(order("/second"))
        assert number_of(server, "/first") != number_of(server, "/second")
        await server.peers[0].has_ended.wait()


async def test_cancelled_request_closes_its_connection() -> None:
    async with raw_server(answer_with(b"")) as server, carried(server) as client:
        sending = asyncio.create_task(client.send())
        await until(lambda: server.requests)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await server.peers[0].has_ended.wait()
        assert client.carrier.status().aborted == 1
        await until(lambda: len(server.peers) == 2)


async def test_cancellation_while_the_body_arrives_closes_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        if peer.number:
            await peer.write(OK)
        else:
            peer.write_at_once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")

    async with raw_server(script) as server, carried(server) as client:
        sending = asyncio.create_task(client.send(order("/first")))
        await until(lambda: server.requests)
        await turns()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await client.send(order("/second"))).body == b"{}"
        assert number_of(server, "/first") != number_of(server, "/second")


async def test_full_pool_makes_a_request_wait_until_its_deadline_and_sends_nothing() -> None:
    clock = ManualClock()
    async with raw_server(answer_with(b"")) as server, carried(server, clock=clock, max_connections=1) as client:
        first = asyncio.create_task(client.send(order("/first"), within_s=60))
        await until(lambda: server.requests)
        second = asyncio.create_task(client.send(order("/second"), within_s=1))
        await asyncio.sleep(0)
        clock.advance(1.1)
        with pytest.raises(NotSent, match="no connection before the deadline"):
            await second
        assert len(server.requests) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_waiting_requests_are_served_in_turn_and_a_cancelled_one_loses_no_place() -> None:
    answers = asyncio.Semaphore(0)

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await answers.acquire()
            await peer.write(OK)

    async with raw_server(script) as server, carried(server, max_connections=1) as client:
        tasks = [asyncio.create_task(client.send(order(f"/{number}"))) for number in range(4)]
        await until(lambda: server.requests)
        tasks[1].cancel()
        for _ in range(3):
            answers.release()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [raw.split(b"?")[0] for raw in server.requests] == [b"POST /0", b"POST /2", b"POST /3"]


async def test_deadline_that_has_passed_sends_nothing() -> None:
    async with raw_server() as server, carried(server) as client:
        with pytest.raises(NotSent, match="deadline had passed"):
            await client.send(within_s=0)
        assert server.requests == []


async def test_rest_of_a_request_that_was_given_up_is_not_sent_later() -> None:
    clock = ManualClock()
    may_read = asyncio.Event()
    received: list[int] = []

    async def script(peer: Peer) -> None:
        if peer.number:
            return
        peer.pause()
        await may_read.wait()
        peer.resume()
        while part := await peer.reader.read(1 << 20):
            received.append(len(part))

    body = b"x" * (32 << 20)
    async with raw_server(script) as server, carried(server, clock=clock) as client:
        await until(lambda: server.peers)
        sending = asyncio.create_task(client.send(order(body=body), within_s=1))
        await until(lambda: server.peers[0].unread() > 0)
        clock.advance(2)
        with pytest.raises(ReplyLost) as caught:
            await sending
        assert caught.value.reason == "deadline"
        may_read.set()
        await server.peers[0].has_ended.wait()
        assert sum(received) < len(body)


async def test_closing_ends_a_request_under_way() -> None:
    async with raw_server(answer_with(b"")) as server, carried(server) as client:
        sending = asyncio.create_task(client.send())
        await until(lambda: server.requests)
        await client.carrier.close()
        with pytest.raises(ReplyLost):
            await sending
        with pytest.raises(NotSent, match="not open"):
            await client.send()


async def test_closed_carrier_can_be_opened_again() -> None:
    async with raw_server() as server, carried(server) as client:
        await client.carrier.close()
        await client.carrier.open()
        assert (await client.send()).status == 200


async def test_name_that_does_not_resolve_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*arguments: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", fail)
    clock = ManualClock()
    async with open_carrier("https://exchange.invalid", clock=clock) as carrier:
        with pytest.raises(NotSent, match=r"exchange\.invalid:443: its name can't be resolved") as caught:
            await Carried(carrier, clock).send()
        assert caught.value.__context__ is None


async def test_connection_sends_small_pieces_at_once() -> None:
    ends: list[socket.socket] = []

    def make_socket(address: tuple[Any, ...]) -> socket.socket:
        ends.append(socket.socket(*address[:3]))
        return ends[-1]

    connector = aiohttp.TCPConnector(socket_factory=make_socket)
    async with (
        raw_server() as server,
        aiohttp.ClientSession(connector=connector) as session,
        carried(server, session=session) as client,
    ):
        await client.send()
        (end,) = ends
        with socket.socket(fileno=os.dup(end.fileno())) as own:
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_source_address_is_used() -> None:
    async with raw_server() as server, carried(server, source_address="127.0.0.2") as client:
        await client.send()
        assert server.peers[0].writer.get_extra_info("peername")[0] == "127.0.0.2"


async def test_session_that_is_brought_lends_its_connector_and_nothing_else() -> None:
    async with (
        raw_server() as server,
        aiohttp.ClientSession(
            headers={"X-Theirs": "1", "Authorization": "theirs"},
            cookies={"theirs": "1"},
            raise_for_status=True,
            auto_decompress=True,
            connector=aiohttp.TCPConnector(limit=2, local_addr=("127.0.0.3", 0)),
        ) as session,
    ):
        async with carried(server, session=session) as client:
            await client.send(read())
        (raw,) = server.requests
        assert b"X-Theirs" not in raw
        assert b"theirs" not in raw
        assert b"\r\nAccept-Encoding: identity\r\n" in raw
        assert server.peers[0].writer.get_extra_info("peername")[0] == "127.0.0.3"
        await server.peers[0].has_ended.wait()
        assert not session.closed
        async with session.get(server.url + "/theirs") as response:
            assert response.status == 200


async def test_dead_connection_in_a_borrowed_pool_is_not_used() -> None:
    async with raw_server() as server, aiohttp.ClientSession() as session:
        async with session.get(server.url + "/theirs") as response:
            await response.read()
        server.peers[0].write_at_once(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
        async with carried(server, session=session) as client:
            assert (await client.send()).body == b"{}"
            assert client.carrier.status().found_dead == 1


async def test_closed_session_is_refused_on_opening() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(UsageError, match="closed"):
        await make_carrier("https://api.example.com", session=session).open()


def test_session_of_another_loop_is_refused_on_opening() -> None:
    with asyncio.Runner() as theirs, asyncio.Runner() as ours:

        async def make() -> aiohttp.ClientSession:
            return aiohttp.ClientSession()

        session = theirs.run(make())
        with pytest.raises(WrongContext, match="another event loop"):
            ours.run(make_carrier("https://api.example.com", session=session).open())
        theirs.run(session.close())


async def test_open_carrier_is_not_opened_again() -> None:
    async with raw_server() as server, open_carrier(server.url) as carrier:
        with pytest.raises(UsageError, match="open already"):
            await carrier.open()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"base_url": "http://api.example.com"}, "plain http would show the key"),
        ({"base_url": "ftp://127.0.0.1"}, "scheme, host and port"),
        ({"base_url": "https://"}, "scheme, host and port"),
        ({"base_url": "https://api.example.com:x"}, "scheme, host and port"),
        ({"base_url": "https://user:word@api.example.com"}, "'https://api.example.com' would do"),
        ({"base_url": "ftp://user:word@127.0.0.1/?key=word"}, "scheme, host and port"),
        ({"base_url": "https://api.example.com/v3"}, "no path, query or user"),
        ({"base_url": "https://api.example.com/?a=1"}, "no path, query or user"),
        ({"connections": 0}, "connections is from 1"),
        ({"connections": 5, "max_connections": 4}, "connections is from 1"),
        ({"keepalive_s": 0.0}, "keepalive_s is above 0"),
        ({"source_address": "eth0"}, "is an IP address"),
    ],
)
def test_option_that_cannot_work_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        make_carrier(**{"base_url": "https://api.example.com", **options})
    assert "word" not in str(caught.value)


async def test_source_address_and_session_together_are_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(UsageError, match="local_addr"):
            make_carrier("https://api.example.com", session=session, source_address="127.0.0.1")


async def test_nothing_is_left_behind() -> None:
    tasks = asyncio.all_tasks()
    clock = ManualClock()
    async with raw_server(answer_with(b"")) as server:
        async with carried(server, clock=clock, connections=3) as client:
            sending = asyncio.create_task(client.send())
            await expire(server, clock)
            with pytest.raises(ReplyLost):
                await sending
        await asyncio.gather(*(peer.has_ended.wait() for peer in server.peers))
    gc.collect()
    assert asyncio.all_tasks() == tasks
