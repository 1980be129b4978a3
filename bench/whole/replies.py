"""What the canned-reply server says, in an exchange's own format: prepared bytes, patched only where needed.

An acknowledgement has a new order id and the server's time, and repeats symbol, side, quantity, price and client id of
its request; a query or a cancel is answered with the id that it names.
"""

from __future__ import annotations

import json
import random
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

BALANCES = 1_000
ORDERS = 1_000


@dataclass(frozen=True, slots=True)
class Holding:
    """One balance, as texts."""

    asset: str
    free: str
    locked: str


@dataclass(frozen=True, slots=True)
class Resting:
    """One open order; quantity and filled are in base, all amounts are texts."""

    number: int
    client_order_id: str
    is_buy: bool
    price: str
    quantity: str
    filled: str
    filled_quote: str
    time_ms: int


def reply(body: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a whole HTTP reply. No field is sent that a client does not need: more of them would slow the peers."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def text_of(value: object) -> bytes:
    """Return JSON without spaces, as the exchanges send it."""
    return json.dumps(value, separators=(",", ":")).encode()


def now_ms() -> int:
    """Return the server's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Replies(ABC):
    """The replies of one exchange. order_count is how many open orders it lists."""

    order_count = ORDERS
    first_number: int

    def __init__(self) -> None:
        self._number = self.first_number
        self._holdings = _make_holdings()
        self._resting = _make_resting(self.order_count, self.first_number)
        self._prepared = {route: reply(text_of(value)) for route, value in self._fixed().items()}

    def answer(self, route: bytes, query: bytes, body: bytes) -> bytes:
        """Return the reply to a request; route is method, space, path."""
        prepared = self._prepared.get(route)
        if prepared is not None:
            return prepared
        if route == b"GET /bench/state":
            return reply(text_of(self._state()))
        return self._patched(route, query, body) or reply(b'{"code":404,"msg":"no canned reply"}', b"404 Not Found")

    @abstractmethod
    def _fixed(self) -> dict[bytes, Any]:
        """Return the replies that never change, by route."""

    @abstractmethod
    def _patched(self, route: bytes, query: bytes, body: bytes) -> bytes | None:
        """Return a reply that repeats something of its request, None for an unknown route."""

    @abstractmethod
    def _id(self, number: int) -> str:
        """Write an order id."""

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _state(self) -> dict[str, object]:
        """Tell what a client must have found out: the last order id, and the sums of both lists."""
        return {
            "last_id": self._id(self._number),
            "open_orders": len(self._resting),
            "remaining": str(sum(Decimal(each.quantity) - Decimal(each.filled) for each in self._resting)),
            "balances": len(self._holdings),
            "total": str(sum(Decimal(each.free) + Decimal(each.locked) for each in self._holdings)),
        }


class MexcReplies(Replies):
    """MEXC spot v3. 999 open orders: a list of 1,000 may be cut, and spotlane refuses to take it as whole."""

    order_count = ORDERS - 1
    first_number = 593_034_730_388_221_952_036

    def _id(self, number: int) -> str:
        return f"C02__{number}"

    def _fixed(self) -> dict[bytes, Any]:
        symbol = {
            "symbol": "BTCUSDT", "status": "1", "baseAsset": "BTC", "baseAssetPrecision": 8, "quoteAsset": "USDT",
            "quotePrecision": 2, "quoteAssetPrecision": 2, "baseCommissionPrecision": 8, "quoteCommissionPrecision": 2,
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"], "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False, "quoteAmountPrecision": "1", "baseSizePrecision": "0.000001",
            "permissions": ["SPOT"], "filters": [], "maxQuoteAmount": "4000000", "makerCommission": "0",
            "takerCommission": "0.0005", "quoteAmountPrecisionMarket": "1", "maxQuoteAmountMarket": "4000000",
            "fullName": "Bitcoin", "tradeSideType": 1, "contractAddress": "", "conceptPlateIds": [], "st": False,
        }  # fmt: skip
        rules = {"timezone": "CST", "rateLimits": [], "exchangeFilters": [], "symbols": [symbol]}
        balances = [
            {"asset": each.asset, "free": each.free, "locked": each.locked, "available": each.free}
            for each in self._holdings
        ]
        account = {
            "makerCommission": None, "takerCommission": None, "buyerCommission": None, "sellerCommission": None,
            "canTrade": True, "canWithdraw": True, "canDeposit": True, "updateTime": None, "accountType": "SPOT",
            "balances": balances, "permissions": ["SPOT"],
        }  # fmt: skip
        return {
            b"GET /api/v3/exchangeInfo": rules,
            b"GET /api/v3/account": account,
            b"GET /api/v3/openOrders": [self._row(each) for each in self._resting],
        }

    def _row(self, each: Resting) -> dict[str, object]:
        return {
            "symbol": "BTCUSDT", "orderId": self._id(each.number), "orderListId": -1,
            "clientOrderId": each.client_order_id, "price": each.price, "origQty": each.quantity,
            "executedQty": each.filled, "cummulativeQuoteQty": each.filled_quote,
            "status": "PARTIALLY_FILLED" if Decimal(each.filled) else "NEW", "stpMode": "", "timeInForce": None,
            "type": "LIMIT", "side": "BUY" if each.is_buy else "SELL", "stopPrice": None, "icebergQty": None,
            "time": each.time_ms, "updateTime": each.time_ms, "isWorking": True,
        }  # fmt: skip

    def _patched(self, route: bytes, query: bytes, body: bytes) -> bytes | None:
        if route == b"GET /api/v3/time":
            return reply(b'{"serverTime":%d}' % now_ms())
        if not route.endswith(b" /api/v3/order"):
            return None
        sent = b"&%b&%b&" % (query, body)
        if route.startswith(b"POST"):
            return reply(
                b'{"symbol":"%b","orderId":"C02__%d","orderListId":-1,"price":"%b","origQty":"%b","type":"%b",'
                b'"side":"%b","stpMode":"","transactTime":%d}'
                % (
                    _sent(sent, b"&symbol="), self._next(), _sent(sent, b"&price="), _sent(sent, b"&quantity="),
                    _sent(sent, b"&type="), _sent(sent, b"&side="), now_ms(),
                )
            )  # fmt: skip
        if route.startswith(b"DELETE"):
            return reply(
                b'{"symbol":"%b","origClientOrderId":null,"orderId":"%b","clientOrderId":null,"price":"20000.02",'
                b'"origQty":"0.001","executedQty":"0","cummulativeQuoteQty":"0","status":"NEW","type":"LIMIT",'
                b'"side":"BUY"}' % (_sent(sent, b"&symbol="), _sent(sent, b"&orderId="))
            )
        return reply(
            b'{"symbol":"%b","orderId":"%b","orderListId":-1,"clientOrderId":"11","price":"20000.02","origQty":"0.001",'
            b'"executedQty":"0.0004","cummulativeQuoteQty":"8.000008","status":"PARTIALLY_FILLED","stpMode":"",'
            b'"timeInForce":null,"type":"LIMIT","side":"BUY","stopPrice":null,"icebergQty":null,"time":1757172734000,'
            b'"updateTime":1757177392000,"isWorking":true,"origQuoteOrderQty":"20.00002"}'
            % (_sent(sent, b"&symbol="), _sent(sent, b"&orderId="))
        )


class BinanceReplies(Replies):
    """Binance spot v3."""

    first_number = 41_000_000_000

    def _id(self, number: int) -> str:
        return str(number)

    def _fixed(self) -> dict[bytes, Any]:
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000",
             "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100.00000000",
             "stepSize": "0.00000000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
             "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
        ]  # fmt: skip
        symbol = {
            "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8, "quoteAsset": "USDT",
            "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8, "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "icebergAllowed": True, "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True, "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
            "filters": filters, "permissions": [], "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER", "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
        }  # fmt: skip
        rules = {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [], "symbols": [symbol]}
        rates = {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"}
        account = {
            "makerCommission": 10, "takerCommission": 10, "buyerCommission": 0, "sellerCommission": 0,
            "commissionRates": rates, "canTrade": True, "canWithdraw": True, "canDeposit": True, "brokered": False,
            "requireSelfTradePrevention": False, "preventSor": False, "updateTime": 1_757_177_392_000,
            "accountType": "SPOT",
            "balances": [{"asset": each.asset, "free": each.free, "locked": each.locked} for each in self._holdings],
            "permissions": ["SPOT"], "uid": 354_937_868,
        }  # fmt: skip
        return {
            b"GET /api/v3/exchangeInfo": rules,
            b"GET /api/v3/account": account,
            b"GET /api/v3/openOrders": [self._row(each) for each in self._resting],
        }

    def _row(self, each: Resting) -> dict[str, object]:
        return {
            "symbol": "BTCUSDT", "orderId": each.number, "orderListId": -1, "clientOrderId": each.client_order_id,
            "price": each.price, "origQty": each.quantity, "executedQty": each.filled,
            "cummulativeQuoteQty": each.filled_quote, "status": "PARTIALLY_FILLED" if Decimal(each.filled) else "NEW",
            "timeInForce": "GTC", "type": "LIMIT", "side": "BUY" if each.is_buy else "SELL",
            "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": each.time_ms, "updateTime": each.time_ms,
            "isWorking": True, "workingTime": each.time_ms, "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }  # fmt: skip

    def _patched(self, route: bytes, query: bytes, body: bytes) -> bytes | None:
        if route == b"GET /api/v3/time":
            return reply(b'{"serverTime":%d}' % now_ms())
        if not route.endswith(b" /api/v3/order"):
            return None
        sent = b"&%b&%b&" % (query, body)
        if route.startswith(b"POST"):
            time_ms = now_ms()
            return reply(
                b'{"symbol":"%b","orderId":%d,"orderListId":-1,"clientOrderId":"%b","transactTime":%d,"price":"%b",'
                b'"origQty":"%b","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000",'
                b'"cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"%b","side":"%b",'
                b'"workingTime":%d,"fills":[],"selfTradePreventionMode":"EXPIRE_MAKER"}'
                % (
                    _sent(sent, b"&symbol="), self._next(), _sent(sent, b"&newClientOrderId="), time_ms,
                    _sent(sent, b"&price="), _sent(sent, b"&quantity="), _sent(sent, b"&type="),
                    _sent(sent, b"&side="), time_ms,
                )
            )  # fmt: skip
        if route.startswith(b"DELETE"):
            return reply(
                b'{"symbol":"%b","origClientOrderId":"11","orderId":%b,"orderListId":-1,"clientOrderId":"12",'
                b'"transactTime":%d,"price":"20000.02000000","origQty":"0.00100000","executedQty":"0.00000000",'
                b'"origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED",'
                b'"timeInForce":"GTC","type":"LIMIT","side":"BUY","selfTradePreventionMode":"EXPIRE_MAKER"}'
                % (_sent(sent, b"&symbol="), _sent(sent, b"&orderId="), now_ms())
            )
        return reply(
            b'{"symbol":"%b","orderId":%b,"orderListId":-1,"clientOrderId":"11","price":"20000.02000000",'
            b'"origQty":"0.00100000","executedQty":"0.00040000","cummulativeQuoteQty":"8.00000800",'
            b'"status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT","side":"BUY","stopPrice":"0.00000000",'
            b'"icebergQty":"0.00000000","time":1757172734000,"updateTime":1757177392000,"isWorking":true,'
            b'"workingTime":1757172734000,"origQuoteOrderQty":"0.00000000","selfTradePreventionMode":"EXPIRE_MAKER"}'
            % (_sent(sent, b"&symbol="), _sent(sent, b"&orderId="))
        )


class GateioReplies(Replies):
    """Gate spot v4. 99 open orders: 100 are a page, and a full page is followed by a request for the next one."""

    order_count = 99
    first_number = 376_835_979_523

    def _id(self, number: int) -> str:
        return str(number)

    def _fixed(self) -> dict[bytes, Any]:
        pair = {
            "id": "BTC_USDT", "base": "BTC", "base_name": "Bitcoin", "quote": "USDT", "quote_name": "Tether",
            "fee": "0.2", "min_base_amount": "0.000001", "min_quote_amount": "3", "max_quote_amount": "5000000",
            "amount_precision": 6, "precision": 2, "trade_status": "tradable", "sell_start": 0, "buy_start": 0,
            "delisting_time": 0, "type": "normal", "st_tag": False,
        }  # fmt: skip
        rows = [self._row(each) for each in self._resting]
        return {
            b"GET /api/v4/spot/currency_pairs": [pair],
            b"GET /api/v4/margin/currency_pairs": [],
            b"GET /api/v4/spot/accounts": [
                {"currency": each.asset, "available": each.free, "locked": each.locked, "update_id": 98}
                for each in self._holdings
            ],
            b"GET /api/v4/spot/orders": rows,
            b"GET /api/v4/spot/open_orders": [{"currency_pair": "BTC_USDT", "total": len(rows), "orders": rows}],
        }

    def _row(self, each: Resting) -> dict[str, object]:
        return {
            "id": str(each.number), "text": f"t-{each.client_order_id}", "amend_text": "-",
            "create_time": str(each.time_ms // 1_000), "update_time": str(each.time_ms // 1_000),
            "create_time_ms": each.time_ms, "update_time_ms": each.time_ms, "status": "open",
            "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy" if each.is_buy else "sell",
            "amount": each.quantity, "price": each.price, "biz_info": "-", "time_in_force": "gtc", "iceberg": "0",
            "left": str(Decimal(each.quantity) - Decimal(each.filled)), "filled_amount": each.filled,
            "fill_price": each.filled_quote, "filled_total": each.filled_quote, "fee": "0", "fee_currency": "BTC",
            "point_fee": "0", "gt_fee": "0", "gt_maker_fee": "0", "gt_taker_fee": "0", "gt_discount": False,
            "rebated_fee": "0", "rebated_fee_currency": "USDT", "finish_as": "open",
        }  # fmt: skip

    def _patched(self, route: bytes, query: bytes, body: bytes) -> bytes | None:
        if route == b"POST /api/v4/spot/orders":
            return self._order(
                b"%d" % self._next(), b"open", _member(body, b"text"), _member(body, b"currency_pair"),
                _member(body, b"side"), _member(body, b"amount"), _member(body, b"price"), b"201 Created",
            )  # fmt: skip
        if route == b"GET /api/v4/spot/time":
            return reply(b'{"server_time":%d}' % now_ms())
        verb, _, order_id = route.partition(b" /api/v4/spot/orders/")
        if verb not in (b"GET", b"DELETE"):
            return None
        state = b"open" if verb == b"GET" else b"cancelled"
        return self._order(order_id, state, b"t-11", b"BTC_USDT", b"buy", b"0.001", b"20000.02")

    @staticmethod
    def _order(
        order_id: bytes, state: bytes, text: bytes, pair: bytes, side: bytes, amount: bytes, price: bytes,
        status: bytes = b"200 OK",
    ) -> bytes:  # fmt: skip
        time_ms = now_ms()
        return reply(
            b'{"id":"%b","text":"%b","amend_text":"-","create_time":"%d","update_time":"%d","create_time_ms":%d,'
            b'"update_time_ms":%d,"status":"%b","currency_pair":"%b","type":"limit","account":"spot","side":"%b",'
            b'"amount":"%b","price":"%b","biz_info":"-","time_in_force":"gtc","iceberg":"0","left":"%b",'
            b'"filled_amount":"0","fill_price":"0","filled_total":"0","fee":"0","fee_currency":"BTC","point_fee":"0",'
            b'"gt_fee":"0","gt_maker_fee":"0","gt_taker_fee":"0","gt_discount":false,"rebated_fee":"0",'
            b'"rebated_fee_currency":"USDT","finish_as":"%b"}'
            % (
                order_id, text or b"apiv4", time_ms // 1_000, time_ms // 1_000, time_ms, time_ms, state, pair, side,
                amount, price, amount, state,
            ),
            status,
        )  # fmt: skip


REPLIES: dict[str, type[Replies]] = {"mexc": MexcReplies, "gateio": GateioReplies, "binance": BinanceReplies}


def _sent(text: bytes, name: bytes) -> bytes:
    """Return the value of a query or form field; name is "&name=". None of those asked for is percent-encoded."""
    start = text.find(name)
    if start < 0:
        return b""
    start += len(name)
    return text[start : text.index(b"&", start)]


def _member(body: bytes, name: bytes) -> bytes:
    """Return a text of a flat JSON object, which some clients write with a space after the colon."""
    start = body.find(b'"%b":' % name)
    if start < 0:
        return b""
    start = body.index(b'"', start + len(name) + 3) + 1
    return body[start : body.index(b'"', start)]


def _make_holdings() -> list[Holding]:
    draw = random.Random(18)
    return [
        Holding(f"A{index}", f"{draw.randint(1, 10**12) / 10**8:.8f}", f"0.{index:04}") for index in range(BALANCES)
    ]


def _make_resting(count: int, first_number: int) -> list[Resting]:
    draw = random.Random(17)
    rows = []
    for index in range(count):
        quantity = draw.randint(3, 10**6)
        filled = draw.choice([0, quantity // 3])
        price = draw.randint(10**6, 10**7)
        rows.append(
            Resting(
                number=first_number - count + index,
                client_order_id=f"sl{draw.getrandbits(80):020x}",
                is_buy=draw.random() < 0.5,
                price=f"{price / 100:.2f}",
                quantity=f"{quantity / 10**4:.4f}",
                filled=f"{filled / 10**4:.4f}",
                filled_quote=f"{filled * price / 10**6:.6f}",
                time_ms=1_757_172_734_000 + index,
            )
        )
    return rows
