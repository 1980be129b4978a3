"""The compiled gates of the rate budget against their plain version."""

from __future__ import annotations

import calendar
import mmap
from datetime import UTC, datetime
from email.utils import format_datetime
from fractions import Fraction
from typing import Any

import oracle_guards
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane._core.guards import Claim, Gate, Meter, Slots

# A sixteenth is exact in floating point, so that both count the same moments.
UNIT_S = Fraction(1, 16)
RANKS = range(4)

costs = st.integers(1, 9)
ranks = st.integers(0, 3)
gates_of_two = st.integers(0, 1)
moves = (
    st.tuples(st.just("take"), st.lists(costs, min_size=2, max_size=2), ranks, st.booleans())
    | st.tuples(st.just("take twice"), gates_of_two, costs, ranks)
    | st.tuples(st.just("block"), gates_of_two, st.integers(0, 64))
    | st.tuples(st.just("block all"), st.integers(0, 64))
    | st.tuples(st.just("fill"), gates_of_two, st.integers(0, 64), st.integers(0, 20))
    | st.tuples(st.just("enter"), gates_of_two, costs, ranks)
    | st.tuples(st.just("leave"), gates_of_two)
    | st.tuples(st.just("pause"), st.integers(0, 64))
)


@given(
    rooms=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), min_size=2, max_size=2),
    moves=st.lists(moves, max_size=60),
    is_shared=st.booleans(),
)
def test_gates_against_fractions(rooms: list[tuple[int, int]], moves: list[tuple[Any, ...]], is_shared: bool) -> None:
    plain = [
        oracle_guards.Gate(UNIT_S * each, burst, min(reserve, burst)) for each, (burst, reserve) in enumerate(rooms, 1)
    ]
    slots = Slots(3, mmap.mmap(-1, 3 * Slots.SIZE) if is_shared else None)
    gates = [
        Gate(
            unit_s=float(UNIT_S * each), burst=burst, reserve=min(reserve, burst), slots=slots, index=each,
            everything=slots,
        )
        for each, (burst, reserve) in enumerate(rooms, 1)
    ]  # fmt: skip
    now_s = Fraction(1_000)
    for name, *told in moves:
        if name == "take":
            cost, rank, in_turn = told
            claim = Claim(zip(gates, cost, strict=True), rank)
            wanted = oracle_guards.try_take(list(zip(plain, cost, strict=True)), rank, now_s, in_turn)
            assert claim.try_take(float(now_s), in_turn=in_turn) is wanted
        elif name == "take twice":
            gate, cost, rank = told
            wanted = oracle_guards.try_take([(plain[gate], cost)] * 2, rank, now_s, True)
            assert Claim([(gates[gate], cost)] * 2, rank).try_take(float(now_s), in_turn=True) is wanted
        elif name == "block":
            until_s = now_s + Fraction(told[1], 16)
            gates[told[0]].block(float(until_s))
            plain[told[0]].blocked_until_s = max(plain[told[0]].blocked_until_s, until_s)
        elif name == "block all":
            until_s = now_s + Fraction(told[0], 16)
            slots.block(float(until_s))
            for each in plain:
                each.blocked_until_s = max(each.blocked_until_s, until_s)
        elif name == "fill":
            gates[told[0]].fill(float(now_s - Fraction(told[1], 16)), told[2])
            plain[told[0]].fill(now_s - Fraction(told[1], 16), told[2])
        elif name == "enter":
            gates[told[0]].enter(*told[1:])
            plain[told[0]].waiting.append((told[1], told[2]))
        elif name == "leave" and plain[told[0]].waiting:
            gates[told[0]].leave(*plain[told[0]].waiting.pop())
        elif name == "pause":
            now_s += Fraction(told[0], 16)
        for compiled, oracle in zip(gates, plain, strict=True):
            assert compiled.waiters == len(oracle.waiting)
            assert compiled.blocked_until_s() == oracle.blocked_until_s
            for rank in RANKS:
                assert compiled.free_units(rank, float(now_s)) == oracle.free_units(rank, now_s)
                for cost in (1, 7):
                    assert compiled.ready_s(cost, rank) == oracle.ready_s(cost, rank)
                    assert compiled.expected_s(cost, rank, float(now_s)) == oracle.expected_s(cost, rank, now_s)
                    assert compiled.is_ready(cost, rank, float(now_s)) is (oracle.ready_s(cost, rank) <= now_s)
        is_idle = all(max(each.full_s, each.blocked_until_s) <= now_s for each in plain)
        assert slots.is_idle(float(now_s)) is is_idle


def test_a_moment_that_is_missed_by_rounding_counts() -> None:
    gate = Gate(unit_s=1.0, burst=1, reserve=0)
    claim = Claim([(gate, 1)], 1)
    assert claim.try_take(10.0)
    assert not claim.try_take(11.0 - 2e-6)
    assert not gate.is_ready(1, 1, 11.0 - 2e-6)
    assert gate.is_ready(1, 1, 11.0 - 0.5e-6)
    assert claim.try_take(11.0 - 0.5e-6)


