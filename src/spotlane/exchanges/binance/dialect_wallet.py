"""Coins and networks, withdrawals, deposits, the address book, and what a key may do: the /sapi endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from spotlane.exchanges.binance.dialect_call import Call, Refusal, invalid
from spotlane.exchanges.binance.dialect_market import holdings
from spotlane.sandbox.engine import DAY_MS
from spotlane.sandbox.money import ZERO, plain
from spotlane.sandbox.networks import Network
from spotlane.sandbox.records import Reason, Refused
from spotlane.sandbox.wallet import DepositRecord, WithdrawalOrder, WithdrawalRecord, WithdrawalState

READING, TRADING, WITHDRAWALS = "enableReading", "enableSpotAndMarginTrading", "enableWithdrawals"
_REACH_DAYS, _REACH_BY_ID_DAYS = 90, 7
_MAX_ROWS = 1000
_MAX_IDS = 45
_PENDING, _SUCCESS, _REJECTED = 0, 1, 2
_SPOT_WALLET, _FUNDING_WALLET = 0, 1
_MEMO = "^[0-9A-Za-z\\-_,]{1,120}$"
_CANCELED_STATUS, _APPROVAL_STATUS, _PROCESSING_STATUS, _FAILURE_STATUS, _DONE_STATUS = 1, 2, 4, 5, 6
_STATUSES = {
    WithdrawalState.REQUESTED: 0,
    WithdrawalState.REVIEWING: _APPROVAL_STATUS,
    WithdrawalState.WAITING: _APPROVAL_STATUS,
    WithdrawalState.PROCESSING: _PROCESSING_STATUS,
    WithdrawalState.PACKAGING: _PROCESSING_STATUS,
    WithdrawalState.CONFIRMING: _PROCESSING_STATUS,
    WithdrawalState.COMPLETED: _DONE_STATUS,
    WithdrawalState.FAILED: _FAILURE_STATUS,
    WithdrawalState.CANCELED: _CANCELED_STATUS,
    WithdrawalState.MANUAL: _APPROVAL_STATUS,
}
_Row = TypeVar("_Row")


def coins(call: Call) -> object:
    """GET capital/config/getall: every coin with its networks and the account's own holding."""
    held = holdings(call)
    withdrawing = dict.fromkeys(held, ZERO)
    for record in call.engine.wallet.withdrawals(call.account):
        if not record.state.is_terminal:
            withdrawing[record.order.asset] += record.order.amount
    rows = []
    for asset in dict.fromkeys(network.asset for network in call.engine.wallet.networks.values()):
        networks = call.engine.wallet.networks_of(asset)
        rows.append(
            {
                "coin": asset,
                "depositAllEnable": any(network.deposit_enabled for network in networks),
                "withdrawAllEnable": any(network.withdraw_enabled for network in networks),
                "name": asset,
                "free": plain(held[asset].available),
                "locked": plain(held[asset].locked),
                "freeze": "0",
                "withdrawing": plain(withdrawing[asset]),
                "ipoing": "0",
                "ipoable": "0",
                "storage": "0",
                "isLegalMoney": False,
                "trading": any(
                    asset in (market.listing.base, market.listing.quote) for market in call.engine.markets.values()
                ),
                "networkList": [_network(network, is_default=not index) for index, network in enumerate(networks)],
            }
        )
    return rows


def _network(network: Network, *, is_default: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "network": network.code,
        "coin": network.asset,
        "withdrawIntegerMultiple": plain(network.step),
        "isDefault": is_default,
        "depositEnable": network.deposit_enabled,
        "withdrawEnable": network.withdraw_enabled,
        "depositDesc": "" if network.deposit_enabled else "Deposit suspended",
        "withdrawDesc": "" if network.withdraw_enabled else "Withdrawal suspended",
        "specialTips": "",
        "specialWithdrawTips": "",
        "name": network.name,
        "addressRegex": _address_pattern(network),
        "memoRegex": _MEMO if network.memo_required else "",
        "withdrawFee": plain(network.fee),
        "withdrawMin": plain(network.minimum),
        "withdrawMax": plain(network.maximum),
        "withdrawInternalMin": plain(network.step),
        "depositDust": plain(network.step),
        "minConfirm": network.confirmations,
        "unLockConfirm": 0,
        "sameAddress": network.memo_required,
        "withdrawTag": network.memo_required,
        "estimatedArrivalTime": 1,
        "busy": False,
    }
    if network.contract:
        row["contractAddress"] = network.contract
    return row


