"""What the hostile server understands and says: requests and replies of three exchanges, written from their manuals.

Every reply is made for one request and says so: it names the order that was asked about, or carries a mark.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

SYMBOLS = ("BTC", *(f"S{number:02d}" for number in range(40)))
TIME_PATHS = {"/api/v3/time", "/api/v4/spot/time"}
RULES_PATHS = {"/api/v3/exchangeInfo", "/api/v4/spot/currency_pairs"}
KEY_FIELDS = ("x-mexc-apikey", "x-mbx-apikey", "key")


def order_id_of(client_order_id: str) -> str:
    """Return the id that the server gives to an order, which the client side can work out for itself."""
    return str(int.from_bytes(hashlib.blake2b(client_order_id.encode(), digest_size=7).digest(), "big"))


def wire_symbol(exchange: str, base: str) -> str:
    return f"{base}_USDT" if exchange == "gateio" else f"{base}USDT"


@dataclass(slots=True)
class Asked:
    """One request. token names what it is about, name the request; stamp_ms is 0 where it has no milliseconds."""

    exchange: str
    key: str
    verb: str
    symbol: str = ""
    order_id: str = ""
    client_id: str = ""
    side: str = ""
    quantity: str = "0.001"
    price: str = "20000"
    stamp_ms: int = 0
    arrived_ms: int = 0
    method: str = ""

    @property
    def limit_ms(self) -> int:
        """For how long the client waits, which it tells by its key."""
        return int(self.key.rsplit("-", 1)[1])

    @property
    def token(self) -> str:
        return self.order_id or (order_id_of(self.client_id) if self.client_id else "")

    @property
    def name(self) -> str:
        return f"{self.verb}:{self.token or f'{self.key}:{self.symbol}'}"

    def is_alike(self, other: Asked) -> bool:
        """Say whether an acknowledgement that names no client id could be for either."""
        return (self.symbol, self.side, self.quantity) == (other.symbol, other.side, other.quantity)


def read_request(head: bytes, body: bytes, now_ms: int) -> Asked:
    """Read a request of any of the three exchanges."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    key = next((fields[name] for name in KEY_FIELDS if name in fields), "")
    if path in TIME_PATHS | RULES_PATHS:
        return Asked(key.split("-")[0], key, "time" if path in TIME_PATHS else "rules", arrived_ms=now_ms)
    values: dict[str, str] = dict(parse_qsl(query, keep_blank_values=True))
    asked = Asked(
        key.split("-")[0], key, "other", stamp_ms=int(values.get("timestamp", 0)), arrived_ms=now_ms, method=method
    )
    if path.startswith("/api/v4/spot/"):
        _read_gate(asked, method, path.removeprefix("/api/v4/spot/"), values, body)
        if "x-gate-exptime" in fields and asked.verb in ("place", "cancel"):
            # Its own time stamp has whole seconds only: that of its expiry lies 0.3 of the timeout, or 1.5 s, later.
            window_ms = asked.limit_ms * 3 // 10 if asked.verb == "place" else 1_500
            asked.stamp_ms = int(fields["x-gate-exptime"]) - window_ms
    else:
        _read_v3(asked, method, path.removeprefix("/api/v3/"), values)
    return asked


def _read_v3(asked: Asked, method: str, path: str, values: dict[str, str]) -> None:
    asked.symbol = values.get("symbol", "")
    asked.order_id = values.get("orderId", "")
    asked.client_id = values.get("origClientOrderId", "")
    verbs = {
        ("POST", "order"): "place",
        ("DELETE", "order"): "cancel",
        ("GET", "order"): "get",
        ("GET", "openOrders"): "open_orders",
        ("GET", "allOrders"): "history",
        ("GET", "account"): "balances",
        ("GET", "myTrades"): "trades",
    }
    asked.verb = verbs.get((method, path), "other")
    if asked.verb == "place":
        asked.client_id, asked.side = values["newClientOrderId"], values["side"]
        asked.quantity, asked.price = values["quantity"], values["price"]


