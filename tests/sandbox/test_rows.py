"""Rows that are rendered once tell what a row rendered anew would, whatever changes in between."""

from __future__ import annotations

import json
from decimal import ROUND_UP, Context, Decimal, getcontext, localcontext
from typing import Any

import gateio_caller
import pytest
from gateio_caller import PAIR

from spotlane.exchanges.gateio.dialect_call import GateioSettings
from spotlane.sandbox.money import EXACT, decimal_places, exact
from spotlane.sandbox.records import Fill
from spotlane.sandbox.rows import Rows, row_text, to_json
from spotlane.structs.enums import Side


def make_fill() -> Fill:
    one = Decimal(1)
    return Fill(7, "1", None, "trader", "BTC/USDT", Side.BUY, one, one, one, one, "USDT", False, False, 0)


def test_row_is_made_once_for_each_basis_and_variant() -> None:
    fill, made = make_fill(), []

    def text(variant: str, *basis: object) -> str:
        def make() -> object:
            made.append((variant, basis))
            return {"made": len(made)}

        return row_text(fill, variant, basis, make)

    assert [text("ms", "a"), text("ms", "a"), text("us", "a"), text("ms", "a")] == [
        '{"made":1}', '{"made":1}', '{"made":2}', '{"made":1}',
    ]  # fmt: skip
    assert [text("ms", "b"), text("ms", "a")] == ['{"made":3}', '{"made":4}']
    assert made == [("ms", ("a",)), ("us", ("a",)), ("ms", ("b",)), ("ms", ("a",))]


def test_rendered_rows_are_no_part_of_what_a_fill_is() -> None:
    fill = make_fill()
    row_text(fill, None, (), dict)
    assert fill == make_fill()
    assert repr(fill) == repr(make_fill())


@pytest.mark.parametrize("rows", [[], [{"a": "é", "b": None}], [{"a": 1}, {"b": [True, "\ud800"]}]])
def test_rows_are_the_array_that_they_would_be_without_being_kept(rows: list[Any]) -> None:
    assert to_json(Rows(to_json(row) for row in rows)) == json.dumps(rows, separators=(",", ":"), ensure_ascii=False)


def test_amended_and_filled_order_shows_its_new_terms_in_lists() -> None:
    caller = gateio_caller.make_caller()
    order = caller.limit("buy", "0.002", "20000", text="t-mine")

    def seen() -> dict[str, Any]:
        (row,) = caller.ok("GET", "/spot/orders", currency_pair=PAIR, status="open")
        (nested,) = caller.ok("GET", "/spot/open_orders")
        assert nested == {"currency_pair": PAIR, "total": 1, "orders": [row]}
        assert row == caller.order(order["id"])
        return dict(row)

    assert (seen()["amount"], seen()["amend_text"]) == ("0.00200000", "-")
    caller.ok("PATCH", f"/spot/orders/{order['id']}", {"amount": "0.003", "amend_text": "t-more"}, currency_pair=PAIR)
    assert (seen()["amount"], seen()["amend_text"]) == ("0.00300000", "t-more")
    caller.dialect.engine.trade_against(order["id"], Decimal("0.001"))
    assert (seen()["left"], seen()["filled_total"]) == ("0.00200000", "20")
    caller.ok("DELETE", f"/spot/orders/{order['id']}", currency_pair=PAIR)
    (row,) = caller.ok("GET", "/spot/orders", currency_pair=PAIR, status="finished")
    assert (row["status"], row["finish_as"]) == ("cancelled", "cancelled")


def test_time_types_drift_from_row_to_row_however_often_a_row_is_read() -> None:
    caller = gateio_caller.make_caller(GateioSettings(time_types="drifting"))
    caller.limit("buy", "0.002", "20000")
    rows = [caller.ok("GET", "/spot/orders", currency_pair=PAIR, status="open")[0] for _ in range(6)]
    kinds = [type(row["create_time_ms"]) for row in rows]
    assert sorted(kind.__name__ for kind in kinds[:3]) == ["float", "int", "str"]
    assert kinds[3:] == kinds[:3]


def test_exact_gives_the_callers_context_back() -> None:
    @exact
    def divided(by: int) -> Decimal:
        assert getcontext() is EXACT
        return Decimal(1) / by

    with localcontext(Context(prec=3, rounding=ROUND_UP)) as before:
        assert divided(8) == Decimal("0.125")
        assert getcontext() is before
        with pytest.raises(ArithmeticError):
            divided(3)
        assert getcontext() is before
        assert decimal_places(Decimal("0.000100")) == 4
