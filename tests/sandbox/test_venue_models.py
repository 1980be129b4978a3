"""How an exchange may behave towards orders: duplicates, lag, expiry, fills, look-ups. On every exchange alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from engine_rig import BTC as BTC_NAME
from engine_rig import make_engine, request
from virtual_rig import BTC, limit_order

from spotlane import OrderStatus, Side, SpotlaneError, open_exchange
from spotlane.errors import OrderNotFound, OutcomeUnknown, UsageError
from spotlane.registry import exchange_names
from spotlane.sandbox import Sandbox, run_virtual
from spotlane.sandbox.accounts import TRADER
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.engine_settings import LAGGING

EXCHANGES = exchange_names()
on_every_exchange = pytest.mark.parametrize("name", EXCHANGES)


def trading(
    name: str, check: Callable[[Sandbox, Any], Awaitable[None]], *, timeout_s: float = 2.0, **settings: Any
) -> None:
    async def main() -> None:
        async with (
            Sandbox(name, **settings) as venue,
            open_exchange(name, venue.credentials, timeout_s=timeout_s, **venue.client_options) as exchange,
        ):
            await check(venue, exchange)
            assert venue.errors == ()

    run_virtual(main)


async def place_again(venue: Sandbox, client_order_id: str) -> bool:
    """Place an order under a used id, as another process would; returns whether the exchange took it."""
    before = len(venue.ledger.orders())
    async with open_exchange(venue.exchange, venue.credentials, **venue.client_options) as other:
        with suppress(SpotlaneError):
            await other.place_order(limit_order(client_order_id=client_order_id))
    return len(venue.ledger.orders()) > before


@on_every_exchange
@pytest.mark.parametrize(
    ("model", "while_open", "when_done"),
    [("accept", True, True), ("override", True, True), ("open_only", False, True), ("for_ever", False, False)],
)
def test_a_client_id_used_twice(name: str, model: str, while_open: bool, when_done: bool) -> None:
    async def check(venue: Sandbox, exchange: Any) -> None:
        order = await exchange.place_order(limit_order())
        assert await place_again(venue, order.client_order_id) is while_open
        venue.engine.cancel_all(TRADER)
        assert await place_again(venue, order.client_order_id) is when_done
        assert len(venue.ledger.orders(order.client_order_id)) == 1 + while_open + when_done
        assert len(venue.ledger.live_orders(order.client_order_id)) == when_done

    trading(name, check, duplicate_client_ids=model)


@on_every_exchange
def test_nothing_shows_before_the_lag_is_over(name: str) -> None:
    async def check(venue: Sandbox, exchange: Any) -> None:
        order = await exchange.place_order(limit_order())

        async def is_seen() -> list[bool]:
            seen = [bool(await exchange.get_open_orders(BTC))]
            for ids in ({"order_id": order.order_id}, {"client_order_id": order.client_order_id}):
                try:
                    await exchange.get_order(BTC, **ids)
                except (OrderNotFound, OutcomeUnknown):
                    seen.append(False)
                else:
                    seen.append(True)
            return seen

        venue.engine.set_visibility_lag(**dict.fromkeys(LAGGING, 60_000))
        await asyncio.sleep(50)
        assert await is_seen() == [False] * 3
        await asyncio.sleep(11)
        assert await is_seen() == [True] * 3

    trading(name, check)


@on_every_exchange
@pytest.mark.parametrize(("model", "executed"), [("receipt", 1), ("execution", 0)])
def test_what_is_executed_after_its_validity(name: str, model: str, executed: int) -> None:
    async def check(venue: Sandbox, exchange: Any) -> None:
        venue.faults.add("deliver-late=5:POST")
        with pytest.raises(OutcomeUnknown):
            await exchange.place_order(limit_order())
        assert venue.ledger.orders() == []
        await asyncio.sleep(60)
        assert len(venue.ledger.orders()) == executed
        refused = [event for event in venue.ledger.refused() if event.data["method"] == "POST"]
        assert len(refused) == 1 - executed

    trading(name, check, expiry_check=model, timeout_s=1.0)


@on_every_exchange
@pytest.mark.parametrize("model", ["receipt", "execution"])
def test_what_is_executed_late_but_in_time(name: str, model: str) -> None:
    async def check(venue: Sandbox, exchange: Any) -> None:
        venue.faults.add("deliver-soon=0.1:POST")
        with suppress(OutcomeUnknown):
            await exchange.place_order(limit_order())
        await asyncio.sleep(60)
        assert len(venue.ledger.orders()) == 1

    trading(name, check, expiry_check=model, timeout_s=1.0)


@on_every_exchange
@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_instant_fills(name: str, probability: float) -> None:
    async def check(venue: Sandbox, exchange: Any) -> None:
        for _ in range(12):
            await exchange.place_order(limit_order())
        filled = [order for order in venue.ledger.orders() if order.status is OrderStatus.FILLED]
        assert all(len(order.fills) == 1 and order.fills[0].is_maker for order in filled)
        if probability == 0.5:
            assert 0 < len(filled) < 12
        else:
            assert len(filled) == 12 * probability

    trading(name, check, instant_fill=probability)


@on_every_exchange
@pytest.mark.parametrize("finds", [True, False])
def test_look_ups_by_client_id_of_orders_that_are_done(name: str, finds: bool) -> None:
    async def check(venue: Sandbox, exchange: Any) -> None:
        order = await exchange.place_order(limit_order())
        assert (await exchange.get_order(BTC, client_order_id=order.client_order_id)).order_id == order.order_id
        venue.engine.cancel_all(TRADER)
        assert (await exchange.get_order(BTC, order.order_id)).status is OrderStatus.CANCELED
        view = venue.engine.order(TRADER, str(BTC), None, order.client_order_id)
        assert (view is not None) is finds

    trading(name, check, finds_finished=finds)


def lagging(**lag_ms: int) -> Engine:
    return make_engine(EngineSettings(visibility_lag_ms=lag_ms))


def seen(engine: Engine, order_id: str, client_id: str) -> dict[str, bool]:
    now_ms = engine.clock.now_ms()
    reads = {
        "order": engine.order(TRADER, BTC_NAME, order_id) is not None,
        "client_id": engine.order(TRADER, BTC_NAME, None, client_id) is not None,
        "open_orders": engine.open_orders(TRADER) != [],
        "order_history": engine.order_history(TRADER, BTC_NAME, 0, now_ms) != [],
        "trades": engine.trades(TRADER, BTC_NAME, 0, now_ms) != [],
    }
    assert reads.keys() == set(LAGGING)
    return reads


@pytest.mark.parametrize("late", LAGGING)
def test_each_way_of_looking_lags_apart(late: str) -> None:
    lags_ms = dict.fromkeys(LAGGING, 0) | {late: 500}
    engine = lagging(**lags_ms)
    order = engine.place(request(Side.BUY, "0.002", "20000", client_order_id="mine"))
    engine.trade_against(order.order_id, order.remaining_quantity / 2)
    assert seen(engine, order.order_id, "mine") == {name: name != late for name in LAGGING}
    engine.clock.advance(499)
    assert not seen(engine, order.order_id, "mine")[late]
    engine.clock.advance(1)
    assert all(seen(engine, order.order_id, "mine").values())


def test_lag_hides_a_fill_everywhere_until_it_shows_everywhere() -> None:
    engine = lagging(**dict.fromkeys(LAGGING, 300))
    order = engine.place(request(Side.BUY, "0.001", "20000", client_order_id="mine"))
    engine.clock.advance(1_000)
    engine.trade_against(order.order_id, order.remaining_quantity)

    def told() -> tuple[object, ...]:
        by_id = engine.order(TRADER, BTC_NAME, order.order_id)
        by_client_id = engine.order(TRADER, BTC_NAME, None, "mine")
        assert by_id is not None
        assert by_id == by_client_id
        return (
            by_id.status.value,
            by_id.filled_quantity > 0,
            len(engine.open_orders(TRADER)),
            len(engine.trades(TRADER, BTC_NAME, 0, engine.clock.now_ms())),
            len(engine.finished_orders(TRADER, BTC_NAME, 0, engine.clock.now_ms())),
        )

    assert told() == ("NEW", False, 1, 0, 0)
    engine.clock.advance(299)
    assert told() == ("NEW", False, 1, 0, 0)
    engine.clock.advance(1)
    assert told() == ("FILLED", True, 0, 1, 1)


@pytest.mark.parametrize("jump_ms", [5_000, -5_000])
def test_a_jump_of_the_clock_neither_shows_nor_hides(jump_ms: int) -> None:
    engine = lagging(order=300, trades=300)
    order = engine.place(request(Side.BUY, "0.002", "20000"))
    engine.clock.advance(200)
    engine.clock.offset_ms += jump_ms
    assert engine.order(TRADER, BTC_NAME, order.order_id) is None
    engine.clock.advance(100)
    assert engine.order(TRADER, BTC_NAME, order.order_id) is not None
    first, second = (engine.place(request(Side.BUY, "0.001", "20000")) for _ in range(2))
    engine.clock.offset_ms -= jump_ms
    third = engine.place(request(Side.BUY, "0.001", "20000"))
    engine.set_visibility_lag(order=0)
    listed = engine.order_history(TRADER, BTC_NAME, 0, engine.clock.now_ms() + 10_000)
    assert [view.record for view in listed] == [third, second, first, order]


def test_one_number_is_the_lag_of_every_look() -> None:
    engine = make_engine(EngineSettings(visibility_lag_ms=250))
    assert engine.visibility_lag_ms == dict.fromkeys(LAGGING, 250)


def test_the_lag_of_orders_is_that_of_client_ids_too() -> None:
    engine = lagging(order=100)
    engine.place(request(Side.BUY, "0.001", "20000", client_order_id="mine"))
    assert engine.order(TRADER, BTC_NAME, None, "mine") is None
    engine.clock.advance(100)
    assert engine.order(TRADER, BTC_NAME, None, "mine") is not None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"duplicate_client_ids": "overide"}, "did you mean 'override'"),
        ({"expiry_check": "reciept"}, "did you mean 'receipt'"),
        ({"instant_fill": 1.5}, "probability from 0 to 1"),
        ({"visibility_lag_ms": {"orders": 5}}, "did you mean 'order'"),
        ({"visibility_lag_ms": -1}, "must be at least 0"),
        ({"kept_orders": 0}, "at least 1, or None"),
        ({"kept_events": -1}, "at least 1, or None"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        EngineSettings(**settings)