def test_nothing_is_taken_where_one_share_is_refused() -> None:
    wide, narrow = (Gate(unit_s=1.0, burst=burst, reserve=0) for burst in (9, 1))
    assert Claim([(narrow, 1)], 1).try_take(0.0)
    assert not Claim([(wide, 5), (narrow, 1)], 1).try_take(0.0)
    assert Claim([(wide, 9)], 1).try_take(0.0)


def test_a_claim_on_nothing_is_granted() -> None:
    assert Claim([], 1).try_take(0.0)


@pytest.mark.parametrize("rank", [-1, 4])
def test_a_rank_that_does_not_exist(rank: int) -> None:
    gate = Gate(unit_s=1.0, burst=1, reserve=0)
    for use in (gate.ready_s, gate.enter, gate.leave):
        with pytest.raises(ValueError, match="a rank is from 0 to 3"):
            use(1, rank)
    with pytest.raises(ValueError, match="a rank is from 0 to 3"):
        gate.free_units(rank, 0.0)
    for ask in (gate.expected_s, gate.is_ready):
        with pytest.raises(ValueError, match="a rank is from 0 to 3"):
            ask(1, rank, 0.0)
    with pytest.raises(ValueError, match="a rank is from 0 to 3"):
        Claim([(gate, 1)], rank)


@pytest.mark.parametrize("shares", [[("gate", 1)], [(None, 1)], [(Gate(unit_s=1.0, burst=1, reserve=0), "1")], [1]])
def test_what_is_no_share(shares: Any) -> None:
    with pytest.raises(TypeError):
        Claim(shares, 1)


def test_what_others_took_since_stays_taken_where_a_share_is_given_back() -> None:
    """Of four shares the last is refused; the gate that stands twice among the first is as it was before."""
    slots = Slots(2)
    twice, none = (
        Gate(unit_s=1.0, burst=burst, reserve=0, slots=slots, index=each) for each, burst in ((0, 5), (1, 1))
    )
    assert Claim([(twice, 2)], 0).try_take(100.0)
    assert Claim([(none, 1)], 0).try_take(100.0)
    before = twice.ready_s(1, 0)
    # The last share finds no room only when the one before it was taken.
    narrow = Gate(unit_s=1.0, burst=1, reserve=0)
    assert not Claim([(twice, 1), (twice, 1), (narrow, 1), (narrow, 1)], 0).try_take(100.0)
    assert twice.ready_s(1, 0) == before
    assert narrow.free_units(0, 100.0) == 1


def test_a_unit_is_never_rounded_down() -> None:
    """A third of a second is no whole number of nanoseconds: 3 units never fit in less than a second."""
    gate = Gate(unit_s=1 / 3, burst=1, reserve=0)
    assert Claim([(gate, 1)], 0).try_take(1_000.0)
    assert (gate.ready_s(1, 0) - 1_000.0) * 3 >= 1.0


def test_memory_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="3 slots need 48 aligned bytes, there are 47"):
        Slots(3, bytearray(47))
    with pytest.raises(BufferError):
        Slots(1, bytes(16))
    with pytest.raises(ValueError, match="a slot at least"):
        Slots(0)
    with pytest.raises(ValueError, match="there is no slot 2"):
        Gate(unit_s=1.0, burst=1, reserve=0, slots=Slots(2), index=2)


USED = "X-Used"
MINUTE_MS = 60_000


def meter(gate: Gate, **changes: Any) -> Meter:
    settings = {"limit": 100, "window_ms": MINUTE_MS, "is_left": False, "is_aligned": True, **changes}
    return Meter(gate, USED, **settings)


def gate_of_hundred() -> Gate:
    """A gate of 100 in a minute, half of them at once."""
    return Gate(unit_s=60 / 50, burst=50, reserve=0)


def full_units(gate: Gate, now_s: float) -> float:
    """Return how many units have not flowed back."""
    return round((gate.ready_s(50, 0) - now_s) / 1.2, 6)


def test_a_header_counts_from_the_begin_of_its_window() -> None:
    gate = gate_of_hundred()
    # Half a minute after its begin, when 25 of 80 have flowed back.
    now_ms = 20 * MINUTE_MS + 30_000
    assert meter(gate).read([(b"a", b"1"), (b"x-used", b"80")], 1_000.0, now_ms - 9, now_ms)
    assert full_units(gate, 1_000.0) == 55
    assert meter(gate).read([(b"X-USED", b"3")], 1_000.0, now_ms, now_ms)
    assert full_units(gate, 1_000.0) == 55


def test_a_header_of_a_window_that_may_be_over_is_not_used() -> None:
    gate = gate_of_hundred()
    now_ms = 20 * MINUTE_MS + 3
    assert not meter(gate).read([(b"X-Used", b"99")], 1_000.0, now_ms - 4, now_ms)
    assert full_units(gate, 1_000.0) < 0
    assert meter(gate).read([(b"X-Used", b"99")], 1_000.0, now_ms - 3, now_ms)


