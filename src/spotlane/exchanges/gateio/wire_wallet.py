"""Gate's wire format for withdrawals, deposits, chains, addresses and fee rates."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from spotlane._core.decoding import Decoder, choice, number, text, timestamp
from spotlane._core.encoding import QueryTemplate
from spotlane._core.json_encoding import JsonTemplate
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.exchanges._json import Row, amount, limit, load, load_object, optional, rows, word
from spotlane.exchanges._rates import FeeRates
from spotlane.exchanges.gateio.wire import EXCHANGE
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

# FAIL is not the end: the exchange may try again. BCODE is a voucher, which ends with its making.
_STATUSES = {
    "REQUEST": WithdrawalStatus.PENDING,
    "VERIFY": WithdrawalStatus.PENDING,
    "FVERIFY": WithdrawalStatus.PENDING,
    "MANUAL": WithdrawalStatus.MANUAL_REVIEW,
    "DMOVE": WithdrawalStatus.MANUAL_REVIEW,
    "REVIEW": WithdrawalStatus.MANUAL_REVIEW,
    "PEND": WithdrawalStatus.PROCESSING,
    "PROCES": WithdrawalStatus.PROCESSING,
    "LOCKED": WithdrawalStatus.PROCESSING,
    "SPLITPEND": WithdrawalStatus.PROCESSING,
    "EXTPEND": WithdrawalStatus.PROCESSING,
    "FAIL": WithdrawalStatus.PROCESSING,
    "CANCELPEND": WithdrawalStatus.PROCESSING,
    "CANCEL": WithdrawalStatus.CANCELED,
    "REJECT": WithdrawalStatus.FAILED,
    "INVALID": WithdrawalStatus.FAILED,
    "BCODE": WithdrawalStatus.COMPLETED,
    "DONE": WithdrawalStatus.COMPLETED,
}
_CREDITED = frozenset({"DONE", "DEP_CREDITED"})

WITHDRAW_BODY = JsonTemplate(("withdraw_order_id", "currency", "chain", "address", "memo", "amount"))
ASSET_QUERY = QueryTemplate(("currency",))
PAIR_QUERY = QueryTemplate(("currency_pair",))
BOOK_QUERY = QueryTemplate(("currency", "page", "limit"))
WITHDRAWALS_QUERY = QueryTemplate(("currency", "withdraw_id", "withdraw_order_id", "from", "to", "limit"))
DEPOSITS_QUERY = QueryTemplate(("currency", "from", "to", "limit"))
BOOK_PAGE_ROWS = 100
_NESTED = re.compile(rb"\s*\[\s*(\[.*\])\s*\]\s*", re.DOTALL)

_WITHDRAWAL = Decoder(
    WithdrawalResponse,
    "withdrawal",
    columns=(
        text("id", "withdrawal_id"),
        text("withdraw_order_id", "client_withdrawal_id"),
        text("currency", "asset"),
        number("amount", "amount"),
        number("fee", "fee"),
        text("address", "address"),
        text("chain", "network"),
        text("memo", "memo"),
        choice("status", "status", _STATUSES, unknown=WithdrawalStatus.UNKNOWN),
        text("txid", "tx_id"),
        timestamp("timestamp", "created_ms", unit="s"),
        timestamp("timestamp2", "updated_ms", unit="s", zero_is_none=True),
    ),
    constants=EXCHANGE,
)


class _DepositRow(Struct, kw_only=True):
    __slots__ = ()

    asset: str = field(of=str)
    amount: Decimal = money()
    network: str | None = field(of=str, default=None)
    address: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)
    tx_id: str | None = field(of=str, default=None)
    status: str | None = field(of=str, default=None)
    created_ms: int | None = timestamp_ms(default=None)


_DEPOSIT_ROW = Decoder(
    _DepositRow,
    "deposit",
    columns=(
        text("currency", "asset"),
        number("amount", "amount"),
        text("chain", "network"),
        text("address", "address"),
        text("memo", "memo"),
        text("txid", "tx_id"),
        text("status", "status"),
        timestamp("timestamp", "created_ms", unit="s"),
    ),
)


_RATES = Decoder(FeeRates, "fee rates", columns=(number("maker_fee", "maker"), number("taker_fee", "taker")))


def withdraw_body(request: WithdrawalRequest) -> bytes:
    """Encode a withdrawal whose network is Gate's chain name."""
    return WITHDRAW_BODY.fill(
        request.client_withdrawal_id,
        request.asset,
        request.network,
        request.address,
        request.memo or "",
        request.amount,
    )


