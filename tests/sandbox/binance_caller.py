"""A caller of the Binance dialect that signs with the standard library, in memory."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from spotlane.exchanges.binance.dialect import BinanceDialect
from spotlane.exchanges.binance.dialect_call import BinanceSettings
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey

# The start of a minute, of ten seconds and of a second: limits count in whole windows of the clock.
START_MS = 1_767_225_600_000


def sign(secret: str, message: str) -> str:
    """Return the signature of a message."""
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def encode(params: dict[str, object]) -> str:
    """Return parameters in RFC 3986 encoding."""
    return "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in params.items())


@dataclass
class Caller:
    """One key's view of a dialect; reply() gives what came back, ok() its JSON, code() the code of a refusal."""

    dialect: BinanceDialect
    api_key: str
    api_secret: str
    peer_ip: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        """The engine behind the dialect."""
        return self.dialect.engine

    @property
    def clock(self) -> SandboxClock:
        """The exchange's clock."""
        return self.dialect.engine.clock

    def raw(self, method: str, path: str, query: str = "", body: bytes = b"") -> HttpReply:
        """Send bytes as they are; a path without a leading slash is a trading one."""
        headers = {"x-mbx-apikey": self.api_key, **self.headers}
        full_path = path if path.startswith("/") else f"/api/v3/{path}"
        return self.dialect.handle(HttpRequest(method, full_path, query, headers, body, self.peer_ip))

    def reply(self, method: str, path: str, **params: object) -> HttpReply:
        """Send a signed request with everything in the query."""
        query = encode({**params, "timestamp": params.get("timestamp", self.clock.now_ms())})
        return self.raw(method, path, f"{query}&signature={sign(self.api_secret, query)}")

    def ok(self, method: str, path: str, **params: object) -> Any:
        """Send a request that must succeed."""
        reply = self.reply(method, path, **params)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def ok_public(self, path: str, query: str = "") -> Any:
        """Send an unsigned request that must succeed."""
        reply = self.raw("GET", path, query)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def refused(self, method: str, path: str, **params: object) -> tuple[int, str]:
        """Send a request that must be refused with HTTP 400; return its code and text."""
        reply = self.reply(method, path, **params)
        assert reply.status == 400, reply
        return error_of(reply)

    def code(self, method: str, path: str, **params: object) -> int:
        """Send a request that must be refused with HTTP 400; return its code."""
        return self.refused(method, path, **params)[0]

    def limit(self, side: str, quantity: object, price: object, **more: object) -> Any:
        """Place a BTCUSDT limit order."""
        return self.ok("POST", "order", **limit_order(side, quantity, price, **more))

    def order(self, order_id: object) -> Any:
        """Ask for a BTCUSDT order."""
        return self.ok("GET", "order", symbol="BTCUSDT", orderId=order_id)

    def with_key(self, key: ApiKey, **changes: Any) -> Caller:
        """Return a caller with another key."""
        return replace(self, api_key=key.api_key, api_secret=key.api_secret, **changes)


def limit_order(
    side: str = "BUY", quantity: object = "0.001", price: object = "20000", **more: object
) -> dict[str, Any]:
    """Return the parameters of a BTCUSDT limit order, which rests unless told otherwise; None leaves one out."""
    order = {
        "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity, "price": price,
        **more,
    }  # fmt: skip
    return {name: value for name, value in order.items() if value is not None}


def error_of(reply: HttpReply) -> tuple[int, str]:
    """Return code and text of an error reply."""
    body = json.loads(reply.body)
    assert list(body) == ["code", "msg"]
    return body["code"], body["msg"]


def make_caller(
    settings: BinanceSettings | None = None, engine_settings: EngineSettings | None = None, *, seed: int = 7
) -> Caller:
    """Return a caller of a fresh exchange whose clock stands still; limits are off unless settings are given."""
    clock = SandboxClock(start_ms=START_MS, frozen=True)
    engine = Engine(clock=clock, seed=seed, settings=engine_settings or BinanceDialect.engine_settings)
    dialect = BinanceDialect(engine, settings or BinanceSettings(rate_limits=False))
    return Caller(dialect, dialect.api_key, dialect.api_secret)
