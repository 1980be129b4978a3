"""The circuit breakers: what counts, what is refused, and the one probe."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from raw_server import until_equal

from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    ExchangeUnavailable,
    NotSent,
    ReadFailed,
    SpotlaneError,
    TimestampRejected,
)
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import (
    Breakers,
    Budget,
    Channel,
    ExchangeClock,
    ManualClock,
    MemoryCarrier,
    Reply,
    ReplyLost,
    Request,
)

VERBS = {verb: Endpoint(verb.value, "POST", f"/{verb.value}", verb=verb, signed=False) for verb in Verb}


class Rig:
    """A channel whose exchange is alive or not, and a probe whose end the test decides."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.fault: Exception | None = None
        self.status = 200
        self.sent: list[str] = []
        self.breakers = Breakers(self.clock, pick=lambda: 0.5)
        self.channel = Channel(
            MemoryCarrier(self.handle, clock=self.clock),
            clock=self.clock,
            exchange_clock=ExchangeClock(self.clock),
            authenticator=None,
            budget=Budget([Bucket("b", 1_000, 1_000)], clock=self.clock),
            breakers=self.breakers,
        )
        self.breakers.probe = self.probe
        self.probes: list[tuple[float, asyncio.Future[None]]] = []
        self.in_flight = self.most_in_flight = 0

    async def handle(self, method: str, target: str, headers: object, body: bytes) -> Reply:
        self.sent.append(target)
        if self.fault is not None:
            raise self.fault
        return Reply(self.status, (), b"{}")

    async def probe(self, deadline: float) -> None:
        end = asyncio.get_running_loop().create_future()
        self.probes.append((self.clock.monotonic(), end))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

        def expire() -> None:
            if not end.done():
                end.set_exception(ReadFailed("silence"))

        timer = self.clock.call_later(deadline - self.clock.monotonic(), expire)
        try:
            await end
        finally:
            timer.cancel()
            self.in_flight -= 1

    async def send(self, verb: Verb) -> Reply:
        return await self.channel.send(Request.to(VERBS[verb]))

    async def fail(self, verb: Verb, times: int = 5, fault: Exception | None = None) -> None:
        self.fault = fault or ReplyLost("gone", reason="disconnected")
        for _ in range(times):
            with pytest.raises((ReplyLost, ReadFailed, NotSent)):
                await self.send(verb)
        self.fault = None

    async def advance(self, seconds: float) -> None:
        for _ in range(round(seconds * 1_000)):
            self.clock.advance(0.001)
            for _ in range(3):
                await asyncio.sleep(0)

    def state(self, name: str) -> str:
        return self.breakers.status()[name].state


async def opened() -> Rig:
    rig = Rig()
    await rig.channel.open()
    return rig


def unreachable() -> NotSent:
    error = NotSent("connection refused")
    error.is_unreachable = True
    return error


async def test_five_lost_replies_refuse_the_class_and_let_others_and_cancels_pass() -> None:
    rig = await opened()
    await rig.fail(Verb.PLACE)
    assert {name: each.state for name, each in rig.breakers.status().items()} == {
        "orders": "open", "reads": "closed", "wallet": "closed",
    }  # fmt: skip
    rig.sent.clear()
    for verb in (Verb.PLACE, Verb.CANCEL_ALL):
        with pytest.raises(CircuitOpen, match=r"\(orders\) fail, the last 5 in a row.* in 0\.250 s: repeat it") as told:
            await rig.send(verb)
        assert told.value.retry_after_s == pytest.approx(0.25)
        assert told.value.safe_to_retry
    for verb in (Verb.CANCEL, Verb.READ, Verb.MOVE):
        await rig.send(verb)
    assert rig.sent == ["/cancel", "/read", "/move"]
    assert rig.channel.status().circuit_open == 2
    await rig.channel.close()


