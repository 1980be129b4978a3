"""Networks, the address book, withdrawals and deposits."""

from __future__ import annotations

from spotlane.exchanges._template.dialect_call import Call, malformed, refusal
from spotlane.sandbox.money import plain
from spotlane.sandbox.records import Refused
from spotlane.sandbox.wallet import DepositRecord, WithdrawalOrder, WithdrawalRecord, WithdrawalState

# FILL: the exchange's word for every state that the sandbox's wallet knows.
_STATES = {
    WithdrawalState.REQUESTED: "PENDING",
    WithdrawalState.REVIEWING: "PENDING",
    WithdrawalState.WAITING: "PENDING",
    WithdrawalState.PROCESSING: "SENT",
    WithdrawalState.PACKAGING: "SENT",
    WithdrawalState.CONFIRMING: "SENT",
    WithdrawalState.COMPLETED: "DONE",
    WithdrawalState.FAILED: "FAILED",
    WithdrawalState.CANCELED: "CANCELED",
    WithdrawalState.MANUAL: "MANUAL",
}


def networks(call: Call) -> object:
    """GET networks."""
    return [
        {
            "asset": network.asset,
            "network": network.code,
            "name": network.name,
            "deposits": network.deposit_enabled,
            "withdrawals": network.withdraw_enabled,
            "fee": plain(network.fee),
            "minimum": plain(network.minimum),
            "maximum": plain(network.maximum),
            "step": plain(network.step),
            "confirmations": network.confirmations,
            "needs_memo": network.memo_required,
        }
        for network in call.engine.wallet.networks.values()
    ]


def saved_addresses(call: Call) -> object:
    """GET addresses: the address book of an asset."""
    asset = call.params.required("asset")
    return [
        {**_place(entry.asset, entry.network, entry.address, entry.memo), "label": entry.label}
        for entry in call.engine.wallet.saved_addresses.get(call.account, [])
        if entry.asset == asset
    ]


def deposit_addresses(call: Call) -> object:
    """GET deposit_addresses: those of an asset that were made so far."""
    asset = call.params.required("asset")
    made = {
        network.code: call.engine.wallet.address(call.account, asset, network.code)
        for network in call.engine.wallet.networks_of(asset)
    }
    return [_place(asset, code, *address) for code, address in made.items() if address is not None]


def withdraw(call: Call) -> object:
    """POST withdrawals: the amount includes the fee; a client id may be used again."""
    params = call.params
    amount = params.decimal("amount")
    if amount is None:
        raise malformed("amount")
    order = WithdrawalOrder(
        account=call.account,
        asset=params.required("asset"),
        network=params.required("network"),
        address=params.required("address"),
        amount=amount,
        memo=params.text("memo"),
        client_withdrawal_id=params.text("client_id"),
        remark=params.text("remark"),
    )
    try:
        return _withdrawal(call.engine.wallet.request(order))
    except Refused as refused:
        raise refusal(refused) from None


def cancel(call: Call) -> object:
    """DELETE withdrawals: only before it is sent."""
    try:
        return _withdrawal(call.engine.wallet.cancel(call.account, call.params.required("id")))
    except Refused as refused:
        raise refusal(refused) from None


def withdrawals(call: Call) -> object:
    """GET withdrawals: newest first."""
    asset = call.params.text("asset")
    first_ms, last_ms, limit = call.window()
    call.engine.settle("wallet")
    return [
        _withdrawal(record)
        for record in reversed(call.engine.wallet.withdrawals(call.account))
        if asset in (None, record.order.asset) and first_ms <= record.requested_ms <= last_ms
    ][:limit]


def deposits(call: Call) -> object:
    """GET deposits: newest first."""
    asset = call.params.text("asset")
    first_ms, last_ms, limit = call.window()
    call.engine.settle("wallet")
    return [
        _deposit(record)
        for record in reversed(call.engine.wallet.deposits(call.account))
        if asset in (None, record.network.asset) and first_ms <= record.created_ms <= last_ms
    ][:limit]


def _withdrawal(record: WithdrawalRecord) -> dict[str, object]:
    order, network = record.order, record.network
    return {
        **_place(order.asset, network.code, order.address, order.memo),
        "id": record.withdrawal_id,
        "client_id": order.client_withdrawal_id,
        "amount": plain(order.amount),
        "fee": plain(record.fee),
        "status": _STATES[record.state],
        "tx_id": record.tx_id,
        "created": record.requested_ms,
        "updated": record.updated_ms,
        "remark": order.remark,
    }


def _deposit(record: DepositRecord) -> dict[str, object]:
    network = record.network
    return {
        **_place(network.asset, network.code, record.address, record.memo),
        "amount": plain(record.amount),
        "tx_id": record.tx_id,
        "status": "CREDITED" if record.is_credited else "PENDING",
        "credited": record.is_credited,
        "created": record.created_ms,
        "updated": record.credited_ms if record.is_credited else record.created_ms,
    }


def _place(asset: str, network: str, address: str, memo: str | None) -> dict[str, object]:
    return {"asset": asset, "network": network, "address": address, "memo": memo}
