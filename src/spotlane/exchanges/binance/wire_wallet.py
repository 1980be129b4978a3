"""Binance's wire format for withdrawals, deposits and what stands around them. Every amount is a string here."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Inexact, InvalidOperation

from spotlane._core.encoding import QueryTemplate
from spotlane.errors import DecodeError
from spotlane.exchanges._json import Row, amount, limit, load, load_object, optional, rows, whole, word
from spotlane.exchanges.binance.wire import OnUnknown
from spotlane.structs import (
    AssetName,
    AssetNetwork,
    Deposit,
    DepositAddress,
    SavedAddress,
    WithdrawalRequest,
    WithdrawalResponse,
    WithdrawalStatus,
)

_EXCHANGE = "binance"
_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])
_SPOT_WALLET = 0

_STATUSES = {
    0: WithdrawalStatus.PENDING,
    1: WithdrawalStatus.CANCELED,
    2: WithdrawalStatus.MANUAL_REVIEW,
    3: WithdrawalStatus.FAILED,
    4: WithdrawalStatus.PROCESSING,
    5: WithdrawalStatus.FAILED,
    6: WithdrawalStatus.COMPLETED,
}
# 6 is credited and can be traded, but not withdrawn yet.
_CREDITED = frozenset({1, 6})

_WITHDRAW = QueryTemplate(
    ("coin", "network", "address", "addressTag", "amount", "withdrawOrderId", "walletType")
)  # fmt: skip
WITHDRAWALS_QUERY = QueryTemplate(("coin", "startTime", "endTime", "limit"))
WITHDRAWAL_QUERY = QueryTemplate(("coin", "withdrawOrderId"))
DEPOSITS_QUERY = QueryTemplate(("coin", "startTime", "endTime", "limit"))
DEPOSIT_ADDRESS_QUERY = QueryTemplate(("coin", "network"))


def withdraw_query(request: WithdrawalRequest) -> bytes:
    """Encode a withdrawal from the spot wallet, which is not what Binance takes where none is named."""
    return _WITHDRAW.fill(
        request.asset,
        request.network,
        request.address,
        request.memo,
        request.amount,
        request.client_withdrawal_id,
        _SPOT_WALLET,
    )


def read_withdrawn(body: bytes) -> WithdrawalResponse:
    """Read the acknowledgement of a withdrawal: its id, and nothing of its state."""
    return WithdrawalResponse(exchange=_EXCHANGE, withdrawal_id=word(load_object(body), "id"))


def read_withdrawals(body: bytes, on_unknown: OnUnknown) -> list[WithdrawalResponse]:
    """Read an array of withdrawals."""
    return [_read_withdrawal(row, on_unknown) for row in rows(load(body))]


def _read_withdrawal(row: Row, on_unknown: OnUnknown) -> WithdrawalResponse:
    net, fee, told = amount(row, "amount"), amount(row, "transactionFee"), whole(row, "status")
    status = _STATUSES.get(told)
    if status is None:
        on_unknown("withdrawal.status", str(told))
    return WithdrawalResponse(
        exchange=_EXCHANGE,
        withdrawal_id=word(row, "id"),
        client_withdrawal_id=optional(row, "withdrawOrderId", str) or None,
        asset=word(row, "coin"),
        # What was asked for includes the fee; what is listed does not.
        amount=_EXACT.add(net, fee) if net is not None and fee is not None else None,
        fee=fee,
        address=word(row, "address"),
        network=optional(row, "network", str) or None,
        memo=optional(row, "addressTag", str) or None,
        status=status or WithdrawalStatus.UNKNOWN,
        tx_id=optional(row, "txId", str) or None,
        created_ms=_moment_ms(row, "applyTime"),
        updated_ms=_moment_ms(row, "completeTime"),
    )


def _moment_ms(row: Row, key: str) -> int | None:
    """Return a time that is told as text, in UTC and whole seconds."""
    told = optional(row, key, str)
    if not told:
        return None
    try:
        moment = datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise DecodeError("a time as 2019-10-12 11:12:02 was expected", field=key) from None
    return int(moment.timestamp()) * 1_000


def read_deposits(body: bytes, symbols: object) -> list[Deposit]:
    """Read an array of deposits."""
    return [_read_deposit(row) for row in rows(load(body))]


def _read_deposit(row: Row) -> Deposit:
    told, status = amount(row, "amount"), whole(row, "status")
    if told is None:
        raise DecodeError("an amount was expected", field="amount")
    return Deposit(
        exchange=_EXCHANGE,
        asset=word(row, "coin"),
        amount=told,
        network=optional(row, "network", str) or None,
        address=optional(row, "address", str) or None,
        memo=optional(row, "addressTag", str) or None,
        tx_id=optional(row, "txId", str) or None,
        status=str(status),
        is_credited=status in _CREDITED,
        created_ms=whole(row, "insertTime"),
        updated_ms=optional(row, "completeTime", int),
    )


def read_networks(body: bytes, symbols: object) -> dict[AssetName, list[AssetNetwork]]:
    """Read the networks of every asset."""
    return {
        word(coin, "coin"): [_read_network(coin, row) for row in rows(coin.get("networkList"), "networkList")]
        for coin in rows(load(body))
    }


def _read_network(coin: Row, row: Row) -> AssetNetwork:
    is_open = optional(coin, "withdrawAllEnable", bool) is not False and optional(row, "busy", bool) is not True
    return AssetNetwork(
        exchange=_EXCHANGE,
        asset=word(coin, "coin"),
        network=word(row, "network"),
        network_name=optional(row, "name", str) or None,
        deposit_enabled=optional(row, "depositEnable", bool),
        withdraw_enabled=optional(row, "withdrawEnable", bool) if is_open else False,
        withdrawal_fee=amount(row, "withdrawFee"),
        withdrawal_minimum=limit(row, "withdrawMin"),
        withdrawal_maximum=limit(row, "withdrawMax"),
        withdrawal_step=limit(row, "withdrawIntegerMultiple"),
        confirmations=optional(row, "minConfirm", int),
        memo_required=optional(row, "withdrawTag", bool),
        contract_address=optional(row, "contractAddress", str) or None,
    )


def read_saved_addresses(body: bytes, symbols: object) -> list[SavedAddress]:
    """Read the whole withdrawal address list; it can't be had for one asset."""
    return [
        SavedAddress(
            exchange=_EXCHANGE,
            asset=word(row, "coin"),
            network=optional(row, "network", str) or None,
            address=word(row, "address"),
            memo=optional(row, "addressTag", str) or None,
            label=optional(row, "name", str) or None,
        )
        for row in rows(load(body))
    ]


def read_deposit_address(body: bytes, network: str | None) -> DepositAddress:
    """Read one deposit address; the reply does not say on which network it is."""
    row = load_object(body)
    return DepositAddress(
        _EXCHANGE, word(row, "coin"), network, word(row, "address"), optional(row, "tag", str) or None
    )
