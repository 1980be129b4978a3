"""What every handler of the dialect works with: settings, one call's parameters, and refusals."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from spotlane.sandbox.engine import Engine
from spotlane.sandbox.keys import ApiKey
from spotlane.sandbox.matching import Market
from spotlane.sandbox.records import OrderRecord

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
SYMBOL = r"^[\w\-._&&[^a-z]]{1,50}$"

PLAYED_SELF_TRADE_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,20}", re.ASCII)
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_SYMBOL = re.compile(r"[\w.\-]{1,50}")
_LOWER = re.compile(r"[a-z]")
_PLACES = 8
_FIRST_MS = 1_483_228_800_000
_AHEAD_MS = 10_000
# A stamp from here on is in microseconds: in milliseconds it would lie beyond the year 5000.
_FIRST_MICROSECONDS = 10**14
_GENERATED_LENGTH = 22


@dataclass(frozen=True, slots=True)
class BinanceSettings:
    """What can be chosen about the dialect; the engine's settings are separate.

    weight_limit and raw_request_limit are per address, per minute and per five minutes; orders_per_10s and
    orders_per_day bound the unfilled orders of an account, and the first maker fill of an order gives maker_refund of
    them back; sapi_ip_limit and sapi_uid_limit are per wallet endpoint and minute. After more than ban_after refusals
    within a minute an address is banned for ban_ms. strict_encoding refuses values that are not in RFC 3986 encoding
    even where the signature fits the received bytes. withdrawals_need_ip_list refuses withdrawals to a key without a
    list of addresses. max_num_orders is per symbol; market_lot_fraction is the largest market order as a part of the
    largest order. self_trade_modes are what symbols allow, of those that can be played (PLAYED_SELF_TRADE_MODES).
    """

    rate_limits: bool = True
    weight_limit: int = 6_000
    raw_request_limit: int = 300_000
    orders_per_10s: int = 50
    orders_per_day: int = 160_000
    maker_refund: int = 5
    sapi_ip_limit: int = 12_000
    sapi_uid_limit: int = 180_000
    ban_after: int = 10
    ban_ms: int = 120_000
    strict_encoding: bool = True
    unknown_key_code: int = -2015
    withdrawals_need_ip_list: bool = False
    max_num_orders: int = 200
    market_lot_fraction: Decimal = Decimal("0.01")
    self_trade_modes: tuple[str, ...] = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
    default_self_trade_mode: str = "EXPIRE_MAKER"
    uid: int = 354_937_868

    def __post_init__(self) -> None:
        if self.default_self_trade_mode not in self.self_trade_modes:
            raise ValueError(f"default_self_trade_mode {self.default_self_trade_mode!r} is not in self_trade_modes")
        unknown = set(self.self_trade_modes) - set(PLAYED_SELF_TRADE_MODES)
        if unknown:
            raise ValueError(f"the sandbox does not play {', '.join(sorted(unknown))} in self_trade_modes")


class Refusal(Exception):
    """An error reply."""

    def __init__(self, code: int, message: str, *, status: int = 400, retry_after_s: int | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"code": self.code, "msg": self.message}


def missing(name: str) -> Refusal:
    """Return the refusal for a mandatory parameter that is absent, empty or malformed."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> Refusal:
    """Return the refusal for a value with characters that can't be part of it, or too many of them."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid(name: str) -> Refusal:
    """Return the refusal for a value that is well-formed and means nothing."""
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


class Params:
    """Decoded request parameters; an empty value is refused with -1105, or with -1102 where it is mandatory."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def given(self, *names: str) -> frozenset[str]:
        """Return which of these parameters were sent."""
        return frozenset(name for name in names if name in self.values)

    def forbid(self, *names: str) -> None:
        """Refuse parameters that this request does not take beside the others."""
        for name in names:
            if name in self.values:
                raise Refusal(-1106, f"Parameter '{name}' sent when not required.")

    def text(self, name: str) -> str | None:
        """Return a value, or None."""
        value = self.values.get(name)
        if value == "":
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """Return a value."""
        value = self.values.get(name)
        if not value:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise illegal(name, INTEGER)
        return int(value)

    def limit(self, default: int, highest: int) -> int:
        """Return how many rows are wanted."""
        limit = self.integer("limit")
        if limit is None:
            return default
        if not 1 <= limit <= highest:
            raise missing("limit")
        return limit

    def decimal(self, name: str) -> Decimal | None:
        """Return a plain decimal with at most eight places, or None."""
        value = self.text(name)
        if value is None:
            return None
        if not _DECIMAL.fullmatch(value):
            raise illegal(name, DECIMAL)
        if len(value.partition(".")[2]) > _PLACES:
            raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
        return Decimal(value)

    def flag(self, name: str) -> bool | None:
        """Return a boolean, or None."""
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise illegal(name, "true,false")
        return None if value is None else value == "true"

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return one of some words, or None."""
        value = self.text(name)
        if value is not None and value not in choices:
            raise invalid(name)
        return value

    def time_ms(self, name: str, now_ms: int) -> int | None:
        """Return a time that was given in milli- or microseconds, moved into the years that the exchange knows."""
        value = self.integer(name)
        if value is None:
            return None
        return min(max(as_ms(value), _FIRST_MS), now_ms + _AHEAD_MS)

    def client_id(self, name: str) -> str | None:
        """Return an id of the caller's own, or None."""
        value = self.text(name)
        if value is not None and not _CLIENT_ID.fullmatch(value):
            raise illegal(name, CLIENT_ID)
        return value


def as_ms(stamp: int) -> int:
    """Return a time in milliseconds, whichever of the two units it came in."""
    return stamp // 1000 if stamp >= _FIRST_MICROSECONDS else stamp


class Memory:
    """What the dialect itself keeps between calls: the orders that may still be open, and the ids it made up."""

    def __init__(self, seed: int) -> None:
        self.orders: dict[str, dict[str, OrderRecord]] = {}
        self._draw = random.Random(f"{seed} client ids")

    def new_client_id(self) -> str:
        """Return an id as the exchange generates it where the caller gave none."""
        return "".join(self._draw.choices(string.ascii_letters + string.digits, k=_GENERATED_LENGTH))

    def open_orders(self, account: str, symbol: str) -> int:
        """Return how many orders of a symbol are open, seen without any delay."""
        return sum(order.is_open and order.symbol == symbol for order in self.orders.get(account, {}).values())


@dataclass(slots=True)
class Call:
    """One request on its way through a handler; key is None on public endpoints, headers go out with the reply."""

    engine: Engine
    settings: BinanceSettings
    memory: Memory
    params: Params
    key: ApiKey | None
    is_microseconds: bool = False
    headers: dict[str, str] = field(default_factory=dict)

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

    def stamp(self, time_ms: int) -> int:
        """Return a time in the unit that the caller asked for."""
        return time_ms * 1000 if self.is_microseconds else time_ms

    def market(self, name: str | None = None) -> Market:
        """Return the market of a concatenated name (BTCUSDT), of the mandatory parameter symbol where none is given."""
        name = self.params.required("symbol") if name is None else name
        if not _SYMBOL.fullmatch(name) or _LOWER.search(name):
            raise illegal("symbol", SYMBOL)
        for market in self.engine.markets.values():
            if wire_name(market) == name:
                return market
        raise Refusal(-1121, "Invalid symbol.")

    def optional_market(self) -> Market | None:
        """Return the market of the parameter symbol, or None where it is absent."""
        name = self.params.text("symbol")
        return None if name is None else self.market(name)


def wire_name(market: Market) -> str:
    """Return the exchange's name of a symbol."""
    return market.listing.base + market.listing.quote
