"""What is traded and moved: symbols, orders, trades, balances, withdrawals and deposits.

All are immutable. Money is an exact Decimal, a time is integer milliseconds since the epoch (UTC), and what is not
known is None, never 0. The constructors check types and signs; an exchange's own rules are checked where an order is
placed.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal

from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.errors import UsageError
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce, WithdrawalStatus
from spotlane.structs.types import AssetName, ExchangeName, TimestampMs

# Own contexts: the caller's may round to three digits or trap on everything.
_QUOTIENT = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999, clamp=0, traps=[])
_EXACT = Context(prec=MAX_PREC, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, clamp=0, traps=[])


def _check_asset(name: str, value: str) -> None:
    if not value:
        raise UsageError(f"{name} is empty")
    odd = [character for character in value if not (character.isalnum() or character in "_-.")]
    if odd:
        raise UsageError(f"{name} has {odd[0]!r} in it, which no asset name has: {value!r}")
    if value != value.upper():
        raise UsageError(f"{name} is written in upper case: {value.upper()!r}, not {value!r}")


class Symbol(Struct):
    """A pair of assets in upper case: base is bought and sold, quote is what it is priced in."""

    __slots__ = ()

    base: AssetName = field(of=str, check=_check_asset)
    quote: AssetName = field(of=str, check=_check_asset)

    @classmethod
    def parse(cls, text: str) -> Symbol:
        """Make a symbol from "BASE/QUOTE". Raises UsageError for any other form."""
        base, slash, quote = text.partition("/")
        if not slash or not base or not quote or "/" in quote:
            raise UsageError(f'a symbol is written "BASE/QUOTE", for example "BTC/USDT", not {text!r}')
        return cls(base, quote)

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


class OrderParams(Struct):
    """An order as the caller wants it placed.

    quantity is in base, quote_quantity in quote; which of them, and whether a price, an order type takes is checked
    against the exchange's rules when it is placed. client_order_id is made up where it is None.
    """

    __slots__ = ()

    symbol: Symbol = field(of=Symbol)
    side: Side = field(of=Side)
    order_type: OrderType = field(of=OrderType)
    quantity: Decimal | None = money(default=None)
    price: Decimal | None = money(default=None)
    quote_quantity: Decimal | None = money(default=None)
    time_in_force: TimeInForce | None = field(of=TimeInForce, default=None)
    client_order_id: str | None = field(of=str, default=None)
    stop_price: Decimal | None = money(default=None)
    iceberg_quantity: Decimal | None = money(default=None)
    self_trade_prevention: str | None = field(of=str, default=None)


def _average_price(order: Order) -> Decimal | None:
    filled, filled_quote = order.filled_quantity, order.filled_quote_quantity
    if not filled or filled_quote is None:
        return None
    return _QUOTIENT.divide(filled_quote, filled)


class Order(Struct, kw_only=True):
    """An order as the exchange tells it.

    quantity, filled_quantity and fee amounts are exact. average_price is the exchange's where it tells one, otherwise
    filled_quote_quantity / filled_quantity to 34 digits, half-even. fee is negative for a rebate. raw_status and
    raw_type are the exchange's own words for status and order_type.
    """

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    symbol: Symbol = field(of=Symbol)
    order_id: str = field(of=str)
    client_order_id: str | None = field(of=str, default=None)
    side: Side = field(of=Side)
    order_type: OrderType = field(of=OrderType, default=OrderType.OTHER)
    time_in_force: TimeInForce | None = field(of=TimeInForce, default=None)
    status: OrderStatus = field(of=OrderStatus, default=OrderStatus.UNKNOWN)
    price: Decimal | None = money(default=None)
    quantity: Decimal | None = money(default=None)
    quote_quantity: Decimal | None = money(default=None)
    filled_quantity: Decimal | None = money(default=None)
    filled_quote_quantity: Decimal | None = money(default=None)
    average_price: Decimal | None = money(default=None, derive=_average_price)
    fee: Decimal | None = money(default=None, signed=True)
    fee_asset: AssetName | None = field(of=str, default=None)
    created_ms: TimestampMs | None = timestamp_ms(default=None)
    updated_ms: TimestampMs | None = timestamp_ms(default=None)
    raw_status: str | None = field(of=str, default=None)
    raw_type: str | None = field(of=str, default=None)

    @property
    def remaining_quantity(self) -> Decimal | None:
        """Quantity still unfilled, in base. None for an order sized in quote and where a part of it is unknown."""
        quantity, filled = self.quantity, self.filled_quantity
        if quantity is None or filled is None or self.quote_quantity is not None:
            return None
        return _EXACT.subtract(quantity, filled)

    @property
    def is_done(self) -> bool:
        """Whether nothing more can happen to the order. False while its state is unknown."""
        return self.status.is_terminal


class AssetBalance(Struct):
    """What an account holds of one asset: available to trade, and locked in orders or withdrawals."""

    __slots__ = ()

    asset: AssetName = field(of=str)
    available: Decimal = money()
    locked: Decimal = money()

    @property
    def total(self) -> Decimal:
        """Available and locked together."""
        return _EXACT.add(self.available, self.locked)


class Trade(Struct, kw_only=True):
    """One fill of an own order. fee is negative for a rebate."""

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    symbol: Symbol = field(of=Symbol)
    trade_id: str = field(of=str)
    order_id: str | None = field(of=str, default=None)
    client_order_id: str | None = field(of=str, default=None)
    side: Side = field(of=Side)
    price: Decimal = money()
    quantity: Decimal = money()
    quote_quantity: Decimal | None = money(default=None)
    fee: Decimal | None = money(default=None, signed=True)
    fee_asset: AssetName | None = field(of=str, default=None)
    is_maker: bool | None = field(of=bool, default=None)
    time_ms: TimestampMs | None = timestamp_ms(default=None)


class WithdrawalRequest(Struct):
    """A withdrawal as the caller wants it.

    network is the exchange's code of the network, its canonical name (TRC20, ERC20, ...) or the name that the exchange
    displays. one_time_code shows nowhere: not in repr, to_dict or a pickle (the unpickled
    request has None).
    """

    __slots__ = ()

    asset: AssetName = field(of=str)
    amount: Decimal = money()
    address: str = field(of=str)
    network: str = field(of=str)
    memo: str | None = field(of=str, default=None)
    client_withdrawal_id: str | None = field(of=str, default=None)
    remark: str | None = field(of=str, default=None)
    one_time_code: str | None = field(of=str, default=None, secret=True)


class WithdrawalResponse(Struct, kw_only=True):
    """A withdrawal as the exchange tells it. An acknowledgement carries little more than withdrawal_id."""

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    withdrawal_id: str = field(of=str)
    client_withdrawal_id: str | None = field(of=str, default=None)
    asset: AssetName | None = field(of=str, default=None)
    amount: Decimal | None = money(default=None)
    fee: Decimal | None = money(default=None)
    address: str | None = field(of=str, default=None)
    network: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)
    status: WithdrawalStatus = field(of=WithdrawalStatus, default=WithdrawalStatus.UNKNOWN)
    tx_id: str | None = field(of=str, default=None)
    created_ms: TimestampMs | None = timestamp_ms(default=None)
    updated_ms: TimestampMs | None = timestamp_ms(default=None)
    remark: str | None = field(of=str, default=None)


class TradingFee(Struct):
    """An account's fee rates for one symbol, as fractions (0.001 is 0.1 %). A negative rate is a rebate."""

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    symbol: Symbol = field(of=Symbol)
    maker: Decimal = money(signed=True)
    taker: Decimal = money(signed=True)


