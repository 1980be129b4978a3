"""Compares what the client said about each order with what the exchange's own ledger holds."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos_bot import Bot, Told, absent
from chaos_plan import Plan

from spotlane.sandbox import Sandbox
from spotlane.sandbox.records import OrderRecord
from spotlane.structs import OutcomeState

_CLIENT_ID = re.compile(r'(?:newClientOrderId=|"text": ?")([A-Za-z0-9_.-]+)')
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_TYPED = {"returned", "refused", "not sent", "not placed", "unknown", "cut off"}


@dataclass(slots=True)
class Verdict:
    """Counts of a batch or of many. failures must be empty; outcomes counts orders by fault and by what became of them.

    violated counts, of batches whose horizons are too short, what would have been failures.
    """

    orders: int = 0
    struck: int = 0
    batches: int = 0
    requests: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    violated: Counter[str] = field(default_factory=Counter)
    violated_orders: int = 0
    samples: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    slow: list[tuple[float, str]] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Take the counts of another in."""
        self.orders += other.orders
        self.struck += other.struck
        self.batches += other.batches
        self.requests += other.requests
        self.violated_orders += other.violated_orders
        self.outcomes.update(other.outcomes)
        self.failures.update(other.failures)
        self.violated.update(other.violated)
        self.samples = (self.samples + other.samples)[:50]
        self.digests += other.digests
        self.slow = sorted(self.slow + other.slow, reverse=True)[:5]

    @property
    def digest(self) -> str:
        """Of all that was told and all that happened, in the order of the batches' seeds."""
        return hashlib.sha256(" ".join(sorted(self.digests)).encode()).hexdigest()[:16]


def judge(plan: Plan, bot: Bot, venue: Sandbox, unresolved: Mapping[str, str]) -> Verdict:
    """Judge a batch that has come to rest."""
    verdict = Verdict(orders=len(bot.told), batches=1, requests=venue.requests.total)
    struck = _struck(venue)
    problems: Counter[str] = Counter()
    seen = hashlib.sha256()
    claimed: set[str] = set()
    for told in bot.told.values():
        records = _records(venue, told)
        claimed |= {record.order_id for record in records}
        outcome = _outcome(told)
        fault = struck.get(told.client_order_id, "none")
        verdict.struck += fault != "none"
        verdict.outcomes[fault, outcome] += 1
        for problem in problems_of(told, records, unresolved):
            problems[problem] += 1
            why = unresolved.get(told.client_order_id, "")
            verdict.samples.append(f"{problem}: {plan.seed}: {fault}: {_tell(told)} {why} {_show(records)}")
        seen.update(f"{told.client_order_id} {outcome} {[record.order_id for record in records]}".encode())
    for record in venue.ledger.orders():
        if record.order_id not in claimed:
            problems["of nobody"] += 1
            verdict.samples.append(f"of nobody: {plan.seed}: {_show([record])}")
    if bot.strangers:
        problems["resolution of nobody"] += len(bot.strangers)
        verdict.samples.append(f"resolution of nobody: {plan.seed}: {bot.strangers[0]}")
    if venue.errors:
        problems["sandbox failed"] += len(venue.errors)
        verdict.samples.append(f"sandbox failed: {plan.seed}: {venue.errors[0]!r}")
    verdict.digests.append(f"{plan.seed} {seen.hexdigest()[:16]}")
    if plan.is_violated:
        verdict.violated, verdict.violated_orders, verdict.orders = problems, verdict.orders, 0
        verdict.samples.clear()
        verdict.outcomes.clear()
    else:
        verdict.failures = problems
    return verdict


def problems_of(told: Told, records: list[OrderRecord], unresolved: Mapping[str, str]) -> list[str]:
    """Return what is wrong about one order, given everything that the exchange has of it."""
    problems = []
    ids = {record.order_id for record in records}
    terminal = [each for each in told.resolutions if each.state.is_terminal]
    adopted = {each.order.order_id for each in terminal if each.order is not None}
    is_absent = any(absent(each) for each in terminal)
    is_told_all = told.order_id or adopted or told.client_order_id in unresolved
    if told.ending not in _TYPED:
        problems.append("hung" if told.ending.startswith("hung") else f"untyped error {told.ending}")
    if len(records) > 1:
        problems.append("duplicate")
    if told.ending in ("refused", "not sent", "not placed") and records:
        problems.append(f"told {told.ending}, but exists")
    if is_absent and any(record.client_order_id == told.client_order_id for record in records):
        problems.append("told absent, but exists")
    if records and told.is_left_open and not is_told_all and not is_absent:
        problems.append("lost")
    if (told.order_id and told.order_id not in ids) or adopted - ids:
        problems.append("misattributed")
    if told.is_left_open and told.client_order_id in unresolved:
        problems.append("never resolved")
    if len(terminal) > 1:
        problems.append("resolved twice")
    if told.ending == "unknown" and not terminal and told.client_order_id not in unresolved:
        problems.append("never told")
    return problems + _wrong_look_ups(told, ids) + _wrong_cancels(told, records)


def _wrong_look_ups(told: Told, ids: set[str]) -> list[str]:
    if told.resolved == "absent" and ids:
        return ["resolve() told absent, but exists"]
    if told.resolved.startswith("failed"):
        return ["resolve() failed"]
    if told.resolved not in ("", "absent", *ids):
        return ["resolve() misattributed"]
    return []


def _wrong_cancels(told: Told, records: list[OrderRecord]) -> list[str]:
    ids = {record.order_id for record in records}
    is_live = any(record.is_open for record in records)
    if told.cancel.startswith("untyped"):
        return ["cancel: untyped error"]
    if told.cancelled_id and told.cancelled_id not in ids:
        return ["cancel: misattributed"]
    if told.cancel == "done" and is_live:
        return ["cancel: told done, but live"]
    if told.cancel == "not placed" and ids:
        return ["cancel: told absent, but exists"]
    if told.cancel == "no such order" and is_live:
        return ["cancel: told no such order, but live"]
    if told.is_pending_cancel and is_live:
        return ["cancel: promised, but live"]
    return []


def _outcome(told: Told) -> str:
    """Return the last word on an order."""
    last = told.resolutions[-1].state if told.resolutions else None
    if last is OutcomeState.ADOPTED:
        return f"{told.ending}, adopted"
    if last is OutcomeState.PROVEN_ABSENT:
        return f"{told.ending}, absent"
    return told.ending


def _records(venue: Sandbox, told: Told) -> list[OrderRecord]:
    """Return everything that the exchange ever accepted of an order, further attempts included."""
    head = told.client_order_id[:-1]
    return [record for digit in _DIGITS[:12] for record in venue.ledger.orders(head + digit)]


def _struck(venue: Sandbox) -> dict[str, str]:
    """Return which fault struck the placement of which order, as far as the request got that far."""
    struck = {}
    for request in venue.requests:
        if request.fault is not None and request.method == "POST":
            found = _CLIENT_ID.search(request.query) or _CLIENT_ID.search(request.body.decode("latin-1"))
            if found:
                struck[found[1]] = request.fault.name
    return struck


def _tell(told: Told) -> str:
    states = [each.state.name for each in told.resolutions]
    parts = (told.client_order_id, told.ending, told.order_id, told.error[-160:], states, told.resolved, told.cancel)
    return " | ".join(str(part) for part in parts if part)


def _show(records: list[OrderRecord]) -> str:
    return ", ".join(f"{each.order_id} {each.client_order_id} {each.status.name}" for each in records) or "no order"
