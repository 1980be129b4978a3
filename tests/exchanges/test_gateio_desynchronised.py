"""A reply about another of the account's orders is never taken for the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gateio_rig import BTC_USDT, ORDERS_PATH, gate, resting

from spotlane.errors import DecodeError, OutcomeUnknown
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.structs import Order


def reply_with(venue: Sandbox, method: str, order: Order, **changes: Any) -> None:
    told = {
        "id": "77", "text": "web", "status": "cancelled", "currency_pair": "BTC_USDT", "type": "limit",
        "account": "spot", "side": "buy", "amount": "0.001", "price": "20000", "time_in_force": "gtc", "left": "0.001",
        "filled_total": "0", "finish_as": "cancelled",
    }  # fmt: skip
    body = json.dumps(told | changes).encode()
    path = f"{ORDERS_PATH}/{order.client_order_id}"
    venue.faults.add(Fault(ReplaceReply(200, body, "application/json"), method, path))


@pytest.mark.parametrize("text", ["web", "apiv4", "t-other", ""])
async def test_a_cancel_is_not_confirmed_by_an_order_of_another_name(text: str) -> None:
    """Gate tells every order's name, and that of one which has none says where it came from."""
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting())
        reply_with(venue, "DELETE", order, text=text)
        with pytest.raises(OutcomeUnknown, match="about another order"):
            await exchange.cancel_order(BTC_USDT, client_order_id=order.client_order_id, confirm=False)


async def test_a_look_up_is_not_answered_by_an_order_of_another_name() -> None:
    async with gate() as (venue, exchange):
        order = await exchange.place_order(resting())
        reply_with(venue, "GET", order)
        with pytest.raises(DecodeError, match="about another order"):
            await exchange.get_order(BTC_USDT, client_order_id=order.client_order_id)
