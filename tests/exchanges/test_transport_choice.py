"""Which way requests go, and how a user sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from aiohttp.client_proto import ResponseHandler
from mexc_rig import BTC_USDT, connect, resting

from spotlane import Order
from spotlane._core.lane import Lane
from spotlane.errors import NotSupported, ReadFailed
from spotlane.sandbox import Sandbox
from spotlane.structs import OrderStatus
from spotlane.testing.loop_clock import LoopClock
from spotlane.transport import LaneCarrier, Stages, lane_difference


@pytest.fixture
def fresh_probe() -> Iterator[None]:
    lane_difference.cache_clear()
    yield
    lane_difference.cache_clear()


def test_the_installed_aiohttp_is_known(fresh_probe: None) -> None:
    assert lane_difference() == ""


def _deaf(self: ResponseHandler, data: bytes) -> None:
    """Give a parser nothing."""


def _closing(self: ResponseHandler) -> bool:
    return True


@pytest.mark.parametrize(
    ("name", "replacement", "words"),
    [
        ("data_received", _deaf, "goes unnoticed"),
        ("should_close", property(_closing), "a fresh connection"),
        ("set_parser", None, "TypeError when a parser of our own is set"),
        ("set_parser", lambda self, parser, payload: None, "not given everything"),
        ("connection_lost", lambda self, cause: None, "not given everything"),
        ("closed", lambda self: None, "the cause of a lost connection"),
    ],
)
async def test_an_aiohttp_that_works_otherwise_is_noticed_and_the_plain_way_taken(
    fresh_probe: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    venue: Sandbox,
    name: str,
    replacement: object,
    words: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ResponseHandler, name, replacement)
        assert words in lane_difference()
    # The verdict stands; what it is about is mended, for the plain way needs it, too.
    with caplog.at_level(logging.WARNING):
        async with connect(venue) as exchange:
            assert exchange.status().transport == "plain"
            order = await exchange.place_order(resting())
            assert (await exchange.get_order(BTC_USDT, order.order_id)).status is OrderStatus.NEW
    (warning,) = [record for record in caplog.records if "lane" in record.message]
    assert words in warning.message


async def test_a_lane_carrier_refuses_an_aiohttp_that_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spotlane.transport.lane.lane_difference", lambda: "it is not as it was")
    with pytest.raises(NotSupported, match=r"it is not as it was.*'plain' works"):
        await LaneCarrier("http://127.0.0.1:1").open()


@pytest.mark.parametrize("transport", ["lane", "plain"])
async def test_the_way_that_was_asked_for_is_taken_and_shown(
    venue: Sandbox, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(venue, transport=transport) as exchange:
        assert exchange.status().transport == transport
        order = await exchange.place_order(resting())
        assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
    assert not caplog.records


@pytest.mark.parametrize("transport", ["lane", "plain"])
async def test_stages_are_told_of_every_request_in_their_order(venue: Sandbox, transport: str) -> None:
    told: list[Stages] = []
    async with connect(venue, transport=transport) as exchange:
        exchange.listen_to_stages(told.append)
        order = await exchange.place_order(resting())
        await exchange.get_order(BTC_USDT, order.order_id)
        exchange.listen_to_stages(None)
        await exchange.get_order(BTC_USDT, order.order_id)
    assert [stages.endpoint for stages in told] == ["order", "query order"]
    names = ["check", "queue", "sign", "write", "first_byte", "receive", "parse"]
    if transport == "plain":
        names.remove("first_byte")
    for stages in told:
        durations = stages.durations_us()
        assert list(durations) == names
        assert all(took_us >= 0 for took_us in durations.values())
        assert "order" in repr(stages)


async def test_stages_of_a_request_without_a_reply_end_where_it_did(venue: Sandbox) -> None:
    told: list[Stages] = []
    async with connect(venue, timeout_s=0.2, clock=LoopClock(venue)) as exchange:
        exchange.listen_to_stages(told.append)
        venue.freeze()
        with pytest.raises(ReadFailed):
            await exchange.get_open_orders(BTC_USDT)
        venue.thaw()
    assert len(told) > 1
    assert list(told[0].durations_us()) == ["check", "queue", "sign", "write"]


async def test_a_listener_that_fails_disturbs_nobody(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    def fail(stages: Stages) -> None:
        raise RuntimeError("no")

    async with connect(venue) as exchange:
        exchange.listen_to_stages(fail)
        await exchange.place_order(resting())
    assert "a listener to stages failed" in caplog.text


@pytest.mark.parametrize("asked_for", [{}, {"transport": "lane"}])
async def test_a_lane_that_fails_while_orders_run_loses_none_of_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, venue: Sandbox, asked_for: dict[str, Any]
) -> None:
    """From the tenth reply on, aiohttp gives the lane what is no bytes. Those in flight are found at the exchange."""
    proper, seen = ResponseHandler.data_received, 0

    def data_received(self: ResponseHandler, data: bytes) -> None:
        nonlocal seen
        parser: object = self._payload_parser
        seen += isinstance(parser, Lane)
        if seen >= 10 and isinstance(parser, Lane):
            parser.feed_data(cast(bytes, object()))
        else:
            proper(self, data)

    monkeypatch.setattr(ResponseHandler, "data_received", data_received)
    async with connect(venue, connections=4, clock=LoopClock(venue), **asked_for) as exchange:
        assert exchange.status().transport == "lane"
        seen = 0
        told: list[Stages] = []
        exchange.listen_to_stages(told.append)

        async def place(number: int) -> list[Order]:
            return [await exchange.place_order(resting(price=Decimal(20_000 + number))) for _ in range(5)]

        orders = [order for placed in await asyncio.gather(*map(place, range(8))) for order in placed]
        status = exchange.status()
        assert (status.transport, status.unresolved) == ("plain", 0)
        assert 1 <= status.transport_status.connections.lane_faults <= 8
        assert status.transport_status.replies_lost["lane"] == status.transport_status.connections.lane_faults
        booked = {order.order_id: order.client_order_id for order in venue.ledger.orders()}
        assert {order.order_id: order.client_order_id for order in orders} == booked
        assert len(booked) == venue.requests.count("POST") == 40
        # The plain way does not know when the first byte came.
        assert [stages.first_byte_s > 0 for stages in told[-20:]] == [False] * 20
    (warning,) = [record for record in caplog.records if "lane" in record.getMessage()]
    assert warning.getMessage() == "the lane failed, requests go the plain way from now on: TypeError"
