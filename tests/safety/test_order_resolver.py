"""Finding out what became of an order in doubt, by a clock that moves on demand and an exchange that says what it is
told to."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from spotlane import Order, OrderParams, OrderStatus, OrderType, Side, Symbol, Trade
from spotlane.errors import BudgetExhausted, CircuitOpen, NotPlaced, OrderNotFound, ReadFailed, SpotlaneError
from spotlane.safety import Doubt, Resolver, Survey
from spotlane.spec import Horizons
from spotlane.structs import OutcomeState, Resolution
from spotlane.transport import ManualClock

PAIR = Symbol("BTC", "USDT")
PARAMS = OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal(2), price=Decimal(100))
HORIZONS = Horizons(
    validity_ms=1_000, skew_ms=500, processing_ms=3_000, visibility_ms=2_000, give_up_ms=20_000,
    confirmations=3, spacing_ms=250,
)  # fmt: skip
# From the stamp on: window, spread of the clocks, processing, visibility.
SILENCE_MS = 600 + 500 + 3_000 + 2_000
NAME = "mine-1"


def order_of(client_order_id: str | None = NAME, **changes: Any) -> Order:
    order = Order(
        exchange="mexc", symbol=PAIR, order_id="77", client_order_id=client_order_id, side=Side.BUY,
        order_type=OrderType.LIMIT, status=OrderStatus.NEW, price=Decimal(100), quantity=Decimal(2),
    )  # fmt: skip
    return order.replace(**changes)


def fill_of(order_id: str, client_order_id: str | None = None) -> Trade:
    return Trade(
        exchange="mexc", symbol=PAIR, trade_id="t-1", order_id=order_id, client_order_id=client_order_id,
        side=Side.BUY, price=Decimal(100), quantity=Decimal(1),
    )  # fmt: skip


class Exchange:
    """Says what it is told to, and notes when it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.found: Order | None = None
        self.orders: list[Order] = []
        self.trades: list[Trade] = []
        self.failure: SpotlaneError | None = None
        self.survey_failure: SpotlaneError | None = None
        self.cancel_failure: SpotlaneError | None = None
        self.ahead_ms = 0
        self.is_down = False
        self.finds: list[float] = []
        self.surveys: list[float] = []
        self.cancelled: list[str] = []
        # While it is not set, surveys are not answered.
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def exchange_ms(self) -> int:
        return self.clock.time_ms() + self.ahead_ms

    def is_degraded(self) -> bool:
        return self.is_down

    async def find(self, symbol: Symbol, client_order_id: str, *, in_lists: bool) -> Order | None:
        self.finds.append(self.clock.monotonic())
        if self.failure is not None:
            raise self.failure
        return self.found

    async def survey(self, symbol: Symbol, start_ms: int) -> Survey:
        self.surveys.append(self.clock.monotonic())
        await asyncio.sleep(0)
        await self.may_answer.wait()
        if self.survey_failure is not None:
            raise self.survey_failure
        return Survey(self.exchange_ms(), self.orders, self.trades)

    async def cancel(self, order: Order) -> Order:
        if self.cancel_failure is not None:
            raise self.cancel_failure
        self.cancelled.append(order.order_id)
        return order.replace(status=OrderStatus.CANCELED)


