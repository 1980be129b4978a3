"""Who goes first: the rank of a request among those that wait for the rate budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from spotlane.spec import Verb

# Reads of a task for which this is set look up what became of an order.
RESOLVING: ContextVar[bool] = ContextVar("spotlane_resolving", default=False)

CANCELS, LOOK_UPS, CHANGES, READS = range(4)

_RANKS = {
    Verb.CANCEL: CANCELS,
    Verb.CANCEL_ALL: CANCELS,
    Verb.PLACE: CHANGES,
    Verb.MOVE: CHANGES,
    Verb.READ: READS,
}


@contextmanager
def resolving() -> Iterator[None]:
    """Let the reads within, of this task and those that it starts, go before placements and other reads."""
    token = RESOLVING.set(True)
    try:
        yield
    finally:
        RESOLVING.reset(token)


def rank_of(verb: Verb, *, is_look_up: bool = False) -> int:
    """Return the rank of a request, 0 being the first: cancels, look-ups of outcomes, changes, reads."""
    return LOOK_UPS if is_look_up and verb is Verb.READ else _RANKS[verb]
