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


def test_an_issued_id_is_fresh_and_spent() -> None:
    ids = ClientIds(RULE)
    kept, issued = ids.new(), [ids.issue() for _ in range(3)]
    assert len({kept, *issued}) == 4
    for each in issued:
        with pytest.raises(UsageError, match="was used before"):
            ids.spend(each)
    ids.spend(kept)
    ids.release(issued[1])
    ids.spend(issued[1])
    with pytest.raises(UsageError, match="was used before"):
        ids.spend(issued[1])


def test_ids_count_up_in_base_32() -> None:
    ids = ClientIds(RULE)
    made = [ids.issue() if number % 3 else ids.new() for number in range(2_100)]
    head = made[0][: -len("00000000")]
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    for number, each in enumerate(made):
        assert each == f"{head}0000{digits[number >> 10]}{digits[number >> 5 & 31]}{digits[number & 31]}0"


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
        ids.issue()
    ids.release(first)
    ids.spend(first)
    assert len(ids._unsent) == 1
    ids.spend(skipped)
    for used in (first, skipped):
        with pytest.raises(UsageError, match="was used before"):
            ids.spend(used)


def test_an_own_id_that_stays_unsent_while_65_536_others_do_counts_as_used() -> None:
    ids = ClientIds(RULE)
    first, second = ids.new(), ids.new()
    for _ in range(65_535):
        ids.new()
    ids.spend(second)
    with pytest.raises(UsageError, match="was used before"):
        ids.spend(first)


@given(moves=st.lists(st.tuples(st.integers(0, 10), st.booleans()), max_size=60))
def test_spending_and_releasing_against_a_set(moves: list[tuple[int, bool]]) -> None:
    ids = ClientIds(RULE)
    known = ["t-a", "t-b", "t-c"] + [ids.new() for _ in range(7)]
    spent: set[str] = set()
    for position, is_release in moves:
        if position == 10:
            known.append(ids.issue() if is_release else ids.new())
            spent.update(known[-1:] if is_release else [])
            continue
        # Counted from the end, so that what was made last comes up, too.
        name = known[-1 - position]
        if is_release:
            ids.release(name)
            spent.discard(name)
        elif name in spent:
            with pytest.raises(UsageError, match="was used before"):
                ids.spend(name)
        else:
            ids.spend(name)
            spent.add(name)