def _address_pattern(network: Network) -> str:
    return f"^{re.escape(network.address_prefix)}[0-9A-Za-z]+$"


def withdraw(call: Call) -> object:
    """POST capital/withdraw/apply: the amount includes the fee; withdrawOrderId is kept and never checked."""
    params = call.params
    coin, address = params.required("coin"), params.required("address")
    params.required("amount")
    amount = params.decimal("amount") or ZERO
    wallet_type = params.integer("walletType")
    if wallet_type not in (None, _SPOT_WALLET, _FUNDING_WALLET):
        raise invalid("walletType")
    networks = call.engine.wallet.networks_of(coin)
    if not networks:
        raise Refusal(-4018, "The asset does not exist.")
    code = params.text("network") or networks[0].code
    network = next((network for network in networks if network.code == code), None)
    if network is None:
        raise Refusal(-4019, f"The asset {coin} is not open for withdrawal on {code}.")
    tag = params.text("addressTag")
    if tag is not None and not network.memo_required:
        raise Refusal(-4106, f"The network {code} takes no address tag.")
    if not re.fullmatch(_address_pattern(network), address):
        raise Refusal(-4007, "Address verification failed.")
    if tag is not None and not re.fullmatch(_MEMO, tag):
        raise Refusal(-4008, "Address tag verification failed.")
    # All money is in the spot wallet.
    if wallet_type == _FUNDING_WALLET:
        raise Refusal(-4026, "The user has insufficient balance.")
    order = WithdrawalOrder(
        account=call.account,
        asset=coin,
        network=code,
        address=address,
        amount=amount,
        memo=tag,
        client_withdrawal_id=params.text("withdrawOrderId"),
        remark=params.text("name"),
    )
    try:
        return {"id": call.engine.wallet.request(order).withdrawal_id}
    except Refused as refused:
        raise _refusal(refused, network) from None


def _refusal(refused: Refused, network: Network) -> Refusal:
    texts = {
        Reason.NETWORK_CLOSED: (-4019, f"The asset {network.asset} is not open for withdrawal on {network.code}."),
        Reason.MALFORMED: (-4022, f"The amount must not be less than {plain(network.minimum)}."),
        Reason.AMOUNT_PRECISION: (-4021, f"The amount must be a multiple of {plain(network.step)}."),
        Reason.AMOUNT_TOO_SMALL: (-4022, f"The amount must not be less than {plain(network.minimum)}."),
        Reason.AMOUNT_TOO_LARGE: (-4016, f"Withdrawals are limited to {plain(network.maximum)}."),
        Reason.MEMO_MISSING: (-4008, "Address tag verification failed."),
        Reason.ADDRESS_NOT_SAVED: (-4035, "This address is not on the withdrawal allow-list."),
        Reason.INSUFFICIENT_BALANCE: (-4026, "The user has insufficient balance."),
    }
    return Refusal(*texts[refused.reason])


def withdrawals(call: Call) -> object:
    """GET capital/withdraw/history: newest first; 90 days, or seven where a withdrawOrderId is given."""
    params = call.params
    coin, status, client_id = params.text("coin"), params.integer("status"), params.text("withdrawOrderId")
    id_list = params.text("idList")
    ids = None if id_list is None else id_list.split(",")
    if ids is not None and len(ids) > _MAX_IDS:
        raise invalid("idList")
    call.engine.settle("wallet")
    rows = [
        record
        for record in reversed(call.engine.wallet.withdrawals(call.account))
        if coin in (None, record.order.asset)
        and status in (None, _STATUSES[record.state])
        and client_id in (None, record.order.client_withdrawal_id)
        and (ids is None or record.withdrawal_id in ids)
    ]
    days = _REACH_DAYS if client_id is None else _REACH_BY_ID_DAYS
    return [_withdrawal(record) for record in _within(call, rows, lambda record: record.requested_ms, days)]


