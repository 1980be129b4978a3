"""The runs of `make chaos` in small, and clients and tales that they have to find out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from chaos_bot import BTC_USDT, Told
from chaos_day import run_day
from chaos_kills import kill
from chaos_plan import EXCHANGES, make_plan
from chaos_run import run_orders, run_plan, run_real_plan
from chaos_strategies import STRATEGIES, compare
from chaos_verdict import Verdict, problems_of

from spotlane.safety.resolver import Resolver
from spotlane.sandbox import FAULT_POINTS
from spotlane.structs import OutcomeState, Resolution
from spotlane.transport import Channel, ReplyLost

RECORD = SimpleNamespace(order_id="7", client_order_id="s10", is_open=True)


def resolution(state: OutcomeState, order_id: str | None = None) -> Resolution:
    order: Any = None if order_id is None else SimpleNamespace(order_id=order_id)
    return Resolution("mexc", BTC_USDT, "s10", state, order)


def told(ending: str, *resolutions: Resolution, **more: Any) -> Told:
    return Told("s10", ending, resolutions=list(resolutions), **more)


ADOPTED = resolution(OutcomeState.ADOPTED, "7")
ABSENT = resolution(OutcomeState.PROVEN_ABSENT)
WRONG: list[tuple[Told, list[Any], str]] = [
    (told("returned", order_id="7"), [RECORD, RECORD], "duplicate"),
    (told("returned", order_id="8"), [RECORD], "misattributed"),
    (told("returned", order_id="7"), [], "misattributed"),
    (told("unknown", resolution(OutcomeState.ADOPTED, "8")), [RECORD], "misattributed"),
    (told("refused"), [RECORD], "told refused, but exists"),
    (told("not sent"), [RECORD], "told not sent, but exists"),
    (told("not placed"), [RECORD], "told not placed, but exists"),
    (told("unknown", ABSENT), [RECORD], "told absent, but exists"),
    (told("cut off"), [RECORD], "lost"),
    (told("unknown"), [], "never told"),
    (told("unknown", ABSENT, ABSENT), [], "resolved twice"),
    (told("hung, then returned", order_id="7"), [RECORD], "hung"),
    (told("KeyError"), [], "untyped error KeyError"),
    (told("unknown", ADOPTED, resolved="8"), [RECORD], "resolve() misattributed"),
    (told("unknown", ADOPTED, resolved="absent"), [RECORD], "resolve() told absent, but exists"),
    (told("returned", order_id="7", cancel="done", cancelled_id="7"), [RECORD], "cancel: told done, but live"),
    (told("returned", order_id="7", cancel="no such order"), [RECORD], "cancel: told no such order, but live"),
]


@pytest.mark.parametrize(("tale", "records", "problem"), WRONG, ids=[problem for _, _, problem in WRONG])
def test_wrong_tale_is_found_out(tale: Told, records: list[Any], problem: str) -> None:
    assert problem in problems_of(tale, records, {})


@pytest.mark.parametrize(
    ("tale", "records"),
    [
        (told("returned", order_id="7"), [RECORD]),
        (told("unknown", ADOPTED, resolved="7"), [RECORD]),
        (told("cut off", ABSENT), []),
        (told("cut off"), []),
        (told("not sent"), []),
    ],
)
def test_true_tale_is_none(tale: Told, records: list[Any]) -> None:
    assert problems_of(tale, records, {}) == []


def test_doubt_that_never_ends_is_a_failure() -> None:
    assert problems_of(told("unknown"), [], {"s10": "it does not show"}) == ["never resolved"]


def test_plans_draw_everything() -> None:
    plans = [make_plan(str(seed)) for seed in range(1_500)]
    assert {plan.exchange for plan in plans} == {*EXCHANGES}
    assert {point for plan in plans if len(plan.points) == 1 for point in plan.points} == {*FAULT_POINTS}
    for setting in ("duplicate_client_ids", "expiry_check", "instant_fill", "finds_finished"):
        assert len({plan.venue[setting] for plan in plans}) == {"duplicate_client_ids": 4, "instant_fill": 3}.get(
            setting, 2
        )
    assert any(isinstance(plan.venue["visibility_lag_ms"], dict) for plan in plans)


def test_orders_under_faults_end_as_promised() -> None:
    verdict = run_orders(1_500, seed="tests")
    assert verdict.failures == {}, verdict.samples
    assert verdict.orders == 1_500
    assert verdict.struck > 200
    assert verdict.outcomes.keys() & {("none", "returned"), ("none", "not sent")}


def test_seed_repeats_a_run_exactly() -> None:
    assert run_orders(250, seed="again").digest == run_orders(250, seed="again").digest
    assert run_orders(250, seed="again").digest != run_orders(250, seed="other").digest


def test_horizons_that_are_too_short_show() -> None:
    total = Verdict()
    for number in range(4):
        total.add(run_plan(f"tests/{number}/short", 250, True))
    assert total.violated
    assert total.failures == {}


def test_client_that_believes_the_first_absence_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Resolver, "_left_s", lambda self, doubt: 0.0)
    monkeypatch.setattr(Resolver, "_speaks_against_absence", lambda self, *evidence: "")
    verdict = run_orders(2_500, seed="hasty")
    assert verdict.failures["told absent, but exists"] or verdict.failures["told not placed, but exists"]


def test_client_that_sends_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Channel.send

    async def send_again(self: Channel, request: Any, **how: Any) -> Any:
        try:
            return await send(self, request, **how)
        except ReplyLost:
            return await send(self, request, **how)

    monkeypatch.setattr(Channel, "send", send_again)
    assert run_orders(1_500, seed="blind").failures["duplicate"]


@pytest.mark.parametrize("seed", ["tests/tcp/1", "tests/tcp/2"])
def test_orders_over_real_sockets_end_as_promised(seed: str) -> None:
    verdict = run_real_plan(seed, 60)
    assert verdict.failures == {}, verdict.samples
    assert verdict.orders == 60


def test_outages_are_weathered() -> None:
    day = run_day(outages=[("reset", None), ("banned", 10)])
    assert day.failures() == []
    assert all(chapter.endings["answered"] > chapter.calls / 2 for chapter in day.chapters)


async def test_no_order_is_lost_by_being_killed() -> None:
    fate = await kill(6, seed="tests")
    assert fate.failures == {}, fate.samples
    assert fate.told["RETURNED"] > 0


def test_strategies_differ() -> None:
    found = compare(30, names=["reset-after-execution", "chunked"])
    lost, whole = found["F7 reset-after-execution"], found["F12 chunked"]
    assert [lost[strategy]["duplicate"] > 0 for strategy in STRATEGIES] == [True, True, False]
    assert [whole[strategy]["right"] for strategy in STRATEGIES] == [30, 30, 30]
