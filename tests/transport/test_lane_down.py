"""A lane that fails while it is in use: what was on it keeps its honest outcome, and all that follows goes plain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiohttp.client_proto import ResponseHandler
from raw_server import (
    API_SECRET,
    OK,
    Carried,
    Peer,
    answer_all,
    answer_with,
    carried,
    make_channel,
    order,
    raw_server,
    read,
    until,
)

from spotlane._core.lane import Lane
from spotlane.errors import NotSent, ReadFailed
from spotlane.transport import LaneCarrier, ReplyLost, SystemClock, Timer
from spotlane.transport.plain import PlainConnection

TOO_MANY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + OK


@pytest.fixture(autouse=True)
def lane_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raw_server.carrier_class", LaneCarrier)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records if record.name == "spotlane.transport"]


def lane_carrier_of(client: Carried) -> LaneCarrier:
    assert isinstance(client.carrier, LaneCarrier)
    return client.carrier


def connections_of(client: Carried) -> list[Any]:
    pool = lane_carrier_of(client)._pool
    assert pool is not None
    return [*pool.berths.idle, *pool.berths.busy]


def expect_down(client: Carried, faults: int, told: list[str], reason: str) -> None:
    carrier = lane_carrier_of(client)
    assert (carrier.name, carrier.status().lane_faults) == ("plain", faults)
    assert told == [f"the lane failed, requests go the plain way from now on: {reason}"]


class BrokenClock(SystemClock):
    """A clock that fails, as often as it was told to, to set a lane's timer."""

    failures = 0

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        if self.failures and isinstance(getattr(callback, "__self__", None), Lane):
            self.failures -= 1
            raise ArithmeticError("no timer")
        return super().call_later(delay_s, callback)


def confuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have aiohttp's protocol give a lane what is no bytes; other parsers get what they did."""
    proper = ResponseHandler.data_received

    def data_received(self: ResponseHandler, data: bytes) -> None:
        parser: object = self._payload_parser
        if isinstance(parser, Lane):
            parser.feed_data(cast(bytes, object()))
        else:
            proper(self, data)

    monkeypatch.setattr(ResponseHandler, "data_received", data_received)