def _withdrawal(record: WithdrawalRecord) -> dict[str, object]:
    order, network = record.order, record.network
    row: dict[str, object] = {
        "id": record.withdrawal_id,
        "amount": plain(order.amount - record.fee),
        "transactionFee": plain(record.fee),
        "coin": order.asset,
        "status": _STATUSES[record.state],
        "address": order.address,
        "txId": record.tx_id or "",
        "applyTime": _utc(record.requested_ms),
        "network": network.code,
        "transferType": 0,
        "info": "",
        "confirmNo": network.confirmations if record.state is WithdrawalState.COMPLETED else 0,
        "walletType": _SPOT_WALLET,
        "txKey": "",
    }
    if order.memo is not None:
        row["addressTag"] = order.memo
    if order.client_withdrawal_id is not None:
        row["withdrawOrderId"] = order.client_withdrawal_id
    if record.state is WithdrawalState.COMPLETED:
        row["completeTime"] = _utc(record.updated_ms)
    return row


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def address_book(call: Call) -> object:
    """GET capital/withdraw/address/list: the allow-list; addressTag is the memo, name the label."""
    networks = call.engine.wallet.networks
    return [
        {
            "address": entry.address,
            "addressTag": entry.memo or "",
            "coin": entry.asset,
            "name": entry.label,
            "network": networks[entry.asset, entry.network].code,
            "origin": "",
            "originType": "",
            "whiteStatus": True,
        }
        for entry in call.engine.wallet.saved_addresses.get(call.account, [])
    ]


def deposits(call: Call) -> object:
    """GET capital/deposit/hisrec: newest first; 90 days."""
    params = call.params
    coin, status, tx_id = params.text("coin"), params.integer("status"), params.text("txId")
    call.engine.settle("wallet")
    rows = [
        record
        for record in reversed(call.engine.wallet.deposits(call.account))
        if coin in (None, record.network.asset)
        and status in (None, _deposit_status(record))
        and tx_id in (None, record.tx_id)
    ]
    chosen = _within(call, rows, lambda record: record.created_ms, _REACH_DAYS)
    return [_deposit(record) for record in chosen]


def _deposit_status(record: DepositRecord) -> int:
    if record.is_rejected:
        return _REJECTED
    return _SUCCESS if record.is_credited else _PENDING


def _deposit(record: DepositRecord) -> dict[str, object]:
    network = record.network
    confirmed = network.confirmations if record.is_credited else 0
    row: dict[str, object] = {
        "id": record.tx_id[:18],
        "amount": plain(record.amount),
        "coin": network.asset,
        "network": network.code,
        "status": _deposit_status(record),
        "address": record.address,
        "addressTag": record.memo or "",
        "txId": record.tx_id,
        "insertTime": record.created_ms,
        "transferType": 0,
        "confirmTimes": f"{confirmed}/{network.confirmations}",
        "unlockConfirm": network.confirmations,
        "walletType": _SPOT_WALLET,
    }
    if record.is_credited:
        row["completeTime"] = record.credited_ms
    return row


def deposit_address(call: Call) -> object:
    """GET capital/deposit/address: of the default network unless one is named."""
    coin = call.params.required("coin")
    networks = call.engine.wallet.networks_of(coin)
    if not networks:
        raise Refusal(-4018, "The asset does not exist.")
    code = call.params.text("network") or networks[0].code
    if code not in [network.code for network in networks]:
        raise Refusal(-4019, f"The asset {coin} has no network {code}.")
    address, memo = call.engine.wallet.create_address(call.account, coin, code)
    return {"coin": coin, "address": address, "tag": memo or "", "url": ""}


def key_restrictions(call: Call) -> object:
    """GET account/apiRestrictions: what the key may do."""
    key = call.owner
    row: dict[str, object] = {
        "ipRestrict": bool(key.ip_allow_list),
        "createTime": key.created_ms,
        "enableReading": READING in key.permissions,
        "enableWithdrawals": WITHDRAWALS in key.permissions,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": TRADING in key.permissions,
        "enablePortfolioMarginTrading": False,
    }
    if key.expires_ms is not None:
        row["tradingAuthorityExpirationTime"] = key.expires_ms
    return row


def _within(call: Call, rows: Iterable[_Row], time_of: Callable[[_Row], int], days: int) -> list[_Row]:
    """Keep one page of the rows of the asked-for window, which is the latest days unless told otherwise."""
    start_ms, end_ms = (call.params.time_ms(name, call.now_ms) for name in ("startTime", "endTime"))
    last_ms = call.now_ms if end_ms is None else end_ms
    first_ms = last_ms - days * DAY_MS if start_ms is None else start_ms
    if last_ms - first_ms > days * DAY_MS:
        raise Refusal(-4047, f"The time interval must be within 0-{days} days.")
    offset = call.params.integer("offset") or 0
    limit = call.params.limit(_MAX_ROWS, _MAX_ROWS)
    return [row for row in rows if first_ms <= time_of(row) <= last_ms][offset : offset + limit]
