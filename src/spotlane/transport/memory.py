"""A carrier without sockets: the requests go to a coroutine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from spotlane.errors import NotSent
from spotlane.transport.clock import Clock
from spotlane.transport.deadline import DeadlineScope
from spotlane.transport.request import Reply, ReplyLost, Request, Seal, Sealed, target_of
from spotlane.transport.stages import Stages
from spotlane.transport.status import CarrierStatus

Handler = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Reply]]


class MemoryCarrier:
    """Hands each request to `async handler(method, target, headers, body) -> Reply` under the same contract.

    target is what would stand in the request line, signature included. The handler may raise NotSent or ReplyLost for a
    fault that it plays; anything else that it raises comes out as it is.
    """

    def __init__(self, handler: Handler, *, clock: Clock) -> None:
        self._handler = handler
        self._clock = clock
        self._is_open = False
        self._busy = 0

    async def open(self) -> None:
        """Accept requests from now on."""
        self._is_open = True

    async def close(self) -> None:
        """Refuse requests from now on."""
        self._is_open = False

    def status(self) -> CarrierStatus:
        """Return how many requests are with the handler."""
        return CarrierStatus(busy=self._busy)

    async def carry(self, request: Request, seal: Seal, *, deadline: float, stages: Stages | None = None) -> Reply:
        """Hand one request to the handler and return its reply; see Carrier.carry."""
        what = request.what
        if not self._is_open or self._clock.monotonic() >= deadline:
            raise NotSent(f"{what} was not sent: {'its deadline had passed' if self._is_open else 'not open'}")
        sealed = seal(request)
        written_s = self._clock.monotonic()
        reply = await self._hand_over(request, sealed, deadline)
        if reply is None:
            raise ReplyLost(f"{what} was not answered before the deadline", reason="deadline")
        if len(reply.body) > request.endpoint.max_reply_bytes:
            raise ReplyLost(f"the reply to {what} is too long", reason="oversize")
        reply.stamp_ms, reply.written_s, reply.received_s = sealed.stamp_ms, written_s, self._clock.monotonic()
        if stages is not None:
            stages.queued_s = stages.signed_s = stages.written_s = written_s
            stages.first_byte_s = stages.received_s = reply.received_s
        return reply

    async def _hand_over(self, request: Request, sealed: Sealed, deadline: float) -> Reply | None:
        """Return the handler's reply, or None at the deadline."""
        self._busy += 1
        scope = DeadlineScope(self._clock, deadline)
        try:
            async with scope:
                return await self._handler(
                    request.endpoint.method,
                    target_of(request, sealed),
                    sealed.signed.headers if sealed.signed is not None else {},
                    request.body,
                )
        except TimeoutError:
            if not scope.has_expired:
                raise
            return None
        finally:
            self._busy -= 1
