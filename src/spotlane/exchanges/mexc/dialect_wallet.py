"""Coins and networks, withdrawals, deposits, the address book."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from spotlane.exchanges.mexc.dialect_call import Call, Refusal
from spotlane.sandbox.engine import DAY_MS
from spotlane.sandbox.money import plain
from spotlane.sandbox.networks import Network
from spotlane.sandbox.records import Reason, Refused
from spotlane.sandbox.wallet import DepositRecord, WithdrawalOrder, WithdrawalRecord, WithdrawalState

_DEFAULT_DAYS = 7
_REACH_DAYS = 90
_MAX_ROWS = 1000
_MAX_REMARK = 100
_PENDING, _SUCCESS, _REJECTED = 4, 5, 7
_REASONS = {
    Reason.UNKNOWN_ASSET: (10232, "The currency not exist. Please check coin name and chain is correct."),
    Reason.UNKNOWN_NETWORK: (10232, "The currency not exist. Please check coin name and chain is correct."),
    Reason.NETWORK_CLOSED: (10211, "Withdrawals on this network are suspended"),
    Reason.MALFORMED: (10102, "The amount must be above zero"),
    Reason.AMOUNT_PRECISION: (10096, "The amount has too many decimals"),
    Reason.AMOUNT_TOO_SMALL: (10097, "The amount is below the minimum"),
    Reason.AMOUNT_TOO_LARGE: (10097, "The amount is above the maximum"),
    Reason.MEMO_MISSING: (33333, "Parameter error: memo"),
    Reason.ADDRESS_NOT_SAVED: (10212, "The address is not in the address book"),
    Reason.INSUFFICIENT_BALANCE: (10101, "Insufficient balance"),
    Reason.UNKNOWN_WITHDRAWAL: (22222, "Record does not exist"),
    Reason.NOT_CANCELABLE: (10211, "The withdrawal can no longer be cancelled"),
}
_Row = TypeVar("_Row")


def coins(call: Call) -> object:
    """GET capital/config/getall: every coin with its networks."""
    assets = dict.fromkeys(network.asset for network in call.engine.wallet.networks.values())
    return [
        {
            "coin": asset,
            "name": asset,
            "networkList": [_network(network) for network in call.engine.wallet.networks_of(asset)],
        }
        for asset in assets
    ]


def _network(network: Network) -> dict[str, object]:
    return {
        "coin": network.asset,
        "name": network.asset,
        "network": network.name,
        "netWork": network.code,
        "depositEnable": network.deposit_enabled,
        "withdrawEnable": network.withdraw_enabled,
        "minConfirm": network.confirmations,
        "withdrawFee": plain(network.fee),
        "withdrawMin": plain(network.minimum),
        "withdrawMax": plain(network.maximum),
        "withdrawIntegerMultiple": None,
        "sameAddress": network.memo_required,
        "contract": network.contract,
        "depositDesc": None,
        "withdrawTips": "Both a MEMO and an Address are required." if network.memo_required else "",
        "depositTips": None,
    }


def withdraw(call: Call) -> object:
    """POST capital/withdraw: the amount includes the fee; withdrawOrderId is kept and never checked."""
    params = call.params
    remark = params.text("remark")
    if remark is not None and len(remark) > _MAX_REMARK:
        raise Refusal(10268, "The remark is too long")
    coin, address = params.required("coin"), params.required("address")
    amount = params.decimal("amount")
    if amount is None:
        raise Refusal(10095, "The amount is missing")
    order = WithdrawalOrder(
        account=call.account,
        asset=coin,
        network=params.text("netWork"),
        address=address,
        amount=amount,
        memo=params.text("memo"),
        client_withdrawal_id=params.text("withdrawOrderId"),
        remark=remark,
    )
    return {"id": _guarded(call, lambda: call.engine.wallet.request(order)).withdrawal_id}


def cancel_withdrawal(call: Call) -> object:
    """DELETE capital/withdraw: only before it is being processed."""
    withdrawal_id = call.params.required("id")
    _guarded(call, lambda: call.engine.wallet.cancel(call.account, withdrawal_id))
    return {"id": withdrawal_id}


def withdrawals(call: Call) -> object:
    """GET capital/withdraw/history: newest first."""
    coin, status = call.params.text("coin"), call.params.integer("status")
    call.engine.settle("wallet")
    rows = [
        record
        for record in reversed(call.engine.wallet.withdrawals(call.account))
        if coin in (None, record.order.asset) and status in (None, record.state.value)
    ]
    return [_withdrawal(record) for record in _within(call, rows, lambda record: record.requested_ms)]


def _withdrawal(record: WithdrawalRecord) -> dict[str, object]:
    order, network = record.order, record.network
    is_confirming = record.state is WithdrawalState.CONFIRMING
    row: dict[str, object] = {
        "id": record.withdrawal_id,
        "txId": None if record.tx_id is None else f"{record.tx_id}:0",
        "coin": order.asset if order.asset == network.code else f"{order.asset}-{network.code}",
        "network": network.name,
        "netWork": network.code,
        "address": order.address,
        "amount": plain(order.amount),
        "transferType": 0,
        "status": record.state.value,
        "transactionFee": plain(record.fee),
        "confirmNo": 1 if is_confirming else None,
        "applyTime": record.requested_ms,
        "updateTime": record.updated_ms,
        "remark": order.remark or "",
        "memo": order.memo,
        "transHash": record.tx_id,
        "explorerUrl": None,
        "coinId": None,
        "vcoinId": None,
    }
    if order.client_withdrawal_id is not None:
        row["withdrawOrderId"] = order.client_withdrawal_id
    return row


def address_book(call: Call) -> object:
    """GET capital/withdraw/address: a page of the saved addresses; addressTag is the label."""
    coin = call.params.text("coin")
    page = call.params.integer("page") or 1
    limit = call.params.integer("limit") or 20
    saved = [entry for entry in call.engine.wallet.saved_addresses.get(call.account, []) if coin in (None, entry.asset)]
    networks = call.engine.wallet.networks
    rows = [
        {
            "coin": entry.asset,
            "network": networks[entry.asset, entry.network].name,
            "netWork": entry.network,
            "address": entry.address,
            "addressTag": entry.label,
            "memo": entry.memo,
        }
        for entry in saved[(page - 1) * limit : page * limit]
    ]
    return {"data": rows, "totalRecords": len(saved), "page": page, "totalPageNum": -(-len(saved) // limit)}


def deposits(call: Call) -> object:
    """GET capital/deposit/hisrec: newest first."""
    coin, status = call.params.text("coin"), call.params.integer("status")
    call.engine.settle("wallet")
    rows = [
        record
        for record in reversed(call.engine.wallet.deposits(call.account))
        if coin in (None, record.network.asset) and status in (None, _deposit_status(record))
    ]
    return [_deposit(record) for record in _within(call, rows, lambda record: record.created_ms)]


def _deposit_status(record: DepositRecord) -> int:
    if record.is_rejected:
        return _REJECTED
    return _SUCCESS if record.is_credited else _PENDING


def _deposit(record: DepositRecord) -> dict[str, object]:
    network = record.network
    confirmed = network.confirmations if record.is_credited else 0
    return {
        "amount": plain(record.amount),
        "coin": network.asset if network.asset == network.code else f"{network.asset}-{network.code}",
        "network": network.name,
        "status": _deposit_status(record),
        "address": record.address,
        "txId": f"{record.tx_id}:0",
        "insertTime": record.created_ms,
        "unlockConfirm": str(network.confirmations),
        "confirmTimes": str(confirmed),
        "memo": record.memo,
        "transHash": record.tx_id,
        "updateTime": record.credited_ms if record.is_credited else record.created_ms,
        "netWork": network.code,
    }


def deposit_addresses(call: Call) -> object:
    """GET capital/deposit/address: the addresses that were made so far; network is the display name."""
    coin, name = call.params.required("coin"), call.params.text("network")
    networks = call.engine.wallet.networks_of(coin)
    if not networks:
        raise _refusal(call, Reason.UNKNOWN_ASSET)
    rows = []
    for network in networks:
        made = call.engine.wallet.address(call.account, coin, network.code)
        if made is not None and name in (None, network.name):
            rows.append(_address(network, made))
    return rows


def make_deposit_address(call: Call) -> object:
    """POST capital/deposit/address: makes the address on the first call and repeats it afterwards."""
    coin, name = call.params.required("coin"), call.params.required("network")
    for network in call.engine.wallet.networks_of(coin):
        if network.name == name:
            return _address(network, call.engine.wallet.create_address(call.account, coin, network.code))
    raise _refusal(call, Reason.UNKNOWN_NETWORK)


def _address(network: Network, made: tuple[str, str | None]) -> dict[str, object]:
    address, memo = made
    return {
        "coin": network.asset,
        "network": network.name,
        "address": address,
        "memo": memo,
        "netWork": network.code,
    }


def _within(call: Call, rows: Iterable[_Row], time_of: Callable[[_Row], int]) -> list[_Row]:
    """Keep the rows of the asked-for window: seven days by default and at most, 90 days back at most."""
    start_ms, end_ms = call.params.integer("startTime"), call.params.integer("endTime")
    last_ms = call.now_ms if end_ms is None else end_ms
    first_ms = last_ms - _DEFAULT_DAYS * DAY_MS if start_ms is None else start_ms
    if end_ms is None and start_ms is not None:
        last_ms = min(start_ms + _DEFAULT_DAYS * DAY_MS, call.now_ms)
    if first_ms < call.now_ms - _REACH_DAYS * DAY_MS:
        raise Refusal(400, "The start time cannot be earlier than 90 days")
    if last_ms - first_ms > _DEFAULT_DAYS * DAY_MS:
        raise Refusal(400, "The time span cannot be longer than 7 days")
    limit = min(call.params.integer("limit") or _MAX_ROWS, _MAX_ROWS)
    return [row for row in rows if first_ms <= time_of(row) <= last_ms][:limit]


def _guarded(call: Call, action: Callable[[], WithdrawalRecord]) -> WithdrawalRecord:
    try:
        return action()
    except Refused as refused:
        raise _refusal(call, refused.reason) from None


def _refusal(call: Call, reason: Reason) -> Refusal:
    code, text = _REASONS[reason]
    return Refusal(code, text, extra={"timestamp": call.now_ms} if code == 10232 else None)
