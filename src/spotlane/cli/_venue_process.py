"""What runs in the demo's other process: one sandbox, told what to do by lines of JSON on standard input."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from typing import Any

from spotlane.errors import UsageError
from spotlane.sandbox import Sandbox
from spotlane.sandbox.accounts import TRADER
from spotlane.sandbox.wallet import WithdrawalState
from spotlane.structs import Side

_SYMBOL = "BTC/USDT"
_ASSET = "USDT"
_WAY = (
    WithdrawalState.REQUESTED,
    WithdrawalState.REVIEWING,
    WithdrawalState.WAITING,
    WithdrawalState.PROCESSING,
    WithdrawalState.PACKAGING,
    WithdrawalState.CONFIRMING,
    WithdrawalState.COMPLETED,
)
_NEVER_MS = 10**15


def main() -> None:
    """Serve until standard input ends."""
    settings = json.loads(sys.stdin.readline())
    try:
        venue = Sandbox(settings["exchange"], seed=settings["seed"], tls=settings["tls"], rate_limits=False)
    except UsageError as error:
        _answer({"usage_error": str(error)})
        return
    asyncio.run(_serve(venue))


async def _serve(venue: Sandbox) -> None:
    # Withdrawals move on when the demo says so, and not by the clock: every run then sees the same states.
    venue.engine.wallet.step_ms = _NEVER_MS
    async with venue:
        _answer(_greeting(venue))
        while line := await asyncio.to_thread(sys.stdin.readline):
            _answer(_do(venue, json.loads(line)))


def _do(venue: Sandbox, question: dict[str, Any]) -> dict[str, Any]:
    match question:
        case {"do": "trade_against", "order_id": order_id, "quantity": quantity}:
            venue.engine.trade_against(order_id, Decimal(quantity))
            return {}
        case {"do": "advance_withdrawal", "withdrawal_id": withdrawal_id}:
            wallet = venue.engine.wallet
            state = {record.withdrawal_id: record.state for record in wallet.withdrawals()}[withdrawal_id]
            wallet.set_state(withdrawal_id, _WAY[_WAY.index(state) + 1])
            return {}
        case {"do": "report"}:
            return _report(venue)
    return {"usage_error": f"the demo's sandbox can't do {question!r}"}


def _greeting(venue: Sandbox) -> dict[str, Any]:
    book = venue.engine.markets[_SYMBOL].book
    saved = next(entry for entry in venue.engine.wallet.saved_addresses[TRADER] if entry.asset == _ASSET)
    authority = venue.authority_pem
    return {
        "url": venue.url,
        "api_key": venue.api_key,
        "api_secret": venue.api_secret,
        "authority_pem": authority.decode() if authority is not None else None,
        "target": {"asset": saved.asset, "network": saved.network, "address": saved.address, "memo": saved.memo},
        "bid": str(book.best_price(Side.BUY)),
    }


def _report(venue: Sandbox) -> dict[str, Any]:
    ledger = venue.ledger
    orders = ledger.orders()
    return {
        "balances": {asset: str(holding.total) for asset, holding in venue.engine.balances().items()},
        "orders": [
            (order.order_id, order.status.name, str(order.filled_quantity), str(order.filled_quote_quantity))
            for order in orders
        ],
        "fills": [
            (fill.order_id, str(fill.price), str(fill.quantity), str(fill.fee), fill.fee_asset)
            for order in orders
            for fill in ledger.fills(order.order_id)
        ],
        "withdrawals": {record.withdrawal_id: record.state.name for record in venue.engine.wallet.withdrawals()},
        "requests": venue.requests.total,
        "errors": [repr(error) for error in venue.errors],
    }


def _answer(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
