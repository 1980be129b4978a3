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
    deadline or a cancellation.
    """

    opened: int = 0
    found_dead: int = 0
    retired: int = 0
    aborted: int = 0


class CarrierStatus(NamedTuple):
    """A carrier's connections now (idle, busy) and since it was made."""

    idle: int = 0
    busy: int = 0
    opened: int = 0
    found_dead: int = 0
    retired: int = 0
    aborted: int = 0


class TransportStatus(NamedTuple):
    """What a channel has sent and what became of it, since it was made.

    requests were begun; each ended as one of: replies, not_sent (no byte left), over_budget, replies_lost (by reason),
    or it was cancelled by its caller.
    """

    requests: int
    replies: int
    not_sent: int
    over_budget: int
    replies_lost: Mapping[str, int]
    connections: CarrierStatus
