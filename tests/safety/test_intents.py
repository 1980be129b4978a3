"""Intents: an order is checked, named and dated before a byte of it is built."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spotlane import OrderParams, OrderType, Side, Symbol, UsageError
from spotlane.errors import PrecisionError, UnknownSymbol
from spotlane.safety import ClientIds, Intent, Intents, RuleBook, SymbolRules
from spotlane.spec import Capability, ClientIdRule, ExchangeSpec, Horizons

PAIR = Symbol("ABC", "XYZ")
BOOK = RuleBook("toy", [SymbolRules(PAIR, "ABCXYZ", tick=Decimal("0.1"), lot=Decimal("0.1"))])
SPEC = ExchangeSpec(
    name="toy", title="Toy", urls={}, buckets=(), capabilities=(Capability("order.limit", True),),
    client_ids=ClientIdRule(), horizons=Horizons(validity_ms=1_500), histories={}, credential_variables=("K", "S"),
)  # fmt: skip
PARAMS = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal(1), price=Decimal(5))


def opened(params: Any = PARAMS, *, timeout_s: float = 2.0, ids: ClientIds | None = None) -> Intent:
    intents = Intents(SPEC, ids or ClientIds(SPEC.client_ids))
    return intents.open(params, BOOK, now_ms=1_000_000, deadline=42.0, timeout_s=timeout_s)


def test_an_intent_holds_the_order_its_rules_and_an_id() -> None:
    intent = opened()
    assert (intent.params, intent.rules, intent.deadline) == (PARAMS, BOOK.find(PAIR), 42.0)
    assert intent.client_order_id
    assert opened(PARAMS.replace(client_order_id="mine")).client_order_id == "mine"


@pytest.mark.parametrize(
    ("timeout_s", "window_ms"), [(60.0, 1_500), (3.0, 1_500), (2.0, 1_000), (0.05, 25), (0.001, 1)]
)
def test_nothing_can_be_admitted_after_the_deadline(timeout_s: float, window_ms: int) -> None:
    intent = opened(timeout_s=timeout_s)
    assert intent.window_ms == window_ms
    assert intent.not_after_ms + intent.window_ms == 1_000_000 + int(timeout_s * 1_000)


def test_an_intent_can_not_be_changed() -> None:
    intent = opened()
    with pytest.raises(AttributeError):
        intent.client_order_id = "other"  # type: ignore[misc]
    assert intent == Intent(**intent._asdict())


def test_the_times_follow_every_call() -> None:
    intents = Intents(SPEC, ClientIds(SPEC.client_ids))
    for now_ms, timeout_s, not_after_ms, window_ms in (
        (1_000, 2.0, 2_000, 1_000), (5_000, 2.0, 6_000, 1_000), (5_000, 4.0, 7_500, 1_500), (5_000, 0.0, 4_999, 1),
    ):  # fmt: skip
        intent = intents.open(PARAMS, BOOK, now_ms=now_ms, deadline=1.0, timeout_s=timeout_s)
        assert (intent.not_after_ms, intent.window_ms) == (not_after_ms, window_ms)


def test_the_rules_are_those_of_the_book_that_is_given() -> None:
    intents = Intents(SPEC, ClientIds(SPEC.client_ids))
    coarse = RuleBook("toy", [SymbolRules(PAIR, "ABC-XYZ", tick=Decimal(2), lot=Decimal("0.1"))])
    for book, is_right in ((BOOK, True), (coarse, False), (BOOK, True), (RuleBook("toy", ()), False)):
        if is_right:
            intent = intents.open(PARAMS, book, now_ms=0, deadline=1.0, timeout_s=1.0)
            assert intent.rules is book.find(PAIR)
        else:
            with pytest.raises((PrecisionError, UnknownSymbol)):
                intents.open(PARAMS, book, now_ms=0, deadline=1.0, timeout_s=1.0)


def test_only_what_does_not_pass_quickly_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[OrderParams] = []
    monkeypatch.setattr("spotlane.safety.intents.check_order", lambda _, rules, params: looked_at.append(params))
    long = PARAMS.replace(quantity=Decimal("1.0000000000000000000"))
    for params in (PARAMS, long):
        opened(params)
    assert looked_at == [long]


def test_an_order_that_is_refused_keeps_its_id_free() -> None:
    ids = ClientIds(SPEC.client_ids)
    for broken, error in (
        (PARAMS.replace(client_order_id="mine", price=Decimal("5.01")), PrecisionError),
        (PARAMS.replace(client_order_id="mine", symbol=Symbol("ABC", "ABC")), UnknownSymbol),
        (PARAMS.replace(client_order_id="mine", price=None), UsageError),
    ):
        with pytest.raises(error):
            opened(broken, ids=ids)
    assert opened(PARAMS.replace(client_order_id="mine"), ids=ids).client_order_id == "mine"
    with pytest.raises(UsageError, match="was used before"):
        opened(PARAMS.replace(client_order_id="mine"), ids=ids)


def test_only_order_params_are_taken() -> None:
    for wrong in ({"symbol": PAIR}, None, "BTC/USDT"):
        with pytest.raises(TypeError, match="place_order takes an OrderParams, was"):
            opened(wrong)
