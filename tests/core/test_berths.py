"""Which connection is picked, and for whom there is a place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spotlane._core.berths import Berth, Berths

RETIRE_S, OLDEST_S = 10.0, 100.0


class Silent(Berth):
    """A connection that is silent or not, as a test says."""

    def __init__(self, opened_s: float, idle_since_s: float, silent: bool) -> None:
        self.opened_s = opened_s
        self.idle_since_s = idle_since_s
        self.silent = silent

    def is_silent(self) -> bool:
        return self.silent


def oracle(idle: list[Silent], now_s: float) -> tuple[Silent | None, list[tuple[Silent, bool]], list[Silent]]:
    """Say which is picked, which are dropped (due or not silent) and which stay."""
    rest = list(idle)
    dropped: list[tuple[Silent, bool]] = []
    while rest:
        last = rest.pop()
        due = now_s - last.idle_since_s > RETIRE_S or now_s - last.opened_s > OLDEST_S
        if not due and last.silent:
            return last, dropped, rest
        dropped.append((last, due))
    return None, dropped, rest


_connections = st.builds(Silent, st.floats(-120, 0), st.floats(-15, 0), st.booleans())


@given(st.lists(_connections, max_size=6))
def test_the_connection_used_last_that_can_be_used_is_picked(idle: list[Silent]) -> None:
    dropped: list[tuple[Berth, bool]] = []
    berths = Berths(
        places=8,
        reserve=1,
        retire_after_s=RETIRE_S,
        oldest_s=OLDEST_S,
        on_drop=lambda berth, is_due: dropped.append((berth, is_due)),
    )
    for each in idle:
        berths.idle.append(each)
    picked, expected, rest = oracle(idle, 0.0)
    assert berths.pick(0.0) is picked
    assert dropped == expected
    assert berths.idle == rest
    assert berths.busy == (set() if picked is None else {picked})
    if picked is not None:
        berths.enter()
        assert not berths.put_back(picked, 5.0)
        assert berths.free == 8
        assert berths.idle == [*rest, picked]
        assert (berths.busy, picked.idle_since_s) == (set(), 5.0)


@given(st.integers(0, 5), st.integers(0, 2), st.integers(0, 5), st.integers(0, 2), st.integers(0, 2), st.booleans())
def test_a_place_is_for_whoever_comes_first_and_the_reserve_for_cancels(
    places: int, reserve: int, taken: int, waiting: int, waiting_cancels: int, is_cancel: bool
) -> None:
    berths = Berths(
        places=places, reserve=reserve, retire_after_s=1.0, oldest_s=1.0, on_drop=lambda berth, is_due: None
    )
    for _ in range(min(taken, places)):
        berths.enter()
    berths.waiting, berths.waiting_cancels = waiting, waiting_cancels
    free = places - min(taken, places)
    is_open = free > 0 if is_cancel else free > reserve
    is_first = waiting_cancels == 0 and (is_cancel or waiting == 0)
    assert berths.is_open_to(is_cancel) == is_open
    assert berths.has_place(is_cancel) == (is_open and is_first)
    if free < places:
        berths.leave()
        assert berths.free == free + 1
