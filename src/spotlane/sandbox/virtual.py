"""Virtual time: an event loop whose clock jumps to what is next, so that hours pass in seconds and runs repeat exactly.

Nothing in it waits and nothing leaves the process. Threads, sockets and signals would bring in what is neither in order
nor in the seed: the loop refuses them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from spotlane.errors import UsageError
from spotlane.sandbox.memory_network import MemoryNetwork

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

# 1 January 2026. Any other moment would do, as long as it is the same in every run.
START_MS = 1_767_225_600_000
_START_S = 1_000.0
_STALLED = (
    "in virtual time nothing is left to happen: no timer is set and nothing is under way, but the program waits on"
)


class VirtualClock:
    """The time of a virtual loop as a spotlane client takes it: its `clock` option.

    skew_ms is how far this machine's wall clock is from the loop's; it may be set at any time.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.monotonic = loop.time
        self.skew_ms = 0

    def time_ms(self) -> int:
        """Return the wall clock in milliseconds since the epoch, UTC."""
        return self._loop.time_ms() + self.skew_ms

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call a callback after delay_s seconds."""
        return self._loop.call_later(delay_s, callback)

    async def sleep(self, delay_s: float) -> None:
        """Suspend the calling task for delay_s seconds."""
        await asyncio.sleep(delay_s)


class _Jump:
    """The loop's selector: instead of waiting it moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> tuple[()]:
        """Let timeout_s pass; None means that nothing would ever wake the loop."""
        if timeout_s is None:
            raise RuntimeError(_STALLED)
        if timeout_s > 0:
            self._loop.now_s += timeout_s
        return ()


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that never waits. network connects whatever runs on it; seed decides its latencies."""

    _selector: Any

    def __init__(self, seed: int = 0, start_ms: int = START_MS) -> None:
        super().__init__()
        self.now_s = _START_S
        self._start_ms = start_ms
        self._selector = _Jump(self)
        self.network = MemoryNetwork(self, seed)

    def time(self) -> float:
        """Return seconds since an arbitrary moment."""
        return self.now_s

    def time_ms(self) -> int:
        """Return milliseconds since the epoch, UTC."""
        # The sum of many jumps may be a hair short of the millisecond that it means.
        return self._start_ms + int((self.now_s - _START_S) * 1_000 + 1e-6)

    def _process_events(self, event_list: object) -> None:
        """Do nothing: there are none."""

    def _write_to_self(self) -> None:
        """Do nothing: a loop that never waits needn't be woken."""

    def call_soon_threadsafe(
        self, callback: Callable[[*_Arguments], object], *args: *_Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """Refuse another thread: the clock has jumped by some amount or other until it comes."""
        if self.is_running() and asyncio._get_running_loop() is not self:
            _refuse("threads (call_soon_threadsafe)")
        return super().call_soon_threadsafe(callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Result], *args: *_Arguments
    ) -> asyncio.Future[_Result]:
        """Refuse: a thread takes its own time."""
        _refuse("threads (run_in_executor, asyncio.to_thread, name resolution)")

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: there are no sockets."""
        _refuse("sockets: use venue.client_options")

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: there are no sockets."""
        _refuse("sockets: a Sandbox listens in memory here")

    def add_reader(self, fd: Any, callback: Callable[[*_Arguments], Any], *args: *_Arguments) -> None:
        """Refuse: there are no sockets."""
        _refuse("sockets")

    def add_writer(self, fd: Any, callback: Callable[[*_Arguments], Any], *args: *_Arguments) -> None:
        """Refuse: there are no sockets."""
        _refuse("sockets")


def run_virtual(
    main: Callable[[], Coroutine[Any, Any, _Result]], *, seed: int = 0, start_ms: int = START_MS
) -> _Result:
    """Run a coroutine function in virtual time and return what it returns.

    The clock starts at start_ms (milliseconds since the epoch, UTC) and jumps whenever nothing is left to do at a
    moment. Each Sandbox made inside listens in memory; venue.client_options connects a client to it. seed decides the
    network's latencies, the random module and os.urandom: equal seeds give equal runs, in any process.

    Raises UsageError inside another loop, and in main for threads and sockets; RuntimeError where all wait for ever.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise UsageError("run_virtual() makes an event loop of its own: call it from outside any other")
    with _seeded(seed), asyncio.Runner(loop_factory=lambda: VirtualLoop(seed, start_ms)) as runner:
        return runner.run(_closing(main))


async def _closing(main: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    try:
        return await main()
    finally:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await loop.network.close()
        await asyncio.sleep(0)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    before, urandom = random.getstate(), os.urandom
    random.seed(seed)
    os.urandom = random.Random(f"{seed} urandom").randbytes
    try:
        yield
    finally:
        os.urandom = urandom
        random.setstate(before)


def _refuse(what: str) -> NoReturn:
    raise UsageError(f"in virtual time there are no {what}")
