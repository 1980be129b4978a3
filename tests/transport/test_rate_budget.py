"""The local rate budget: never above the limit in any window, in turn, cancels first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane.errors import BudgetExhausted
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import Budget, ManualClock, Reply

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


class HeaderReply(Reply):
    def __init__(self, moment_s: float, **fields: int) -> None:
        pairs = [(name.replace("_", "-").encode(), b"%d" % value) for name, value in fields.items()]
        super().__init__(200, pairs, b"{}", written_s=moment_s - 0.01, received_s=moment_s)


def test_the_reserve_is_for_cancels_and_half_of_it_for_look_ups() -> None:
    budget, clock = make(Bucket("orders", 60, 1_000, burst=12, reserve=5))
    assert drain(budget, verb=Verb.READ) == 7
    assert drain(budget, verb=Verb.PLACE) == drain(budget, verb=Verb.MOVE) == 0
    look_up = call({"orders": 1})
    assert [budget.try_take(look_up, is_look_up=True) for _ in range(4)] == [True, True, False, False]
    assert not budget.try_take(call({"orders": 1}, Verb.PLACE), is_look_up=True)
    assert drain(budget, verb=Verb.CANCEL) == 3
    clock.advance(1.0)
    assert drain(budget, verb=Verb.CANCEL_ALL) == 12


async def test_cancels_go_before_look_ups_these_before_changes_and_these_before_reads() -> None:
    budget, clock = make()
    drain(budget)
    drain(budget, verb=Verb.CANCEL)
    order: list[str] = []

    async def take(name: str, verb: Verb, is_look_up: bool = False) -> None:
        await budget.take(call({"orders": 1}, verb), "", is_look_up, deadline=clock.monotonic() + 60)
        order.append(name)

    names = [("read", Verb.READ), ("move", Verb.MOVE), ("place", Verb.PLACE), ("cancel all", Verb.CANCEL_ALL)]
    tasks = [await start(take(name, verb)) for name, verb in names]
    tasks.append(await start(take("look up", Verb.READ, True)))
    tasks.append(await start(take("cancel", Verb.CANCEL)))
    assert budget.status().limits["orders"].waiting == 6
    for _ in range(60):
        clock.advance(0.0125)
        await settle()
    await asyncio.gather(*tasks)
    assert order == ["cancel all", "cancel", "look up", "move", "place", "read"]


def test_what_others_used_is_taken_over_from_headers() -> None:
    bucket = Bucket("weight", 100, 60_000, burst=50, used_header="X-Used", is_aligned=True)
    budget, clock = make(bucket, Bucket("other", 100, 60_000, burst=50, used_header="X-Other"))
    minute_ms = 1_700_000_040_000
    assert budget.reads_headers
    budget.note_usage(
        call({"weight": 1}), "", HeaderReply(clock.monotonic(), x_used=60, x_other=90), minute_ms + 12_000
    )
    # Ten of sixty have flowed back in twelve seconds: no more than forty can follow in the minute.
    assert drain(budget, "weight") == 0
    clock.advance(48.0)
    assert drain(budget, "weight") == 40
    assert drain(budget, "other") == 50


def test_a_header_never_gives_room() -> None:
    budget, clock = make(Bucket("left", 100, 60_000, burst=50, left_header="X-Left"))
    assert drain(budget, "left") == 50
    budget.note_usage(call({"left": 1}), "", HeaderReply(clock.monotonic(), x_left=100), 0)
    assert drain(budget, "left") == 0


def test_a_header_counts_for_the_symbol_and_the_endpoint_that_it_came_for() -> None:
    budget, clock = make(
        Bucket("pair", 100, 60_000, burst=50, per_symbol=True, left_header="X-Left"),
        Bucket("each", 100, 60_000, burst=50, per_endpoint=True, left_header="X-Left"),
    )
    place, look, other = call({"pair": 1}), call({"each": 1}), call({"each": 2})
    budget.note_usage(place, "ONE", HeaderReply(clock.monotonic(), x_left=0), 0)
    budget.note_usage(look, "", HeaderReply(clock.monotonic(), x_left=0), 0)
    assert [budget.try_take(place, symbol) for symbol in ("ONE", "TWO")] == [False, True]
    assert [budget.try_take(each) for each in (look, other)] == [False, True]


def test_a_budget_without_headers_or_that_is_off_reads_none() -> None:
    assert not make()[0].reads_headers
    assert not make(Bucket("b", 5, 1_000, used_header="X-Used"), enforce=False)[0].reads_headers
    with pytest.raises(ValueError, match="one header at most"):
        make(Bucket("b", 5, 1_000, used_header="X-Used", left_header="X-Left"))


def test_the_status_names_each_limit_and_part_of_one() -> None:
    budget, clock = make(Bucket("orders", 60, 1_000, burst=12, reserve=2), Bucket("pair", 50, 1_000, per_symbol=True))
    budget.try_take(call({"orders": 3}))
    budget.try_take(call({"pair": 1}), "BTCUSDT")
    budget.note_retry_after(2.0, "pair", symbol="BTCUSDT")
    status = budget.status()
    assert (status.is_enforced, status.is_shared) == (True, False)
    assert status.limits == {"orders": (7, 0, 0.0), "pair": (10, 0, 0.0), "pair:BTCUSDT": (0, 0, 2.0)}
    clock.advance(2.0)
    assert budget.status().limits["pair:BTCUSDT"].free == 10


@pytest.mark.parametrize(("jitter_ms", "keeps"), [(0, False), (50, True)])
def test_travel_times_that_differ_are_allowed_for(jitter_ms: int, keeps: bool) -> None:
    """What is sent in the first 50 ms is held up on its way until then, and all that follows it is not."""
    budget, clock = make(Bucket("b", limit=200, window_ms=1_000, jitter_ms=jitter_ms))
    held_s = clock.monotonic() + 0.05
    arrivals = [held_s] * drain(budget, "b")
    for _ in range(1_500):
        clock.advance(0.001)
        arrivals += [max(held_s, clock.monotonic())] * drain(budget, "b")
    most = max(sum(start <= at < start + 1 - 1e-5 for at in arrivals) for start in arrivals[::40])
    assert (most <= 200) is keeps
