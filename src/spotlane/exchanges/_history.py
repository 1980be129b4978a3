"""Complete histories from endpoints that give a page of a window at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from spotlane.errors import HistoryIncomplete, UsageError
from spotlane.spec import HistoryLimit

T = TypeVar("T")

# The far edge moves on while a request is under way, and an exchange may refuse a start beyond it.
_EDGE_MS = 60_000


async def collect(
    fetch: Callable[[int, int], Awaitable[list[T]]],
    *,
    limit: HistoryLimit,
    start_ms: int,
    end_ms: int,
    identify: Callable[[T], str],
    what: str,
) -> list[T]:
    """Return every row of [start_ms, end_ms], each once, in no particular order.

    fetch(start_ms, end_ms) returns at most limit.page_rows rows of a closed window, in any order: a full page is
    taken as a sign that rows are missing, and its window is halved. Exchanges without a cursor, and with an order of
    rows that nobody documents, leave no other proof of completeness. Raises HistoryIncomplete when a window of
    limit.resolution_ms is still full.
    """
    rows: dict[str, T] = {}
    for window in windows(start_ms, end_ms, limit.max_span_ms):
        waiting = [window]
        while waiting:
            first_ms, last_ms = waiting.pop()
            page = await fetch(first_ms, last_ms)
            if len(page) < limit.page_rows:
                rows.update((identify(row), row) for row in page)
                continue
            middle_ms = _middle(first_ms, last_ms, limit.resolution_ms)
            if middle_ms is None:
                raise HistoryIncomplete(
                    f"{what}: the exchange gives {limit.page_rows} rows at most, and there are more between "
                    f"{first_ms} and {last_ms}: ask for them by order id",
                    start_ms=first_ms,
                    end_ms=last_ms,
                )
            waiting += [(first_ms, middle_ms - 1), (middle_ms, last_ms)]
    return list(rows.values())


def reach(
    limit: HistoryLimit, *, now_ms: int, skew_ms: int, start_ms: int | None, end_ms: int | None, what: str
) -> tuple[int, int]:
    """Return the window to ask for: what was wanted, or as far back as the exchange goes.

    now_ms is the exchange's time as far as it is known; without an end, rows are wanted that were stamped by a clock
    skew_ms ahead of it. The start is moved to the grid of the exchange's time stamps, which round down.
    Raises HistoryIncomplete, before anything is sent, when the start lies further back than that.
    """
    earliest_ms = now_ms - limit.reach_ms + _EDGE_MS
    if start_ms is not None and start_ms < earliest_ms:
        raise HistoryIncomplete(
            f"{what}: the exchange gives nothing older than {limit.reach_ms // 86_400_000} days: "
            f"start_ms is at least {earliest_ms} now, was {start_ms}",
            start_ms=start_ms,
            end_ms=earliest_ms,
        )
    first_ms = earliest_ms if start_ms is None else start_ms
    last_ms = now_ms + skew_ms if end_ms is None else end_ms
    first_ms -= first_ms % limit.resolution_ms
    if last_ms < first_ms:
        raise UsageError(f"{what}: end_ms {last_ms} lies before start_ms {first_ms}")
    return first_ms, last_ms


def windows(start_ms: int, end_ms: int, span_ms: int) -> list[tuple[int, int]]:
    """Cut [start_ms, end_ms] into closed windows of at most span_ms, oldest first."""
    return [(first_ms, min(first_ms + span_ms - 1, end_ms)) for first_ms in range(start_ms, end_ms + 1, span_ms)]


def _middle(first_ms: int, last_ms: int, resolution_ms: int) -> int | None:
    """Return a moment between two, on the grid of the exchange's time stamps, or None where there is none."""
    middle_ms = (first_ms + last_ms + 1) // 2
    middle_ms -= middle_ms % resolution_ms
    if middle_ms <= first_ms:
        middle_ms = first_ms - first_ms % resolution_ms + resolution_ms
    return middle_ms if middle_ms <= last_ms else None
