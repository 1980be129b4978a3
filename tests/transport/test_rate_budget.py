"""The local rate budget: never above the limit in any window, in turn, cancels first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane.errors import BudgetExhausted
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import Budget, ManualClock

MEXC_LIKE = Bucket("orders", limit=500, window_ms=10_000, reserve=10)


def make(*buckets: Bucket, enforce: bool = True) -> tuple[Budget, ManualClock]:
    clock = ManualClock()
    return Budget(buckets or (MEXC_LIKE,), clock=clock, enforce=enforce), clock


def call(costs: dict[str, int], verb: Verb = Verb.READ) -> Endpoint:
    return Endpoint(f"{verb.value} {costs}", "POST", "/", verb=verb, costs=costs)


def drain(budget: Budget, name: str = "orders", verb: Verb = Verb.PLACE) -> int:
    """Take single units until there is no room; return how many there were."""
    taken = 0
    endpoint = call({name: 1}, verb)
    while budget.try_take(endpoint):
        taken += 1
    return taken


async def start(waiting: Coroutine[object, object, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(waiting)
    await asyncio.sleep(0)
    return task


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_burst_is_a_fifth_of_the_limit_and_cancels_may_use_the_reserve() -> None:
    budget, clock = make()
    assert drain(budget) == 90
    assert drain(budget, verb=Verb.CANCEL) == 10
    clock.advance(0.025)
    assert drain(budget) == 0
    assert drain(budget, verb=Verb.CANCEL) == 1
    clock.advance(10.0)
    assert drain(budget) == 90


def test_burst_may_be_the_buckets_own() -> None:
    budget, clock = make(Bucket("orders", limit=500, window_ms=10_000, reserve=10, burst=300))
    assert drain(budget) == 290
    clock.advance(1.0)
    assert drain(budget) == 20


@given(
    limit=st.integers(1, 60),
    reserve_share=st.integers(0, 3),
    burst_share=st.integers(0, 10),
    steps=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 9), st.booleans()), max_size=120),
)
def test_no_window_ever_holds_more_than_the_limit(
    limit: int, reserve_share: int, burst_share: int, steps: list[tuple[int, int, bool]]
) -> None:
    reserve = min(limit - 1, limit * reserve_share // 10)
    burst = max(reserve + 1, limit * burst_share // 10) if burst_share else None
    budget, clock = make(Bucket("b", limit=limit, window_ms=1_000, reserve=reserve, burst=burst))
    admitted: list[tuple[float, int]] = []
    for pause_ms, cost, is_cancel in steps:
        clock.advance(pause_ms / 1_000)
        cost = min(cost, limit)
        if budget.try_take(call({"b": cost}, Verb.CANCEL if is_cancel else Verb.PLACE)):
            admitted.append((clock.monotonic(), cost))
    for start_s, _ in admitted:
        in_window = sum(cost for at_s, cost in admitted if start_s <= at_s < start_s + 1 - 1e-5)
        assert in_window <= limit


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_small_limits_are_used_too(limit: int) -> None:
    budget, clock = make(Bucket("b", limit=limit, window_ms=1_000))
    taken = 0
    for _ in range(2_000):
        taken += drain(budget, "b")
        clock.advance(0.01)
    assert 19 * max(1, limit - max(limit // 5, 1)) <= taken <= 20 * limit + 1


def test_cost_above_the_burst_is_admitted_after_enough_rest() -> None:
    budget, clock = make(Bucket("b", limit=100, window_ms=1_000))
    assert budget.try_take(call({"b": 60}))
    assert not budget.try_take(call({"b": 1}))
    clock.advance(0.75)
    assert budget.try_take(call({"b": 20}))
    assert not budget.try_take(call({"b": 60}))


async def test_waiting_ends_when_there_is_room() -> None:
    budget, clock = make()
    drain(budget)
    task = await start(budget.take(call({"orders": 4}), deadline=clock.monotonic() + 1))
    clock.advance(0.099)
    await settle()
    assert not task.done()
    clock.advance(0.002)
    await task


async def test_no_room_before_the_deadline_is_told_at_once() -> None:
    budget, clock = make()
    drain(budget)
    with pytest.raises(BudgetExhausted, match=r"40 of orders \(500 in 10 s\)") as caught:
        await budget.take(call({"orders": 40}), deadline=clock.monotonic() + 0.9)
    assert caught.value.retry_after_s == pytest.approx(1.0)
    assert clock.pending_timers == 0
    clock.advance(caught.value.retry_after_s + 1e-6)
    assert budget.try_take(call({"orders": 40}))


async def test_those_who_wait_are_counted_before_a_newcomer() -> None:
    budget, clock = make()
    drain(budget)
    task = await start(budget.take(call({"orders": 40}), deadline=clock.monotonic() + 5))
    with pytest.raises(BudgetExhausted) as caught:
        await budget.take(call({"orders": 1}), deadline=clock.monotonic() + 1.01)
    assert caught.value.retry_after_s == pytest.approx(1.025)
    assert not budget.try_take(call({"orders": 1}))
    clock.advance(0.5)
    assert not budget.try_take(call({"orders": 1}))
    clock.advance(0.501)
    await task


async def test_turns_are_kept_and_cancels_come_first() -> None:
    budget, clock = make()
    drain(budget)
    drain(budget, verb=Verb.CANCEL)
    order: list[str] = []

    async def take(name: str, verb: Verb) -> None:
        await budget.take(call({"orders": 1}, verb), deadline=clock.monotonic() + 60)
        order.append(name)

    tasks = [await start(take(f"order {number}", Verb.PLACE)) for number in range(3)]
    tasks.append(await start(take("read", Verb.READ)))
    tasks += [await start(take(f"cancel {number}", Verb.CANCEL)) for number in range(2)]
    for _ in range(60):
        clock.advance(0.0125)
        await settle()
    await asyncio.gather(*tasks)
    assert order == ["cancel 0", "cancel 1", "order 0", "order 1", "order 2", "read"]


async def test_deadline_of_one_who_was_overtaken_is_kept() -> None:
    budget, clock = make()
    drain(budget)
    late = await start(budget.take(call({"orders": 1}), deadline=clock.monotonic() + 0.03))
    drain(budget, verb=Verb.CANCEL)
    clock.advance(0.031)
    with pytest.raises(BudgetExhausted) as caught:
        await late
    assert caught.value.retry_after_s > 0


async def test_cancelled_waiter_gives_up_its_place() -> None:
    budget, clock = make()
    drain(budget)
    first = await start(budget.take(call({"orders": 40}), deadline=clock.monotonic() + 5))
    second = await start(budget.take(call({"orders": 1}), deadline=clock.monotonic() + 5))
    first.cancel()
    await settle()
    clock.advance(0.026)
    await second
    assert first.cancelled()
    assert clock.pending_timers == 0


async def test_request_takes_from_every_bucket_or_from_none() -> None:
    budget, clock = make(Bucket("ip", 50, 1_000), Bucket("uid", 5, 1_000))
    assert budget.try_take(call({"ip": 1, "uid": 1}))
    assert not budget.try_take(call({"ip": 9, "uid": 1}))
    assert budget.try_take(call({"ip": 9}))
    task = await start(budget.take(call({"ip": 10, "uid": 1}), deadline=clock.monotonic() + 5))
    clock.advance(0.24)
    await settle()
    assert not task.done()
    clock.advance(0.02)
    await task
    assert not budget.try_take(call({"ip": 1}))


async def test_full_bucket_holds_up_no_other() -> None:
    budget, clock = make(Bucket("orders", 5, 1_000), Bucket("market", 5, 1_000))
    drain(budget)
    task = await start(budget.take(call({"orders": 1}), deadline=clock.monotonic() + 5))
    assert budget.try_take(call({"market": 1}))
    task.cancel()


@pytest.mark.parametrize(("told_s", "blocked_s"), [(3.0, 3.0), (None, 10.0)])
async def test_nothing_leaves_before_the_exchanges_retry_after(told_s: float | None, blocked_s: float) -> None:
    budget, clock = make(MEXC_LIKE, Bucket("market", 5, 1_000))
    budget.note_retry_after(told_s, "orders")
    assert budget.try_take(call({"market": 1}))
    for verb in (Verb.PLACE, Verb.CANCEL):
        assert not budget.try_take(call({"orders": 1}, verb))
    with pytest.raises(BudgetExhausted) as caught:
        await budget.take(call({"orders": 1}), deadline=clock.monotonic() + blocked_s - 0.1)
    assert caught.value.retry_after_s == pytest.approx(blocked_s)
    clock.advance(blocked_s)
    assert budget.try_take(call({"orders": 1}))


async def test_retry_after_for_all_holds_those_who_wait_already() -> None:
    budget, clock = make()
    drain(budget)
    task = await start(budget.take(call({"orders": 1}), deadline=clock.monotonic() + 60))
    budget.note_retry_after(5.0)
    clock.advance(4.9)
    await settle()
    assert not task.done()
    clock.advance(0.2)
    await task


async def test_budget_that_is_off_admits_everything() -> None:
    budget, clock = make(enforce=False)
    budget.note_retry_after(60)
    for _ in range(1_000):
        await budget.take(call({"orders": 500}), deadline=clock.monotonic())


@pytest.mark.parametrize(("costs", "match"), [({"x": 1}, "no rate bucket is named 'x'"), ({"orders": 501}, "above")])
def test_cost_that_can_never_be_paid_is_refused(costs: dict[str, int], match: str) -> None:
    budget, _ = make()
    with pytest.raises(ValueError, match=match):
        budget.try_take(call(costs))


@pytest.mark.parametrize(
    "bucket",
    [
        Bucket("b", 0, 1),
        Bucket("b", 1, 0),
        Bucket("b", 1, 1, 1),
        Bucket("b", 1, 1, -1),
        Bucket("b", 9, 1, 2, 2),
        Bucket("b", 9, 1, 0, 10),
    ],
)
def test_impossible_bucket_is_refused(bucket: Bucket) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        make(bucket)


async def test_room_in_one_bucket_is_not_enough() -> None:
    budget, clock = make(Bucket("ip", 5, 1_000), Bucket("uid", 5, 1_000))
    drain(budget, "ip")
    task = await start(budget.take(call({"ip": 1, "uid": 1}), deadline=clock.monotonic() + 60))
    budget.note_retry_after(5.0, "uid")
    clock.advance(4.9)
    await settle()
    assert not task.done()
    clock.advance(0.2)
    await task


def test_symbols_and_endpoints_are_counted_apart_where_a_bucket_says_so() -> None:
    budget, _ = make(Bucket("place", 10, 1_000, per_symbol=True), Bucket("each", 15, 1_000, per_endpoint=True))
    place, look = call({"place": 1, "each": 1}, Verb.PLACE), call({"each": 3})
    assert [budget.try_take(place, "ONE") for _ in range(3)] == [True, True, False]
    assert [budget.try_take(place, "TWO") for _ in range(2)] == [True, False]
    assert [budget.try_take(look, symbol) for symbol in ("ONE", "TWO")] == [True, False]


def test_retry_after_holds_up_one_symbol_or_one_endpoint() -> None:
    budget, _ = make(Bucket("place", 50, 1_000, per_symbol=True), Bucket("each", 50, 1_000, per_endpoint=True))
    place, look, other = call({"place": 1}), call({"each": 1}), call({"each": 2})
    budget.note_retry_after(5.0, "place", symbol="ONE")
    budget.note_retry_after(5.0, "each", endpoint=look)
    assert (budget.try_take(place, "ONE"), budget.try_take(place, "TWO")) == (False, True)
    assert (budget.try_take(look), budget.try_take(look, "ONE"), budget.try_take(other)) == (False, False, True)
    with pytest.raises(ValueError, match="no rate bucket is named 'x'"):
        budget.note_retry_after(1.0, "x")


def test_costs_are_those_of_the_endpoint_that_is_given() -> None:
    budget, _ = make(Bucket("b", 50, 1_000))
    cheap, dear = (Endpoint("order", "POST", "/", costs={"b": cost}) for cost in (1, 9))
    assert [budget.try_take(each) for each in (dear, cheap, dear, cheap)] == [True, True, False, False]


def test_what_a_request_costs_is_prepared_once() -> None:
    budget, clock = make(Bucket("b", 50, 1_000), Bucket("place", 10, 1_000, per_symbol=True))
    look, place = call({"b": 1}), call({"place": 1})
    for _ in range(3):
        clock.advance(1.0)
        for symbol in ("", "ONE", "TWO"):
            assert budget.try_take(look, symbol)
            assert budget.try_take(place, symbol)
    assert len(budget._tolls) == 6
    assert len({id(toll) for (name, _), toll in budget._tolls.items() if name == look.name}) == 1
