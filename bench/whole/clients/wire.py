"""Signed requests made with urlencode, hmac and orjson, as the plain client and the floor send them."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urlencode

import orjson

from whole.clients.contract import API_KEY, API_SECRET, QUANTITY

_RECV_WINDOW_MS = 5_000
_SECRET = API_SECRET.encode()


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is not signed yet; params go into the query, body into the body."""

    method: str
    path: str
    params: dict[str, object] = field(default_factory=dict)
    body: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that is signed."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


def encode_and_sign(params: dict[str, object]) -> tuple[str, str]:
    """Return query and signature: urlencode and hmac, nothing else."""
    query = urlencode(params)
    return query, hmac.new(_SECRET, query.encode(), hashlib.sha256).hexdigest()


class QueryDialect:
    """MEXC's and Binance's way: everything in the query, HMAC-SHA256 of it at the end."""

    id_key = "orderId"

    def __init__(self, key_header: str, extra: dict[str, object], headers: dict[str, str]) -> None:
        self._headers = headers | {key_header: API_KEY}
        self._extra = extra

    def place(self, price: Decimal) -> Call:
        """Describe a LIMIT buy."""
        order: dict[str, object] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", **self._extra}
        order |= {"quantity": QUANTITY, "price": price, "newClientOrderId": uuid.uuid4().hex}
        return Call("POST", "/api/v3/order", order)

    def cancel(self, order_id: str) -> Call:
        """Describe a cancel."""
        return Call("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": order_id})

    def get(self, order_id: str) -> Call:
        """Describe a query of one order."""
        return Call("GET", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": order_id})

    def open_orders(self) -> Call:
        """Describe a query of the open orders."""
        return Call("GET", "/api/v3/openOrders", {"symbol": "BTCUSDT"})

    def balances(self) -> Call:
        """Describe a query of the balances."""
        return Call("GET", "/api/v3/account")

    def sign(self, call: Call) -> Sent:
        """Stamp and sign a request."""
        query, signature = encode_and_sign(self.stamped(call))
        return Sent(call.method, f"{call.path}?{query}&signature={signature}", self._headers)

    def stamped(self, call: Call) -> dict[str, object]:
        """Return everything that is signed."""
        return call.params | {"recvWindow": _RECV_WINDOW_MS, "timestamp": int(time.time() * 1_000)}


class HeaderDialect:
    """Gate's way: JSON body, and headers with an HMAC-SHA512 over method, path, query, body digest and time."""

    id_key = "id"

    def place(self, price: Decimal) -> Call:
        """Describe a LIMIT buy."""
        order: dict[str, object] = {
            "text": f"t-{uuid.uuid4().hex[:28]}", "currency_pair": "BTC_USDT", "type": "limit", "account": "spot",
            "side": "buy", "amount": str(QUANTITY), "price": str(price), "time_in_force": "gtc",
        }  # fmt: skip
        return Call("POST", "/api/v4/spot/orders", body=order)

    def cancel(self, order_id: str) -> Call:
        """Describe a cancel."""
        return Call("DELETE", f"/api/v4/spot/orders/{order_id}", {"currency_pair": "BTC_USDT"})

    def get(self, order_id: str) -> Call:
        """Describe a query of one order."""
        return Call("GET", f"/api/v4/spot/orders/{order_id}", {"currency_pair": "BTC_USDT"})

    def open_orders(self) -> Call:
        """Describe a query of the open orders."""
        return Call("GET", "/api/v4/spot/orders", {"currency_pair": "BTC_USDT", "status": "open"})

    def balances(self) -> Call:
        """Describe a query of the balances."""
        return Call("GET", "/api/v4/spot/accounts")

    def sign(self, call: Call) -> Sent:
        """Stamp and sign a request."""
        query = urlencode(call.params)
        body = b"" if call.body is None else orjson.dumps(call.body)
        stamp = str(time.time())
        payload = "\n".join((call.method, call.path, query, hashlib.sha512(body).hexdigest(), stamp))
        signature = hmac.new(_SECRET, payload.encode(), hashlib.sha512).hexdigest()
        headers = {
            "KEY": API_KEY, "SIGN": signature, "Timestamp": stamp, "Accept": "application/json",
            "Content-Type": "application/json",
        }  # fmt: skip
        return Sent(call.method, f"{call.path}?{query}" if query else call.path, headers, body)


Dialect = QueryDialect | HeaderDialect


def dialect(exchange: str) -> Dialect:
    """Return an exchange's way of signing."""
    if exchange == "gateio":
        return HeaderDialect()
    if exchange == "mexc":
        return QueryDialect("X-MEXC-APIKEY", {}, {"Content-Type": "application/json"})
    return QueryDialect("X-MBX-APIKEY", {"timeInForce": "GTC", "newOrderRespType": "FULL"}, {})
