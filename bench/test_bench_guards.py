"""What stands between a call and the wire, each guard beside the same thing in plain Python."""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import functools
import os
import select
import shutil
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import journal_samples
import pytest

from spotlane._core.lane import Lane
from spotlane.exchanges.binance.spec import PLACE as BINANCE_PLACE
from spotlane.exchanges.binance.spec import SPEC as BINANCE
from spotlane.exchanges.mexc.spec import PLACE, SPEC
from spotlane.safety import ClientIds, Intents, RuleBook, SymbolRules, check_order, fence
from spotlane.safety.journal import Journal
from spotlane.safety.quick_check import prepare, shapes_of
from spotlane.spec import Bucket, Verb
from spotlane.structs import OrderParams, OrderType, Side, Symbol
from spotlane.transport import Breakers, Budget, Layout, Reply, SharedFile, SystemClock

PAIR = Symbol("BTC", "USDT")
RULES = SymbolRules(
    PAIR, "BTCUSDT", tick=Decimal("0.01"), lot=Decimal("0.000001"), minimum_quantity=Decimal("0.000001"),
    minimum_notional=Decimal(1), maximum_notional=Decimal(4_000_000), market_minimum_notional=Decimal(1),
    market_maximum_notional=Decimal(100_000), quote_step=Decimal("0.01"),
)  # fmt: skip
BOOK = RuleBook("mexc", [RULES])
PARAMS = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0002"), price=Decimal("64999.98"))
NOW_MS, DEADLINE_S, TIMEOUT_S = 1_758_043_350_233, 5_000.0, 2.0
NOW_S = time.monotonic()
# The exchange's own buckets, but with room for ever: a refusal is not what is timed.
BUCKETS = [bucket._replace(limit=10**9, burst=10**8) for bucket in SPEC.buckets]


class PlainIds:
    """Ids that are made digit by digit and remembered by their text."""

    digits = "0123456789abcdefghjkmnpqrstvwxyz"

    def __init__(self) -> None:
        self.head = f"s{os.urandom(5).hex()}"
        self.given = 0
        self.spent: set[str] = set()

    def issue(self) -> str:
        sequence, digits = self.given, []
        self.given += 1
        for _ in range(7):
            digits.append(self.digits[sequence & 31])
            sequence >>= 5
        made = f"{self.head}{''.join(reversed(digits))}0"
        if made in self.spent or len(made) > SPEC.client_ids.max_length:
            raise ValueError(made)
        self.spent.add(made)
        if len(self.spent) > 65_536:
            self.spent.clear()
        return made


