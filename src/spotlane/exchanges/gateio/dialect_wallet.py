"""Chains, withdrawals, deposits, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from spotlane.exchanges.gateio.dialect_call import Call, Fields, Refusal, invalid
from spotlane.sandbox.engine import DAY_MS
from spotlane.sandbox.money import ZERO, decimal_places, plain
from spotlane.sandbox.networks import Network
from spotlane.sandbox.records import Reason, Refused
from spotlane.sandbox.wallet import DepositRecord, WithdrawalOrder, WithdrawalRecord, WithdrawalState

_DEFAULT_DAYS, _MAX_DAYS = 7, 30
_MAX_ROWS, _MAX_DEPOSIT_ROWS, _DEFAULT_ROWS = 1000, 500, 100
_MAX_ADDRESSES, _DEFAULT_ADDRESSES = 100, 50
_CLIENT_ID = re.compile(r"[0-9A-Za-z_.-]{1,32}", re.ASCII)
_ID_BASE = 35_980_954
_STATUSES = {
    WithdrawalState.REQUESTED: "REQUEST",
    WithdrawalState.REVIEWING: "VERIFY",
    WithdrawalState.WAITING: "LOCKED",
    WithdrawalState.PROCESSING: "PROCES",
    WithdrawalState.PACKAGING: "PEND",
    WithdrawalState.CONFIRMING: "EXTPEND",
    WithdrawalState.COMPLETED: "DONE",
    WithdrawalState.FAILED: "REJECT",
    WithdrawalState.CANCELED: "CANCEL",
    WithdrawalState.MANUAL: "MANUAL",
}
# Further statuses that can be set by hand: what stands still is held, what is over is refunded.
_MORE_STATUSES = {
    "FAIL": WithdrawalState.MANUAL,
    "FVERIFY": WithdrawalState.MANUAL,
    "DMOVE": WithdrawalState.MANUAL,
    "REVIEW": WithdrawalState.MANUAL,
    "SPLITPEND": WithdrawalState.MANUAL,
    "CANCELPEND": WithdrawalState.MANUAL,
    "INVALID": WithdrawalState.FAILED,
    "BCODE": WithdrawalState.COMPLETED,
}
_REASONS = {
    Reason.UNKNOWN_ASSET: ("INVALID_CURRENCY", "Invalid currency"),
    Reason.UNKNOWN_NETWORK: ("INVALID_PARAM_VALUE", "invalid argument: chain"),
    Reason.NETWORK_CLOSED: ("API_WITHDRAW_DISABLED", "Withdrawals on this chain are disabled"),
    Reason.MALFORMED: ("INVALID_PARAM_VALUE", "Invalid amount or below minimum amount limit"),
    Reason.AMOUNT_PRECISION: ("INVALID_PRECISION", "amount has too many decimals"),
    Reason.AMOUNT_TOO_SMALL: ("INVALID_PARAM_VALUE", "Invalid amount or below minimum amount limit"),
    Reason.AMOUNT_TOO_LARGE: ("WITHDRAWAL_OVER_LIMIT", "amount is above the limit"),
    Reason.MEMO_MISSING: ("MISSING_REQUIRED_PARAM", "Missing required parameter: memo"),
    Reason.ADDRESS_NOT_SAVED: (
        "INVALID_PARAM_VALUE", "Error: only used addresses or verified addresses are allowed for api withdrawal",
    ),
    Reason.INSUFFICIENT_BALANCE: ("BALANCE_NOT_ENOUGH", "Not enough balance"),
    Reason.UNKNOWN_WITHDRAWAL: ("INVALID_WITHDRAW_ID", "Invalid withdrawal id"),
    Reason.NOT_CANCELABLE: ("INVALID_WITHDRAW_CANCEL_STATUS", "The withdrawal can no longer be cancelled"),
}  # fmt: skip
_Row = TypeVar("_Row")


def format_withdrawal_id(number: int) -> str:
    """Return the exchange's id of its n-th withdrawal: w and digits."""
    return f"w{_ID_BASE + number}"


def state_named(status: str) -> WithdrawalState:
    """Return the state that a status stands for; ValueError for a name that does not exist."""
    for state, name in _STATUSES.items():
        if name == status:
            return state
    if status not in _MORE_STATUSES:
        raise ValueError(f"no withdrawal status is called {status!r}")
    return _MORE_STATUSES[status]


def currency_chains(call: Call) -> object:
    """GET wallet/currency_chains: the chains of one currency."""
    return [
        {
            "chain": network.code,
            "name_cn": network.name,
            "name_en": network.name,
            "contract_address": network.contract,
            "is_disabled": int(not (network.deposit_enabled or network.withdraw_enabled)),
            "is_deposit_disabled": int(not network.deposit_enabled),
            "is_withdraw_disabled": int(not network.withdraw_enabled),
            "decimal": str(decimal_places(network.step)),
            "is_tag": int(network.memo_required),
        }
        for network in _networks(call, call.query.required("currency"))
    ]


