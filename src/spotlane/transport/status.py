"""What the transport counts, as snapshots for a person or a monitor to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class ConnectionCounters:
    """How connections came and went.

    opened: handshakes finished. found_dead: dropped before use, because the other side had closed them or something had
    arrived unasked. retired: closed for having idled, or as the server asked. aborted: closed after an error, a
    deadline or a cancellation. lane_faults: errors of the lane itself; the first one ended its use.
    """

    opened: int = 0
    found_dead: int = 0
    retired: int = 0
    aborted: int = 0
    lane_faults: int = 0


class CarrierStatus(NamedTuple):
    """A carrier's connections now (idle, busy) and since it was made; see ConnectionCounters for the latter."""

    idle: int = 0
    busy: int = 0
    opened: int = 0
    found_dead: int = 0
    retired: int = 0
    aborted: int = 0
    lane_faults: int = 0


class TransportStatus(NamedTuple):
    """What a channel has sent and what became of it, since it was made.

    requests were begun; each ended as one of: replies, not_sent (no byte left), over_budget, circuit_open,
    replies_lost (by reason), or it was cancelled by its caller.
    """

    requests: int
    replies: int
    not_sent: int
    over_budget: int
    circuit_open: int
    replies_lost: Mapping[str, int]
    connections: CarrierStatus


class LimitStatus(NamedTuple):
    """One rate limit now: units that a placement could take at once, requests that wait, how long it is blocked."""

    free: int
    waiting: int
    blocked_s: float


class BudgetStatus(NamedTuple):
    """The rate budget now. limits are by bucket, and by endpoint or symbol where it is counted apart for each.

    is_shared: all processes of this machine that use the key take from it together; otherwise alone_because says why
    this one goes alone.
    """

    is_enforced: bool
    is_shared: bool
    alone_because: str
    limits: Mapping[str, LimitStatus]


class BreakerStatus(NamedTuple):
    """The circuit breaker of one class of requests.

    state is "closed", "open" or "probation" (closed by a probe, the first failure opens it). failures are those in a
    row, opened is how often it has opened, retry_after_s how long until the next probe while it is open, else 0.
    """

    state: str
    failures: int
    opened: int
    retry_after_s: float