async def test_error_while_reading_leaves_open_what_was_sent_and_ends_the_lane(
    monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    async with raw_server() as server:
        # Before the connection is made: uvloop asks a protocol once what it is to be told by.
        confuse(monkeypatch)
        async with carried(server) as client:
            with pytest.raises(ReplyLost) as lost:
                await client.send(order("/first"))
            assert lost.value.reason == "lane"
            assert (lost.value.__cause__, lost.value.__context__) == (None, None)
            assert API_SECRET.decode() not in "".join(traceback.format_exception(lost.value))
            expect_down(client, 1, warnings(), "TypeError")
            assert (await client.send(order("/second"))).status == 200
            assert (await client.send(read())).status == 200
            assert [raw.split(b"?")[0] for raw in server.orders()] == [b"POST /first", b"POST /second", b"GET /read"]
            assert all(isinstance(each, PlainConnection) for each in connections_of(client))
            assert len(warnings()) == 1


async def test_requests_in_flight_end_honestly_and_those_after_them_go_the_plain_way(
    monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    """One of four meets the error; the others' replies are whole and count, on lanes that are not used again."""
    answers = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            if b" /broken" not in request and not request.startswith(b"GET"):
                await answers.wait()
            await peer.write(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\n{}")

    async with raw_server(script) as server, carried(server, connections=4) as client:
        slow = [asyncio.ensure_future(client.send(order(f"/slow/{number}"))) for number in range(3)]
        await until(lambda: len(server.orders()) == 3)
        carrier = lane_carrier_of(client)
        with monkeypatch.context() as patch:
            patch.setattr("spotlane.transport.lane.Reply", None)
            with pytest.raises(ReplyLost) as lost:
                await client.send(order("/broken"))
        assert lost.value.reason == "lane"
        expect_down(client, 1, warnings(), "TypeError")
        following = asyncio.ensure_future(client.send(read("/after")))
        assert (await following).status == 200
        answers.set()
        assert [reply.status for reply in await asyncio.gather(*slow)] == [200] * 3
        assert len(server.orders()) == 5
        assert all(isinstance(each, PlainConnection) for each in connections_of(client))
        # They are replaced, so that there are as many warm ones as before.
        await until(lambda: carrier.status().idle == 4)


async def test_error_before_a_byte_is_written_sends_the_request_the_plain_way(
    warnings: Callable[[], list[str]],
) -> None:
    clock = BrokenClock()
    async with raw_server() as server, carried(server, clock=clock) as client:
        clock.failures = 1
        assert (await client.send(order("/first"))).status == 200
        expect_down(client, 1, warnings(), "ArithmeticError")
        assert [raw.split(b"?")[0] for raw in server.orders()] == [b"POST /first"]


async def test_error_before_a_byte_is_written_on_a_new_connection(warnings: Callable[[], list[str]]) -> None:
    """Nothing is idle, so the request waits for its connection."""
    clock = BrokenClock()
    async with raw_server(answer_with(OK, then_close=True)) as server, carried(server, clock=clock) as client:
        await client.send(order("/first"))
        for connection in connections_of(client):
            connection.abort()
        clock.failures = 1
        reply = await client.send(order("/second"))
        assert reply.status == 200
        expect_down(client, 1, warnings(), "ArithmeticError")
        assert [raw.split(b"?")[0] for raw in server.orders()] == [b"POST /first", b"POST /second"]


async def test_lane_that_was_being_opened_when_another_failed_is_not_used(warnings: Callable[[], list[str]]) -> None:
    clock = BrokenClock()
    async with raw_server() as server, carried(server, clock=clock) as client:
        for connection in connections_of(client):
            connection.abort()
        clock.failures = 1
        replies = await asyncio.gather(*(client.send(order(f"/{number}")) for number in range(3)))
        assert [reply.status for reply in replies] == [200] * 3
        assert sorted(raw.split(b"?")[0] for raw in server.orders()) == [b"POST /0", b"POST /1", b"POST /2"]
        expect_down(client, 1, warnings(), "ArithmeticError")
        assert all(isinstance(each, PlainConnection) for each in connections_of(client))


async def test_aiohttp_that_is_changed_while_running_is_noticed_at_the_next_connection(
    monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    async with raw_server() as server, carried(server) as client:
        assert (await client.send(order("/first"))).status == 200
        monkeypatch.setattr(ResponseHandler, "set_parser", lambda self, parser, payload: None)
        for connection in connections_of(client):
            connection.abort()
        assert (await client.send(order("/second"))).status == 200
        expect_down(client, 1, warnings(), "a parser of our own is not given everything that arrives")


async def test_connection_that_can_not_be_made_a_lane_is_replaced_by_a_plain_one(
    monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    async with raw_server() as server, carried(server) as client:
        for connection in connections_of(client):
            connection.abort()
        monkeypatch.setattr("spotlane.transport.lane.Lane", None)
        assert (await client.send(order("/first"))).status == 200
        expect_down(client, 1, warnings(), "TypeError")
        assert len(server.orders()) == 1


async def test_read_that_meets_the_error_is_one_that_failed_and_blames_nobody(
    monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    async with raw_server() as server:
        confuse(monkeypatch)
        async with carried(server) as client:
            channel = make_channel(client.carrier, client.clock)
            with pytest.raises(ReadFailed, match="the lane failed before it had read the answer"):
                await channel.send(read())
            # The exchange has not failed, so its breaker does not count it.
            assert {circuit.failures for circuit in channel.breakers.status().values()} == {0}
            assert channel.status().replies_lost == {"lane": 1}
            assert channel.status().connections.lane_faults == 1
            assert (await channel.send(read())).status == 200
    assert len(warnings()) == 1


async def test_there_is_no_way_back(monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]) -> None:
    """Not even by opening again, where the lane would be refused."""
    clock = BrokenClock()
    async with raw_server() as server, carried(server, clock=clock) as client:
        clock.failures = 1
        await client.send(order("/first"))
        carrier = lane_carrier_of(client)
        await carrier.close()
        assert carrier.status().lane_faults == 1
        monkeypatch.setattr("spotlane.transport.lane.lane_difference", lambda: "it is gone")
        await carrier.open()
        assert (await client.send(order("/second"))).status == 200
        expect_down(client, 1, warnings(), "ArithmeticError")
        assert all(isinstance(each, PlainConnection) for each in connections_of(client))


@pytest.mark.parametrize(
    "reply",
    [b"<html>\r\n\r\n", OK[:-1], b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", OK + OK, TOO_MANY, b"\x00" * 40_000,
     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
)  # fmt: skip
async def test_nothing_that_a_server_says_ends_the_lane(reply: bytes, warnings: Callable[[], list[str]]) -> None:
    async with raw_server(answer_with(reply, then_close=True)) as server, carried(server, warm_path="/ping") as client:
        for _ in range(3):
            with contextlib.suppress(ReplyLost, NotSent):
                await client.send()
        assert lane_carrier_of(client).name == "lane"
        assert client.carrier.status().lane_faults == 0
    assert not [line for line in warnings() if "lane" in line]


async def test_what_the_signer_or_the_caller_does_wrong_is_no_error_of_the_lane(
    warnings: Callable[[], list[str]],
) -> None:
    async with raw_server(answer_all) as server, carried(server) as client:

        def fail(request: object) -> Any:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await client.carrier.carry(order(), fail, deadline=client.clock.monotonic() + 1)
        call = asyncio.ensure_future(client.send())
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await client.send()).status == 200
        assert lane_carrier_of(client).name == "lane"
    assert not warnings()
