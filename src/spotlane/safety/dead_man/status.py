"""How a dead-man switch stands, for a person or a monitor to read."""

from __future__ import annotations

from dataclasses import dataclass

from spotlane.structs import DeadManState


@dataclass(frozen=True, slots=True)
class DeadManStatus:
    """A dead-man switch that was not taken off.

    kind is "countdown" for the exchange's own, "guardian" for a process of this machine. seconds is the time that was
    asked for; age_s how long ago the exchange or the guardian last confirmed. failures counts renewals, or guardians,
    that failed in a row; replaced the guardians that were lost and are replaced. pid is the guardian's process.
    """

    kind: str
    state: DeadManState
    seconds: float
    age_s: float
    failures: int = 0
    replaced: int = 0
    pid: int | None = None
