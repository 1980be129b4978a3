"""What the tests of the Gate client share: an exchange with a client, orders, and what went over the wire."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

from doubt_rig import SPEED

from spotlane import Credentials, OrderParams, OrderType, Side, Symbol, TimeInForce
from spotlane.exchanges.gateio import GateioPrivateRest
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.sandbox.http import HttpRequest
from spotlane.sandbox.records import OrderRequest
from spotlane.testing.loop_clock import LoopClock
from spotlane.transport import ManualClock

BTC_USDT = Symbol("BTC", "USDT")
ETH_USDT = Symbol("ETH", "USDT")

PREFIX = "/api/v4"
ORDERS_PATH = f"{PREFIX}/spot/orders"
OPEN_PATH = f"{PREFIX}/spot/open_orders"
TRADES_PATH = f"{PREFIX}/spot/my_trades"
ACCOUNTS_PATH = f"{PREFIX}/spot/accounts"
TIME_PATH = f"{PREFIX}/spot/time"
WITHDRAW_PATH = f"{PREFIX}/withdrawals"
WITHDRAWN_PATH = f"{PREFIX}/wallet/withdrawals"


def connect(venue: Sandbox, credentials: Credentials | None = None, **options: Any) -> GateioPrivateRest:
    """Return a client of a venue, not opened yet, without a rate budget and with one warm connection."""
    settings: dict[str, Any] = {"base_url": venue.url, "enforce_limits": False, "connections": 1, **options}
    return GateioPrivateRest(credentials or venue.credentials, **settings)


@asynccontextmanager
async def gate(
    options: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Sandbox, GateioPrivateRest]]:
    """Give an exchange, without rate limits unless settings say else, and an open client of it with these options.

    A client with a timeout of its own is on the clock of the event loop: a machine that stalls does not use it up. One
    with horizons of its own has them to wait for: its clock is fast.
    """
    options = dict(options or {})
    async with Sandbox("gateio", **{"rate_limits": False, **settings}) as venue:
        if "timeout_s" in options:
            options.setdefault("clock", LoopClock(venue, speed=SPEED if "horizons" in options else 1))
        async with connect(venue, **options) as exchange:
            venue.requests.clear()
            yield venue, exchange
        assert venue.errors == ()


def resting(**changes: Any) -> OrderParams:
    """Return a buy order far below the market."""
    order = OrderParams(
        symbol=BTC_USDT, side=Side.BUY, order_type=OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000)
    )
    return order.replace(**changes)


def market_buy(**changes: Any) -> OrderParams:
    """Return a market order for 500 USDT."""
    order = OrderParams(BTC_USDT, Side.BUY, OrderType.MARKET, quote_quantity=Decimal(500))
    return order.replace(**changes)


def book_at_once(venue: Sandbox, *, price: int, text: str | None = None, rests: bool = False) -> str:
    """Place a small buy order straight in the engine, which is faster than over the wire; return its id."""
    request = OrderRequest(
        "trader", "BTC/USDT", Side.BUY, OrderType.LIMIT, TimeInForce.GTC if rests else TimeInForce.IOC,
        Decimal("0.0001"), price=Decimal(price), client_order_id=text,
        as_received={
            "text": text or "web", "type": "limit", "account": "spot", "time_in_force": "gtc" if rests else "ioc",
            "iceberg": "0", "stp_act": "-", "biz_info": "-",
        },
    )  # fmt: skip
    return venue.engine.place(request).order_id


def overhear(venue: Sandbox) -> list[HttpRequest]:
    """Return a list that every request is added to as it arrives, header fields included."""
    heard: list[HttpRequest] = []
    answer = venue._server._handle

    def listen(request: HttpRequest) -> Any:
        heard.append(request)
        return answer(request)

    venue._server._handle = listen
    return heard


def signature_of(request: HttpRequest, secret: str) -> str:
    """Return the signature that a request should carry, made with the standard library from what arrived."""
    lines = (
        request.method, request.path, unquote(request.query), hashlib.sha512(request.body).hexdigest(),
        request.headers["timestamp"],
    )  # fmt: skip
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha512).hexdigest()


def parameters(query: str) -> dict[str, str]:
    """Return a query decoded."""
    return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))


def sent_orders(venue: Sandbox) -> list[dict[str, str]]:
    """Return the bodies of the orders that arrived."""
    return [json.loads(request.body) for request in venue.requests.find("POST", ORDERS_PATH)]


def answers(label: str, message: str = "no", *, status: int = 400, text: str = "message") -> ReplaceReply:
    """Return an error reply in place of the real one; the request is not executed."""
    body = json.dumps({"label": label, text: message}).encode()
    return ReplaceReply(status, body, "application/json", executed=False)


def fault(label: str, method: str = "*", path: str = "*", **told: Any) -> Fault:
    """Return a fault that answers the next such request with an error."""
    return Fault(answers(label, **told), method, path)


def pass_time(venue: Sandbox, clock: ManualClock, seconds: float) -> None:
    """Move the exchange's clock and the client's on by the same time."""
    venue.clock.advance(round(seconds * 1_000))
    clock.advance(seconds)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that something else on the loop brings about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what sets the condition knows of no event
            await asyncio.sleep(0.001)