def read_withdrawal(body: bytes) -> WithdrawalResponse:
    """Read one withdrawal."""
    return _WITHDRAWAL.one(body)


def read_withdrawals(body: bytes, on_unknown: Callable[[str, str], None]) -> list[WithdrawalResponse]:
    """Read a page of the withdrawal history. A published example has it in a second pair of brackets."""
    nested = _NESTED.fullmatch(body)
    return _WITHDRAWAL.many(body if nested is None else nested[1], on_unknown=on_unknown)


def read_deposits(body: bytes, symbols: object) -> list[Deposit]:
    """Read a page of the deposit history."""
    return [
        Deposit(
            exchange="gateio",
            asset=row.asset,
            amount=row.amount,
            network=row.network,
            address=row.address,
            memo=row.memo,
            tx_id=row.tx_id,
            status=row.status,
            is_credited=row.status in _CREDITED,
            created_ms=row.created_ms,
        )
        for row in _DEPOSIT_ROW.many(body)
    ]


def read_fee(body: bytes, symbol: Symbol) -> TradingFee:
    """Read the fee rates of a pair."""
    rates = _RATES.one(body)
    return TradingFee("gateio", symbol, rates.maker, rates.taker)


def read_chains(body: bytes, symbols: object) -> list[Row]:
    """Read the chains of an asset, without fees and limits."""
    return rows(load(body))


def read_withdraw_status(body: bytes, symbols: object) -> Row:
    """Read fees and limits of withdrawing one asset."""
    told = rows(load(body))
    return told[0] if told else {}


def merge_networks(asset: AssetName, chains: list[Row], limits: Row) -> list[AssetNetwork]:
    """Put the chains of an asset together with its fees and limits; Gate gives the latter per asset, not per chain."""
    return [
        AssetNetwork(
            exchange="gateio",
            asset=asset,
            network=word(row, "chain"),
            network_name=row.get("name_en") or None,
            deposit_enabled=not (row.get("is_disabled") or row.get("is_deposit_disabled")),
            withdraw_enabled=not (row.get("is_disabled") or row.get("is_withdraw_disabled")),
            withdrawal_fee=_fee(word(row, "chain"), limits),
            withdrawal_minimum=amount(limits, "withdraw_amount_mini"),
            withdrawal_maximum=limit(limits, "withdraw_eachtime_limit"),
            withdrawal_step=_decimals(row.get("decimal")),
            memo_required=bool(row.get("is_tag")),
            contract_address=row.get("contract_address") or None,
        )
        for row in chains
    ]


def read_deposit_addresses(body: bytes, symbols: object) -> list[DepositAddress]:
    """Read deposit addresses. The top-level address may be a sentence, so only those of the chains are taken."""
    told = load_object(body)
    return [
        DepositAddress(
            "gateio",
            word(told, "currency"),
            optional(row, "chain", str),
            optional(row, "address", str),
            optional(row, "payment_id", str) or None,
        )
        for row in rows(told.get("multichain_addresses") or [], "multichain_addresses")
        if not row.get("obtain_failed")
    ]


def read_saved_addresses(body: bytes, symbols: object) -> tuple[list[SavedAddress], int]:
    """Read a page of the address book: the verified addresses (Gate refuses the others), and how many rows it has."""
    told = rows(load(body))
    saved = [
        SavedAddress(
            "gateio",
            word(row, "currency"),
            optional(row, "chain", str),
            optional(row, "address", str),
            optional(row, "tag", str) or None,
            optional(row, "name", str),
        )
        for row in told
        if row.get("verified") == "1"
    ]
    return saved, len(told)


def _fee(chain: str, limits: Row) -> Decimal | None:
    """Return the fee of a chain, or None where a part of the amount comes on top: it is then no fixed sum."""
    shares = limits.get("withdraw_percent_on_chains") or {}
    share = shares.get(chain, limits.get("withdraw_percent"))
    if str(share or "0").strip("0.%"):
        return None
    fees = limits.get("withdraw_fix_on_chains") or {}
    return amount(fees, chain) if chain in fees else amount(limits, "withdraw_fix")


def _decimals(told: object) -> Decimal | None:
    """Return the step of an amount with so many decimals, told as a text or a number, or None where none is told."""
    text_of = str(told) if told is not None else ""
    return Decimal((0, (1,), -int(text_of))) if text_of.isdigit() and int(text_of) <= 30 else None
