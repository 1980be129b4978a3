"""The raw floor: what the event loop and the kernel take for one request, with nothing of a client on top."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from whole.clients.contract import PRICES, Amount, Client, Target
from whole.clients.wire import Call, dialect

_ID = "ORDERID"


class _Connection(asyncio.Protocol):
    """One request in flight; a reply ends where its Content-Length says."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._reply: asyncio.Future[bytes] | None = None
        self._parts: list[bytes] = []
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """Write a request and return the future of its reply."""
        self._reply = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._reply

    def data_received(self, data: bytes) -> None:
        if not self._parts:
            head_end = data.index(b"\r\n\r\n")
            start = data.index(b"Content-Length: ") + 16
            self._missing = head_end + 4 + int(data[start : data.index(b"\r\n", start)])
        self._parts.append(data)
        self._missing -= len(data)
        if not self._missing and self._reply is not None:
            whole = data if len(self._parts) == 1 else b"".join(self._parts)
            self._parts.clear()
            self._reply.set_result(whole)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(exc or ConnectionResetError())


class Floor(Client):
    """Ready-made bytes of real signed requests over raw connections; replies are received whole and not decoded."""

    decodes = False

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._idle: list[_Connection] = []
        self._opened: list[_Connection] = []
        self._id_start = b'"id":"' if target.exchange == "gateio" else b'"orderId":'
        ways = dialect(target.exchange)
        self._place = self._bytes_of(ways.place(PRICES[0]))
        self._cancel = self._bytes_of(ways.cancel(_ID)).split(_ID.encode())
        self._get = self._bytes_of(ways.get(_ID)).split(_ID.encode())
        self._open_orders = self._bytes_of(ways.open_orders())
        self._balances = self._bytes_of(ways.balances())

    def what(self) -> str:
        """Say in a few words what is compared, with versions."""
        return f"raw asyncio.Protocol, ready-made bytes (Python {sys.version.split()[0]})"

    async def open(self) -> None:
        """Open the first connection; more are opened when all are busy."""
        self._idle.append(await self._connect())

    def order(self) -> bytes:
        """Return the bytes of an order."""
        return self._place

    async def place(self, order: Any) -> str:
        """Place an order."""
        return self._id_in(await self._call(order))

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return self._id_in(await self._call(order_id.encode().join(self._cancel)))

    async def get(self, order_id: str) -> str:
        """Query an order."""
        return self._id_in(await self._call(order_id.encode().join(self._get)))

    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders; the reply is not decoded."""
        await self._call(self._open_orders)
        return {}

    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances; the reply is not decoded."""
        await self._call(self._balances)
        return {}

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            connection.transport.abort()

    async def _call(self, request: bytes) -> bytes:
        connection = self._idle.pop() if self._idle else await self._connect()
        reply = await connection.send(request)
        self._idle.append(connection)
        return reply

    async def _connect(self) -> _Connection:
        url = urlsplit(self.target.url)
        assert url.hostname is not None
        assert url.port is not None
        loop, context = asyncio.get_running_loop(), self.target.ssl_context()
        _, connection = await loop.create_connection(_Connection, url.hostname, url.port, ssl=context)
        self._opened.append(connection)
        return connection

    def _id_in(self, reply: bytes) -> str:
        start = reply.index(self._id_start) + len(self._id_start)
        return reply[start : reply.index(b",", start)].strip(b'"').decode()

    def _bytes_of(self, call: Call) -> bytes:
        sent = dialect(self.target.exchange).sign(call)
        fields = {"Host": urlsplit(self.target.url).netloc, **sent.headers}
        if sent.body or sent.method == "POST":
            fields["Content-Length"] = str(len(sent.body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{sent.method} {sent.target} HTTP/1.1\r\n{head}\r\n".encode() + sent.body
