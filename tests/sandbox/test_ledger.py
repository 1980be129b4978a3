"""The ledger as an oracle: quick by client id, and of a size that can be bounded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_rig import BTC, make_engine, request

from spotlane.sandbox.accounts import TRADER
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.records import OrderRecord
from spotlane.structs.enums import Side


def place(engine: Engine, client_id: str, price: str = "20000") -> OrderRecord:
    return engine.place(request(Side.BUY, "0.001", price, client_order_id=client_id))


class Untouchable(dict[str, OrderRecord]):
    """Orders that must not be gone through one by one."""

    def values(self) -> Iterator[OrderRecord]:  # type: ignore[override]
        raise AssertionError("every order was looked at")


def test_a_client_id_is_looked_up_without_going_through_all_orders() -> None:
    engine = make_engine()
    for number in range(5):
        place(engine, f"id-{number}")
    twin = place(engine, "id-3")
    engine.cancel(TRADER, BTC, twin.order_id)
    engine.ledger._orders = Untouchable(engine.ledger._orders)
    with pytest.raises(AssertionError):
        engine.ledger.orders()
    assert [order.is_open for order in engine.ledger.orders("id-3")] == [True, False]
    assert len(engine.ledger.live_orders("id-3")) == 1
    assert len(engine.ledger.live_orders()) == 5
    assert engine.ledger.orders("id-3", symbol="ETH/USDT") == []
    assert engine.ledger.orders("nobody") == engine.ledger.live_orders("nobody") == []


def test_what_is_forgotten_is_forgotten_everywhere() -> None:
    engine = make_engine(EngineSettings(duplicate_client_ids="for_ever"))
    done, live = place(engine, "done", "61000"), place(engine, "live")
    now_ms = engine.clock.now_ms()
    assert len(engine.trades(TRADER, BTC, 0, now_ms)) == 1
    assert engine.ledger.forget("done") == 1
    assert engine.ledger.forget("done") == engine.ledger.forget("live") == 0
    assert engine.ledger.orders() == engine.ledger.live_orders() == [live]
    assert engine.order(TRADER, BTC, done.order_id) is None
    assert engine.order(TRADER, BTC, None, "done") is None
    assert (engine.trades(TRADER, BTC, 0, now_ms), engine.finished_orders(TRADER, BTC, 0, now_ms)) == ([], [])
    assert [view.record for view in engine.order_history(TRADER, BTC, 0, now_ms)] == [live]
    assert engine.ledger.fills(done.order_id) == []
    with pytest.raises(KeyError):
        engine.ledger.order(done.order_id)
    assert place(engine, "done").is_open


def test_an_open_twin_is_kept_when_its_finished_one_is_forgotten() -> None:
    engine = make_engine(EngineSettings(duplicate_client_ids="override"))
    first, second = place(engine, "twin", "61000"), place(engine, "twin")
    assert not first.is_open
    assert engine.ledger.forget("twin") == 1
    assert engine.ledger.orders("twin") == [second]


def test_only_the_newest_finished_orders_and_events_are_kept() -> None:
    engine = make_engine(EngineSettings(kept_orders=3, kept_events=7))
    oldest_open = place(engine, "open")
    done = [place(engine, f"id-{number}", "61000") for number in range(10)]
    assert engine.ledger.orders() == [oldest_open, *done[-3:]]
    assert [view.record for view in engine.finished_orders(TRADER, BTC, 0, engine.clock.now_ms())] == done[:-4:-1]
    assert len(engine.trades(TRADER, BTC, 0, engine.clock.now_ms())) == 3
    numbers = [event.sequence for event in engine.ledger.events]
    assert len(numbers) == 7
    assert numbers == list(range(numbers[-1] - 6, numbers[-1] + 1))
    engine.cancel(TRADER, BTC, oldest_open.order_id)
    assert engine.ledger.orders() == [oldest_open, *done[-2:]]
