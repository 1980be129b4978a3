"""MEXC's wire format for withdrawals, deposits, networks, addresses and fee rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from spotlane._core.decoding import Decoder, choice, number, text, timestamp
from spotlane._core.encoding import QueryTemplate
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.exchanges._json import Row, amount, limit, load, load_object, optional, rows, word
from spotlane.exchanges._rates import FeeRates
from spotlane.exchanges.mexc.wire import EXCHANGE
from spotlane.structs import (
    AssetName,
    AssetNetwork,
    Deposit,
    DepositAddress,
    SavedAddress,
    Symbol,
    TradingFee,
    WithdrawalRequest,
    WithdrawalResponse,
    WithdrawalStatus,
)

# Numbers of capital/withdraw/history; 10 is handled by hand and may still end either way.
_STATUSES = {
    1: WithdrawalStatus.PENDING,
    2: WithdrawalStatus.PENDING,
    3: WithdrawalStatus.PENDING,
    4: WithdrawalStatus.PROCESSING,
    5: WithdrawalStatus.PROCESSING,
    6: WithdrawalStatus.PROCESSING,
    7: WithdrawalStatus.COMPLETED,
    8: WithdrawalStatus.FAILED,
    9: WithdrawalStatus.CANCELED,
    10: WithdrawalStatus.MANUAL_REVIEW,
}
_CREDITED = "5"

WITHDRAW_QUERY = QueryTemplate(("coin", "withdrawOrderId", "netWork", "address", "memo", "amount", "remark"))
WALLET_QUERY = QueryTemplate(("coin", "startTime", "endTime", "limit"))
ASSET_QUERY = QueryTemplate(("coin",))
BOOK_QUERY = QueryTemplate(("coin", "page"))
ID_QUERY = QueryTemplate(("id",))

# The acknowledgement carries the id alone; the state is the first of the table above.
WITHDRAWN = Decoder(
    WithdrawalResponse,
    "withdrawal",
    columns=(text("id", "withdrawal_id"),),
    constants={**EXCHANGE, "status": WithdrawalStatus.PENDING},
)


class _WithdrawalRow(Struct, kw_only=True):
    """A row of the history, with the two pairs of names that are sorted out afterwards."""

    __slots__ = ()

    withdrawal_id: str = field(of=str)
    client_withdrawal_id: str | None = field(of=str, default=None)
    coin: str = field(of=str)
    amount: Decimal = money()
    fee: Decimal | None = money(default=None)
    address: str | None = field(of=str, default=None)
    network_name: str | None = field(of=str, default=None)
    network_code: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)
    status: WithdrawalStatus = field(of=WithdrawalStatus)
    tx_id: str | None = field(of=str, default=None)
    tx_hash: str | None = field(of=str, default=None)
    created_ms: int | None = timestamp_ms(default=None)
    updated_ms: int | None = timestamp_ms(default=None)
    remark: str | None = field(of=str, default=None)


_WITHDRAWAL_ROW = Decoder(
    _WithdrawalRow,
    "withdrawals",
    columns=(
        text("id", "withdrawal_id"),
        text("withdrawOrderId", "client_withdrawal_id"),
        text("coin", "coin"),
        number("amount", "amount"),
        number("transactionFee", "fee"),
        text("address", "address"),
        text("network", "network_name"),
        text("netWork", "network_code"),
        text("memo", "memo"),
        choice("status", "status", _STATUSES, unknown=WithdrawalStatus.UNKNOWN),
        text("txId", "tx_id"),
        text("transHash", "tx_hash"),
        timestamp("applyTime", "created_ms"),
        timestamp("updateTime", "updated_ms"),
        text("remark", "remark"),
    ),
)


class _DepositRow(Struct, kw_only=True):
    __slots__ = ()

    coin: str = field(of=str)
    amount: Decimal = money()
    network_name: str | None = field(of=str, default=None)
    network_code: str | None = field(of=str, default=None)
    address: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)
    tx_id: str | None = field(of=str, default=None)
    tx_hash: str | None = field(of=str, default=None)
    status: str | None = field(of=str, default=None)
    created_ms: int | None = timestamp_ms(default=None)
    updated_ms: int | None = timestamp_ms(default=None)


_DEPOSIT_ROW = Decoder(
    _DepositRow,
    "deposits",
    columns=(
        text("coin", "coin"),
        number("amount", "amount"),
        text("network", "network_name"),
        text("netWork", "network_code"),
        text("address", "address"),
        text("memo", "memo"),
        text("txId", "tx_id"),
        text("transHash", "tx_hash"),
        text("status", "status"),
        timestamp("insertTime", "created_ms"),
        timestamp("updateTime", "updated_ms"),
    ),
)


# The only amounts that MEXC sends as JSON numbers, 0E-18 among them.
_RATES = Decoder(
    FeeRates,
    "fee rates",
    columns=(number("makerCommission", "maker"), number("takerCommission", "taker")),
    within=("data",),
)


def withdraw_query(request: WithdrawalRequest) -> bytes:
    """Encode a withdrawal whose network is MEXC's code. MEXC takes its fee out of the amount."""
    return WITHDRAW_QUERY.fill(
        request.asset,
        request.client_withdrawal_id,
        request.network,
        request.address,
        request.memo,
        request.amount,
        request.remark,
    )


