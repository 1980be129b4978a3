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