@pytest.mark.parametrize("verb", list(Verb))
async def test_which_class_a_request_belongs_to(verb: Verb) -> None:
    rig = await opened()
    await rig.fail(verb)
    names = {Verb.READ: "reads", Verb.MOVE: "wallet"}
    assert [name for name in ("orders", "reads", "wallet") if rig.state(name) == "open"] == [names.get(verb, "orders")]
    await rig.channel.close()


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_what_the_exchange_can_not_answer_is_a_failure(status: int) -> None:
    rig = await opened()
    rig.status = status
    for _ in range(5):
        await rig.send(Verb.READ)
    assert rig.state("reads") == "open"
    await rig.channel.close()


async def test_no_connection_is_a_failure_and_refusals_and_a_late_stamp_are_none() -> None:
    rig = await opened()
    rig.status = 429
    for _ in range(6):
        await rig.send(Verb.READ)
    await rig.fail(Verb.READ, 6, NotSent("too late"))
    assert rig.breakers.status()["reads"].failures == 0
    await rig.fail(Verb.READ, 5, unreachable())
    assert rig.state("reads") == "open"
    await rig.channel.close()


async def test_an_exhausted_budget_and_a_cancelled_call_are_no_failures() -> None:
    rig = await opened()
    dear = Endpoint("dear", "GET", "/", signed=False, costs={"b": 1_000})
    await rig.channel.send(Request.to(dear))
    for _ in range(6):
        with pytest.raises(BudgetExhausted):
            await rig.channel.send(Request.to(dear), deadline=rig.clock.monotonic() + 0.01)
        task = asyncio.create_task(rig.send(Verb.READ))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert rig.breakers.status()["reads"].failures == 0


async def test_a_word_of_the_exchange_that_it_is_down_counts_as_well() -> None:
    rig = await opened()
    for _ in range(5):
        await rig.send(Verb.PLACE)
        rig.breakers.recant(VERBS[Verb.PLACE])
    assert tuple(rig.breakers.status()["orders"]) == ("open", 5, 1, pytest.approx(0.25))
    await rig.channel.close()


async def test_nothing_runs_while_everything_is_well() -> None:
    rig = await opened()
    await rig.fail(Verb.PLACE, 4)
    await rig.send(Verb.PLACE)
    assert len(asyncio.all_tasks()) == 1
    assert rig.clock.pending_timers == 0


async def test_one_probe_at_a_time_at_growing_intervals_and_then_all_is_well() -> None:
    rig = await opened()
    begin_s = rig.clock.monotonic()
    for verb in (Verb.PLACE, Verb.READ, Verb.MOVE):
        await rig.fail(verb)
    for number in range(5):
        await until_probed(rig, number + 1)
        assert rig.clock.monotonic() - begin_s < 3.5
        rig.probes[-1][1].set_exception(NotSent("refused"))
    starts = [at - begin_s for at, _ in rig.probes]
    assert starts == pytest.approx([0.25, 0.75, 1.5, 2.25, 3.0], abs=0.01)
    await until_probed(rig, 6)
    rig.probes[-1][1].set_result(None)
    await until_equal(lambda: {rig.state(name) for name in ("orders", "reads", "wallet")}, {"probation"})
    assert rig.most_in_flight == 1
    for verb in (Verb.PLACE, Verb.READ, Verb.MOVE):
        await rig.send(verb)
    assert {each.state for each in rig.breakers.status().values()} == {"closed"}
    assert len(asyncio.all_tasks()) == 1


async def until_probed(rig: Rig, count: int) -> None:
    while len(rig.probes) < count:
        await rig.advance(0.001)


async def test_a_probe_has_a_deadline_of_its_own_that_does_not_add_to_the_wait() -> None:
    rig = await opened()
    await rig.fail(Verb.READ)
    await rig.advance(4.0)
    starts = [at for at, _ in rig.probes]
    waits_s = [late - early for early, late in itertools.pairwise(starts)]
    assert waits_s == pytest.approx([0.75] * len(waits_s), abs=0.01)
    assert len(waits_s) > 3
    assert rig.most_in_flight == 1
    await rig.channel.close()


