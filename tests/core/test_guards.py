"""The compiled gates of the rate budget against their plain version."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import oracle_guards
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane._core.guards import Claim, Gate

# A sixteenth is exact in floating point, so that both count the same moments.
UNIT_S = Fraction(1, 16)

costs = st.integers(1, 9)
ranks = st.integers(0, 1)
moves = (
    st.tuples(st.just("take"), st.lists(costs, min_size=2, max_size=2), ranks, st.booleans())
    | st.tuples(st.just("block"), st.integers(0, 1), st.integers(0, 64))
    | st.tuples(st.just("enter"), st.integers(0, 1), costs, ranks)
    | st.tuples(st.just("leave"), st.integers(0, 1))
    | st.tuples(st.just("pause"), st.integers(0, 64))
)


def is_same(told_s: float, wanted_s: Fraction) -> bool:
    return told_s == wanted_s or (told_s == float("-inf") and wanted_s < 0)


@given(
    rooms=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), min_size=2, max_size=2),
    moves=st.lists(moves, max_size=60),
)
def test_gates_against_fractions(rooms: list[tuple[int, int]], moves: list[tuple[Any, ...]]) -> None:
    plain = [
        oracle_guards.Gate(UNIT_S * each, burst, min(reserve, burst)) for each, (burst, reserve) in enumerate(rooms, 1)
    ]
    gates = [
        Gate(unit_s=float(UNIT_S * each), burst=burst, reserve=min(reserve, burst))
        for each, (burst, reserve) in enumerate(rooms, 1)
    ]
    now_s = Fraction(1_000)
    for name, *told in moves:
        if name == "take":
            cost, rank, in_turn = told
            claim = Claim(zip(gates, cost, strict=True), rank)
            wanted = oracle_guards.try_take(list(zip(plain, cost, strict=True)), rank, now_s, in_turn)
            assert claim.try_take(float(now_s), in_turn=in_turn) is wanted
        elif name == "block":
            until_s = now_s + Fraction(told[1], 16)
            gates[told[0]].block(float(until_s))
            plain[told[0]].blocked_until_s = max(plain[told[0]].blocked_until_s, until_s)
        elif name == "enter":
            gates[told[0]].enter(*told[1:])
            plain[told[0]].waiting.append((told[1], told[2]))
        elif name == "leave" and plain[told[0]].waiting:
            gates[told[0]].leave(*plain[told[0]].waiting.pop())
        elif name == "pause":
            now_s += Fraction(told[0], 16)
        for gate, oracle in zip(gates, plain, strict=True):
            for cost, rank in ((1, 0), (1, 1), (7, 1)):
                assert is_same(gate.ready_s(cost, rank), oracle.ready_s(cost, rank))
                assert is_same(gate.expected_s(cost, rank, float(now_s)), oracle.expected_s(cost, rank, now_s))
                is_ready = oracle.ready_s(cost, rank) <= now_s
                assert gate.is_ready(cost, rank, float(now_s)) is is_ready


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


@pytest.mark.parametrize("rank", [-1, 2])
def test_a_rank_that_does_not_exist(rank: int) -> None:
    gate = Gate(unit_s=1.0, burst=1, reserve=0)
    for use in (gate.ready_s, gate.enter, gate.leave):
        with pytest.raises(ValueError, match="a rank is 0 or 1"):
            use(1, rank)
    for ask in (gate.expected_s, gate.is_ready):
        with pytest.raises(ValueError, match="a rank is 0 or 1"):
            ask(1, rank, 0.0)
    with pytest.raises(ValueError, match="a rank is 0 or 1"):
        Claim([(gate, 1)], rank)


@pytest.mark.parametrize("shares", [[("gate", 1)], [(None, 1)], [(Gate(unit_s=1.0, burst=1, reserve=0), "1")], [1]])
def test_what_is_no_share(shares: Any) -> None:
    with pytest.raises(TypeError):
        Claim(shares, 1)