def test_a_header_of_what_is_left_counts_over_the_window_that_ends_now() -> None:
    gate = gate_of_hundred()
    assert meter(gate, is_left=True, is_aligned=False).read([(b"X-Used", b"10")], 1_000.0, 0, 5)
    assert full_units(gate, 1_000.0) == 40
    assert gate.free_units(0, 1_000.0) == 10


DATED_MS = 784_111_777_000
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("window_ms", "is_aligned", "later_ms", "is_believed"),
    [
        (60_000, True, 22_999, True),
        (60_000, True, 23_000, False),
        (10_000, True, 3_000, False),
        (86_400_000, True, 54_622_999, True),
        (86_400_000, True, 54_623_000, False),
        # Counted back from the reply: the date may be of any moment within its second.
        (60_000, False, 60_999, True),
        (60_000, False, 61_000, False),
        # A date ahead of what is thought to be the exchange's time.
        (10_000, True, -60_000, True),
    ],
)
def test_a_header_of_a_reply_with_an_older_date_is_not_used(
    window_ms: int, is_aligned: bool, later_ms: int, is_believed: bool
) -> None:
    gate = Gate(unit_s=window_ms / 1e3 / 50, burst=50, reserve=0)
    reader = meter(gate, window_ms=window_ms, is_aligned=is_aligned)
    now_ms = DATED_MS + later_ms
    fields = [(b"x-used", b"300"), (b"DATE", DATE)]
    assert reader.read(fields, 1_000.0, now_ms, now_ms) is is_believed
    assert (gate.ready_s(50, 0) > 1_000.0) is is_believed


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2399, 12, 31)))
def test_dates_are_read_as_the_standard_library_writes_them(moment: datetime) -> None:
    """In a window of a second, a date that is read as another than it is would show."""
    made_s = calendar.timegm(moment.timetuple())
    date = format_datetime(moment.replace(tzinfo=UTC), usegmt=True).encode()
    for later_s, is_believed in ((0, True), (1, False)):
        reader = meter(gate_of_hundred(), window_ms=1_000)
        now_ms = (made_s + later_s) * 1_000
        assert reader.read([(b"Date", date), (b"X-Used", b"80")], 1_000.0, now_ms, now_ms) is is_believed


@pytest.mark.parametrize(
    "date",
    [
        b"", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994", DATE[:-3] + b"UTC", DATE + b" ",
        DATE.replace(b"Nov", b"nov"), DATE.replace(b"06", b" 6"), DATE.replace(b"08", b"0x"),
        DATE.replace(b"1994", b"19-4"), DATE.replace(b"1994", b"1894"),
    ],
)  # fmt: skip
def test_what_is_no_date_tells_nothing(date: bytes) -> None:
    gate = gate_of_hundred()
    now_ms = 2_000_000_000_000
    assert meter(gate).read([(b"Date", date), (b"X-Used", b"99")], 2_000.0, now_ms, now_ms)
    assert full_units(gate, 2_000.0) > 0


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"x", b" 1", b"9" * 19])
def test_a_header_that_is_no_count_changes_nothing(value: bytes) -> None:
    gate = gate_of_hundred()
    assert not meter(gate).read([(b"X-Used", value)], 1_000.0, 0, 0)
    assert full_units(gate, 1_000.0) < 0


@pytest.mark.parametrize("fields", [[], [(b"X-Use", b"1")], [(b"X-Used2", b"1")], [(b"X_Used", b"1")]])
def test_headers_of_other_names_are_passed_over(fields: list[tuple[bytes, bytes]]) -> None:
    assert not meter(gate_of_hundred()).read(fields, 1_000.0, 0, 0)


def test_an_absurd_count_shuts_a_gate_for_ten_windows_at_most() -> None:
    gate = gate_of_hundred()
    assert meter(gate).read([(b"X-Used", b"9" * 18)], 1_000.0, 0, 0)
    assert full_units(gate, 1_000.0) == 1_000


@given(
    taken=st.lists(st.tuples(st.integers(1, 4_000), st.integers(1, 9)), max_size=60),
    start_ms=st.integers(0, 59_999),
)
def test_a_count_of_our_own_requests_alone_changes_nothing(taken: list[tuple[int, int]], start_ms: int) -> None:
    gate, now_ms, used = gate_of_hundred(), start_ms, 0
    for pause_ms, cost in taken:
        used = 0 if (now_ms + pause_ms) // MINUTE_MS > now_ms // MINUTE_MS else used
        now_ms += pause_ms
        if Claim([(gate, cost)], 0).try_take(1_000 + now_ms / 1_000):
            used += cost
        before = gate.ready_s(1, 0)
        meter(gate).read([(b"X-Used", b"%d" % used)], 1_000 + now_ms / 1_000, now_ms, now_ms)
        assert gate.ready_s(1, 0) == pytest.approx(before, abs=1e-5)
