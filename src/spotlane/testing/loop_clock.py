"""A clock for tests against a sandbox in the same process, on which a machine that stalls takes no time."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from spotlane.transport import ManualClock

if TYPE_CHECKING:
    from spotlane.sandbox import Sandbox

# Short beside the shortest time limit of a client, long beside a turn of the event loop.
_TICK_MS = 5


class LoopClock(ManualClock):
    """The clock of a sandbox's clients, and from now on of the sandbox itself, which the event loop moves on.

    Every 5 ms the running loop moves both by speed times 5 ms. While the machine runs other processes both stand still,
    so that no deadline passes and no stamp ages without client and sandbox having had their turns. Faults that wait and
    the sandbox's latency are on the machine's clock: a second of theirs is at most speed seconds of this one.
    """

    def __init__(self, sandbox: Sandbox, *, speed: int = 1) -> None:
        super().__init__()
        sandbox.clock.freeze()
        self._sandbox = sandbox
        self._step_ms = speed * _TICK_MS
        _schedule(asyncio.get_running_loop(), weakref.ref(self))

    def tick(self) -> None:
        """Move the sandbox's clock and this one on by one tick."""
        self._sandbox.clock.advance(self._step_ms)
        self.advance(self._step_ms / 1_000)


def _schedule(loop: asyncio.AbstractEventLoop, reference: weakref.ref[LoopClock]) -> None:
    """Let a clock tick for as long as somebody holds it."""

    def tick() -> None:
        clock = reference()
        if clock is not None:
            _schedule(loop, reference)
            clock.tick()

    loop.call_later(_TICK_MS / 1_000, tick)
