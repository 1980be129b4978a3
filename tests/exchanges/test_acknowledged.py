"""Which acknowledgements are remembered, for how long, and which are refused."""

from __future__ import annotations

import pytest

from spotlane import Order, Side, Symbol
from spotlane.errors import DecodeError
from spotlane.exchanges._acknowledged import Acknowledged

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")


def order(order_id: str, client_order_id: str | None, symbol: Symbol = BTC) -> Order:
    return Order(exchange="x", symbol=symbol, order_id=order_id, client_order_id=client_order_id, side=Side.BUY)


class Clock:
    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


def test_an_order_id_belongs_to_one_order() -> None:
    seen = Acknowledged(Clock().monotonic, 5.0)
    seen.add_placed(order("1", "a"))
    seen.add_placed(order("1", "a"))
    seen.add_placed(order("1", "b", ETH))
    with pytest.raises(DecodeError, match="'1' was acknowledged before"):
        seen.add_placed(order("1", "c", ETH))


def test_a_cancel_does_not_make_the_name_of_an_order_forgotten() -> None:
    seen = Acknowledged(Clock().monotonic, 5.0)
    seen.add_placed(order("1", "a"))
    seen.add(BTC, "1", None)
    assert seen.name_of(BTC, "1") == "a"
    assert seen.name_of(ETH, "1") is None
    with pytest.raises(DecodeError):
        seen.add_placed(order("1", "b"))


def test_an_acknowledgement_is_fresh_for_a_while_under_both_ids() -> None:
    clock = Clock()
    seen = Acknowledged(clock.monotonic, 5.0)
    seen.add_placed(order("1", "a"))
    seen.add(BTC, None, "b")
    for ids in (("1", None), (None, "a"), (None, "b")):
        assert seen.is_fresh(BTC, *ids)
        assert not seen.is_fresh(ETH, *ids)
    assert not seen.is_fresh(BTC, "a", "1")
    clock.now_s += 5.0
    for ids in (("1", None), (None, "a"), (None, "b")):
        assert not seen.is_fresh(BTC, *ids)


def test_the_last_4096_are_remembered() -> None:
    seen = Acknowledged(Clock().monotonic, 5.0)
    seen.add_placed(order("first", "a"))
    for number in range(4_095):
        seen.add_placed(order(str(number), f"c{number}"))
    assert seen.name_of(BTC, "first") == "a"
    seen.add_placed(order("first", "a"))
    seen.add_placed(order("one more", "d"))
    assert seen.name_of(BTC, "first") == "a"
    assert seen.name_of(BTC, "0") is None
    assert (len(seen._notes), len(seen._by_order_id), len(seen._by_client_id)) == (4_096, 4_096, 4_096)
