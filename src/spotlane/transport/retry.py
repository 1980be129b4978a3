"""Repeating what may be repeated: reads, and cancels by id."""

from __future__ import annotations

import random
from collections.abc import Callable

from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    ExchangeAPIError,
    ExchangeUnavailable,
    NotSent,
    RateLimited,
    ReadFailed,
    SpotlaneError,
    TransportError,
)
from spotlane.spec import Endpoint, Verb
from spotlane.transport.clock import Clock
from spotlane.transport.request import ReplyLost

_TOKENS = 10.0
_SUCCESS_TOKENS = 0.1
_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 0.5
# What a silent exchange may take of the time that is left, so that some is left for another attempt.
_PATIENCE = 0.6
# With less than this left an attempt gets all of it: two halves would both be too short.
_LEAST_S = 0.05
# A retry budget with a remainder of rounding is empty.
_WHOLE_TOKEN = 1.0 - 1e-9


class Retries:
    """The retry budget that all calls of a client share: ten tokens, a retry costs one, a success gives a tenth back.

    An exchange that is down is so asked a little more than once for each call. pick draws from 0 to 1.
    """

    def __init__(self, clock: Clock, *, pick: Callable[[], float] = random.random) -> None:
        self.clock = clock
        self.pick = pick
        self.tokens = _TOKENS

    def begin(self, endpoint: Endpoint, deadline: float) -> Attempts:
        """Start a call that is over at the deadline (monotonic seconds)."""
        return Attempts(self, endpoint, deadline)

    def succeed(self) -> None:
        """Count a call that got its answer."""
        if self.tokens < _TOKENS:
            self.tokens = min(self.tokens + _SUCCESS_TOKENS, _TOKENS)


class Attempts:
    """The attempts of one call. Only what is replayable has more than one."""

    __slots__ = ("_deadline", "_delay_s", "_endpoint", "_first_error", "_retries", "doubt")

    def __init__(self, retries: Retries, endpoint: Endpoint, deadline: float) -> None:
        self._retries = retries
        self._endpoint = endpoint
        self._deadline = deadline
        self._delay_s = _FIRST_DELAY_S
        self._first_error: SpotlaneError | None = None
        # Of a cancel: the loss after which no refusal of a repetition proves that it did nothing.
        self.doubt: ReplyLost | None = None

    @property
    def patience(self) -> float:
        """The share of the time left that the next attempt may take."""
        left_s = self._deadline - self._retries.clock.monotonic()
        return _PATIENCE if self._may_repeat() and left_s > _LEAST_S else 1.0

    async def weather(self, error: TransportError) -> None:
        """Wait until the next attempt after one that failed. Raises what the call ends with where there is none."""
        if isinstance(error, ReplyLost):
            self.doubt = error
        is_worth_it = isinstance(error, (ReadFailed, ReplyLost, NotSent))
        if is_worth_it and await self._pause(0.0):
            self._first_error = self._first_error or error
            return
        if self.doubt is not None:
            raise self.doubt  # "nothing was sent" holds for the last attempt only
        if isinstance(error, (CircuitOpen, BudgetExhausted, NotSent)) and self._first_error is not None:
            raise self._first_error  # the cause, and not what has followed from it
        raise error

    async def outlast(self, error: ExchangeAPIError, *, is_in_doubt: bool) -> bool:
        """Wait until the next attempt after a refusal, and return whether there is one.

        One for too many requests is repeated after the time that it names, where it names one that ends before the
        deadline; one for being down like a lost reply. is_in_doubt: it leaves open whether it was executed.
        """
        if is_in_doubt and self._endpoint.verb is not Verb.READ:
            self.doubt = ReplyLost(str(error), reason="refused in doubt")
        if isinstance(error, RateLimited):
            return error.retry_after_s is not None and await self._pause(error.retry_after_s)
        if not isinstance(error, ExchangeUnavailable):
            return False
        self._first_error = self._first_error or error
        return await self._pause(0.0)

    def _may_repeat(self) -> bool:
        return self._endpoint.verb.is_replayable and self._retries.tokens >= _WHOLE_TOKEN

    async def _pause(self, least_s: float) -> bool:
        """Take a token and wait, or return False without either where there is no time or no token left."""
        delay_s = max(least_s, self._delay_s * self._retries.pick())
        clock = self._retries.clock
        if not self._may_repeat() or clock.monotonic() + delay_s >= self._deadline:
            return False
        self._retries.tokens -= 1.0
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        await clock.sleep(delay_s)
        return True