class PlainGate:
    """One bucket as a generic cell rate algorithm."""

    def __init__(self, bucket: Bucket) -> None:
        burst = bucket.burst or bucket.limit // 5
        self.unit_s = bucket.window_ms / 1_000 / (bucket.limit - burst)
        kept = (0, -(-bucket.reserve // 2), bucket.reserve, bucket.reserve)
        self.rooms_s = [(burst - units) * self.unit_s for units in kept]
        self.full_s = self.blocked_until_s = float("-inf")
        self.waiting = [0, 0, 0, 0]

    def ready_s(self, cost: int, rank: int) -> float:
        return max(self.full_s + cost * self.unit_s - self.rooms_s[rank], self.blocked_until_s)


class PlainBudget:
    """Gates by the names of their buckets."""

    def __init__(self, buckets: list[Bucket]) -> None:
        self.gates = {bucket.name: PlainGate(bucket) for bucket in buckets}

    def try_take(self) -> bool:
        rank = 0 if PLACE.verb is Verb.CANCEL else 2
        now_s = time.monotonic()
        shares = [(self.gates[name], cost) for name, cost in PLACE.costs.items()]
        for gate, cost in shares:
            if any(gate.waiting[: rank + 1]) or gate.ready_s(cost, rank) > now_s + 1e-6:
                return False
        for gate, cost in shares:
            gate.full_s = max(gate.full_s, now_s) + cost * gate.unit_s
        return True


class PlainBreaker:
    """The last ten seconds' calls in a deque."""

    def __init__(self) -> None:
        self.is_open = self.is_on_probation = False
        self.failures = 0
        self.calls: deque[tuple[float, bool]] = deque()

    def admits(self) -> bool:
        return not self.is_open

    def succeed(self, now_s: float) -> None:
        self.failures = 0
        self.is_on_probation = False
        self.calls.append((now_s, False))
        while self.calls[0][0] < now_s - 10:
            self.calls.popleft()
        if len(self.calls) > 10_000:
            self.calls.popleft()


class PlainPool:
    """One idle connection; it is silent while its socket has nothing to read."""

    def __init__(self) -> None:
        self.socket, self.other = socket.socketpair()
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN)
        self.idle_since_s = time.monotonic()

    def pick(self, now_s: float) -> bool:
        return now_s - self.idle_since_s < 1e9 and not self.poll.poll(0)


_TOLD, _TOLD_PLACE = BINANCE, BINANCE_PLACE
_TOLD_BUDGET = Budget(_TOLD.buckets, clock=SystemClock())
_PLAIN_USED = {bucket.name: 0.0 for bucket in _TOLD.buckets}
_FIELDS = [(b"field-%d" % number, b"some value") for number in range(12)] + [
    (b"x-mbx-used-weight-1m", b"12"), (b"x-mbx-order-count-10s", b"1"), (b"x-mbx-order-count-1d", b"7"),
]  # fmt: skip
_REPLY = Reply(200, _FIELDS, b"{}", written_s=NOW_S - 0.01, received_s=NOW_S)


class Wire(asyncio.Transport):
    """A transport to which nothing is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        raise AssertionError(data)

    def is_closing(self) -> bool:
        return False


@dataclasses.dataclass(frozen=True, slots=True)
class PlainIntent:
    params: OrderParams
    rules: SymbolRules
    client_order_id: str
    deadline: float
    not_after_ms: int
    window_ms: int


_PLAIN_IDS, _PLAIN_BUDGET = PlainIds(), PlainBudget(BUCKETS)
_IDS, _BUDGET = ClientIds(SPEC.client_ids), Budget(BUCKETS, clock=SystemClock())
_FOLDER = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
_SHARED_BUDGET = Budget(
    BUCKETS, clock=SystemClock(), shared=SharedFile(Layout(BUCKETS), ("bench",), folder=Path(_FOLDER.name))
)
_PLAIN_BREAKER, _CIRCUIT = PlainBreaker(), Breakers(SystemClock()).of(PLACE)
_PLAIN_POOL = PlainPool()
# A lane whose socket is a pair's: the kernel is asked, nothing is sent.
_LOOP = asyncio.new_event_loop()
atexit.register(_LOOP.close)
_LANE = Lane(Wire(), _LOOP.create_future(), descriptor=_PLAIN_POOL.socket.fileno(), loop=_LOOP, clock=SystemClock())
_INTENTS = Intents(SPEC, ClientIds(SPEC.client_ids))
_CHECK = prepare(shapes_of(SPEC), RULES)


def rules_plain() -> bool:
    check_order(SPEC, RULES, PARAMS)
    return True


def rules_spotlane() -> bool:
    return _CHECK.passes(PARAMS)


def client_id_plain() -> str:
    return _PLAIN_IDS.issue()


def client_id_spotlane() -> str:
    return _IDS.issue()


def budget_plain() -> bool:
    return _PLAIN_BUDGET.try_take()


def budget_spotlane() -> bool:
    return _BUDGET.try_take(PLACE, "BTCUSDT")


@functools.cache
def _journals() -> tuple[journal_samples.PlainWriter, Journal]:
    folder = tempfile.mkdtemp(prefix="spotlane-bench-")
    atexit.register(shutil.rmtree, folder)
    return journal_samples.PlainWriter(Path(folder, "plain")), journal_samples.open_journal(Path(folder, "own"))


def journal_plain() -> bool:
    _journals()[0].append_intent(journal_samples.CLIENT_ID, PARAMS, NOW_MS, NOW_MS, 500)
    return True


def journal_spotlane() -> bool:
    _journals()[1].append_intent(journal_samples.CLIENT_ID, PARAMS, NOW_MS, NOW_MS, 500)
    return True


def shared_spotlane() -> bool:
    return _SHARED_BUDGET.try_take(PLACE, "BTCUSDT")


def breaker_plain() -> bool:
    return _PLAIN_BREAKER.admits()


def breaker_spotlane() -> bool:
    return _CIRCUIT.admits()


def answer_plain() -> bool:
    _PLAIN_BREAKER.succeed(NOW_S)
    return True


def answer_spotlane() -> bool:
    _CIRCUIT.succeed(NOW_S)
    return True


def connection_plain() -> bool:
    return _PLAIN_POOL.pick(NOW_S)


def connection_spotlane() -> bool:
    return _LANE.is_silent()


def usage_plain() -> bool:
    told = {name.lower(): value for name, value in _FIELDS}
    for bucket in _TOLD.buckets:
        value = told.get(bucket.used_header.lower().encode())
        if value is not None and value.isdigit():
            _PLAIN_USED[bucket.name] = max(_PLAIN_USED[bucket.name], NOW_S - 30 + int(value) * 0.02)
    return True


def usage_spotlane() -> bool:
    _TOLD_BUDGET.note_usage(_TOLD_PLACE, "", _REPLY, NOW_MS)
    return True


def intent_plain() -> object:
    rules = BOOK.find(PARAMS.symbol)
    check_order(SPEC, rules, PARAMS)
    not_after_ms, window_ms = fence(SPEC, NOW_MS, TIMEOUT_S)
    return PlainIntent(
        params=PARAMS,
        rules=rules,
        client_order_id=_PLAIN_IDS.issue(),
        deadline=DEADLINE_S,
        not_after_ms=not_after_ms,
        window_ms=window_ms,
    )


def intent_spotlane() -> object:
    return _INTENTS.open(PARAMS, BOOK, now_ms=NOW_MS, deadline=DEADLINE_S, timeout_s=TIMEOUT_S)


def guards_plain() -> bool:
    is_free = _PLAIN_BREAKER.admits() and _PLAIN_BUDGET.try_take() and _PLAIN_POOL.pick(NOW_S)
    return is_free and journal_plain() and answer_plain()


def guards_spotlane() -> bool:
    is_free = _CIRCUIT.admits() and _SHARED_BUDGET.try_take(PLACE, "BTCUSDT") and _LANE.is_silent()
    return is_free and journal_spotlane() and answer_spotlane()


Guard = Callable[[], object]
# Title, plain way, spotlane's way, the most that it may take in nanoseconds.
CASES: list[tuple[str, Guard, Guard, int]] = [
    ("rules: an order against the rules of its symbol", rules_plain, rules_spotlane, 600),
    ("client id: made and noted as used", client_id_plain, client_id_spotlane, 500),
    ("budget: three rate limits", budget_plain, budget_spotlane, 500),
    ("journal: an intent on file", journal_plain, journal_spotlane, 2_000),
    ("shared budget: three rate limits that all processes share", budget_plain, shared_spotlane, 500),
    ("usage: three headers of a reply among fifteen", usage_plain, usage_spotlane, 1_000),
    ("breaker: may a request pass", breaker_plain, breaker_spotlane, 200),
    ("breaker: a reply is counted", answer_plain, answer_spotlane, 200),
    ("connection: is it silent, asked of the kernel", connection_plain, connection_spotlane, 1_000),
    ("intent: rules, client id, deadlines", intent_plain, intent_spotlane, 2_000),
    ("all guards: breaker, shared budget, connection, journal", guards_plain, guards_spotlane, 2_000),
]


@pytest.mark.parametrize("guard", [guard for _, plain, own, _ in CASES for guard in (plain, own)])
def test_guard(benchmark: Any, guard: Guard) -> None:
    benchmark.group = guard.__name__.partition("_")[0]
    assert guard()
    benchmark(guard)
