"""The compiled counts of a circuit breaker against their plain version."""

from __future__ import annotations

import oracle_circuits
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane._core.circuits import Circuit

moves = st.tuples(st.sampled_from(["succeed", "fail", "fail", "unavailable", "close"]), st.integers(0, 30))


@given(in_row=st.integers(1, 6), least=st.integers(1, 24), moves=st.lists(moves, max_size=120))
def test_circuits_against_a_list_of_calls(in_row: int, least: int, moves: list[tuple[str, int]]) -> None:
    circuit, plain = Circuit(in_row=in_row, least=least), oracle_circuits.Circuit(in_row, least)
    now_s = 1_000.0
    for name, pause in moves:
        now_s += max(0, pause - 20) / 4
        if name == "succeed":
            circuit.succeed(now_s)
            plain.succeed(now_s)
        elif name == "fail":
            assert circuit.fail(now_s) is plain.fail(now_s)
        elif name == "unavailable":
            circuit.succeed(now_s)
            plain.succeed(now_s)
            assert circuit.recant(now_s) is plain.recant(now_s)
        elif plain.is_open:
            circuit.close()
            plain.close()
        assert circuit.admits() is not plain.is_open
        assert (circuit.is_open, circuit.is_on_probation) == (plain.is_open, plain.is_on_probation)
        assert (circuit.failures, circuit.times_opened) == (plain.failures, plain.times_opened)


def test_five_in_a_row_open_it_and_four_do_not() -> None:
    circuit = Circuit(in_row=5, least=20)
    for _ in range(3):
        assert [circuit.fail(100.0) for _ in range(4)] == [False] * 4
        circuit.succeed(100.0)
    assert [circuit.fail(200.0) for _ in range(5)] == [False] * 4 + [True]
    assert not circuit.fail(200.0)
    assert (circuit.admits(), circuit.times_opened, circuit.failures) == (False, 1, 6)


@pytest.mark.parametrize(("age_s", "opens"), [(9, True), (10, False)])
def test_half_of_twenty_count_for_ten_seconds(age_s: int, opens: bool) -> None:
    circuit = Circuit(in_row=5, least=20)
    for _ in range(9):
        circuit.fail(100.5)
        circuit.succeed(100.5)
    circuit.succeed(100.5 + age_s)
    assert circuit.fail(100.5 + age_s) is opens


@pytest.mark.parametrize(("in_row", "least"), [(0, 1), (1, 0)])
def test_counts_that_can_not_be_reached(in_row: int, least: int) -> None:
    with pytest.raises(ValueError, match="a circuit counts at least 1"):
        Circuit(in_row=in_row, least=least)