class Bench:
    """A resolver, its exchange, and what it told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.exchange = Exchange(self.clock)
        self.told: list[Resolution] = []
        self.resolver = Resolver(
            "mexc", self.exchange, clock=self.clock, horizons=HORIZONS,
            on_settled=lambda _, resolution: self.told.append(resolution), log=logging.getLogger("spotlane.test"),
        )  # fmt: skip
        self.start_s = self.clock.monotonic()

    def doubt(self, client_order_id: str = NAME, *, is_old: bool = False) -> Doubt:
        now_ms = self.exchange.exchange_ms()
        return self.resolver.add(
            client_order_id, PARAMS, since_ms=now_ms, expires_ms=now_ms + 600,
            sent_s=None if is_old else self.clock.monotonic(), why="the reply was lost",
        )  # fmt: skip

    async def run(self, seconds: float, until: Callable[[], object] = lambda: False) -> float:
        """Let time pass in small steps, at the longest until a condition holds; return how much has passed."""
        for _ in range(round(seconds / 0.05)):
            for _ in range(8):
                await asyncio.sleep(0)
            if until():
                break
            self.clock.advance(0.05)
        for _ in range(8):
            await asyncio.sleep(0)
        return self.clock.monotonic() - self.start_s

    @property
    def states(self) -> list[OutcomeState]:
        return [resolution.state for resolution in self.told]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.resolver.stop()


async def test_an_order_that_shows_is_adopted_at_once(bench: Bench) -> None:
    bench.exchange.found = order_of()
    doubt = bench.doubt()
    assert len(bench.resolver) == 1
    assert await bench.run(1, lambda: bench.told) == 0
    assert bench.told == [Resolution("mexc", PAIR, NAME, OutcomeState.ADOPTED, order_of())]
    assert (doubt.state, len(bench.resolver), bench.resolver.unresolved()) == (OutcomeState.ADOPTED, 0, ())
    assert await bench.resolver.wait(doubt, 0.0) == order_of()


async def test_one_that_only_a_list_shows_is_adopted(bench: Bench) -> None:
    bench.exchange.orders = [order_of("another", order_id="76"), order_of(status=OrderStatus.FILLED)]
    bench.doubt()
    assert await bench.run(5, lambda: bench.told) < 1
    assert bench.told[0].order == order_of(status=OrderStatus.FILLED)


async def test_absence_is_proven_after_every_horizon_and_three_surveys(bench: Bench) -> None:
    doubt = bench.doubt()
    passed_s = await bench.run(60, lambda: bench.told)
    assert bench.told == [Resolution("mexc", PAIR, NAME, OutcomeState.PROVEN_ABSENT)]
    assert SILENCE_MS / 1_000 + 2 * 0.25 <= passed_s < SILENCE_MS / 1_000 + 2
    proof = [each - bench.start_s for each in bench.exchange.surveys if each - bench.start_s >= SILENCE_MS / 1_000]
    assert len(proof) == 3
    assert all(later - earlier >= 0.25 - 1e-9 for earlier, later in itertools.pairwise(proof))
    with pytest.raises(NotPlaced, match="proven absent") as absent:
        await bench.resolver.wait(doubt, 0.0)
    assert absent.value.safe_to_retry


@pytest.mark.parametrize("clock", ["the exchange's is set forward", "ours stands still"])
async def test_a_clock_that_is_set_proves_nothing(bench: Bench, clock: str) -> None:
    bench.doubt()
    if clock == "ours stands still":
        for _ in range(200):
            bench.clock.step_wall_clock(1_000)
            await asyncio.sleep(0)
        assert bench.told == []
        return
    bench.exchange.ahead_ms = 3_600_000
    await bench.run(SILENCE_MS / 1_000 - 0.1)
    assert bench.told == []
    assert await bench.run(60, lambda: bench.told) >= SILENCE_MS / 1_000
    assert bench.states == [OutcomeState.PROVEN_ABSENT]


async def test_the_exchanges_clock_counts_not_ours(bench: Bench) -> None:
    bench.doubt()
    bench.exchange.ahead_ms = -5_000
    assert await bench.run(60, lambda: bench.told) >= SILENCE_MS / 1_000 + 5
    assert bench.states == [OutcomeState.PROVEN_ABSENT]


async def test_for_an_order_of_an_earlier_process_the_exchanges_clock_alone_counts(bench: Bench) -> None:
    now_ms = bench.exchange.exchange_ms()
    bench.resolver.add(
        NAME, PARAMS, since_ms=now_ms - 60_000, expires_ms=now_ms - 59_000, sent_s=None, why="the process ended"
    )
    assert await bench.run(60, lambda: bench.told) < 2
    assert bench.states == [OutcomeState.PROVEN_ABSENT]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda exchange: setattr(exchange, "failure", ReadFailed("no reply")), id="look-up-fails"),
        pytest.param(lambda exchange: setattr(exchange, "survey_failure", ReadFailed("no reply")), id="survey-fails"),
        pytest.param(
            lambda exchange: setattr(exchange, "failure", BudgetExhausted("no room", retry_after_s=1)), id="no-budget"
        ),
        pytest.param(
            lambda exchange: setattr(exchange, "survey_failure", CircuitOpen("open", retry_after_s=1)),
            id="circuit-open",
        ),
        pytest.param(lambda exchange: setattr(exchange, "is_down", True), id="degraded"),
        pytest.param(lambda exchange: exchange.trades.append(fill_of("99")), id="fill-of-nothing-known"),
        pytest.param(lambda exchange: exchange.trades.append(fill_of("76", NAME)), id="fill-with-its-name"),
        pytest.param(lambda exchange: exchange.orders.append(order_of(None)), id="nameless-twin"),
        pytest.param(lambda exchange: setattr(exchange, "found", order_of(quantity=Decimal(3))), id="other-quantity"),
        pytest.param(lambda exchange: setattr(exchange, "found", order_of(side=Side.SELL)), id="other-side"),
        pytest.param(lambda exchange: setattr(exchange, "found", order_of(price=Decimal(99))), id="other-price"),
        pytest.param(
            lambda exchange: setattr(exchange, "found", order_of(created_ms=exchange.exchange_ms() - 60_000)),
            id="made-long-before",
        ),
    ],
)
async def test_what_leaves_it_open_is_neither_the_one_nor_the_other(
    bench: Bench, spoil: Callable[[Exchange], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(bench.exchange)
    bench.exchange.orders.append(order_of("x", order_id="76"))
    doubt = bench.doubt()
    await bench.run(19)
    assert bench.told == []
    (unresolved,) = bench.resolver.unresolved()
    assert (unresolved.state, unresolved.client_order_id) == (OutcomeState.AMBIGUOUS, NAME)
    assert unresolved.doubt
    assert await bench.resolver.wait(doubt, bench.clock.monotonic()) is None

    # Then it is said aloud, once, and looked for all the same.
    await bench.run(60)
    assert bench.states == [OutcomeState.UNKNOWN]
    assert caplog.text.count("count it as exposure") == 1
    assert caplog.text.count("has its client id and is another") <= 2
    assert bench.resolver.unresolved()[0].state is OutcomeState.UNKNOWN
    exchange = bench.exchange
    exchange.failure = exchange.survey_failure = None
    exchange.is_down = False
    exchange.trades.clear()
    exchange.found = order_of()
    await bench.run(70, lambda: len(bench.told) > 1)
    assert bench.states == [OutcomeState.UNKNOWN, OutcomeState.ADOPTED]


async def test_a_failure_between_two_surveys_begins_the_count_anew(bench: Bench) -> None:
    bench.doubt()
    await bench.run(60, lambda: bench.exchange.surveys and _since(bench) >= SILENCE_MS / 1_000 + 0.25)
    assert bench.told == []
    bench.exchange.failure = ReadFailed("a reset")
    failed_from = len(bench.exchange.finds)
    await bench.run(60, lambda: len(bench.exchange.finds) > failed_from)
    bench.exchange.failure = None
    before = len(bench.exchange.surveys)
    await bench.run(60, lambda: bench.told)
    assert bench.states == [OutcomeState.PROVEN_ABSENT]
    assert len(bench.exchange.surveys) - before >= 3


def _since(bench: Bench) -> float:
    return bench.clock.monotonic() - bench.start_s


async def test_lists_are_read_once_for_all_who_ask(bench: Bench) -> None:
    for number in range(50):
        bench.doubt(f"mine-{number}")
    await bench.run(60, lambda: len(bench.told) == 50)
    assert set(bench.states) == {OutcomeState.PROVEN_ABSENT}
    # One under way and the next, where 50 orders would take 300 and more.
    assert len(bench.exchange.surveys) < 100


async def test_an_unwanted_order_is_cancelled_as_soon_as_it_shows(bench: Bench) -> None:
    doubt = bench.doubt()
    doubt.is_unwanted = True
    await bench.run(2)
    bench.exchange.found = order_of()
    bench.exchange.cancel_failure = ReadFailed("no reply")
    await bench.run(3)
    assert (bench.told, bench.exchange.cancelled) == ([], [])
    assert "cancelling it failed" in bench.resolver.unresolved()[0].doubt
    bench.exchange.cancel_failure = None
    await bench.run(10, lambda: bench.told)
    assert bench.exchange.cancelled == ["77"]
    assert bench.told[0].order is not None
    assert bench.told[0].order.status is OrderStatus.CANCELED


async def test_an_unwanted_order_that_is_done_is_left_as_it_is(bench: Bench) -> None:
    bench.exchange.found = order_of(status=OrderStatus.FILLED)
    bench.doubt().is_unwanted = True
    await bench.run(1, lambda: bench.told)
    assert bench.exchange.cancelled == []
    assert bench.states == [OutcomeState.ADOPTED]


async def test_a_fault_of_ours_does_not_end_the_search(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.exchange.trades = None  # type: ignore[assignment]
    bench.doubt()
    await bench.run(8)
    assert bench.told == []
    assert "looking for order 'mine-1' failed" in caplog.text
    bench.exchange.found = order_of()
    await bench.run(30, lambda: bench.told)
    assert bench.states == [OutcomeState.ADOPTED]


async def test_waiting_ends_at_the_deadline_or_with_the_answer(bench: Bench) -> None:
    doubt = bench.doubt()
    waiting = asyncio.create_task(bench.resolver.wait(doubt, bench.clock.monotonic() + 1))
    await bench.run(2)
    assert waiting.done()
    assert waiting.result() is None
    waiting = asyncio.create_task(bench.resolver.wait(doubt, bench.clock.monotonic() + 100))
    await bench.run(1)
    bench.exchange.found = order_of()
    await bench.run(5)
    assert waiting.done()
    assert waiting.result() == order_of()


async def test_a_survey_that_began_too_early_does_not_count_however_late_it_ends(bench: Bench) -> None:
    """The exchange's clock is ahead, so that the survey looks late enough to it; only ours tells that it is not."""
    exchange, ripe_s = bench.exchange, SILENCE_MS / 1_000
    doubt = bench.doubt()
    exchange.ahead_ms = 3_600_000
    await bench.run(4)
    exchange.may_answer.clear()
    before = len(exchange.surveys)
    doubt.is_asked_for.set()
    await bench.run(1, lambda: len(exchange.surveys) > before)
    assert exchange.surveys[-1] - bench.start_s < ripe_s
    await bench.run(ripe_s)
    assert (len(exchange.surveys), bench.told) == (before + 1, [])
    exchange.may_answer.set()
    await bench.run(30, lambda: bench.told)
    assert bench.states == [OutcomeState.PROVEN_ABSENT]
    assert len(exchange.surveys) == before + 1 + HORIZONS.confirmations


async def test_a_refused_look_up_is_the_answer_of_an_exchange_that_knows_no_such_order(bench: Bench) -> None:
    # The client turns OrderNotFound into None; should it come this far, it is an error like any other.
    bench.exchange.failure = OrderNotFound("mexc", -2013, "no such order", 400)
    bench.doubt()
    await bench.run(15)
    assert bench.told == []
