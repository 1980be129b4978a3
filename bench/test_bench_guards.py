"""What stands between a call and the wire, each guard beside the same thing in plain Python."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from spotlane.exchanges.mexc.spec import PLACE, SPEC
from spotlane.safety import ClientIds, Intents, RuleBook, SymbolRules, check_order, fence
from spotlane.safety.quick_check import prepare, shapes_of
from spotlane.spec import Bucket, Verb
from spotlane.structs import OrderParams, OrderType, Side, Symbol
from spotlane.transport import Budget, SystemClock

PAIR = Symbol("BTC", "USDT")
RULES = SymbolRules(
    PAIR, "BTCUSDT", tick=Decimal("0.01"), lot=Decimal("0.000001"), minimum_quantity=Decimal("0.000001"),
    minimum_notional=Decimal(1), maximum_notional=Decimal(4_000_000), market_minimum_notional=Decimal(1),
    market_maximum_notional=Decimal(100_000), quote_step=Decimal("0.01"),
)  # fmt: skip
BOOK = RuleBook("mexc", [RULES])
PARAMS = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0002"), price=Decimal("64999.98"))
NOW_MS, DEADLINE_S, TIMEOUT_S = 1_758_043_350_233, 5_000.0, 2.0
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
        self.rooms_s = (burst * self.unit_s, (burst - bucket.reserve) * self.unit_s)
        self.full_s = self.blocked_until_s = float("-inf")
        self.waiting = [0, 0]

    def ready_s(self, cost: int, rank: int) -> float:
        return max(self.full_s + cost * self.unit_s - self.rooms_s[rank], self.blocked_until_s)


class PlainBudget:
    """Gates by the names of their buckets."""

    def __init__(self, buckets: list[Bucket]) -> None:
        self.gates = {bucket.name: PlainGate(bucket) for bucket in buckets}

    def try_take(self) -> bool:
        rank = 0 if PLACE.verb is Verb.CANCEL else 1
        now_s = time.monotonic()
        shares = [(self.gates[name], cost) for name, cost in PLACE.costs.items()]
        for gate, cost in shares:
            if any(gate.waiting[: rank + 1]) or gate.ready_s(cost, rank) > now_s + 1e-6:
                return False
        for gate, cost in shares:
            gate.full_s = max(gate.full_s, now_s) + cost * gate.unit_s
        return True


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
    check_order(SPEC, RULES, PARAMS)
    return bool(_PLAIN_IDS.issue()) and _PLAIN_BUDGET.try_take()


def guards_spotlane() -> bool:
    return _CHECK.passes(PARAMS) and bool(_IDS.issue()) and _BUDGET.try_take(PLACE, "BTCUSDT")


Guard = Callable[[], object]
# Title, plain way, spotlane's way, the most that it may take in nanoseconds.
CASES: list[tuple[str, Guard, Guard, int]] = [
    ("rules: an order against the rules of its symbol", rules_plain, rules_spotlane, 600),
    ("client id: made and noted as used", client_id_plain, client_id_spotlane, 500),
    ("budget: three rate limits", budget_plain, budget_spotlane, 500),
    ("intent: rules, client id, deadlines", intent_plain, intent_spotlane, 2_000),
    ("all guards: rules, client id, budget", guards_plain, guards_spotlane, 2_000),
]


@pytest.mark.parametrize("guard", [guard for _, plain, own, _ in CASES for guard in (plain, own)])
def test_guard(benchmark: Any, guard: Guard) -> None:
    benchmark.group = guard.__name__.partition("_")[0]
    assert guard()
    benchmark(guard)
