"""A caller of the Gate dialect that signs with the standard library, in memory."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from spotlane.exchanges.gateio.dialect import GateioDialect
from spotlane.exchanges.gateio.dialect_call import GateioSettings
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey

START_MS = 1_691_015_713_247
PREFIX = "/api/v4"
PAIR = "BTC_USDT"


def sign(secret: str, method: str, path: str, query: str, body: bytes, stamp: str) -> str:
    """Return the signature of a request; query is the text before percent-encoding."""
    message = f"{method}\n{path}\n{query}\n{hashlib.sha512(body).hexdigest()}\n{stamp}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha512).hexdigest()


@dataclass
class Caller:
    """One key's view of a dialect; reply() gives what came back, ok() its JSON, label() the label of a refusal."""

    dialect: GateioDialect
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

    def raw(self, method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> HttpReply:
        """Send a request as it is; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.dialect.handle(HttpRequest(method, PREFIX + path, query, named, body, self.peer_ip))

    def reply(self, method: str, path: str, body: object = None, **params: object) -> HttpReply:
        """Send a signed request: body as JSON, params as query."""
        raw_query = "&".join(f"{name.rstrip('_')}={value}" for name, value in params.items())
        query = "&".join(f"{name.rstrip('_')}={quote(str(value), safe='')}" for name, value in params.items())
        content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        stamp = str(self.clock.now_ms() // 1000)
        headers = {
            "key": self.api_key,
            "timestamp": stamp,
            "sign": sign(self.api_secret, method, PREFIX + path, raw_query, content, stamp),
            **({"content-type": "application/json"} if content else {}),
            **self.headers,
        }
        return self.dialect.handle(HttpRequest(method, PREFIX + path, query, headers, content, self.peer_ip))

    def ok(self, method: str, path: str, body: object = None, **params: object) -> Any:
        """Send a request that must succeed."""
        reply = self.reply(method, path, body, **params)
        assert 200 <= reply.status < 300, reply
        return json.loads(reply.body)

    def refused(self, method: str, path: str, body: object = None, **params: object) -> tuple[int, str, str]:
        """Send a request that must be refused; returns status, label and message."""
        reply = self.reply(method, path, body, **params)
        assert reply.status >= 400, reply
        document = json.loads(reply.body)
        return reply.status, document["label"], document["message"]

    def label(self, method: str, path: str, body: object = None, **params: object) -> str:
        """Send a request that must be refused; returns its label."""
        return self.refused(method, path, body, **params)[1]

    def limit(self, side: str, amount: object, price: object, **more: object) -> Any:
        """Place a BTC_USDT limit order."""
        return self.ok("POST", "/spot/orders", limit_order(side=side, amount=amount, price=price, **more))

    def market(self, side: str, amount: object, **more: object) -> Any:
        """Place a BTC_USDT market order."""
        body = {"currency_pair": PAIR, "side": side, "amount": amount, "type": "market", "time_in_force": "ioc", **more}
        return self.ok("POST", "/spot/orders", body)

    def order(self, order_id: str) -> Any:
        """Ask for a BTC_USDT order."""
        return self.ok("GET", f"/spot/orders/{order_id}", currency_pair=PAIR)

    def with_key(self, key: ApiKey, **changes: Any) -> Caller:
        """Return a caller with another key."""
        return replace(self, api_key=key.api_key, api_secret=key.api_secret, **changes)


def limit_order(**changes: object) -> dict[str, object]:
    """Return the body of a resting buy, changed; None takes a member out."""
    body: dict[str, object] = {"currency_pair": PAIR, "side": "buy", "amount": "0.001", "price": "20000", **changes}
    return {name: value for name, value in body.items() if value is not None}


def make_caller(
    settings: GateioSettings | None = None, engine_settings: EngineSettings | None = None, *, seed: int = 7
) -> Caller:
    """Return a caller of a fresh exchange whose clock stands still; limits are off unless settings are given."""
    clock = SandboxClock(start_ms=START_MS, frozen=True)
    engine = Engine(clock=clock, seed=seed, settings=engine_settings or GateioDialect.engine_settings)
    dialect = GateioDialect(engine, settings or GateioSettings(rate_limits=False))
    return Caller(dialect, dialect.api_key, dialect.api_secret)
