"""Failing fast while an exchange is down: circuits by class of request, and the one probe that closes them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar

from spotlane._core.circuits import Circuit
from spotlane.errors import BudgetExhausted, CircuitOpen, ExchangeUnavailable, SpotlaneError, TransportError
from spotlane.spec import Endpoint, Verb
from spotlane.transport.clock import Clock
from spotlane.transport.status import BreakerStatus

_log = logging.getLogger("spotlane.transport.breaker")

_FAILURES_IN_ROW = 5
_LEAST_CALLS = 20
_FIRST_DELAY_S = 0.25
# With its jitter and a round trip it stays below the second within which an exchange that is back is used again.
_LONGEST_DELAY_S = 0.75
_JITTER = 0.2
# Long enough for a handshake and a request to the other side of the world, in two attempts: the connection is kept.
_PROBE_TIMEOUT_S = 0.75

_CLASSES = {
    Verb.READ: "reads",
    Verb.PLACE: "orders",
    Verb.CANCEL: "orders",
    Verb.CANCEL_ALL: "orders",
    Verb.MOVE: "wallet",
}

_IS_PROBE: ContextVar[bool] = ContextVar("spotlane_probe", default=False)

# Asks the exchange for something cheap before a deadline (monotonic seconds).
Probe = Callable[[float], Awaitable[object]]


class Breakers:
    """The circuits of one exchange: "orders", "reads" and "wallet" (withdrawals, transfers).

    One opens after five failures in a row, or when of twenty calls or more in ten seconds half have failed. While any
    is open one task probes, one request at a time; a circuit is first tried after 0.25 s, then after twice as long up
    to 0.75 s, each a fifth longer or shorter by chance. An answer closes it on probation. pick draws from 0 to 1.
    Without a probe circuits close by time alone.
    """

    def __init__(self, clock: Clock, *, pick: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._pick = pick
        self._branches = {name: _Branch() for name in ("orders", "reads", "wallet")}
        # By the names of endpoints: asked before each request.
        self.circuits: dict[str, Circuit] = {}
        self.probe: Probe | None = None
        self._task: asyncio.Task[None] | None = None

    def of(self, endpoint: Endpoint) -> Circuit:
        """Return the circuit of an endpoint."""
        circuit = self._branches[_CLASSES[endpoint.verb]].circuit
        self.circuits[endpoint.name] = circuit
        return circuit

    def check(self, endpoint: Endpoint) -> None:
        """Raise CircuitOpen for what has to wait for an open circuit: all but cancels by id and the probe."""
        if endpoint.verb is Verb.CANCEL or _IS_PROBE.get():
            return
        name = _CLASSES[endpoint.verb]
        branch = self._branches[name]
        wait_s = max(0.0, branch.retry_s - self._clock.monotonic())
        raise CircuitOpen(
            f"{endpoint.method} {endpoint.path} was not sent: requests of its class ({name}) fail, the last "
            f"{branch.circuit.failures} in a row. The exchange is asked again in {wait_s:.3f} s: repeat it then; "
            "cancels by id pass meanwhile",
            retry_after_s=wait_s,
        )

    def is_failing(self, name: str, within_s: float) -> bool:
        """Say whether a class ("orders", "reads", "wallet") is open, or had a failure within so many seconds."""
        branch = self._branches[name]
        return branch.circuit.is_open or self._clock.monotonic() - branch.failed_s < within_s

    def fail(self, endpoint: Endpoint) -> None:
        """Count a request that the exchange did not answer, or with a failure of its own."""
        now_s = self._clock.monotonic()
        self._branches[_CLASSES[endpoint.verb]].failed_s = now_s
        if self.of(endpoint).fail(now_s):
            self._open(_CLASSES[endpoint.verb], now_s)

    def recant(self, endpoint: Endpoint) -> None:
        """Count the request that was answered last as failed: its answer was that the exchange is not available."""
        now_s = self._clock.monotonic()
        self._branches[_CLASSES[endpoint.verb]].failed_s = now_s
        if self.of(endpoint).recant(now_s):
            self._open(_CLASSES[endpoint.verb], now_s)

    def status(self) -> Mapping[str, BreakerStatus]:
        """Return the state of each class. Sends nothing."""
        now_s = self._clock.monotonic()
        return {name: branch.status(now_s) for name, branch in self._branches.items()}

    async def close(self) -> None:
        """Stop probing, and let the next request of an open class through: it is the probe then.

        Nobody else would ask the exchange before a client is opened again, and a refused request opens none.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for branch in self._branches.values():
            if branch.circuit.is_open:
                branch.circuit.close()

    def _open(self, name: str, now_s: float) -> None:
        branch = self._branches[name]
        if not branch.circuit.is_on_probation:
            branch.delay_s = 0.0
        self._put_off(branch, now_s)
        _log.warning("%s fail, the last %d in a row: refused until a probe succeeds", name, branch.circuit.failures)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="spotlane-breaker")

    def _put_off(self, branch: _Branch, now_s: float) -> None:
        branch.delay_s = min(2 * branch.delay_s, _LONGEST_DELAY_S) or _FIRST_DELAY_S
        branch.retry_s = now_s + branch.delay_s * (1 + _JITTER * (2 * self._pick() - 1))

    async def _run(self) -> None:
        """Probe while a circuit is open."""
        _IS_PROBE.set(True)
        while waiting := [branch for branch in self._branches.values() if branch.circuit.is_open]:
            now_s = self._clock.monotonic()
            due_s = min(branch.retry_s for branch in waiting)
            if due_s > now_s:
                await self._clock.sleep(due_s - now_s)
                continue
            is_back = await self._try()
            for name, branch in self._branches.items():
                if not branch.circuit.is_open or branch.retry_s > now_s:
                    continue
                if is_back:
                    branch.circuit.close()
                    _log.warning("the exchange answers again: %s may pass", name)
                else:
                    # From when the probe began: one that is never answered must not add to the wait.
                    self._put_off(branch, now_s)

    async def _try(self) -> bool:
        if self.probe is None:
            return True
        try:
            await self.probe(self._clock.monotonic() + _PROBE_TIMEOUT_S)
        except BudgetExhausted:
            return False
        except (ExchangeUnavailable, TransportError):
            return False
        except SpotlaneError:
            return True  # a refusal, or a reply that doesn't fit: somebody is there
        except Exception as error:  # whatever it is: without this task nothing would be sent any more
            _log.error("the probe failed with %s", type(error).__name__)
            return False
        return True


class _Branch:
    """One circuit, and when it is tried next."""

    def __init__(self) -> None:
        self.circuit = Circuit(in_row=_FAILURES_IN_ROW, least=_LEAST_CALLS)
        self.delay_s = 0.0
        self.retry_s = 0.0
        self.failed_s = float("-inf")

    def status(self, now_s: float) -> BreakerStatus:
        circuit = self.circuit
        state = "open" if circuit.is_open else "probation" if circuit.is_on_probation else "closed"
        wait_s = max(0.0, self.retry_s - now_s) if circuit.is_open else 0.0
        return BreakerStatus(state, circuit.failures, circuit.times_opened, wait_s)