def _read_gate(asked: Asked, method: str, path: str, values: dict[str, str], body: bytes) -> None:
    asked.symbol = values.get("currency_pair", "")
    asked.order_id = values.get("order_id", "")
    verbs = {("GET", "orders"): "open_orders", ("GET", "accounts"): "balances", ("GET", "my_trades"): "trades"}
    asked.verb = verbs.get((method, path), "other")
    if (method, path) == ("POST", "orders"):
        sent = json.loads(body)
        asked.verb, asked.symbol, asked.client_id, asked.side = (
            "place",
            sent["currency_pair"],
            sent["text"],
            sent["side"],
        )
        asked.quantity, asked.price = str(sent["amount"]), str(sent["price"])
    elif path.startswith("orders/"):
        asked.verb = {"DELETE": "cancel", "GET": "get"}.get(method, "other")
        identifier = unquote(path.removeprefix("orders/"))
        asked.client_id, asked.order_id = (identifier, "") if identifier.startswith("t-") else ("", identifier)


@dataclass(slots=True)
class Made:
    """A reply made for one request, asked. token is what it names.

    is_nameless: it does not tell the client's id where the reply to a cancel has it.
    """

    status: int
    body: bytes
    token: str
    asked: Asked
    is_nameless: bool = False


@dataclass(slots=True)
class Venue:
    """The orders that were placed, and what is said about them."""

    placed: dict[str, Asked] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    marks: int = 0

    def answer(self, asked: Asked, *, refuse: bool = False, nameless: bool = False) -> Made:
        """Do what is asked and make the reply, or refuse it."""
        if refuse or (asked.verb == "get" and asked.client_id and asked.token not in self.placed):
            return self._refusal(asked)
        if asked.verb == "place":
            self.placed[asked.token] = asked
        elif asked.verb == "cancel":
            self.cancelled.add(asked.token)
        body, token = self._body(asked, nameless)
        is_named = asked.verb == "cancel" and not nameless and self.placed.get(asked.token, asked).client_id
        status = 201 if asked.exchange == "gateio" and asked.verb == "place" else 200
        return Made(status, body, token, asked, asked.exchange == "mexc" and not is_named)

    def _refusal(self, asked: Asked) -> Made:
        token = asked.token or self._mark(asked)
        if asked.exchange == "gateio":
            label = "BALANCE_NOT_ENOUGH" if asked.verb == "place" else "ORDER_NOT_FOUND"
            told: dict[str, Any] = {"label": label, "message": f"no [{token}]"}
        else:
            places = {"mexc": 30004, "binance": -2010}
            code = places[asked.exchange] if asked.verb == "place" else -2011 if asked.verb == "cancel" else -2013
            reason = "Account has insufficient balance for requested action." if code == -2010 else "no"
            told = {"code": code, "msg": f"{reason} [{token}]"}
        return Made(400, json.dumps(told).encode(), token, asked)

    def _mark(self, asked: Asked) -> str:
        self.marks += 1
        return f"t-{asked.arrived_ms}-{self.marks}"

    def _body(self, asked: Asked, nameless: bool) -> tuple[bytes, str]:
        if asked.verb in ("place", "cancel", "get"):
            order = self.placed.get(asked.token, asked)
            told = _RENDER[asked.exchange](asked, order, asked.token, asked.token in self.cancelled, nameless)
            return json.dumps(told).encode(), asked.token
        if asked.verb == "trades" and asked.order_id:
            return json.dumps([_trade(asked)]).encode(), asked.token
        mark = self._mark(asked)
        if asked.verb == "trades":
            return b"[]", mark
        if asked.verb == "balances":
            return json.dumps(_balances(asked, mark)).encode(), mark
        row = Asked(asked.exchange, asked.key, "get", asked.symbol or "BTCUSDT", client_id=mark, side="BUY")
        row.arrived_ms = asked.arrived_ms
        row.side = "buy" if asked.exchange == "gateio" else "BUY"
        return json.dumps([_RENDER[asked.exchange](row, row, order_id_of(mark), False, False)]).encode(), mark


def _mexc(asked: Asked, order: Asked, order_id: str, is_cancelled: bool, nameless: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "symbol": asked.symbol, "orderId": order_id, "orderListId": -1, "price": order.price,
        "origQty": order.quantity, "type": "LIMIT", "side": order.side or "BUY",
    }  # fmt: skip
    if asked.verb == "place":
        return {**told, "stpMode": "", "transactTime": asked.arrived_ms}
    told |= {"executedQty": "0", "cummulativeQuoteQty": "0", "status": "NEW"}
    if asked.verb == "cancel":
        return told if nameless else {**told, "origClientOrderId": order.client_id or None}
    return told | {
        "clientOrderId": order.client_id or None, "status": "CANCELED" if is_cancelled else "NEW", "timeInForce": None,
        "stopPrice": None, "icebergQty": None, "time": order.arrived_ms, "updateTime": None, "isWorking": True,
        "origQuoteOrderQty": "20",
    }  # fmt: skip