class DepositAddress(Struct):
    """Where to send an asset to reach the account. memo is not None where the network needs one."""

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    asset: AssetName = field(of=str)
    network: str | None = field(of=str, default=None)
    address: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)


class Deposit(Struct, kw_only=True):
    """A deposit as the exchange tells it. status is its own word; is_credited says whether it counts in the balance."""

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    asset: AssetName = field(of=str)
    amount: Decimal = money()
    network: str | None = field(of=str, default=None)
    address: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)
    tx_id: str | None = field(of=str, default=None)
    status: str | None = field(of=str, default=None)
    is_credited: bool = field(of=bool, default=False)
    created_ms: TimestampMs | None = timestamp_ms(default=None)
    updated_ms: TimestampMs | None = timestamp_ms(default=None)


class SavedAddress(Struct):
    """An entry of the account's withdrawal address book. label is its owner's name for it."""

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    asset: AssetName = field(of=str)
    network: str | None = field(of=str, default=None)
    address: str | None = field(of=str, default=None)
    memo: str | None = field(of=str, default=None)
    label: str | None = field(of=str, default=None)


class AssetNetwork(Struct, kw_only=True):
    """One network that an asset can be moved on.

    network is the exchange's code for it, network_name what the exchange displays, canonical the name that it has on
    every exchange (see spotlane.safety.networks), None where the code is not known.
    """

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    asset: AssetName = field(of=str)
    network: str = field(of=str)
    network_name: str | None = field(of=str, default=None)
    deposit_enabled: bool | None = field(of=bool, default=None)
    withdraw_enabled: bool | None = field(of=bool, default=None)
    withdrawal_fee: Decimal | None = money(default=None)
    withdrawal_minimum: Decimal | None = money(default=None)
    withdrawal_maximum: Decimal | None = money(default=None)
    withdrawal_step: Decimal | None = money(default=None)
    confirmations: int | None = field(of=int, default=None)
    memo_required: bool | None = field(of=bool, default=None)
    contract_address: str | None = field(of=str, default=None)
    canonical: str | None = field(of=str, default=None)
