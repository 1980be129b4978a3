from __future__ import annotations

import asyncio
import functools
import gzip
import http.client
import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from server_rig import DEADLINE_S, LOOPS, Rig, run, serving, until

pytestmark = pytest.mark.parametrize("loop", LOOPS)


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_request_reaches_the_handler_as_it_was_sent(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with serving(tls=tls) as rig:
            wire = await rig.connect()
            wire.send("POST", "/api/v3/or%64er?a=%2F+b&&c=%c3%a9&signature=AB", b"x=1&y=%20", "X-KEY: k1", "x-key: k2")
            status, headers, body = await wire.reply()
            assert status == 200
            assert headers["content-type"] == "application/json"
            assert headers["x-count"] == "1"
            assert json.loads(body)["count"] == 1
            (request,) = rig.handled
            assert request.method == "POST"
            assert request.path == "/api/v3/or%64er"
            assert request.query == "a=%2F+b&&c=%c3%a9&signature=AB"
            assert request.body == b"x=1&y=%20"
            assert request.headers["x-key"] == "k1, k2"
            assert request.peer_ip == "127.0.0.1"
            assert all(name == name.lower() for name in request.headers)
            await wire.close()

    run(loop, scenario())


def test_the_server_goes_down_although_the_loop_tells_nothing_of_a_connection(loop: str, monkeypatch: Any) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            wire.send("GET", "/a")
            await wire.reply()
            (connection,) = rig.server.connections
            monkeypatch.setattr(connection, "abort", lambda: None)
            async with asyncio.timeout(DEADLINE_S):
                await rig.server.down()
            assert connection.closed.done()
            assert not rig.server.connections
            await wire.close()

    run(loop, scenario())


def test_compressed_request_body_is_left_as_it_was_sent(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            body = gzip.compress(b"signed as sent", mtime=0)
            wire.send("POST", "/a", body, "Content-Encoding: gzip")
            await wire.reply()
            assert rig.handled[0].body == body
            await wire.close()

    run(loop, scenario())


def test_log_keeps_requests_without_their_signatures(loop: str) -> None:
    async def scenario() -> None:
        async with serving(kept_requests=2) as rig:
            wire = await rig.connect()
            for target in ("/old", "/api?a=1&signature=beef&b=2", "/last"):
                wire.send("POST", target, b"signature=CAFE&c=3")
                await wire.reply()
            log = rig.server.requests
            assert (log.total, len(log)) == (3, 2)
            assert [(entry.path, entry.query, entry.body) for entry in log] == [
                ("/api", "a=1&b=2", b"c=3"),
                ("/last", "", b"c=3"),
            ]
            assert log.count("post", "/last") == log.count(path="/last") == 1
            assert log[-1].connection == 1
            assert log.find("GET") == []
            log.clear()
            assert (log.total, len(log)) == (0, 0)
            await wire.close()

    run(loop, scenario())


def test_pipelined_requests_are_answered_in_order(loop: str) -> None:
    async def scenario() -> None:
        async with serving(latency_s=0.002) as rig:
            wire = await rig.connect()
            for number in range(60):
                wire.send("GET", f"/{number}")
            counts = [json.loads((await wire.reply())[2])["count"] for _ in range(60)]
            assert counts == list(range(1, 61))
            assert [request.path for request in rig.handled] == [f"/{number}" for number in range(60)]
            await wire.close()

    run(loop, scenario())


def test_request_in_single_bytes_is_handled_once(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            for byte in b"\r\nPOST /slow?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc":
                wire.writer.write(bytes([byte]))
                await asyncio.sleep(0)
            await wire.reply()
            assert [(request.path, request.body) for request in rig.handled] == [("/slow", b"abc")]
            await wire.close()

    run(loop, scenario())


def test_chunked_request_body(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            head = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            body = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
            wire.writer.write(head + body + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            await wire.reply()
            await wire.reply()
            assert [(request.path, request.body) for request in rig.handled] == [("/c", b"abcde"), ("/next", b"")]
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("junk", [b"nonsense\r\n\r\n", b"GET /a HTTP/1.1\r\nContent-Length: two\r\n\r\n"])
def test_malformed_request_gets_400_and_the_end(loop: str, junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            wire.writer.write(junk)
            received, ending = await wire.rest()
            assert received.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
            assert ending == "finish"
            assert rig.handled == []
            await wire.close()

    with caplog.at_level(logging.CRITICAL, "aiohttp.server"):
        run(loop, scenario())


def test_replies_without_a_body(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            wire.send("GET", "/empty")
            assert (await wire.reply())[0] == 204
            wire.send("HEAD", "/head")
            head = await wire.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert (await wire.ask("GET", "/after"))["count"] == 2
            await wire.close()

    run(loop, scenario())


def test_long_request_lines_are_taken(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            await wire.ask("POST", "/batch?orders=" + "x" * 30_000)
            assert len(rig.handled[0].query) == 30_007
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_idle_connection_is_closed_by_the_server(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with serving(tls=tls, keepalive_timeout_s=0.05) as rig:
            wire = await rig.connect()
            await wire.ask()
            assert await wire.rest() == (b"", "finish")
            await wire.close()

    run(loop, scenario())


def test_connection_close_is_honoured(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            wire.send("GET", "/a", b"", "Connection: close")
            received, ending = await wire.rest()
            assert received.startswith(b"HTTP/1.1 200 OK")
            assert ending == "finish"
            await wire.close()

    run(loop, scenario())


def test_failing_handler_answers_500_and_is_recorded(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            wire.send("GET", "/broken")
            assert (await wire.reply())[0] == 500
            assert [str(error) for error in rig.server.errors] == ["the dialect is broken"]
            await wire.close()

    with caplog.at_level(logging.CRITICAL, "aiohttp.server"):
        run(loop, scenario())


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_down_closes_and_refuses_until_up(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with serving(tls=tls) as rig:
            port = rig.server.port
            wire = await rig.connect()
            await wire.ask()
            await rig.server.down()
            assert (await wire.rest())[0] == b""
            assert not rig.server.is_listening
            with pytest.raises(ConnectionRefusedError):
                await rig.connect()
            rig.server.listen()
            assert rig.server.port == port
            again = await rig.connect()
            assert (await again.ask())["count"] == 2
            for used in (wire, again):
                await used.close()

    run(loop, scenario())


def test_request_waiting_for_its_latency_is_never_executed_after_down(loop: str) -> None:
    async def scenario() -> None:
        async with serving(latency_s=3_600.0) as rig:
            wire = await rig.connect()
            wire.send()
            await until(lambda: rig.server.requests.total)
            await rig.server.down()
            rig.server.latency_s = 0.0
            rig.server.listen()
            again = await rig.connect()
            assert (await again.ask("GET", "/after"))["count"] == 1
            assert [request.path for request in rig.handled] == ["/after"]
            for used in (wire, again):
                await used.close()

    run(loop, scenario())


def has_accepted(rig: Rig, count: int) -> bool:
    return rig.server.connections_accepted >= count


@pytest.mark.parametrize("leaves", ["client", "server"])
def test_unfinished_tls_handshakes_leave_nothing_behind(loop: str, leaves: str) -> None:
    async def scenario() -> None:
        async with serving(tls=True) as rig:
            for number in range(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port)
                writer.write(b"\x16\x03\x01" if leaves == "server" else b"this is no TLS\r\n")
                await until(functools.partial(has_accepted, rig, 2 * number + 1))
                if leaves == "server":
                    await rig.server.down()
                    rig.server.listen()
                with suppress(ConnectionError):
                    await reader.read()
                writer.transport.abort()
                with suppress(ConnectionError):
                    await writer.wait_closed()
                wire = await rig.connect()
                await wire.ask()
                await wire.close()
            assert len(rig.handled) == 5

    run(loop, scenario())


def test_request_that_arrived_just_before_an_outage_is_never_executed(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            record = rig.server.record

            def record_and_fall(*arguments: Any, **options: Any) -> None:
                record(*arguments, **options)
                asyncio.get_running_loop().call_soon(rig.server.begin_outage, 3_600.0)
                rig.server.record = record  # type: ignore[method-assign]

            rig.server.record = record_and_fall  # type: ignore[method-assign]
            wire = await rig.connect()
            wire.send()
            assert (await wire.rest())[0] == b""
            assert rig.server.requests.total == 1
            rig.server.listen()
            again = await rig.connect()
            assert (await again.ask("GET", "/after"))["count"] == 1
            for used in (wire, again):
                await used.close()

    run(loop, scenario())


def test_down_outlasts_an_outage_that_would_have_ended(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            rig.server.begin_outage(0.01)
            await rig.server.down()
            over = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.03, over.set_result, None)
            await over
            assert not rig.server.is_listening

    run(loop, scenario())


def test_request_is_executed_although_its_client_left(loop: str) -> None:
    async def scenario() -> None:
        async with serving(latency_s=0.02) as rig:
            wire = await rig.connect()
            wire.send()
            await until(lambda: rig.server.requests.total)
            await wire.close()
            await until(lambda: rig.handled)

    run(loop, scenario())


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_freeze_is_silent_and_thaw_executes_what_came(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with serving(tls=tls) as rig:
            wire = await rig.connect()
            await wire.ask("GET", "/before")
            rig.server.freeze()
            wire.send("GET", "/during")
            late = asyncio.ensure_future(rig.connect())
            await until(lambda: rig.server.connections_accepted == 2)
            assert [request.path for request in rig.handled] == ["/before"]
            rig.server.thaw()
            assert (await wire.reply())[0] == 200
            other = await asyncio.wait_for(late, DEADLINE_S)
            await other.ask("GET", "/after")
            assert [request.path for request in rig.handled] == ["/before", "/during", "/after"]
            for used in (wire, other):
                await used.close()

    run(loop, scenario())


def test_reply_that_falls_due_while_frozen_is_sent_after_thaw(loop: str) -> None:
    async def scenario() -> None:
        async with serving("delay-reply=0.02", "delay-reply=0.02") as rig:
            wire, other = await rig.connect(), await rig.connect()
            for used in (wire, other):
                used.send()
            await until(lambda: len(rig.handled) == 2)
            rig.server.freeze()
            due = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.04, due.set_result, None)
            await due
            reading = asyncio.ensure_future(wire.reply())
            await asyncio.sleep(0)
            assert not reading.done()
            rig.server.thaw()
            assert (await reading)[0] == (await other.reply())[0] == 200
            for used in (wire, other):
                await used.close()

    run(loop, scenario())


def test_connection_made_while_frozen_is_served_after_thaw(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            rig.server.freeze()
            wire = await rig.connect()
            wire.send()
            await until(lambda: rig.server.connections_accepted)
            assert not rig.server.requests.total
            rig.server.thaw()
            assert (await wire.reply())[0] == 200
            await wire.close()

    run(loop, scenario())


def test_frozen_server_executes_nothing_and_stops(loop: str) -> None:
    async def scenario() -> None:
        async with serving(latency_s=0.001) as rig:
            wire = await rig.connect()
            wire.send()
            await until(lambda: rig.server.requests.total)
            rig.server.freeze()
        assert rig.handled == []
        await wire.close()

    run(loop, scenario())


def test_request_that_arrived_just_before_a_freeze_waits_for_thaw(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            record = rig.server.record

            def record_and_freeze(*arguments: Any, **options: Any) -> None:
                record(*arguments, **options)
                asyncio.get_running_loop().call_soon(rig.server.freeze)

            rig.server.record = record_and_freeze  # type: ignore[method-assign]
            wire = await rig.connect()
            wire.send()
            await until(lambda: rig.server.is_frozen)
            later = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.02, later.set_result, None)
            await later
            assert rig.handled == []
            rig.server.thaw()
            assert (await wire.reply())[0] == 200
            await wire.close()

    run(loop, scenario())


def test_nothing_is_left_of_a_connection_whose_client_left(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            before = asyncio.all_tasks()
            for _ in range(5):
                wire = await rig.connect()
                await wire.ask()
                await wire.close()
            await until(lambda: not rig.server.connections)
            await until(lambda: asyncio.all_tasks() <= before)

    run(loop, scenario())


def test_stop_ends_connections_and_frees_the_port(loop: str) -> None:
    async def scenario() -> Rig:
        async with serving() as rig:
            wires = [await rig.connect() for _ in range(5)]
            for wire in wires:
                await wire.ask()
        for wire in wires:
            await wire.rest()
            await wire.close()
        assert not rig.server.connections
        with pytest.raises(ConnectionRefusedError):
            await rig.connect()
        await rig.server.start()
        again = await rig.connect()
        assert (await again.ask())["count"] == 6
        await again.close()
        await rig.server.stop()
        return rig

    run(loop, scenario())


def test_standard_library_client(loop: str) -> None:
    def use(port: int) -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        statuses = []
        for method in ("GET", "POST", "DELETE"):
            connection.request(method, "/api/v3/order", body=b"a=1")
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)
        connection.close()
        return statuses

    async def scenario() -> None:
        async with serving() as rig:
            assert await asyncio.to_thread(use, rig.server.port) == [200, 200, 200]
            assert [request.method for request in rig.handled] == ["GET", "POST", "DELETE"]
            assert rig.server.connections_accepted == 1
            await until(lambda: not rig.server.connections)

    run(loop, scenario())