def _binance(asked: Asked, order: Asked, order_id: str, is_cancelled: bool, nameless: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "symbol": asked.symbol, "orderId": int(order_id), "orderListId": -1, "price": order.price,
        "origQty": order.quantity, "executedQty": "0", "origQuoteOrderQty": "0", "cummulativeQuoteQty": "0",
        "status": "CANCELED" if is_cancelled else "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": order.side or "BUY",
    }  # fmt: skip
    if asked.verb == "place":
        return told | {"clientOrderId": order.client_id, "transactTime": asked.arrived_ms, "fills": []}
    if asked.verb == "cancel":
        return told | {
            "origClientOrderId": order.client_id or "none", "clientOrderId": "c", "transactTime": asked.arrived_ms
        }  # fmt: skip
    return told | {
        "clientOrderId": order.client_id or "none", "time": order.arrived_ms, "updateTime": order.arrived_ms,
        "isWorking": True, "workingTime": order.arrived_ms,
    }  # fmt: skip


def _gate(asked: Asked, order: Asked, order_id: str, is_cancelled: bool, nameless: bool) -> dict[str, Any]:
    return {
        "id": order_id, "text": order.client_id or "web", "create_time_ms": order.arrived_ms,
        "update_time_ms": asked.arrived_ms, "status": "cancelled" if is_cancelled else "open",
        "currency_pair": asked.symbol, "type": "limit", "account": "spot", "side": order.side or "buy",
        "amount": order.quantity, "price": order.price, "time_in_force": "gtc", "left": order.quantity,
        "filled_amount": "0", "filled_total": "0", "fee": "0", "fee_currency": "BTC",
        "finish_as": "cancelled" if is_cancelled else "open",
    }  # fmt: skip


_RENDER = {"mexc": _mexc, "binance": _binance, "gateio": _gate}


def _trade(asked: Asked) -> dict[str, Any]:
    if asked.exchange == "gateio":
        return {
            "id": "1", "create_time_ms": f"{asked.arrived_ms}.0", "currency_pair": asked.symbol, "side": "buy",
            "role": "maker", "amount": "1", "price": "2", "order_id": asked.order_id, "fee": "0",
            "fee_currency": "BTC", "text": "web",
        }  # fmt: skip
    identifier = int(asked.order_id) if asked.exchange == "binance" else asked.order_id
    return {
        "symbol": asked.symbol, "id": 1 if asked.exchange == "binance" else "1", "orderId": identifier, "price": "2",
        "qty": "1", "quoteQty": "2", "commission": "0", "commissionAsset": "USDT", "time": asked.arrived_ms,
        "isBuyer": True, "isMaker": True,
    }  # fmt: skip


def _balances(asked: Asked, mark: str) -> Any:
    """Say the mark as two amounts, its time and its number."""
    _, time_ms, number = mark.split("-")
    if asked.exchange == "gateio":
        return [{"currency": "BTC", "available": time_ms, "locked": number}]
    return {"balances": [{"asset": "BTC", "free": time_ms, "locked": number}]}


def rules_of(path: str, exchange_is_binance: bool) -> bytes:
    """Return the trading rules, in the form of the exchange that has this path."""
    if path.startswith("/api/v4"):
        return json.dumps([
            {"id": f"{base}_USDT", "base": base, "quote": "USDT", "precision": 2, "amount_precision": 6,
             "trade_status": "tradable", "min_quote_amount": "1"}
            for base in SYMBOLS
        ]).encode()  # fmt: skip
    return json.dumps({"symbols": [_v3_rules(base, exchange_is_binance) for base in SYMBOLS]}).encode()


def _v3_rules(base: str, exchange_is_binance: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "symbol": f"{base}USDT", "baseAsset": base, "quoteAsset": "USDT", "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True, "quoteAssetPrecision": 8, "baseAssetPrecision": 8,
    }  # fmt: skip
    if exchange_is_binance:
        price = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"}
        lot = {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"}
        return told | {"status": "TRADING", "filters": [price, lot]}
    return told | {
        "status": "1", "quotePrecision": 2, "baseSizePrecision": "0", "quoteAmountPrecision": "1",
        "maxQuoteAmount": "2000000", "baseAssetPrecision": 6,
    }  # fmt: skip