def withdraw_status(call: Call) -> object:
    """GET wallet/withdraw_status: fees and limits, of one currency where given."""
    wanted = call.query.text("currency")
    assets = dict.fromkeys(network.asset for network in call.engine.wallet.networks.values())
    rows = []
    for asset in assets if wanted is None else [wanted]:
        networks = _networks(call, asset)
        rows.append(
            {
                "currency": asset,
                "name": networks[0].name,
                "name_cn": networks[0].name,
                "deposit": "0",
                "withdraw_percent": "0%",
                "withdraw_fix": plain(networks[0].fee),
                "withdraw_day_limit": plain(sum((network.maximum for network in networks), ZERO)),
                "withdraw_day_limit_remain": plain(sum((network.maximum for network in networks), ZERO)),
                "withdraw_amount_mini": plain(min(network.minimum for network in networks)),
                "withdraw_eachtime_limit": plain(max(network.maximum for network in networks)),
                "withdraw_fix_on_chains": {network.code: plain(network.fee) for network in networks},
                "withdraw_percent_on_chains": {network.code: "0%" for network in networks},
            }
        )
    return rows


def withdraw(call: Call) -> object:
    """POST withdrawals: the amount includes the fee; accepted is not sent."""
    body = call.body
    client_id = body.text("withdraw_order_id")
    if client_id is not None and not _CLIENT_ID.fullmatch(client_id):
        raise invalid("withdraw_order_id")
    wallet = call.engine.wallet
    is_used = client_id is not None and any(
        record.order.client_withdrawal_id == client_id for record in wallet.withdrawals(call.account)
    )
    if is_used and call.settings.unique_withdrawal_ids:
        raise Refusal("ORDER_EXISTS", "Order already exists, do not resubmit")
    amount = body.decimal("amount")
    order = WithdrawalOrder(
        account=call.account,
        asset=body.required("currency"),
        network=body.required("chain"),
        address=body.required("address"),
        amount=ZERO if amount is None else amount,
        memo=body.text("memo"),
        client_withdrawal_id=client_id,
    )
    record = _guarded(lambda: wallet.request(order))
    return {
        "id": record.withdrawal_id,
        "currency": order.asset,
        "amount": plain(order.amount),
        "address": order.address,
        "memo": order.memo or "",
        "status": _status(call, record),
        "chain": record.network.code,
        "withdraw_order_id": client_id or "",
    }


def cancel_withdrawal(call: Call) -> object:
    """DELETE withdrawals/{id}: 202, and the outcome shows in the history."""
    record = _guarded(lambda: call.engine.wallet.cancel(call.account, call.argument))
    row = _withdrawal(call, record)
    names = ("id", "txid", "timestamp", "amount", "currency", "address", "memo", "block_number", "status", "chain")
    return {**{name: row[name] for name in names}, "status": "CANCELPEND"}


def withdrawals(call: Call) -> object:
    """GET wallet/withdrawals: newest first; a withdraw_id is found whatever its age."""
    query = call.query
    query.choice("asset_class", ("SPOT", "PILOT"), "SPOT")
    asset, withdrawal_id = query.text("currency"), query.text("withdraw_id")
    client_id = query.text("withdraw_order_id")
    call.engine.settle("wallet")
    rows = [
        record
        for record in reversed(call.engine.wallet.withdrawals(call.account))
        if asset in (None, record.order.asset)
        and withdrawal_id in (None, record.withdrawal_id)
        and client_id in (None, record.order.client_withdrawal_id)
    ]
    if withdrawal_id is None:
        rows = _within(call, query, rows, lambda record: record.requested_ms)
    return [_withdrawal(call, record) for record in _part(query, rows, _MAX_ROWS)]