def read_withdrawals(body: bytes, on_unknown: Callable[[str, str], None]) -> list[WithdrawalResponse]:
    """Read a page of the withdrawal history."""
    return [
        WithdrawalResponse(
            exchange="mexc",
            withdrawal_id=row.withdrawal_id,
            client_withdrawal_id=row.client_withdrawal_id,
            asset=_asset(row.coin, row.network_code),
            amount=row.amount,
            fee=row.fee,
            address=row.address,
            network=row.network_code or row.network_name,
            memo=row.memo,
            status=row.status,
            tx_id=row.tx_hash or _without_output(row.tx_id),
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
            remark=row.remark,
        )
        for row in _WITHDRAWAL_ROW.many(body, on_unknown=on_unknown)
    ]


def read_deposits(body: bytes, symbols: object) -> list[Deposit]:
    """Read a page of the deposit history. Only status 5 is credited."""
    return [
        Deposit(
            exchange="mexc",
            asset=_asset(row.coin, row.network_code),
            amount=row.amount,
            network=row.network_code or row.network_name,
            address=row.address,
            memo=row.memo,
            tx_id=row.tx_hash or _without_output(row.tx_id),
            status=row.status,
            is_credited=row.status == _CREDITED,
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
        )
        for row in _DEPOSIT_ROW.many(body)
    ]


def read_fee(body: bytes, symbol: Symbol) -> TradingFee:
    """Read the fee rates of a symbol."""
    rates = _RATES.one(body)
    return TradingFee("mexc", symbol, rates.maker, rates.taker)


def read_networks(body: bytes, symbols: object) -> Mapping[AssetName, list[AssetNetwork]]:
    """Read the networks of every asset. `netWork` is the code to withdraw with, `network` what MEXC displays."""
    networks: dict[AssetName, list[AssetNetwork]] = {}
    for coin in rows(load(body)):
        networks[word(coin, "coin")] = [
            AssetNetwork(
                exchange="mexc",
                asset=word(coin, "coin"),
                network=word(row, "netWork"),
                network_name=optional(row, "network", str),
                deposit_enabled=optional(row, "depositEnable", bool),
                withdraw_enabled=optional(row, "withdrawEnable", bool),
                withdrawal_fee=amount(row, "withdrawFee"),
                withdrawal_minimum=amount(row, "withdrawMin"),
                withdrawal_maximum=limit(row, "withdrawMax"),
                withdrawal_step=amount(row, "withdrawIntegerMultiple"),
                confirmations=optional(row, "minConfirm", int),
                memo_required=_wants_memo(row),
                contract_address=optional(row, "contract", str) or None,
            )
            for row in rows(coin.get("networkList"), "networkList")
        ]
    return networks


def read_deposit_addresses(body: bytes, symbols: object) -> list[DepositAddress]:
    """Read deposit addresses: an array, or a single object."""
    told = load(body)
    return [
        DepositAddress(
            "mexc",
            word(row, "coin"),
            optional(row, "netWork", str) or optional(row, "network", str),
            optional(row, "address", str),
            optional(row, "memo", str) or optional(row, "tag", str) or None,
        )
        for row in rows([told] if isinstance(told, dict) else told)
    ]


def read_saved_addresses(body: bytes, symbols: object) -> tuple[list[SavedAddress], int]:
    """Read a page of the address book, and how many pages there are. `addressTag` is a label, not a memo."""
    told = load_object(body)
    saved = [
        SavedAddress(
            "mexc",
            word(row, "coin"),
            optional(row, "netWork", str) or optional(row, "network", str),
            optional(row, "address", str),
            optional(row, "memo", str) or None,
            optional(row, "addressTag", str),
        )
        for row in rows(told.get("data"), "data")
    ]
    pages = told.get("totalPageNum")
    return saved, pages if type(pages) is int else 1


def _asset(coin: str, network: str | None) -> AssetName:
    """Return the asset of a coin that may carry its chain as a suffix, as in USDT-ETH."""
    asset, dash, suffix = coin.rpartition("-")
    return asset if dash and suffix == network else coin


def _without_output(tx_id: str | None) -> str | None:
    """Return a transaction id without the output number that some chains' ids end with, as in ab12:0."""
    return tx_id.partition(":")[0] if tx_id else None


def _wants_memo(row: Row) -> bool:
    # MEXC has no field for it: the tips are the only place that says so.
    tips = f"{row.get('withdrawTips') or ''} {row.get('depositTips') or ''}".upper()
    return "MEMO" in tips and "REQUIRED" in tips
