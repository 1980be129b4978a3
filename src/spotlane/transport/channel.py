"""The one way out: budget, connection, stamp, signature, reply."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

from spotlane._core.circuits import Circuit
from spotlane.errors import BudgetExhausted, CircuitOpen, NotSent, ReadFailed, UsageError
from spotlane.spec import Endpoint, Verb
from spotlane.transport.breaker import Breakers
from spotlane.transport.budget import Budget
from spotlane.transport.clock import Clock
from spotlane.transport.exchange_clock import ExchangeClock
from spotlane.transport.request import Authenticator, Carrier, Reply, ReplyLost, Request, Sealed, Sending
from spotlane.transport.stages import StageListener, Stages
from spotlane.transport.status import TransportStatus
from spotlane.transport.urgency import RESOLVING

_READ = Verb.READ
_FIRST_FAILURE = 500
# Longer than the look-ups of a whole outage take.
_LONGEST_TURN_S = 120.0


class KeyUse:
    """An authenticator, and how many requests are under way that began while it was the one in use."""

    __slots__ = ("authenticator", "under_way")

    def __init__(self, authenticator: Authenticator | None) -> None:
        self.authenticator = authenticator
        self.under_way = 0


class Channel:
    """Sends requests to one exchange for one account.

    authenticator may be None where nothing is ever signed. timeout_s bounds a request that is given no deadline; one
    that is given one belongs to a call that began so long before it. stage_listener is told of the stages of each, on
    the event loop. breakers count every request and refuse those of a class that fails. look_ups is what reads that
    look up outcomes may use of the budget; None lets them use it all.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        clock: Clock,
        exchange_clock: ExchangeClock,
        authenticator: Authenticator | None,
        budget: Budget,
        timeout_s: float = 2.0,
        breakers: Breakers | None = None,
        look_ups: Budget | None = None,
    ) -> None:
        self._carrier = carrier
        self._clock = clock
        self._exchange_clock = exchange_clock
        self._key = KeyUse(authenticator)
        self._left: list[KeyUse] = []
        self._budget = budget
        self._timeout_s = timeout_s
        self._look_ups = look_ups
        self.breakers = breakers if breakers is not None else Breakers(clock)
        self._circuits = self.breakers.circuits
        self.stage_listener: StageListener | None = None
        self._requests = 0
        self._replies = 0
        self._not_sent = 0
        self._over_budget = 0
        self._circuit_open = 0
        self._replies_lost: Counter[str] = Counter()

    @property
    def under_way(self) -> int:
        """How many requests are."""
        return self._key.under_way + sum(key.under_way for key in self._left)

    def rekey(self, authenticator: Authenticator) -> KeyUse:
        """Sign with another key from now on; return the use of the one before.

        What was signed before goes on as it is. What has waited until now is signed with the new key.
        """
        before, self._key = self._key, KeyUse(authenticator)
        before.authenticator = None
        self._left = [key for key in (*self._left, before) if key.under_way]
        return before

    def keyed(self, authenticator: Authenticator) -> Channel:
        """Return a channel that signs with another key and shares everything else but the counts."""
        return Channel(
            self._carrier,
            clock=self._clock,
            exchange_clock=self._exchange_clock,
            authenticator=authenticator,
            budget=self._budget,
            timeout_s=self._timeout_s,
            breakers=self.breakers,
            look_ups=self._look_ups,
        )

    async def open(self) -> None:
        """Warm the connections that are kept."""
        await self._carrier.open()

    async def close(self) -> None:
        """Stop probing and close every connection."""
        await self.breakers.close()
        await self._carrier.close()

    async def send(
        self,
        request: Request,
        *,
        deadline: float | None = None,
        patience: float = 1.0,
        sending: Sending | None = None,
    ) -> Reply:
        """Send one request, once, and return its whole reply, whatever its status.

        deadline is on the clock's monotonic scale and covers everything: the wait for the budget and for a connection
        too. patience is the share of the time that is left after the wait for the budget, at the end of which the reply
        counts as lost. Raises CircuitOpen, BudgetExhausted and NotSent where nothing was sent, ReadFailed where a read
        got no usable reply, and ReplyLost where anything else got none: it may have been executed. A cancelled call
        closes its connection; sending tells then whether a byte can have left.
        """
        endpoint = request.endpoint
        key = self._key
        if endpoint.signed and key.authenticator is None:
            raise UsageError(f"{endpoint.name} is a private endpoint: it needs credentials")
        if deadline is None:
            deadline = self._clock.monotonic() + self._timeout_s
        stages = None if self.stage_listener is None else self._begin_stages(endpoint.name, deadline)
        self._requests += 1
        key.under_way += 1
        reply: Reply | None = None
        try:
            circuit = self._circuits.get(endpoint.name) or self.breakers.of(endpoint)
            if circuit.is_open:
                await self._check_circuit(endpoint)
            is_look_up = endpoint.verb is _READ and RESOLVING.get()
            if is_look_up:
                deadline = await self._wait_for_share(request)
            elif not self._budget.try_take(endpoint, request.symbol):
                await self._wait_for_budget(request, deadline)
            if patience < 1.0:
                deadline -= (1.0 - patience) * (deadline - self._clock.monotonic())
            seal = partial(self._seal, sending)
            reply = await self._carrier.carry(request, seal, deadline=deadline, stages=stages)
        except NotSent as unsent:
            self._not_sent += 1
            if unsent.is_unreachable:
                self.breakers.fail(endpoint)
            raise
        except ReplyLost as lost:
            self._note_lost(endpoint, lost)
            if endpoint.verb is not _READ:
                raise
            message = str(lost)
        else:
            reply.stages = stages
            self._note_reply(request, reply, circuit)
            return reply
        finally:
            key.under_way -= 1
            if stages is not None and reply is None:
                stages.finish()
        raise ReadFailed(message)

    def _note_lost(self, endpoint: Endpoint, lost: ReplyLost) -> None:
        self._replies_lost[lost.reason] += 1
        # An error of the lane says nothing of the exchange.
        if lost.reason != "lane":
            self.breakers.fail(endpoint)

    async def _check_circuit(self, endpoint: Endpoint) -> None:
        try:
            self.breakers.check(endpoint)
        except CircuitOpen:
            self._circuit_open += 1
            # Somebody who repeats the call at once must not keep the event loop from the probe.
            await asyncio.sleep(0)
            raise

    def _note_reply(self, request: Request, reply: Reply, circuit: Circuit) -> None:
        self._replies += 1
        if reply.status < _FIRST_FAILURE:
            circuit.succeed(reply.received_s)
        else:
            self.breakers.fail(request.endpoint)

    def note_usage(self, request: Request, reply: Reply) -> None:
        """Take over what the headers of a reply tell of the limits, once it is found to be the answer to its request.

        That is for who understands the reply to say: the headers of another's tell of another moment.
        """
        if self._budget.reads_headers:
            exchange_ms = self._exchange_clock.at_ms(reply.received_s)
            self._budget.note_usage(request.endpoint, request.symbol, reply, exchange_ms)

    def _begin_stages(self, name: str, deadline: float) -> Stages:
        assert self.stage_listener is not None
        return Stages(name, deadline - self._timeout_s, self.stage_listener, self._clock.monotonic)

    async def _wait_for_budget(self, request: Request, deadline: float, *, is_look_up: bool = False) -> None:
        latest = self._latest_start(request, deadline)
        try:
            await self._budget.take(request.endpoint, request.symbol, is_look_up, deadline=latest)
        except BudgetExhausted:
            self._over_budget += 1
            raise

    async def _wait_for_share(self, request: Request) -> float:
        """Let a look-up of an outcome wait for its share of the budget, and return its deadline.

        Nobody's call waits for it directly, and many wait in turn: its time begins when it is sent.
        """
        if self._look_ups is not None:
            turn = self._clock.monotonic() + _LONGEST_TURN_S
            await self._look_ups.take(request.endpoint, request.symbol, deadline=turn)
        deadline = self._clock.monotonic() + self._timeout_s
        await self._wait_for_budget(request, deadline, is_look_up=True)
        return deadline

    def _seal(self, sending: Sending | None, request: Request) -> Sealed:
        """Stamp and sign a request whose bytes are about to be written; see Seal."""
        now_s = self._clock.monotonic()
        stamp_ms = self._exchange_clock.now_ms(now_s)
        if request.not_after_ms is not None and stamp_ms > request.not_after_ms:
            raise NotSent(
                f"{request.what} was not sent: it was to leave by {request.not_after_ms} and it is {stamp_ms} at the "
                "exchange"
            )
        authenticator = self._key.authenticator
        if not request.endpoint.signed or authenticator is None:
            sealed = Sealed(None, None)
        else:
            sealed = Sealed(authenticator.sign(request, stamp_ms), stamp_ms)
        if sending is not None:
            sending.stamp_ms, sending.sent_s = stamp_ms, now_s
        return sealed

    def _latest_start(self, request: Request, deadline: float) -> float:
        """Return until when waiting makes sense: what could only be stamped too late is not worth its share."""
        if request.not_after_ms is None:
            return deadline
        left_s = (request.not_after_ms - self._exchange_clock.now_ms()) / 1_000
        return min(deadline, self._clock.monotonic() + left_s)

    def status(self) -> TransportStatus:
        """Return what was sent so far and what became of it. Sends nothing."""
        return TransportStatus(
            requests=self._requests,
            replies=self._replies,
            not_sent=self._not_sent,
            over_budget=self._over_budget,
            circuit_open=self._circuit_open,
            replies_lost=dict(self._replies_lost),
            connections=self._carrier.status(),
        )
