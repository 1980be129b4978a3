"""A server with a handler that counts, and a client that shows what is on the wire."""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop

from spotlane.sandbox.faults import Fault, FaultPlan
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.listeners import TcpListener
from spotlane.sandbox.server import ExchangeServer
from spotlane.sandbox.tls import TlsPair, make_tls_pair

T = TypeVar("T")
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
DEADLINE_S = 10.0


def run(loop: str, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the named kind of loop and check that it leaves no task behind."""

    async def checked() -> T:
        result = await asyncio.wait_for(coroutine, 30)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left
        return result

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(checked())


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that something else on the loop brings about."""
    async with asyncio.timeout(DEADLINE_S):
        # What is waited for are plain attributes, not events.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@functools.cache
def tls_pair() -> TlsPair:
    return make_tls_pair("127.0.0.1")


@dataclass
class Rig:
    """A running server and what its handler saw."""

    server: ExchangeServer
    faults: FaultPlan
    ssl_context: ssl.SSLContext | None
    handled: list[HttpRequest] = field(default_factory=list)
    clock_ms: int = 0

    def handle(self, request: HttpRequest) -> HttpReply:
        if request.path == "/broken":
            raise RuntimeError("the dialect is broken")
        if request.path == "/empty":
            return HttpReply(204, b"")
        self.handled.append(request)
        body = json.dumps({"count": len(self.handled), "clock_ms": self.clock_ms, "padding": "x" * 200})
        return HttpReply(200, body.encode(), {"X-Count": str(len(self.handled))})

    def shift_clock(self, shift_ms: int) -> None:
        self.clock_ms += shift_ms

    async def connect(self) -> Wire:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.server.port, ssl=self.ssl_context, limit=1 << 25
        )
        return Wire(reader, writer)


@dataclass
class Wire:
    """One client connection, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, method: str = "POST", target: str = "/api/v3/order", body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """Read one reply with a Content-Length (or, for 1xx and 204, none)."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status_line.split(" ")[1]), headers, body

    async def ask(self, method: str = "POST", target: str = "/api/v3/order") -> dict[str, Any]:
        """Send one request and read the JSON of its 200 reply."""
        self.send(method, target)
        status, _, body = await self.reply()
        assert status == 200
        document = json.loads(body)
        assert isinstance(document, dict)
        return document

    async def rest(self) -> tuple[bytes, str]:
        """Read until the connection ends; returns the bytes and "finish" or "reset"."""
        received = bytearray()
        async with asyncio.timeout(DEADLINE_S):
            try:
                while data := await self.reader.read(1 << 16):
                    received += data
            except ConnectionError:
                return bytes(received), "reset"
        return bytes(received), "finish"

    async def close(self) -> None:
        self.writer.transport.abort()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


@asynccontextmanager
async def serving(*faults: Fault | str, tls: bool = False, **settings: Any) -> AsyncIterator[Rig]:
    """A server on any free port."""
    pair = tls_pair() if tls else None
    plan = FaultPlan()
    plan.add(*faults)
    server = ExchangeServer(
        lambda request: rig.handle(request),
        plan,
        TcpListener("127.0.0.1", 0, pair.server if pair else None),
        now_ms=lambda: 0,
        shift_clock=lambda shift_ms: rig.shift_clock(shift_ms),
        **settings,
    )
    rig = Rig(server, plan, pair.client if pair else None)
    await server.start()
    try:
        yield rig
    finally:
        await server.stop()
