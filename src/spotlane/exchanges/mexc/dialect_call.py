"""What every handler of the dialect works with: settings, one call's parameters, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from spotlane.sandbox.engine import Engine
from spotlane.sandbox.keys import ApiKey
from spotlane.sandbox.limits import Limit
from spotlane.sandbox.matching import Market
from spotlane.sandbox.parameters import Parameters

_WEIGHT_LIMIT = Limit(500, 10_000)
_ORDER_LIMIT = Limit(12, 1_000)
_BATCH_LIMIT = Limit(2, 1_000)


@dataclass(frozen=True, slots=True)
class MexcSettings:
    """What can be chosen about the dialect; the engine's settings are separate.

    Rate limits: every owner (address, account) has sliding windows; after more than ban_after refusals within the
    address window the address is banned for ban_ms. strict_encoding refuses values that are not in RFC 3986 encoding
    even where the signature fits the received bytes. market_protection is how far through the market a MARKET order may
    trade, as a fraction. truncate_precision cuts surplus decimals instead of refusing them. stp_group says whether
    the account is in a self-trade prevention group, without which stpMode has no effect.
    """

    rate_limits: bool = True
    ip_limit: Limit = _WEIGHT_LIMIT
    uid_limit: Limit = _WEIGHT_LIMIT
    order_limit: Limit = _ORDER_LIMIT
    batch_limit: Limit = _BATCH_LIMIT
    ban_after: int = 10
    ban_ms: int = 120_000
    strict_encoding: bool = True
    expired_key_code: int = 700002
    market_protection: Decimal = Decimal("0.05")
    truncate_precision: bool = False
    stp_group: bool = False
    uid: str = "209302839"


class Refusal(Exception):
    """An error reply; extra members stand after code and msg."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        headers: dict[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.extra = extra or {}

    def body(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"code": self.code, "msg": self.message, **self.extra}


def missing(name: str) -> Refusal:
    """Return the refusal for a mandatory parameter that is absent, empty or malformed."""
    return Refusal(700004, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


class Params(Parameters[str]):
    """Decoded request parameters: 700004 for one that is missing, 33333 for one that is wrong."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values, missing=missing, invalid=lambda name: Refusal(33333, f"Parameter error: {name}"))


@dataclass(slots=True)
class Call:
    """One request on its way through a handler; key is None on public endpoints."""

    engine: Engine
    settings: MexcSettings
    params: Params
    key: ApiKey | None
    mx_deduct: set[str] = field(default_factory=set)

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

    def find_market(self, wire_symbol: str) -> Market | None:
        """Return the market of a concatenated name (BTCUSDT), or None."""
        for market in self.engine.markets.values():
            if wire_name(market) == wire_symbol:
                return market
        return None

    def market(self, wire_symbol: str) -> Market:
        """Return a market; -1121 where there is none."""
        market = self.find_market(wire_symbol)
        if market is None:
            raise Refusal(-1121, "Invalid symbol.")
        return market

    def markets(self, wire_symbols: str) -> list[Market]:
        """Return up to five markets of a comma-separated list."""
        names = wire_symbols.split(",")
        if len(names) > 5:
            raise Refusal(33333, "Parameter error: at most 5 symbols")
        return [self.market(name) for name in names]


def wire_name(market: Market) -> str:
    """Return the exchange's name of a symbol."""
    return market.listing.base + market.listing.quote
