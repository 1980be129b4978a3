"""The course of an order's life, the same on every exchange: place, look, cancel, settle."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import cast

from spotlane.errors import (
    DecodeError,
    ExchangeAPIError,
    NotSupported,
    OrderNotFound,
    OutcomeUnknown,
    ReadFailed,
    SpotlaneError,
    TransportError,
    UsageError,
)
from spotlane.exchanges._batch import BatchClient
from spotlane.exchanges._evidence import ExchangeEvidence
from spotlane.exchanges._json import load
from spotlane.exchanges._rotation import RotatingClient
from spotlane.interfaces import PrivateTradingInterface
from spotlane.safety import Doubt, Submission, SymbolRules, check_order
from spotlane.structs import Order, OrderParams, Symbol
from spotlane.transport import ReplyLost, Request

_FIRST_DELAY_S = 0.01
_LONGEST_DELAY_S = 0.25

# What a look-up may end with that leaves open what became of the thing that was looked up.
_UNANSWERED = (TransportError, ExchangeAPIError, DecodeError)


class TradingClient(BatchClient, RotatingClient):
    """Orders, as far as they do not differ from exchange to exchange.

    Subclasses build the requests and read the replies; the order of steps, and what a lost reply means, stands here.
    """

    @abstractmethod
    def _order_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        """Build the request that reads one order; exactly one id is given."""

    @abstractmethod
    def _read_order(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        """Read one order."""

    @abstractmethod
    def _cancel_request(self, rules: SymbolRules, order_id: str | None, client_order_id: str | None) -> Request:
        """Build the request that cancels one order; exactly one id is given."""

    @abstractmethod
    def _read_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> Order:
        """Read the acknowledgement of a cancel, whose status need not be final."""

    @abstractmethod
    def _cancel_all_request(self, rules: SymbolRules) -> Request:
        """Build the request that cancels every open order of a symbol."""

    @abstractmethod
    def _read_all_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> list[Order]:
        """Read the acknowledgement of cancelling all; the statuses need not be final."""

    def _test_request(self, rules: SymbolRules, params: OrderParams, client_order_id: str) -> Request:
        """Build the request that has an order checked and not placed; for an exchange that can."""
        raise NotSupported(f"{self.spec.name} declares order.test without a request for it")

    async def _search(self, rules: SymbolRules, client_order_id: str, deadline: float) -> Order | None:
        """Look elsewhere for an order that its client id does not find; exchanges whose look-up is complete don't."""
        return None

    def _make_evidence(self) -> ExchangeEvidence:
        return ExchangeEvidence(
            cast(PrivateTradingInterface, self),
            find_once=self._find_once,
            read_time_ms=self.get_server_time_ms,
            now_ms=self._exchange_clock.now_ms,
            name_of=lambda symbol, order_id: self._acknowledged.name_of(symbol, order_id),
            is_degraded=lambda: self._breakers.is_failing("orders", self.spec.horizons.processing_ms / 1_000),
        )

    def _confirm_cancelled(self, order: Order, order_id: str | None, client_order_id: str | None) -> None:
        if order.client_order_id is None and self.spec.cancel_reply_may_be_nameless:
            name = self._acknowledged.name_of(order.symbol, order.order_id)
            order = order.replace(client_order_id=name or client_order_id)
        _require_same(order, order_id, client_order_id)

    async def test_order(self, params: OrderParams) -> None:
        """Let the exchange check an order without placing it. Returns when it would be taken, as far as it checks.

        Raises what placing it would, and NotSupported where the exchange has no test orders.
        """
        deadline = self._begin()
        ability = self.spec.capability("order.test")
        if not ability.supported:
            raise NotSupported(f"{self.spec.name} has no test orders: {ability.reason}")
        rules = self._book.find(params.symbol)
        check_order(self.spec, rules, params)
        request = self._test_request(rules, params, params.client_order_id or self.new_client_order_id())
        await self._read(request, _read_nothing, deadline=deadline)

    async def get_order(
        self, symbol: Symbol, order_id: str | None = None, *, client_order_id: str | None = None
    ) -> Order:
        """Return one order, named by exactly one of its two ids; see PrivateTradingInterface."""
        deadline = self._begin()
        _require_one_id(order_id, client_order_id)
        return await self._look(symbol, order_id, client_order_id, deadline)

    async def cancel_order(
        self,
        symbol: Symbol,
        order_id: str | None = None,
        *,
        client_order_id: str | None = None,
        confirm: bool = True,
    ) -> Order:
        """Cancel one order and return its final state, fills included; see PrivateTradingInterface."""
        deadline = self._begin()
        _require_one_id(order_id, client_order_id)
        rules = self._book.find(symbol)
        if client_order_id is not None:
            await self._await_flight(client_order_id, deadline)
            doubt = self._resolver.find(client_order_id)
            if doubt is not None:
                return await self._cancel_doubted(rules, doubt, deadline)
        return await self._cancel(rules, order_id, client_order_id, confirm, deadline)

    async def _cancel_doubted(self, rules: SymbolRules, doubt: Doubt, deadline: float) -> Order:
        """Cancel an order that may be live: now, where it shows, and else as soon as it does.

        That the exchange knows no such order proves nothing before it is proven absent. Raises NotPlaced then.
        """
        doubt.is_unwanted = True
        try:
            return await self._cancel(rules, None, doubt.client_order_id, True, deadline)
        except OrderNotFound:
            order = await self._resolver.wait(doubt, deadline)
        if order is None:
            raise OutcomeUnknown(
                f"order {doubt.client_order_id!r} is in doubt and does not show ({doubt.why}): it will be cancelled as "
                "soon as it does. await resolve() on this error",
                client_order_id=doubt.client_order_id,
                resolver=lambda: self._resolve(doubt),
            )
        return order

    async def _cancel(
        self, rules: SymbolRules, order_id: str | None, client_order_id: str | None, confirm: bool, deadline: float
    ) -> Order:
        symbol = rules.symbol
        request = self._cancel_request(rules, order_id, client_order_id)
        doubt: SpotlaneError | None = None
        try:
            acknowledged = await self._read(
                request,
                self._read_cancelled,
                deadline=deadline,
                confirm=lambda order: self._confirm_cancelled(order, order_id, client_order_id),
            )
            if not confirm or (self.spec.cancel_reply_is_final and acknowledged.is_done):
                return acknowledged
            self._acknowledged.add(symbol, order_id, client_order_id)
        except OrderNotFound:
            # Filled, cancelled or never placed: the order itself tells which. It may be open all the same, where the
            # exchange finds it by its own id only.
            found = client_order_id and await self._search(rules, client_order_id, deadline)
            if found and not found.is_done:
                return await self._cancel(rules, found.order_id, None, confirm, deadline)
        except (ReplyLost, DecodeError) as lost:
            doubt = lost
        if doubt is not None and not confirm:
            raise self._undone(symbol, order_id, client_order_id, str(doubt)) from doubt
        return await self._settle(symbol, order_id, client_order_id, deadline, doubt)

    async def cancel_all_orders(self, symbol: Symbol, *, confirm: bool = True) -> list[Order]:
        """Cancel every open order of a symbol and return them in their final states, fills included.

        It is sent once. confirm=False returns what the acknowledgement tells. Raises OutcomeUnknown when it may have
        been executed although no usable reply came; resolve() then returns the orders that are still open. Raises
        OutcomeUnknown, too, for an order that isn't final at the deadline.
        """
        deadline = self._begin()
        rules = self._book.find(symbol)
        try:
            cancelled = await self._submit(
                self._cancel_all_request(rules),
                self._read_all_cancelled,
                Submission(f"cancelling of all orders of {symbol}", None, None, lambda: self.get_open_orders(symbol)),
                deadline=deadline,
            )
        except OrderNotFound:
            return []  # the answer of some exchanges when nothing is open
        if not confirm:
            return cancelled
        for order in cancelled:
            self._acknowledged.add(symbol, order.order_id, order.client_order_id)
        return [
            order if order.is_done else await self._settle(symbol, order.order_id, None, deadline)
            for order in cancelled
        ]

    async def get_open_orders(self, symbol: Symbol | None = None) -> list[Order]:
        """Return the orders that are open now, of one symbol or of all. Never cached."""
        deadline = self._begin()
        return await self._fetch_open_orders(None if symbol is None else self._book.find(symbol), deadline)

    async def _settle(
        self,
        symbol: Symbol,
        order_id: str | None,
        client_order_id: str | None,
        deadline: float,
        doubt: SpotlaneError | None = None,
    ) -> Order:
        """Look at an order until it is done. Raises OutcomeUnknown at the deadline; its resolve() goes on looking.

        doubt is what became of the cancel, where that is not known.
        """
        delay_s = _FIRST_DELAY_S
        seen = "it was not read again"
        while self._clock.monotonic() < deadline:
            try:
                order = await self._look(symbol, order_id, client_order_id, deadline)
            except OrderNotFound:
                raise
            except _UNANSWERED as lost:
                doubt = lost
            else:
                if order.is_done:
                    return order
                doubt, seen = None, f"it is {order.raw_status or order.status.value} still"
            if self._clock.monotonic() + delay_s >= deadline:
                break
            await self._clock.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
        raise self._undone(symbol, order_id, client_order_id, str(doubt or seen)) from doubt

    async def _find_once(self, symbol: Symbol, client_order_id: str, *, in_lists: bool) -> Order | None:
        """Read an order by its client id once; None where the exchange says that there is none."""
        deadline = self._begin()
        rules = self._book.find(symbol)
        try:
            return await self._read(
                self._order_request(rules, None, client_order_id),
                self._read_order,
                deadline=deadline,
                confirm=lambda order: _require_same(order, None, client_order_id),
            )
        except OrderNotFound:
            return await self._search(rules, client_order_id, deadline) if in_lists else None

    async def _look(self, symbol: Symbol, order_id: str | None, client_order_id: str | None, deadline: float) -> Order:
        """Read one order. One that was acknowledged a moment ago is not taken as absent because a read says so."""
        rules = self._book.find(symbol)
        request = self._order_request(rules, order_id, client_order_id)
        delay_s = _FIRST_DELAY_S
        while True:
            # Before the read: its reply may be late.
            is_fresh = self._acknowledged.is_fresh(symbol, order_id, client_order_id)
            try:
                return await self._read(
                    request,
                    self._read_order,
                    deadline=deadline,
                    confirm=lambda order: _require_same(order, order_id, client_order_id),
                )
            except OrderNotFound:
                found = client_order_id and await self._search(rules, client_order_id, deadline)
                if found:
                    return found
                if not is_fresh:
                    raise
            if self._clock.monotonic() + delay_s >= deadline:
                raise ReadFailed(
                    f"{self.spec.name} acknowledged order {order_id or client_order_id!r} but does not show it yet: "
                    "read it again in a moment"
                )
            await self._clock.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def _undone(self, symbol: Symbol, order_id: str | None, client_order_id: str | None, seen: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"the cancel of order {order_id or client_order_id!r} is not confirmed: {seen}. "
            "await resolve() on this error",
            client_order_id=client_order_id,
            order_id=order_id,
            resolver=lambda: self._settle(symbol, order_id, client_order_id, self._begin()),
        )


def _read_nothing(body: bytes, symbols: object) -> None:
    if load(body) != {}:
        raise DecodeError("an empty object was expected")


def _require_same(order: Order, order_id: str | None, client_order_id: str | None) -> None:
    if order_id not in (None, order.order_id) or client_order_id not in (None, order.client_order_id):
        raise DecodeError(f"the reply is about another order, {order.order_id!r}")


def _require_one_id(order_id: str | None, client_order_id: str | None) -> None:
    if (order_id is None) == (client_order_id is None):
        raise UsageError("name the order by order_id or by client_order_id, exactly one of them")
    if not (order_id or client_order_id):
        raise UsageError("the order's id is empty")