async def test_the_first_failure_on_probation_opens_it_for_twice_as_long() -> None:
    rig = await opened()
    waits = []
    for times in (5, 1, 1, 1):
        await rig.fail(Verb.PLACE, times)
        waits.append(rig.breakers.status()["orders"].retry_after_s)
        await until_probed(rig, len(rig.probes) + 1)
        rig.probes[-1][1].set_result(None)
        await until_equal(lambda: rig.state("orders"), "probation")
    assert waits == pytest.approx([0.25, 0.5, 0.75, 0.75])
    await rig.send(Verb.PLACE)
    await rig.fail(Verb.PLACE, 5)
    assert tuple(rig.breakers.status()["orders"]) == ("open", 5, 5, pytest.approx(0.25))
    await rig.channel.close()


async def test_a_class_fails_while_it_is_open_and_for_some_time_after_its_last_failure() -> None:
    rig = await opened()
    assert not rig.breakers.is_failing("orders", 60.0)
    await rig.fail(Verb.PLACE)
    await until_probed(rig, 1)
    assert rig.breakers.is_failing("orders", 0.0)
    rig.probes[-1][1].set_result(None)
    await until_equal(lambda: rig.state("orders"), "probation")
    # On probation still, for nobody sends an order: it has not failed since.
    assert rig.breakers.is_failing("orders", 3.0)
    rig.clock.advance(3.0)
    assert rig.state("orders") == "probation"
    assert not rig.breakers.is_failing("orders", 3.0)
    assert rig.breakers.is_failing("orders", 60.0)
    assert not rig.breakers.is_failing("reads", 60.0)
    rig.breakers.recant(VERBS[Verb.PLACE])
    assert rig.breakers.is_failing("orders", 3.0)
    await rig.channel.close()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ExchangeUnavailable("x", 1, "down", 503), "open"),
        (BudgetExhausted("ban", retry_after_s=9.0), "open"),
        (RuntimeError("a bug"), "open"),
        (TimestampRejected("x", 1, "late", 400), "probation"),
        (SpotlaneError("somebody answers"), "probation"),
    ],
)
async def test_what_a_probe_may_end_with(error: Exception, state: str) -> None:
    rig = await opened()
    await rig.fail(Verb.READ)
    await until_probed(rig, 1)
    rig.probes[0][1].set_exception(error)
    await rig.advance(0.01)
    assert rig.state("reads") == state
    await rig.channel.close()


async def test_a_probe_passes_its_own_open_circuit_and_others_do_not() -> None:
    rig = await opened()

    async def probe(deadline: float) -> None:
        await rig.channel.send(Request.to(VERBS[Verb.READ]), deadline=deadline)

    rig.breakers.probe = probe
    await rig.fail(Verb.READ)
    with pytest.raises(CircuitOpen):
        await rig.send(Verb.READ)
    rig.sent.clear()
    await rig.advance(0.26)
    assert (rig.sent, rig.state("reads")) == (["/read"], "probation")


async def test_who_repeats_a_refused_call_at_once_does_not_hold_up_the_probe() -> None:
    rig = await opened()
    await rig.fail(Verb.READ)
    rig.clock.advance(0.3)
    for _ in range(100):
        with pytest.raises(CircuitOpen):
            await rig.send(Verb.READ)
    assert len(rig.probes) == 1
    await rig.channel.close()


@pytest.mark.parametrize(("drawn", "wait_s"), [(0.0, 0.2), (1.0, 0.3)])
async def test_the_wait_is_a_fifth_longer_or_shorter_by_chance(drawn: float, wait_s: float) -> None:
    rig = await opened()
    pick: Callable[[], float] = lambda: drawn  # noqa: E731
    rig.breakers._pick = pick
    await rig.fail(Verb.READ)
    assert rig.breakers.status()["reads"].retry_after_s == pytest.approx(wait_s)
    await rig.channel.close()
