"""What the engine keeps and what it is asked for: listings, orders, fills, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from spotlane.sandbox.money import ZERO
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce


class Reason(Enum):
    """Why the engine or the wallet refused a request; a dialect turns it into its exchange's code and words."""

    UNKNOWN_SYMBOL = "unknown symbol"
    TRADING_PAUSED = "trading paused"
    API_CLOSED = "closed to the API"
    SIDE_CLOSED = "side closed"
    TYPE_CLOSED = "order type closed"
    MALFORMED = "malformed"
    PRICE_PRECISION = "price is no multiple of the tick"
    QUANTITY_PRECISION = "quantity is no multiple of the lot"
    QUANTITY_TOO_SMALL = "quantity too small"
    QUANTITY_TOO_LARGE = "quantity too large"
    NOTIONAL_TOO_SMALL = "notional too small"
    NOTIONAL_TOO_LARGE = "notional too large"
    PRICE_OUTSIDE_BAND = "price outside the band"
    TOO_MANY_ORDERS = "too many open orders"
    INSUFFICIENT_BALANCE = "insufficient balance"
    NO_COUNTERPARTY = "no counterparty"
    WOULD_TAKE = "a maker order would take"
    FOK_UNFILLED = "a fill-or-kill order can't be filled"
    DUPLICATE_CLIENT_ID = "client order id in use"
    UNKNOWN_ORDER = "unknown order"
    NO_CHANGE = "nothing would change"
    UNKNOWN_ASSET = "unknown asset"
    UNKNOWN_NETWORK = "unknown network"
    NETWORK_CLOSED = "network closed"
    AMOUNT_TOO_SMALL = "amount too small"
    AMOUNT_TOO_LARGE = "amount too large"
    AMOUNT_PRECISION = "amount has too many decimals"
    ADDRESS_NOT_SAVED = "address not in the address book"
    MEMO_MISSING = "memo missing"
    UNKNOWN_WITHDRAWAL = "unknown withdrawal"
    NOT_CANCELABLE = "too late to cancel"


class Refused(Exception):
    """A request was refused and nothing was changed; limit is the bound it broke, asset what that bound counts."""

    def __init__(self, reason: Reason, *, limit: Decimal | None = None, asset: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.limit = limit
        self.asset = asset


class SelfTrade(Enum):
    """What happens when an order meets another order of the same account."""

    ALLOW = "allow"
    CANCEL_MAKER = "cancel_maker"
    CANCEL_TAKER = "cancel_taker"
    CANCEL_BOTH = "cancel_both"


# By variant, what a row was made from besides the fill or view that keeps it, and its text (see rows.py).
Rendered: TypeAlias = dict[str | None, tuple[tuple[object, ...], str]]

ALL_SIDES = frozenset(Side)
ALL_TYPES = frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER})


@dataclass(frozen=True, slots=True)
class Listing:
    """The rules of one symbol.

    tick and lot are the steps of price and quantity; the quantity bounds are in base, the notional bounds in quote;
    fees are fractions. price_band is (how far above, how far below) the reference price an order may be, as fractions.
    """

    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal = ZERO
    max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(1)
    max_notional: Decimal = Decimal(4_000_000)
    max_market_notional: Decimal = Decimal(4_000_000)
    sides: frozenset[Side] = ALL_SIDES
    order_types: frozenset[OrderType] = ALL_TYPES
    is_online: bool = True
    is_open_to_api: bool = True
    maker_fee: Decimal = ZERO
    taker_fee: Decimal = Decimal("0.0005")
    price_band: tuple[Decimal, Decimal] | None = None
    full_name: str = ""
    opening_price: Decimal | None = None

    @property
    def symbol(self) -> str:
        """The neutral name, "BTC/USDT"."""
        return f"{self.base}/{self.quote}"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as a dialect understood it.

    Either quantity (base) or, for a market order, quote_quantity is given. Where a dialect turned a quote_quantity into
    a quantity, both are: the quantity is traded, the quote_quantity is what the notional bounds apply to. The price of
    a market order, where given, is the worst price at which it may trade. as_received holds the request's own words.
    """

    account: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    client_order_id: str | None = None
    self_trade: SelfTrade = SelfTrade.ALLOW
    as_received: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of one trade, as its account sees it."""

    trade_id: int
    order_id: str
    client_order_id: str | None
    account: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    is_self_trade: bool
    time_ms: int
    rendered: Rendered = field(default_factory=dict, compare=False, repr=False)


@dataclass(slots=True, eq=False)
class OrderRecord:
    """An order as it really stands. locked is what it still holds back, in quote for a buy and in base for a sell."""

    order_id: str
    number: int
    request: OrderRequest
    created_ms: int
    status: OrderStatus = OrderStatus.NEW
    filled_quantity: Decimal = ZERO
    filled_quote_quantity: Decimal = ZERO
    updated_ms: int | None = None
    cancel_reason: str | None = None
    locked: Decimal = ZERO
    is_resting: bool = False
    fills: list[Fill] = field(default_factory=list)
    views: list[OrderView] = field(default_factory=list, repr=False)

    @property
    def client_order_id(self) -> str | None:
        """The caller's id, or None."""
        return self.request.client_order_id

    @property
    def symbol(self) -> str:
        """The neutral name of the symbol."""
        return self.request.symbol

    @property
    def side(self) -> Side:
        """The side."""
        return self.request.side

    @property
    def price(self) -> Decimal | None:
        """The limit, or a market order's worst price."""
        return self.request.price

    @property
    def quantity(self) -> Decimal | None:
        """The size in base, or None where it is sized in quote."""
        return self.request.quantity

    @property
    def remaining_quantity(self) -> Decimal:
        """What is still to fill, in base; 0 for an order that is sized in quote, because such an order never rests."""
        return ZERO if self.request.quantity is None else self.request.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        """Whether the order can still fill."""
        return not self.status.is_terminal

    def note(self, at_ms: int) -> None:
        """Keep a view of the present state, for readers that see the past."""
        self.views.append(
            OrderView(self, at_ms, self.status, self.filled_quantity, self.filled_quote_quantity, self.updated_ms)
        )

    def view(self, at_ms: int | None = None) -> OrderView | None:
        """Return the order as it stood at a time (None: now), or None where it did not exist yet."""
        if at_ms is None:
            return self.views[-1]
        for view in reversed(self.views):
            if view.at_ms <= at_ms:
                return view
        return None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order at one moment; record holds what does not change."""

    record: OrderRecord
    at_ms: int
    status: OrderStatus
    filled_quantity: Decimal
    filled_quote_quantity: Decimal
    updated_ms: int | None
    rendered: Rendered = field(default_factory=dict, compare=False, repr=False)
