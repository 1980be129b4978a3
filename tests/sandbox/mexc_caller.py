"""A caller of the MEXC dialect that signs with the standard library, in memory."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from spotlane.exchanges.mexc.dialect import MexcDialect
from spotlane.exchanges.mexc.dialect_call import MexcSettings
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey

START_MS = 1_757_172_734_567


def sign(secret: str, message: str) -> str:
    """Return the signature of a message."""
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def encode(params: dict[str, object]) -> str:
    """Return parameters in RFC 3986 encoding."""
    return "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in params.items())


@dataclass
class Caller:
    """One key's view of a dialect; reply() gives what came back, ok() its JSON, code() the code of a refusal."""

    dialect: MexcDialect
    api_key: str
    api_secret: str
    peer_ip: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})

    @property
    def engine(self) -> Engine:
        """The engine behind the dialect."""
        return self.dialect.engine

    @property
    def clock(self) -> SandboxClock:
        """The exchange's clock."""
        return self.dialect.engine.clock

    def raw(self, method: str, path: str, query: str, body: bytes = b"") -> HttpReply:
        """Send bytes as they are."""
        headers = {"x-mexc-apikey": self.api_key, **self.headers}
        return self.dialect.handle(HttpRequest(method, f"/api/v3/{path}", query, headers, body, self.peer_ip))

    def reply(self, method: str, path: str, **params: object) -> HttpReply:
        """Send a signed request with everything in the query."""
        query = encode({**params, "timestamp": params.get("timestamp", self.clock.now_ms())})
        return self.raw(method, path, f"{query}&signature={sign(self.api_secret, query)}")

    def ok(self, method: str, path: str, **params: object) -> Any:
        """Send a request that must succeed."""
        reply = self.reply(method, path, **params)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def code(self, method: str, path: str, **params: object) -> int:
        """Send a request that must be refused with HTTP 400."""
        reply = self.reply(method, path, **params)
        assert reply.status == 400, reply
        code = json.loads(reply.body)["code"]
        assert isinstance(code, int)
        return code

    def limit(self, side: str, quantity: object, price: object, **more: object) -> Any:
        """Place a BTCUSDT limit order."""
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "quantity": quantity, "price": price, **more}
        return self.ok("POST", "order", **order)

    def order(self, order_id: str) -> Any:
        """Ask for a BTCUSDT order."""
        return self.ok("GET", "order", symbol="BTCUSDT", orderId=order_id)

    def with_key(self, key: ApiKey, **changes: Any) -> Caller:
        """Return a caller with another key."""
        return replace(self, api_key=key.api_key, api_secret=key.api_secret, **changes)


def make_caller(
    settings: MexcSettings | None = None, engine_settings: EngineSettings | None = None, *, seed: int = 7
) -> Caller:
    """Return a caller of a fresh exchange whose clock stands still; limits are off unless settings are given."""
    clock = SandboxClock(start_ms=START_MS, frozen=True)
    engine = Engine(clock=clock, seed=seed, settings=engine_settings)
    dialect = MexcDialect(engine, settings or MexcSettings(rate_limits=False))
    return Caller(dialect, dialect.api_key, dialect.api_secret)
