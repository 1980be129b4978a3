"""Repeating reads and cancels by id: when, how often, how long after, and never anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    ExchangeAPIError,
    ExchangeUnavailable,
    NotSent,
    OrderRejected,
    RateLimited,
    ReadFailed,
    TransportError,
)
from spotlane.spec import Endpoint, Verb
from spotlane.transport import ManualClock, ReplyLost, Retries
from spotlane.transport.retry import Attempts

LOST = ReplyLost("no reply", reason="deadline")
FAILED = ReadFailed("no reply")
DOWN = ExchangeUnavailable("x", None, "down", 503)


class Rig:
    """Attempts whose waits the test ends, on a clock of its own."""

    def __init__(self, verb: Verb = Verb.READ, *, timeout_s: float = 2.0, drawn: float = 1.0) -> None:
        self.clock = ManualClock()
        self.retries = Retries(self.clock, pick=lambda: drawn)
        self.timeout_s = timeout_s
        self.verb = verb
        self.attempts = self.begin()

    def begin(self) -> Attempts:
        endpoint = Endpoint("e", "GET", "/", verb=self.verb)
        return self.retries.begin(endpoint, self.clock.monotonic() + self.timeout_s)

    async def wait(self, pause: Awaitable[object]) -> tuple[float, object]:
        """Return how long a wait took, and what it returned."""
        begin_s = self.clock.monotonic()
        task = asyncio.ensure_future(pause)
        await asyncio.sleep(0)
        while not task.done():
            self.clock.advance(0.001)
            for _ in range(3):
                await asyncio.sleep(0)
        return self.clock.monotonic() - begin_s, await task


@pytest.mark.parametrize("error", [FAILED, NotSent("refused"), LOST, DOWN, RateLimited("x", 1, "m", 429)])
@pytest.mark.parametrize("verb", [verb for verb in Verb if verb not in (Verb.READ, Verb.CANCEL)])
async def test_what_is_not_replayable_is_never_repeated(verb: Verb, error: TransportError | ExchangeAPIError) -> None:
    rig = Rig(verb)
    if isinstance(error, TransportError):
        with pytest.raises(type(error)) as raised:
            await rig.attempts.weather(error)
        assert raised.value is error
    else:
        assert not await rig.attempts.outlast(error, is_in_doubt=False)
    assert rig.attempts.patience == 1.0
    assert (rig.retries.tokens, rig.clock.pending_timers) == (10.0, 0)


@pytest.mark.parametrize("verb", [Verb.READ, Verb.CANCEL])
@pytest.mark.parametrize("error", [FAILED, NotSent("refused"), LOST])
async def test_the_waits_double_up_to_half_a_second(verb: Verb, error: TransportError) -> None:
    rig = Rig(verb, timeout_s=60.0)
    waits = [(await rig.wait(rig.attempts.weather(error)))[0] for _ in range(6)]
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.5, 0.5], abs=0.0015)


async def test_the_jitter_is_full() -> None:
    rig = Rig(drawn=0.5)
    assert (await rig.wait(rig.attempts.weather(FAILED)))[0] == pytest.approx(0.025, abs=0.0015)


async def test_all_calls_share_ten_tokens_and_ten_successes_give_one_back() -> None:
    rig = Rig(drawn=0.0)
    for _ in range(10):
        await rig.wait(rig.begin().weather(FAILED))
    with pytest.raises(ReadFailed):
        await rig.begin().weather(FAILED)
    assert rig.begin().patience == 1.0
    for _ in range(10):
        rig.retries.succeed()
    await rig.wait(rig.begin().weather(FAILED))
    for _ in range(1_000):
        rig.retries.succeed()
    assert rig.retries.tokens == 10.0


async def test_a_wait_that_reaches_the_deadline_is_not_begun() -> None:
    rig = Rig(timeout_s=0.049)
    with pytest.raises(ReadFailed):
        await rig.attempts.weather(FAILED)
    assert rig.retries.tokens == 10.0


@pytest.mark.parametrize(("told_s", "wait_s"), [(0.01, 0.05), (1.5, 1.5), (2.0, None), (None, None)])
async def test_retry_after_is_obeyed_where_it_fits(told_s: float | None, wait_s: float | None) -> None:
    rig = Rig()
    waited_s, repeats = await rig.wait(
        rig.attempts.outlast(RateLimited("x", 1, "m", 429, retry_after_s=told_s), is_in_doubt=False)
    )
    assert repeats is (wait_s is not None)
    assert waited_s == pytest.approx(wait_s or 0.0, abs=0.0015)


async def test_an_attempt_leaves_time_for_another() -> None:
    rig = Rig()
    assert rig.attempts.patience == 0.6
    rig.clock.advance(1.951)
    assert rig.attempts.patience == 1.0


@pytest.mark.parametrize("error", [OrderRejected("x", 1, "m", 400), ExchangeAPIError("x", 1, "m", 400)])
async def test_a_refusal_is_an_answer(error: ExchangeAPIError) -> None:
    rig = Rig(Verb.CANCEL)
    assert not await rig.attempts.outlast(error, is_in_doubt=False)
    assert rig.attempts.doubt is None


async def test_a_cancel_that_was_lost_once_stays_in_doubt() -> None:
    for end in (NotSent("refused"), BudgetExhausted("full", retry_after_s=9.0), CircuitOpen("open", retry_after_s=9.0)):
        rig = Rig(Verb.CANCEL)
        await rig.wait(rig.attempts.weather(LOST))
        rig.clock.advance(2.0)
        with pytest.raises(ReplyLost, match="no reply"):
            await rig.attempts.weather(end)


async def test_a_cancel_refused_in_doubt_is_repeated_and_stays_in_doubt() -> None:
    rig = Rig(Verb.CANCEL)
    assert (await rig.wait(rig.attempts.outlast(DOWN, is_in_doubt=True)))[1]
    assert rig.attempts.doubt is not None
    assert rig.attempts.doubt.reason == "refused in doubt"


async def test_the_first_cause_is_told_and_not_what_followed_from_it() -> None:
    ends: list[Callable[[], TransportError]] = [
        lambda: CircuitOpen("open", retry_after_s=0.1),
        lambda: BudgetExhausted("full", retry_after_s=9.0),
    ]
    for end in ends:
        rig = Rig()
        with pytest.raises(type(end())):
            await rig.attempts.weather(end())
        await rig.wait(rig.attempts.weather(FAILED))
        with pytest.raises(ReadFailed) as raised:
            await rig.attempts.weather(end())
        assert raised.value is FAILED
