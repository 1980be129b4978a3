"""What every handler of the dialect works with: settings, one call's parameters, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from urllib.parse import unquote_plus

from spotlane.sandbox.engine import Engine
from spotlane.sandbox.http import HttpRequest
from spotlane.sandbox.keys import ApiKey
from spotlane.sandbox.limits import Limit
from spotlane.sandbox.matching import Market
from spotlane.sandbox.parameters import Parameters

_PLACE_LIMIT = Limit(10, 1_000)
_CANCEL_LIMIT = Limit(200, 1_000)
_ENDPOINT_LIMIT = Limit(200, 10_000)
_ACCOUNT_LIMIT = Limit(150, 10_000)
_WITHDRAW_LIMIT = Limit(1, 3_000)


class TimeTypes(Enum):
    """How create_time_ms and update_time_ms of an order are written; DRIFTING takes turns from order to order."""

    INTEGER = "integer"
    TEXT = "text"
    FRACTION = "fraction"
    DRIFTING = "drifting"


@dataclass(frozen=True, slots=True)
class GateioSettings:
    """What can be chosen about the dialect; the engine's settings are separate.

    Rate limits are sliding windows: place_limit for each account and pair, cancel_limit for each account,
    endpoint_limit and account_limit for each account (or address) and endpoint. market_orders_close says that a market
    order is "closed"/"filled" whatever is left of it, else a remainder makes it "cancelled". ack_is_early answers
    action_mode=ACK with 201 even where the engine refuses the order. truncate_precision cuts surplus decimals instead
    of refusing them. pad_decimals writes amounts and prices with all their decimals. market_slippage is how far from
    the last price a market order may trade, as a fraction. stp_id is the account's self-trade prevention group, 0 for
    none. A withdrawal client id that was used before is refused where unique_withdrawal_ids is set. error_text is the
    member that holds an error's text.
    """

    rate_limits: bool = True
    place_limit: Limit = _PLACE_LIMIT
    cancel_limit: Limit = _CANCEL_LIMIT
    endpoint_limit: Limit = _ENDPOINT_LIMIT
    account_limit: Limit = _ACCOUNT_LIMIT
    withdraw_limit: Limit = _WITHDRAW_LIMIT
    reset_time_in_ms: bool = False
    market_orders_close: bool = True
    ack_is_early: bool = False
    truncate_precision: bool = False
    pad_decimals: bool = True
    time_types: TimeTypes | str = TimeTypes.INTEGER
    has_filled_amount: bool = True
    market_slippage: Decimal = Decimal("0.03")
    stp_id: int = 0
    unified_account: bool = False
    unique_withdrawal_ids: bool = False
    error_text: str = "message"
    user_id: int = 10_406_147

    def __post_init__(self) -> None:
        TimeTypes(self.time_types)
        if self.error_text not in ("message", "detail"):
            raise ValueError(f"error_text must be message or detail, was {self.error_text!r}")


class Refusal(Exception):
    """An error reply."""

    def __init__(self, label: str, message: str, *, status: int = 400) -> None:
        super().__init__(label, message)
        self.label = label
        self.message = message
        self.status = status


def missing(name: str) -> Refusal:
    """Return the refusal for a mandatory parameter that is absent or empty."""
    return Refusal("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")


def invalid(name: str) -> Refusal:
    """Return the refusal for a parameter whose value is not allowed."""
    return Refusal("INVALID_PARAM_VALUE", f"invalid argument: {name}")


class Fields(Parameters[object]):
    """Decoded parameters of a query, or members of a JSON object; a JSON number is the text that it was written as."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values, missing=missing, invalid=invalid)

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """Return one of the allowed values."""
        value = self.text(name) if default is not None else self.required(name)
        if value is None:
            value = default or ""
        if value not in allowed:
            raise invalid(name)
        return value

    def flag(self, name: str) -> bool:
        """Return a JSON boolean; absent means False."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(name)
        return bool(value)


@dataclass(slots=True)
class OrderNotes:
    """What the engine does not keep about an order."""

    finish_as: str | None = None
    amend_text: str = "-"


@dataclass(slots=True)
class Memory:
    """What the dialect remembers between calls.

    countdowns maps (account, pair or None) to the number of the timer that is armed; withdrawal_statuses are statuses
    that were set by hand; transfers hold owner and row of each.
    """

    notes: dict[str, OrderNotes] = field(default_factory=dict)
    countdowns: dict[tuple[str, str | None], int] = field(default_factory=dict)
    countdown_count: int = 0
    early_acks: int = 0
    rows_written: int = 0
    withdrawal_statuses: dict[str, str] = field(default_factory=dict)
    transfers: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def notes_of(self, order_id: str) -> OrderNotes:
        """Return the notes about an order; they may be changed."""
        return self.notes.setdefault(order_id, OrderNotes())


@dataclass(slots=True)
class Call:
    """One request on its way through a handler; key is None on public endpoints, argument is the path's last segment.

    take_place counts one placed or amended order of a pair against its bucket, and refuses it where that is empty.
    """

    engine: Engine
    settings: GateioSettings
    memory: Memory
    request: HttpRequest
    key: ApiKey | None
    argument: str
    take_place: Callable[[str], None]
    take_cancel: Callable[[], None]

    @property
    def query(self) -> Fields:
        """The decoded query."""
        values: dict[str, object] = {}
        for pair in self.request.query.split("&"):
            name, _, value = pair.partition("=")
            values.setdefault(unquote_plus(name), unquote_plus(value))
        return Fields(values)

    @property
    def body(self) -> Fields:
        """The JSON object of the body; INVALID_REQUEST_BODY where there is none."""
        document = _parse(self.request.body)
        if not isinstance(document, dict):
            raise Refusal("INVALID_REQUEST_BODY", "request body is not a JSON object")
        return Fields(document)

    @property
    def items(self) -> list[Fields]:
        """The JSON objects of a body that is an array of them; INVALID_REQUEST_BODY for anything else."""
        document = _parse(self.request.body)
        if not isinstance(document, list) or not document or not all(isinstance(item, dict) for item in document):
            raise Refusal("INVALID_REQUEST_BODY", "request body is not an array of JSON objects")
        return [Fields(item) for item in document]

    @property
    def owner(self) -> ApiKey:
        """The key of a signed call."""
        if self.key is None:
            raise ValueError("this endpoint is public")
        return self.key

    @property
    def account(self) -> str:
        """The account that the key belongs to."""
        return self.owner.account

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        return self.engine.clock.now_ms()

    @property
    def accounts(self) -> tuple[str, ...]:
        """The values of `account` that mean this account."""
        return ("spot", "unified") if self.settings.unified_account else ("spot",)

    def market(self, pair: str) -> Market:
        """Return the market of a pair (BTC_USDT); INVALID_CURRENCY_PAIR where there is none."""
        base, _, quote = pair.rpartition("_")
        market = self.engine.markets.get(f"{base}/{quote}")
        if market is None:
            raise Refusal("INVALID_CURRENCY_PAIR", f"Invalid currency pair {pair}")
        return market

    def symbol(self, pair: str) -> str:
        """Return the engine's name of a pair."""
        return self.market(pair).listing.symbol

    def check_account(self, fields: Fields) -> None:
        """Refuse any `account` but the one that is played."""
        fields.choice("account", self.accounts, "spot")


def pair_of(symbol: str) -> str:
    """Return the exchange's name (BTC_USDT) of a neutral one (BTC/USDT)."""
    return symbol.replace("/", "_")


def _parse(body: bytes) -> object:
    try:
        return json.loads(body, parse_float=str, parse_int=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal("INVALID_REQUEST_BODY", "request body is not valid JSON") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
