"""MEXC's answers from memory: what a client asks over an aiohttp session is answered without a socket.

The session's connector makes real aiohttp connections over a transport that answers each request on the event loop's
next turn. Everything above the transport is what a client of a real exchange runs.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

from aiohttp import BaseConnector, ClientSession
from aiohttp.client_proto import ResponseHandler

from spotlane.transport import ManualClock

URL = "http://127.0.0.1:8080"

_END_OF_HEAD = b"\r\n\r\n"
_STAMP = b"timestamp="
_STAMP_DIGITS = 13
_HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: application/json;charset=utf-8\r\n"
    b"Connection: keep-alive\r\nCache-Control: no-cache, no-store\r\nContent-Length: %d\r\n\r\n%s"
)
_ACK = (
    b'{"symbol":"BTCUSDT","orderId":"C02__%021d","orderListId":-1,"price":"20000.00","origQty":"0.001000",'
    b'"type":"LIMIT","side":"BUY","stpMode":"","transactTime":%s}'
)
_RULES = {
    "timezone": "CST",
    "serverTime": 0,
    "symbols": [
        {
            "symbol": "BTCUSDT", "status": "1", "baseAsset": "BTC", "baseAssetPrecision": 6, "quoteAsset": "USDT",
            "quotePrecision": 2, "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"], "isSpotTradingAllowed": True,
            "quoteAmountPrecision": "1", "baseSizePrecision": "0.000001", "maxQuoteAmount": "5000000",
            "quoteAmountPrecisionMarket": "1", "maxQuoteAmountMarket": "500000", "tradeSideType": 1,
        }
    ],
}  # fmt: skip


class TimerlessClock(ManualClock):
    """A clock that moves when it is told to and never calls back.

    No deadline passes on it and no background work falls due, so that nothing runs beside the calls that are counted.
    """

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> _Timer:
        """Return a timer that never fires."""
        return _TIMER


class _Timer:
    def cancel(self) -> None:
        """Do nothing."""


_TIMER = _Timer()


class Answers:
    """The exchange's side: a new order id for every order, and for its time the stamp that was signed."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._orders = 0

    def to(self, head: bytes) -> bytes:
        """Return the whole reply to a request, which is all head. Raises ValueError for one that has no answer."""
        if head.startswith(b"POST /api/v3/order?"):
            self._orders += 1
            start = head.index(_STAMP) + len(_STAMP)
            body = _ACK % (self._orders, head[start : start + _STAMP_DIGITS])
        elif head.startswith(b"GET /api/v3/time "):
            body = b'{"serverTime":%d}' % self._clock.time_ms()
        elif head.startswith(b"GET /api/v3/exchangeInfo "):
            body = json.dumps(_RULES).encode()
        else:
            # The target holds a signature.
            raise ValueError(f"no answer to {head.partition(b'?')[0][:80]!r}")
        return _HEAD % (len(body), body)


class CannedTransport(asyncio.Transport):
    """One connection. Its socket is open and silent, for whoever polls the descriptor, and carries nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: ResponseHandler, answers: Answers) -> None:
        self._ends = socket.socketpair()
        super().__init__({"socket": self._ends[0], "peername": ("127.0.0.1", 8080), "sockname": ("127.0.0.1", 8081)})
        self._loop = loop
        self._protocol = protocol
        self._answers = answers
        self._unanswered = b""
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Answer what is a whole request now."""
        self._unanswered += data
        if self._unanswered.endswith(_END_OF_HEAD):
            head, self._unanswered = self._unanswered, b""
            self._loop.call_soon(self._protocol.data_received, self._answers.to(head))

    def is_closing(self) -> bool:
        """Say whether it is closed or about to be."""
        return self._is_closing

    def close(self) -> None:
        """Tell the protocol on the loop's next turn."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._lose)

    def abort(self) -> None:
        """Close: nothing is ever left unsent."""
        self.close()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing is ever left unsent."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: writing is never paused."""

    def pause_reading(self) -> None:
        """Do nothing: the one reply that is due is small."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def is_reading(self) -> bool:
        """Return True."""
        return True

    def _lose(self) -> None:
        self._protocol.connection_lost(None)
        for end in self._ends:
            end.close()


class CannedConnector(BaseConnector):
    """Opens connections that are answered from memory."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(limit=0)
        self._answers = answers

    async def _create_connection(self, req: object, traces: object, timeout: object) -> ResponseHandler:  # noqa: ASYNC109
        protocol = ResponseHandler(self._loop)
        protocol.connection_made(CannedTransport(self._loop, protocol, self._answers))
        return protocol


def canned_session(clock: ManualClock) -> ClientSession:
    """Return a session on the running event loop for a client with base_url=URL and this clock."""
    return ClientSession(connector=CannedConnector(Answers(clock)))
