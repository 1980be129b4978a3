"""Client order ids: each is made once and sent once."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane import UsageError
from spotlane.safety import ClientIds
from spotlane.spec import ClientIdRule

RULE = ClientIdRule(prefix="t-", max_length=28)


def test_an_id_fits_the_rule_of_its_exchange() -> None:
    for rule in (ClientIdRule(), RULE):
        made = ClientIds(rule).new()
        assert made.startswith(f"{rule.prefix}s")
        assert len(made) <= rule.max_length
        assert set(made.removeprefix(rule.prefix)) <= set(string.ascii_lowercase + string.digits)


def test_ids_never_meet_those_of_another_client() -> None:
    clients = [ClientIds(RULE) for _ in range(50)]
    made = [client.new() for client in clients for _ in range(100)]
    assert len(set(made)) == 5_000


@pytest.mark.parametrize("order", [range(6), [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]])
def test_an_own_id_is_spent_once_in_any_order(order: list[int]) -> None:
    ids = ClientIds(RULE)
    made = [ids.new() for _ in range(6)]
    for position in order:
        ids.spend(made[position])
    for each in made:
        with pytest.raises(UsageError, match="was used before"):
            ids.spend(each)
    ids.spend(ids.new())


def test_another_attempt_of_a_spent_id_is_spent_too() -> None:
    ids = ClientIds(RULE)
    made = ids.new()
    ids.spend(made)
    with pytest.raises(UsageError, match="was used before"):
        ids.spend(made[:-1] + "1")


def test_an_id_that_was_not_given_out_yet_is_a_strangers() -> None:
    ids = ClientIds(RULE)
    first = ids.new()
    later = first[:-2] + "90"
    ids.spend(later)
    with pytest.raises(UsageError, match="was used before"):
        ids.spend(later)
    ids.spend(first)


@pytest.mark.parametrize(
    ("client_order_id", "words"),
    [
        ("", "1 to 28 characters, was 0"),
        ("t-" + "x" * 27, "1 to 28 characters, was 29"),
        ("x-1", "must begin with 't-'"),
        ("t-a b", "can't hold ' '"),
        ("t-é", "can't hold 'é'"),
        ("t-a%26", "can't hold '%'"),
    ],
)
def test_an_id_that_the_exchange_can_not_take(client_order_id: str, words: str) -> None:
    ids = ClientIds(RULE)
    for _ in range(2):
        with pytest.raises(UsageError, match=words):
            ids.spend(client_order_id)


def test_a_stray_character_behind_an_own_id_is_not_overlooked() -> None:
    ids = ClientIds(RULE)
    with pytest.raises(UsageError, match="can't hold '&'"):
        ids.spend(ids.new()[:-1] + "&")


def test_a_callers_ids_are_remembered_for_65_536_later_ones() -> None:
    ids = ClientIds(RULE)
    ids.spend("t-first")
    for number in range(65_535):
        ids.spend(f"t-{number}")
    with pytest.raises(UsageError, match="was used before"):
        ids.spend("t-first")


def test_own_ids_are_remembered_for_ever_at_no_cost() -> None:
    ids = ClientIds(RULE)
    skipped, first = ids.new(), ids.new()
    ids.spend(first)
    for _ in range(70_000):
        ids.spend(ids.new())
    assert len(ids._spent) < 70_000
    for used in (first, skipped):
        with pytest.raises(UsageError, match="was used before"):
            ids.spend(used)


@given(moves=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_spending_and_releasing_against_a_set(moves: list[tuple[int, bool]]) -> None:
    ids = ClientIds(RULE)
    known = [ids.new() for _ in range(7)] + ["t-a", "t-b", "t-c"]
    spent: set[str] = set()
    for position, is_release in moves:
        name = known[position]
        if is_release:
            ids.release(name)
            spent.discard(name)
        elif name in spent:
            with pytest.raises(UsageError, match="was used before"):
                ids.spend(name)
        else:
            ids.spend(name)
            spent.add(name)
