"""The one way out: budget, connection, stamp, signature, reply."""

from __future__ import annotations

from collections import Counter

from spotlane.errors import BudgetExhausted, NotSent, ReadFailed, UsageError
from spotlane.spec import Verb
from spotlane.transport.budget import Budget
from spotlane.transport.clock import Clock
from spotlane.transport.exchange_clock import ExchangeClock
from spotlane.transport.request import Authenticator, Carrier, Reply, ReplyLost, Request, Sealed
from spotlane.transport.stages import StageListener, Stages
from spotlane.transport.status import TransportStatus


class Channel:
    """Sends requests to one exchange for one account.

    authenticator may be None where nothing is ever signed. timeout_s bounds a request that is given no deadline; one
    that is given one belongs to a call that began so long before it. under_way is how many requests are. stage_listener
    is told of the stages of each, on the event loop.
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
    ) -> None:
        self._carrier = carrier
        self._clock = clock
        self._exchange_clock = exchange_clock
        self._authenticator = authenticator
        self._budget = budget
        self._timeout_s = timeout_s
        self.stage_listener: StageListener | None = None
        self.under_way = 0
        self._requests = 0
        self._replies = 0
        self._not_sent = 0
        self._over_budget = 0
        self._replies_lost: Counter[str] = Counter()

    async def open(self) -> None:
        """Warm the connections that are kept."""
        await self._carrier.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._carrier.close()

    async def send(self, request: Request, *, deadline: float | None = None) -> Reply:
        """Send one request, once, and return its whole reply, whatever its status.

        deadline is on the clock's monotonic scale and covers everything: the wait for the budget and for a connection
        too. Raises BudgetExhausted and NotSent where nothing was sent, ReadFailed where a read got no usable reply, and
        ReplyLost where anything else got none: it may have been executed. A cancelled call closes its connection.
        """
        endpoint = request.endpoint
        if endpoint.signed and self._authenticator is None:
            raise UsageError(f"{endpoint.name} is a private endpoint: it needs credentials")
        if deadline is None:
            deadline = self._clock.monotonic() + self._timeout_s
        stages = None if self.stage_listener is None else self._begin_stages(endpoint.name, deadline)
        self._requests += 1
        self.under_way += 1
        reply: Reply | None = None
        try:
            if not self._budget.try_take(endpoint, request.symbol):
                await self._wait_for_budget(request, deadline)
            reply = await self._carrier.carry(request, self._seal, deadline=deadline, stages=stages)
        except NotSent:
            self._not_sent += 1
            raise
        except ReplyLost as lost:
            self._replies_lost[lost.reason] += 1
            if endpoint.verb is not Verb.READ:
                raise
            message = str(lost)
        else:
            self._replies += 1
            reply.stages = stages
            return reply
        finally:
            self.under_way -= 1
            if stages is not None and reply is None:
                stages.finish()
        raise ReadFailed(message)

    def _begin_stages(self, name: str, deadline: float) -> Stages:
        assert self.stage_listener is not None
        return Stages(name, deadline - self._timeout_s, self.stage_listener, self._clock.monotonic)

    async def _wait_for_budget(self, request: Request, deadline: float) -> None:
        try:
            await self._budget.take(request.endpoint, request.symbol, deadline=self._latest_start(request, deadline))
        except BudgetExhausted:
            self._over_budget += 1
            raise

    def _seal(self, request: Request) -> Sealed:
        """Stamp and sign a request whose bytes are about to be written; see Seal."""
        stamp_ms = self._exchange_clock.now_ms()
        if request.not_after_ms is not None and stamp_ms > request.not_after_ms:
            raise NotSent(
                f"{request.what} was not sent: it was to leave by {request.not_after_ms} and it is {stamp_ms} at the "
                "exchange"
            )
        if not request.endpoint.signed or self._authenticator is None:
            return Sealed(None, None)
        return Sealed(self._authenticator.sign(request, stamp_ms), stamp_ms)

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
            replies_lost=dict(self._replies_lost),
            connections=self._carrier.status(),
        )