def _withdrawal(call: Call, record: WithdrawalRecord) -> dict[str, object]:
    order = record.order
    is_over = record.state.is_terminal
    is_back = record.state in (WithdrawalState.FAILED, WithdrawalState.CANCELED)
    return {
        "id": record.withdrawal_id,
        "timestamp": str(record.requested_ms // 1000),
        "timestamp2": str(record.updated_ms // 1000) if is_over else "",
        "withdraw_order_id": order.client_withdrawal_id or "",
        "currency": order.asset,
        "address": order.address,
        "txid": record.tx_id or "",
        "block_number": str(record.updated_ms // 12_000) if record.state is WithdrawalState.COMPLETED else "",
        "amount": plain(order.amount),
        "fee": plain(record.fee),
        "memo": order.memo or "",
        "status": _status(call, record),
        "chain": record.network.code,
        "type": "",
        "fail_reason": _status(call, record).lower() if is_back else "",
    }


def _status(call: Call, record: WithdrawalRecord) -> str:
    return call.memory.withdrawal_statuses.get(record.withdrawal_id, _STATUSES[record.state])


def deposits(call: Call) -> object:
    """GET wallet/deposits: newest first."""
    query = call.query
    asset = query.text("currency")
    call.engine.settle("wallet")
    numbered = list(enumerate(call.engine.wallet.deposits(call.account), _ID_BASE))
    rows = [(number, record) for number, record in reversed(numbered) if asset in (None, record.network.asset)]
    rows = _within(call, query, rows, lambda row: row[1].created_ms)
    return [_deposit(number, record) for number, record in _part(query, rows, _MAX_DEPOSIT_ROWS)]


def _deposit(number: int, record: DepositRecord) -> dict[str, object]:
    status = "DONE" if record.is_credited else "INVALID" if record.is_rejected else "TRACK"
    return {
        "id": f"d{number}",
        "timestamp": str(record.created_ms // 1000),
        "currency": record.network.asset,
        "address": record.address,
        "txid": record.tx_id,
        "withdraw_order_id": "",
        "amount": plain(record.amount),
        "memo": record.memo or "",
        "status": status,
        "chain": record.network.code,
    }


def deposit_address(call: Call) -> object:
    """GET wallet/deposit_address: makes the addresses on the first call; a memo follows the address after a space."""
    asset = call.query.required("currency")
    rows: list[dict[str, object]] = []
    for network in _networks(call, asset):
        address, memo = call.engine.wallet.create_address(call.account, asset, network.code)
        is_open = network.deposit_enabled
        rows.append(
            {
                "chain": network.code,
                "address": address if is_open else "",
                "payment_id": (memo or "") if is_open else "",
                "payment_name": "Memo" if memo else "",
                "obtain_failed": int(not is_open),
                "min_confirms": network.confirmations,
            }
        )
    first = rows[0]
    return {
        "currency": asset,
        "address": f"{first['address']} {first['payment_id']}".rstrip(),
        "min_deposit_amount": "0.00000001",
        "multichain_addresses": rows,
    }


def saved_addresses(call: Call) -> object:
    """GET wallet/saved_address: the addresses that withdrawals may go to."""
    query = call.query
    asset, chain = query.text("currency"), query.text("chain")
    verified = query.text("verified")
    if verified not in (None, "0", "1"):
        raise invalid("verified")
    limit, page = query.integer("limit") or _DEFAULT_ADDRESSES, query.integer("page") or 1
    if limit > _MAX_ADDRESSES:
        raise invalid("limit")
    # Every saved address is a verified one.
    rows = [
        {
            "currency": entry.asset,
            "chain": entry.network,
            "address": entry.address,
            "name": entry.label,
            "tag": entry.memo or "",
            "verified": "1",
        }
        for entry in call.engine.wallet.saved_addresses.get(call.account, [])
        if asset in (None, entry.asset) and chain in (None, entry.network) and verified != "0"
    ]
    return rows[(page - 1) * limit : page * limit]


def total_balance(call: Call) -> object:
    """GET wallet/total_balance: what the account holds at last prices, in USDT; what has no USDT pair is left out."""
    unit = call.query.choice("currency", ("USDT",), "USDT")
    total = ZERO
    for asset, holding in call.engine.balances(call.account).items():
        market = call.engine.markets.get(f"{asset}/{unit}")
        price = Decimal(1) if asset == unit else market.last_price if market is not None else None
        total += holding.total * (price or ZERO)
    amount = {"amount": plain(total), "currency": unit}
    return {"details": {"spot": amount}, "total": amount}


def _networks(call: Call, asset: str) -> list[Network]:
    networks = call.engine.wallet.networks_of(asset)
    if not networks:
        raise Refusal("INVALID_CURRENCY", "Invalid currency")
    return networks


def _within(call: Call, query: Fields, rows: Iterable[_Row], time_of: Callable[[_Row], int]) -> list[_Row]:
    """Keep the rows of the asked-for window: the last seven days by default, thirty days at most."""
    first_s, last_s = query.integer("from"), query.integer("to")
    last_ms = call.now_ms if last_s is None else last_s * 1000 + 999
    first_ms = last_ms - _DEFAULT_DAYS * DAY_MS if first_s is None else first_s * 1000
    if last_ms - first_ms > _MAX_DAYS * DAY_MS + 999:
        raise Refusal("INVALID_PARAM_VALUE", f"time range can not exceed {_MAX_DAYS} days")
    return [row for row in rows if first_ms <= time_of(row) <= last_ms]


def _part(query: Fields, rows: list[_Row], most: int) -> list[_Row]:
    limit, offset = query.integer("limit"), query.integer("offset") or 0
    limit = _DEFAULT_ROWS if limit is None else limit
    if not 1 <= limit <= most:
        raise invalid("limit")
    return rows[offset : offset + limit]


def _guarded(action: Callable[[], WithdrawalRecord]) -> WithdrawalRecord:
    try:
        return action()
    except Refused as refused:
        label, text = _REASONS[refused.reason]
        raise Refusal(label, text) from None
