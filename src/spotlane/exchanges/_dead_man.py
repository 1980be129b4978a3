"""The dead-man switch of a client: what cancels every open order when the bot is no longer there to do it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import TracebackType
from typing import ClassVar, Unpack

from spotlane.credentials import Credentials
from spotlane.errors import DecodeError, NotSupported, UsageError
from spotlane.exchanges._basics import ClientStatus
from spotlane.exchanges._client import ExchangeClient
from spotlane.exchanges._guard import Guard
from spotlane.exchanges._options import OptionFields
from spotlane.safety.dead_man import Countdown
from spotlane.structs import Symbol
from spotlane.transport import Request

_LONGEST_S = 86_400.0


class DeadManClient(ExchangeClient):
    """A client that can be watched: by the exchange's own countdown where there is one, else by a guardian process.

    countdown_least_s is the shortest countdown that the exchange takes.
    """

    countdown_least_s: ClassVar[float] = 1.0

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        self._switch: Countdown | Guard
        if self.spec.capability("dead_man").supported:
            self._switch = Countdown(
                self._count_down,
                least_s=self.countdown_least_s,
                clock=self._clock,
                log=self._log,
                timeout_s=self._options.timeout_s,
            )
        else:
            self._switch = Guard(self.spec, credentials, self._options, clock=self._clock, log=self._log)

    def _countdown_request(self, seconds: int) -> Request:
        """Build the request that has the exchange cancel all orders in so many seconds; 0 takes that back."""
        raise NotSupported(f"{self.spec.name} declares dead_man without a request for it")

    def _read_countdown(self, body: bytes, symbols: Mapping[str, Symbol]) -> int:
        """Read when the countdown will run out, in milliseconds of the exchange's time."""
        raise NotSupported(f"{self.spec.name} declares dead_man without a reply to it")

    def listed_symbols(self) -> tuple[Symbol, ...]:
        """Return every symbol that the exchange lists, by the trading rules fetched last."""
        return tuple(self._book.symbols.values())

    async def dead_man(self, seconds: float | None) -> None:
        """Have every open order of the account cancelled once this client gives no sign of life for so many seconds.

        It is armed when the call returns; another call changes the time, None takes it off. close() takes it off too;
        leaving `async with` by an exception does not. status().dead_man tells how it stands; one that fired has to be
        armed again. Raises UsageError for a time that can't be, and what the exchange or the guardian raised where it
        could not be armed: it then stands as it did before. Raises OutcomeUnknown where the exchange's countdown may
        have been changed although no usable reply came.
        """
        self._begin()
        if seconds is None:
            await self._switch.disarm()
            return
        self._check_seconds(seconds)
        await self._switch.arm(seconds)

    def status(self) -> ClientStatus:
        """Return the state of the client now. Sends nothing."""
        return dataclasses.replace(super().status(), dead_man=self._switch.status())

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A bot that ends by an exception left its orders behind, just as one that was killed.
        if exception_type is not None:
            self._switch.abandon()
        await super().__aexit__(exception_type, exception, traceback)

    async def _disconnect(self) -> None:
        try:
            await self._switch.close()
        finally:
            await super()._disconnect()

    async def _rekey_switch(self, credentials: Credentials) -> None:
        """Have a guardian that watches replaced by one with another key. Raises what keeps that one from watching."""
        if isinstance(self._switch, Guard):
            await self._switch.rekey(credentials)

    async def _count_down(self, seconds: int, deadline: float) -> int:
        def confirm(trigger_ms: int) -> None:
            if seconds and trigger_ms <= self._exchange_clock.now_ms():
                raise DecodeError("the reply is about another countdown: that one is through already")

        request = self._countdown_request(seconds)
        return await self._read(request, self._read_countdown, deadline=deadline, confirm=confirm)

    def _check_seconds(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError(f"dead_man takes seconds or None, was {type(seconds).__name__}")
        least = self._switch.least_s
        if not math.isfinite(seconds) or not least <= seconds <= _LONGEST_S:
            raise UsageError(
                f"the dead-man switch of {self.spec.name} takes from {least:g} to {_LONGEST_S:g} seconds, was {seconds}"
            )
        if self._switch.in_whole_seconds and seconds != int(seconds):
            raise UsageError(
                f"{self.spec.name} counts down in whole seconds: {math.ceil(seconds)} would pass, was {seconds}"
            )
