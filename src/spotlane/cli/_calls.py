"""Calls of a client, each timed, written down and never left half done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from spotlane.cli.output import Screen, milliseconds
from spotlane.errors import ExchangeAPIError, NotPlaced, OrderNotFound, SpotlaneError, TransportError, UsageError
from spotlane.structs import Order, OrderParams, Symbol

# What placing an order raises where it is certain that there is none.
_NOT_PLACED = (UsageError, ExchangeAPIError, TransportError)
_ATTEMPTS = 3
_BETWEEN_ATTEMPTS_S = 0.2


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call: requests is how many it sent, error the name of what it raised."""

    step: str
    name: str
    latency_us: float
    requests: int
    result: str
    error: str | None = None


class UnexpectedResult(SpotlaneError):
    """The demo saw something else than it should have."""


class Caller:
    """Calls one client, keeps the record, and knows which of its orders may still be alive."""

    def __init__(self, exchange: Any, screen: Screen) -> None:
        self.exchange = exchange
        self.records: list[CallRecord] = []
        self.step = ""
        self._screen = screen
        self._alive: dict[str, Symbol] = {}

    async def call(
        self, name: str, *arguments: Any, tell: Callable[[Any], str], quiet: bool = False, **named: Any
    ) -> Any:
        """Await one method and return its result; tell puts it in words, quiet keeps them off the screen.

        Raises what the method raises, once that is on the record. A cancellation waits until the call has ended, which
        the client's own deadline bounds: an order whose reply is on its way would be in doubt otherwise.
        """
        method: Callable[..., Awaitable[Any]] = getattr(self.exchange, name)
        latency_us = 0.0

        async def timed() -> Any:
            nonlocal latency_us
            started_ns = time.perf_counter_ns()
            try:
                return await method(*arguments, **named)
            finally:
                latency_us = (time.perf_counter_ns() - started_ns) / 1_000

        sent_before = self._requests_sent()
        running = asyncio.ensure_future(timed())
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise asyncio.CancelledError from None if running.cancelled() else running.exception()
        except SpotlaneError as error:
            requests = self._requests_sent() - sent_before
            self._write(CallRecord(self.step, name, latency_us, requests, str(error), type(error).__name__), "red")
            raise
        record = CallRecord(self.step, name, latency_us, self._requests_sent() - sent_before, tell(result))
        if quiet:
            self.records.append(record)
        else:
            self._write(record)
        return result

    async def refused(self, name: str, argument: object, expected: type[UsageError]) -> None:
        """Make a call that must be refused before a byte is sent. Raises UnexpectedResult where it is not."""
        sent_before = self._requests_sent()
        started_ns = time.perf_counter_ns()
        try:
            await getattr(self.exchange, name)(argument)
        except expected as error:
            latency_us = (time.perf_counter_ns() - started_ns) / 1_000
            text, kind = str(error), type(error).__name__
        else:
            raise UnexpectedResult(f"{name} should have raised {expected.__name__}")
        if self._requests_sent() != sent_before:
            raise UnexpectedResult(f"{name} raised {kind}, but a request was sent first")
        self._write(CallRecord(self.step, name, latency_us, 0, text, kind), "yellow")

    async def place(self, params: OrderParams, tell: Callable[[Order], str], *, quiet: bool = False) -> Order:
        """Place an order under an id that is known before it is sent."""
        client_order_id = self.exchange.new_client_order_id()
        self._alive[client_order_id] = params.symbol
        try:
            order: Order = await self.call(
                "place_order", params.replace(client_order_id=client_order_id), tell=tell, quiet=quiet
            )
        except _NOT_PLACED:
            del self._alive[client_order_id]
            raise
        except asyncio.CancelledError as cancelled:
            if isinstance(cancelled.__cause__, _NOT_PLACED):
                del self._alive[client_order_id]
            raise
        return order

    async def follow(self, name: str, order: Order, tell: Callable[[Order], str], *, quiet: bool = False) -> Order:
        """Read or cancel an order."""
        seen: Order = await self.call(name, order.symbol, order.order_id, tell=tell, quiet=quiet)
        if seen.is_done and order.client_order_id is not None:
            self._alive.pop(order.client_order_id, None)
        return seen

    async def clean_up(self) -> list[str]:
        """Cancel every order that may still be alive. Returns a line on each, the last one sums them up."""
        lines = []
        for client_order_id, symbol in list(self._alive.items()):
            lines.append(f"order {client_order_id}: {await self._end(symbol, client_order_id)}")
        if self._alive:
            return [*lines, f"{len(self._alive)} of the orders may still be open: look them up before you go on"]
        return [*lines, "no order is open and none is in doubt"]

    async def _end(self, symbol: Symbol, client_order_id: str) -> str:
        trouble = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_BETWEEN_ATTEMPTS_S)
            try:
                order: Order = await self.exchange.cancel_order(symbol, client_order_id=client_order_id)
            except NotPlaced:
                del self._alive[client_order_id]
                return "never placed"
            except OrderNotFound:
                trouble = "not shown by the exchange, but it may still appear there"
            except SpotlaneError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                del self._alive[client_order_id]
                return order.status.name
        return trouble

    def _requests_sent(self) -> int:
        sent: int = self.exchange.status().transport_status.requests
        return sent

    def _write(self, record: CallRecord, style: str = "") -> None:
        self.records.append(record)
        text = record.result if record.error is None else f"{record.error}: {record.result}"
        self._screen.call(record.name, milliseconds(record.latency_us), text, style)
