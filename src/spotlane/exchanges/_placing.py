"""An order from the call to certainty: sent once, and looked for until it is known what became of it."""

from __future__ import annotations

import asyncio
import dataclasses
from abc import abstractmethod
from types import TracebackType
from typing import Unpack

from spotlane.credentials import Credentials
from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    DecodeError,
    ExchangeAPIError,
    NotPlaced,
    NotSent,
    OutcomeUnknown,
    StateError,
    UsageError,
    WrongContext,
)
from spotlane.exchanges._acknowledged import Acknowledged
from spotlane.exchanges._basics import ClientStatus
from spotlane.exchanges._client import ExchangeClient
from spotlane.exchanges._evidence import ExchangeEvidence
from spotlane.exchanges._options import OptionFields
from spotlane.safety import (
    REPLY_SHARE,
    ClientIds,
    Doubt,
    Intent,
    Intents,
    Journal,
    Resolver,
    Submission,
    submit,
)
from spotlane.structs import Order, OrderParams, OutcomeState, Resolution, Unresolved
from spotlane.transport import Reply, Request, Sending, wait_until

# What is raised where no byte of an order has left.
_UNSENT = (UsageError, NotSent, BudgetExhausted, CircuitOpen, StateError)
_LANDING_ROUNDS = 20


class PlacingClient(ExchangeClient):
    """Placing orders, and knowing what became of them, as far as it does not differ from exchange to exchange."""

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        self._client_ids = ClientIds(self.spec.client_ids)
        self._intents = Intents(self.spec, self._client_ids)
        self._acknowledged = Acknowledged(self._clock.monotonic, self.spec.horizons.visibility_ms / 1_000)
        self._reply_s = REPLY_SHARE * self._options.timeout_s
        self._look_up_s = self._options.timeout_s - self._reply_s
        # Orders that are being sent; the future, made when somebody waits, is done when that is over.
        self._in_flight: dict[str, asyncio.Future[None] | None] = {}
        # Orders in doubt whose calls have ended: what becomes of them is told to on_resolved.
        self._left_open: set[str] = set()
        self._journal: Journal | None = None
        # Those of an earlier process: before it is known what became of them, or that it can't be known, none is sent.
        self._inherited: set[str] = set()
        self._recovered: asyncio.Future[None] | None = None
        self._is_closing = False
        self._evidence = self._make_evidence()
        self._resolver = Resolver(
            self.spec.name,
            self._evidence,
            clock=self._clock,
            horizons=self.spec.horizons,
            on_settled=self._on_settled,
            log=self._log,
        )

    @abstractmethod
    def _make_evidence(self) -> ExchangeEvidence:
        """Return what asks the exchange about orders in doubt."""

    @abstractmethod
    def _place_request(self, intent: Intent) -> Request:
        """Build the request that places an order."""

    @abstractmethod
    def _read_placed(self, body: bytes, intent: Intent) -> Order:
        """Read the acknowledgement of an order and fill it up from the intent.

        Raises DecodeError where the reply is about another order than the intent.
        """

    def new_client_order_id(self) -> str:
        """Return a client order id that was never used and never will be again."""
        return self._client_ids.new()

    def unresolved(self) -> tuple[Unresolved, ...]:
        """Return the orders that may be live although no reply said so; see PrivateTradingInterface."""
        return self._resolver.unresolved()

    def status(self) -> ClientStatus:
        """Return the state of the client now. Sends nothing."""
        journal = None if self._journal is None else self._journal.status()
        return dataclasses.replace(super().status(), unresolved=len(self._resolver), journal=journal)

    async def place_order(self, params: OrderParams) -> Order:
        """Place one order and return it as far as the exchange tells; see PrivateTradingInterface."""
        deadline = self._begin_placing()
        reply_s = self._reply_s
        if self._inherited:
            reply_s = await self._await_recovery(deadline - self._look_up_s)
        intent = self._intents.open(
            params,
            self._book,
            now_ms=self._exchange_clock.now_ms(),
            deadline=deadline - self._look_up_s,
            timeout_s=reply_s,
        )
        return await self._place(intent, deadline)

    def _begin_placing(self) -> float:
        """Start a call that places; see _begin."""
        deadline = self._begin()
        if self._is_closing:
            raise WrongContext("this client is being closed")
        return deadline

    async def _await_recovery(self, deadline: float) -> float:
        """Wait until it is known what became of the orders of an earlier process; return the seconds that are left."""
        if self._recovered is None or self._recovered.done():
            self._recovered = asyncio.get_running_loop().create_future()
        if not await wait_until(self._recovered, self._clock, deadline):
            raise NotSent(
                f"the order was not sent: of {len(self._inherited)} orders of an earlier process it is not known yet "
                "what became of them; exchange.unresolved() lists them"
            )
        return deadline - self._clock.monotonic()

    async def _place(self, intent: Intent, deadline: float) -> Order:
        client_order_id = intent.client_order_id
        sending = Sending()
        self._in_flight[client_order_id] = None
        try:
            request = self._place_request(intent)
            if self._journal is not None:
                await self._write_down(self._journal, intent)
            order = await submit(
                self._channel,
                self._judge,
                request,
                lambda body: self._read_placed(body, intent),
                Submission("order", client_order_id, None, _look_up_later, self._confirm_placed),
                deadline=intent.deadline,
                notice=self._notice,
                sending=sending,
                trust_refusals=self._options.trust_refusals,
            )
            if self._journal is not None:
                self._journal.note(client_order_id, OutcomeState.ACCEPTED, order.order_id)
            return order
        except _UNSENT:
            self._withdraw_intent(client_order_id)
            raise
        except ExchangeAPIError:
            self._note(client_order_id, OutcomeState.REJECTED, None)
            raise
        except OutcomeUnknown as unknown:
            doubt = self._doubt(intent, sending, str(unknown.__cause__))
            unknown.resolve_by(lambda: self._resolve(doubt))
            self._end_flight(client_order_id)
            return await self._look_up(doubt, intent, unknown, deadline)
        except asyncio.CancelledError:
            if sending.stamp_ms is None:
                self._withdraw_intent(client_order_id)
            else:
                self._left_open.add(client_order_id)
                self._doubt(intent, sending, "its call was cancelled after it was sent")
            raise
        finally:
            self._end_flight(client_order_id)

    async def _write_down(self, journal: Journal, intent: Intent) -> None:
        """Put an order on file. Raises StateError where that fails: it is not to be sent then."""
        journal.append_intent(
            intent.client_order_id,
            intent.params,
            self._exchange_clock.now_ms(),
            intent.not_after_ms,
            intent.window_ms,
        )
        if journal.is_sync:
            await journal.make_durable()

    def _note(self, client_order_id: str, state: OutcomeState, order_id: str | None) -> None:
        if self._journal is not None:
            self._journal.note(client_order_id, state, order_id)

    def _withdraw_intent(self, client_order_id: str) -> None:
        """Let an id be used again of which no byte has left."""
        self._client_ids.release(client_order_id)
        self._note(client_order_id, OutcomeState.NOT_SENT, None)

    def _confirm_placed(self, order: Order, reply: Reply) -> None:
        """Note an acknowledged order. Raises DecodeError where it must be that of another order of this client."""
        # Cut to whole milliseconds, it may be almost one later than it says.
        if order.created_ms is not None and order.created_ms + 1 <= self._exchange_clock.earliest_ms(reply.written_s):
            # Or the exchange's clock was set back.
            self._refresher.hasten(self._clock_job)
            raise DecodeError("the reply is about another order: that was made before this one was sent")
        if self.spec.placed_reply_is_nameless and self._resolver.is_answered_by(order):
            raise DecodeError("the reply names no client id and may be about another order, which is in doubt")
        self._acknowledged.add_placed(order)

    def _doubt(self, intent: Intent, sending: Sending, why: str) -> Doubt:
        assert sending.stamp_ms is not None
        return self._resolver.add(
            intent.client_order_id,
            intent.params,
            since_ms=sending.stamp_ms,
            expires_ms=sending.stamp_ms + intent.window_ms,
            sent_s=sending.sent_s,
            why=why,
            has_fresh_id=self._client_ids.made(intent.client_order_id),
        )

    async def _look_up(self, doubt: Doubt, intent: Intent, unknown: OutcomeUnknown, deadline: float) -> Order:
        """Wait for what becomes of an order while its call has time left."""
        try:
            order = await self._resolver.wait(doubt, deadline)
        except NotPlaced:
            self._note(doubt.client_order_id, OutcomeState.PROVEN_ABSENT, None)
            left_s = deadline - self._look_up_s - self._clock.monotonic()
            if not self._options.resubmit or doubt.is_unwanted or left_s <= 0:
                raise
        except asyncio.CancelledError:
            # It may have been settled in this very turn of the event loop.
            self._left_open.add(doubt.client_order_id)
            if doubt.result.done() and (resolution := doubt.result.result()) is not None:
                self._report(resolution)
            raise
        else:
            if order is not None:
                self._note(doubt.client_order_id, OutcomeState.ADOPTED, order.order_id)
                return order
            self._left_open.add(doubt.client_order_id)
            raise unknown
        now_ms = self._exchange_clock.now_ms()
        again = self._intents.again(intent, now_ms=now_ms, deadline=deadline - self._look_up_s, left_s=left_s)
        self._log.warning(
            "order %r is proven absent, placing it again as %r", intent.client_order_id, again.client_order_id
        )
        return await self._place(again, deadline)

    async def _resolve(self, doubt: Doubt) -> Order:
        """Wait for what becomes of an order for as long as a call may take; for OutcomeUnknown.resolve()."""
        order = await self._resolver.wait(doubt, self._begin())
        if order is None:
            raise self._still_unknown(doubt)
        return order

    def _still_unknown(self, doubt: Doubt) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self.spec.name} does not tell yet what became of the order with client id {doubt.client_order_id!r} "
            f"({doubt.why}): it is looked for in the background, resolve() again later",
            client_order_id=doubt.client_order_id,
            resolver=lambda: self._resolve(doubt),
        )

    def _on_settled(self, doubt: Doubt, resolution: Resolution) -> None:
        client_order_id = doubt.client_order_id
        order_id = None if resolution.order is None else resolution.order.order_id
        if client_order_id in self._inherited:
            self._inherited.discard(client_order_id)
            if not self._inherited and self._recovered is not None and not self._recovered.done():
                self._recovered.set_result(None)
        if order_id is not None:
            other = self._acknowledged.name_of(resolution.symbol, order_id)
            if other not in (None, client_order_id):
                self._log.error(
                    "order %r is that of %r, and was taken for that of %r: look the latter up",
                    order_id, client_order_id, other,
                )  # fmt: skip
            self._acknowledged.add(resolution.symbol, order_id, client_order_id)
        # Otherwise its call is waiting for this, and notes the end when its caller learns of it: a process that is
        # killed in between must not leave behind that there is nothing to tell.
        if client_order_id in self._left_open:
            self._report(resolution)

    def _report(self, resolution: Resolution) -> None:
        """Note and tell what became of an order whose call has ended."""
        order_id = None if resolution.order is None else resolution.order.order_id
        self._note(resolution.client_order_id, resolution.state, order_id)
        if resolution.state.is_terminal:
            self._left_open.discard(resolution.client_order_id)
        self._tell(resolution)

    def _tell(self, resolution: Resolution) -> None:
        if self._options.on_resolved is not None:
            try:
                self._options.on_resolved(resolution)
            except Exception:
                self._log.exception("on_resolved failed for order %r", resolution.client_order_id)

    async def _await_flight(self, client_order_id: str, deadline: float) -> None:
        """Wait until an order that is being sent has been. Raises NotSent where that takes longer than until deadline:
        what was to follow it was not sent."""
        if client_order_id not in self._in_flight:
            return
        landed = self._in_flight[client_order_id]
        if landed is None:
            landed = self._in_flight[client_order_id] = asyncio.get_running_loop().create_future()
        if not await wait_until(landed, self._clock, deadline):
            raise NotSent(f"nothing was sent: order {client_order_id!r} is still being placed")

    def _end_flight(self, client_order_id: str) -> None:
        landed = self._in_flight.pop(client_order_id, None)
        if landed is not None and not landed.done():
            landed.set_result(None)

    async def open(self) -> None:
        """Open the client; see ExchangeClient. Orders that were in doubt when it was closed are looked for again."""
        await super().open()
        self._is_closing = False
        self._resolver.resume()

    async def close(self, grace_s: float = 0.0) -> None:
        """Let calls that are under way finish and orders in doubt be resolved, then close every connection.

        Both for at most grace_s seconds. Raises OutcomeUnknown, with the rest in its `unresolved`, where orders are
        still in doubt then; the client is closed all the same.
        """
        if self._home is None:
            return
        self._require_home()
        self._is_closing = True
        await self._wait_while(lambda: len(self._resolver) or self._channel.under_way, grace_s)
        await self._resolver.stop()
        await super().close()
        # A call whose connection was closed under it learns of that when the event loop has turned: it leaves a doubt.
        for _ in range(_LANDING_ROUNDS):
            if not self._in_flight:
                break
            await asyncio.sleep(0)
        if self._journal is not None:
            self._journal.close()
        rest = self._resolver.unresolved()
        if rest:
            raise OutcomeUnknown(
                f"{self.spec.name} was closed with {len(rest)} orders of which it is not known whether they are live: "
                f"look for them by their client ids, {', '.join(each.client_order_id for each in rest)}",
                client_order_id=rest[0].client_order_id,
                unresolved=rest,
            )

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close(grace_s=self._options.timeout_s if len(self._resolver) else 0.0)
        except OutcomeUnknown as rest:
            if exception is None:
                raise
            # What ended the block is not to be hidden.
            self._log.error("%s", rest)


async def _look_up_later() -> object:
    raise AssertionError("an order in doubt is given its own way of being resolved")
