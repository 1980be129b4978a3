"""A day with ten outages, in virtual time: one bot that trades, reads and cancels all along."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos_bot import BTC_USDT, Bot, Told, draw_order
from chaos_plan import Plan, silence
from chaos_verdict import Verdict, judge

from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    ExchangeAPIError,
    OutcomeUnknown,
    RateLimited,
    SpotlaneError,
)
from spotlane.registry import client_class
from spotlane.sandbox import Sandbox, run_virtual
from spotlane.spec import Horizons

TIMEOUT_S = 1.0
STEP_S = 0.125
BAN_S = 10
_EVERY_S = 720.0
_LEAD_S = 300.0
_LENGTH_S = 60.0
_SLACK_S = 0.02
# The longest that doubts are waited for in the end.
_REST_S = 600
# Name of the outage, and its value.
OUTAGES: tuple[tuple[str, float | None], ...] = (
    ("dns", None),
    ("reset", None),
    ("black-hole", None),
    ("unavailable", 503),
    ("banned", BAN_S),
    ("slow", 2.5),
    ("flapping", 0.4),
    ("desynchronised", None),
    ("clock-step", 5_000),
    ("half-open", None),
)


@dataclass(slots=True)
class Chapter:
    """The hours around one outage. back_s is when the exchange was back, first_s the first success after that."""

    name: str
    begins_s: float
    ends_s: float
    endings: Counter[str] = field(default_factory=Counter)
    back_s: float = 0.0
    first_s: float | None = None
    shed_cancels: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return sum(self.endings.values())

    @property
    def recovery_s(self) -> float | None:
        """How long it took from the exchange's return to the first success."""
        return None if self.first_s is None else max(0.0, self.first_s - self.back_s)


@dataclass(slots=True)
class Day:
    """What the day showed."""

    chapters: list[Chapter]
    verdict: Verdict
    stale: int
    most_probes: int

    @property
    def in_time(self) -> float:
        """The part of all calls that ended in an answer or a typed failure before their deadline."""
        calls = sum(chapter.calls for chapter in self.chapters)
        late = sum(chapter.endings["late"] + chapter.endings["untyped"] for chapter in self.chapters)
        return 1 - late / calls

    def failures(self) -> list[str]:
        """Return what was promised and not kept."""
        failed = [f"orders: {dict(self.verdict.failures)}"] if self.verdict.failures else []
        if self.in_time < 0.999:
            failed.append(f"only {self.in_time:.4%} of the calls ended in time")
        if self.stale:
            failed.append(f"{self.stale} orders executed after the deadlines of their calls")
        if self.most_probes > 1:
            failed.append(f"{self.most_probes} probes in flight at once")
        for chapter in self.chapters:
            if chapter.recovery_s is None or chapter.recovery_s > 1:
                failed.append(f"{chapter.name}: first success {chapter.recovery_s} s after the exchange's return")
            if chapter.shed_cancels:
                failed.append(f"{chapter.name}: cancels shed {dict(chapter.shed_cancels)}")
        return failed


class _Trader:
    """Begins a call every step, whatever became of the ones before."""

    def __init__(self, plan: Plan, client: Any, venue: Sandbox, bot: Bot) -> None:
        self.loop = asyncio.get_running_loop()
        self.plan, self.client, self.venue, self.bot = plan, client, venue, bot
        self.draw = Random(plan.seed)
        self.deadlines: dict[str, float] = {}
        self.stale = 0
        self.chapter = Chapter("", 0, 0)
        self.last_ban_s = 0.0
        self.resting: list[Told] = []
        self._watch_ledger()

    def _watch_ledger(self) -> None:
        accept = self.venue.ledger.accept

        def watched(time_ms: int, order: Any) -> None:
            accept(time_ms, order)
            deadline = self.deadlines.get(order.client_order_id or "")
            self.stale += deadline is not None and self.loop.time() > deadline

        setattr(self.venue.ledger, "accept", watched)  # noqa: B010

    async def run(self, chapter: Chapter, until_s: float) -> None:
        """Call until a moment, and wait for what was begun."""
        self.chapter = chapter
        calls = set()
        while self.loop.time() < until_s:
            call = asyncio.ensure_future(self._call())
            calls.add(call)
            call.add_done_callback(calls.discard)
            await asyncio.sleep(STEP_S)
        await asyncio.gather(*calls)

    async def _call(self) -> None:
        doing = self.draw.random()
        # Well within what the exchanges allow, retries included.
        if doing < 0.22:
            await self._timed("place", self._place)
        elif doing < 0.47 and self.resting:
            told = self.resting.pop(self.draw.randrange(len(self.resting)))
            cancel = self.client.cancel_order
            await self._timed("cancel", lambda: cancel(BTC_USDT, told.order_id, confirm=self.draw.random() < 0.2))
        elif doing < 0.65:
            await self._timed("read", lambda: self.client.get_open_orders(BTC_USDT))
        else:
            await self._timed("read", self.client.get_server_time_ms)

    async def _place(self) -> None:
        params = draw_order(self.draw).replace(client_order_id=self.client.new_client_order_id())
        assert params.client_order_id is not None
        told = self.bot.told[params.client_order_id] = Told(params.client_order_id)
        self.deadlines[told.client_order_id] = self.loop.time() + TIMEOUT_S
        try:
            order = await self.client.place_order(params)
        except OutcomeUnknown:
            told.ending = "unknown"
            raise
        except ExchangeAPIError:
            told.ending = "refused"
            raise
        except SpotlaneError as error:
            told.ending = "not placed" if type(error).__name__ == "NotPlaced" else "not sent"
            raise
        told.ending, told.order_id = "returned", order.order_id
        if not order.is_done:
            self.resting.append(told)

    async def _timed(self, kind: str, call: Callable[[], Awaitable[object]]) -> None:
        chapter, begun_s = self.chapter, self.loop.time()
        ending = "answered"
        try:
            await call()
        except ExchangeAPIError as refusal:
            if isinstance(refusal, RateLimited):
                self.last_ban_s = self.loop.time()
        except SpotlaneError as error:
            ending = "failed"
            # During a ban nothing at all may be sent.
            is_banned = chapter.name == "banned" and self.loop.time() < self.last_ban_s + BAN_S
            if kind == "cancel" and isinstance(error, CircuitOpen | BudgetExhausted) and not is_banned:
                chapter.shed_cancels[type(error).__name__] += 1
        except Exception:
            logging.getLogger("chaos").exception("untyped")
            ending = "untyped"
        else:
            ended_s = self.loop.time()
            if chapter.back_s and chapter.first_s is None and ended_s >= chapter.back_s:
                chapter.first_s = ended_s
        if self.loop.time() - begun_s > TIMEOUT_S + _SLACK_S:
            ending = "late"
        chapter.endings[ending] += 1


async def _live(plan: Plan, outages: Sequence[tuple[str, float | None]]) -> Day:
    loop = asyncio.get_running_loop()
    async with plan.make_venue() as venue:
        bot: Bot
        client = client_class(plan.exchange)(
            venue.credentials, on_resolved=lambda told: bot.hear(told), **plan.options, **venue.client_options
        )
        bot = Bot(plan, client, loop.time)
        await client.open()
        probes = _count_probes(client)
        trader = _Trader(plan, client, venue, bot)
        chapters = []
        for name, value in outages:
            began_s = loop.time()
            chapter = Chapter(name, began_s + _LEAD_S, began_s + _LEAD_S + _LENGTH_S)
            chapters.append(chapter)
            loop.call_at(chapter.begins_s, functools.partial(venue.outages.begin, name, value=value))
            loop.call_at(chapter.ends_s, _end, venue, trader, chapter)
            await trader.run(chapter, began_s + _EVERY_S)
        for _ in range(_REST_S):
            if client.unresolved():
                await asyncio.sleep(1)
        verdict = judge(plan, bot, venue, {each.client_order_id: each.doubt for each in client.unresolved()})
        with contextlib.suppress(OutcomeUnknown):
            await client.close()
    return Day(chapters, verdict, trader.stale, probes[1])


def _end(venue: Sandbox, trader: _Trader, chapter: Chapter) -> None:
    venue.outages.end(chapter.name)
    now_s = asyncio.get_running_loop().time()
    # The exchange itself asked for patience until then.
    chapter.back_s = max(now_s, trader.last_ban_s + BAN_S) if chapter.name == "banned" else now_s


def _count_probes(client: Any) -> list[int]:
    """Count the probes under way, and the most at once."""
    probes = [0, 0]
    probe = client._breakers.probe

    async def counted(deadline: float) -> object:
        probes[0] += 1
        probes[1] = max(probes)
        try:
            return await probe(deadline)
        finally:
            probes[0] -= 1

    client._breakers.probe = counted
    return probes


def run_day(exchange: str = "mexc", seed: str = "1", outages: Sequence[tuple[str, float | None]] = OUTAGES) -> Day:
    """Live the day in virtual time."""
    plan = Plan(
        seed=f"{seed}/day/{exchange}",
        exchange=exchange,
        points=(),
        unit_s=1.0,
        timeout_s=TIMEOUT_S,
        workers=1,
        pace_s=STEP_S,
        venue={},
        options={
            "timeout_s": TIMEOUT_S,
            # Nothing is executed later here than a black hole lasts; its clock is believed again after a step.
            "horizons": Horizons(validity_ms=300, skew_ms=50, processing_ms=3_000, visibility_ms=100),
            "enforce_limits": True,
            "share_budget": False,
        },
        latency_s=0.005,
        reads_struck=0.0,
        is_violated=False,
        faults=(),
    )
    with silence():
        return run_virtual(lambda: _live(plan, outages), seed=7)


def show_day(day: Day) -> None:
    """Print the day."""
    print("| outage | calls | answered | failed, typed | beyond the deadline | untyped | first success after |")
    print("|---|---|---|---|---|---|---|")
    for chapter in day.chapters:
        ends = chapter.endings
        after = "never" if chapter.recovery_s is None else f"{chapter.recovery_s:.3f} s"
        print(
            f"| {chapter.name} | {chapter.calls} | {ends['answered']} | {ends['failed']} | {ends['late']} | "
            f"{ends['untyped']} | {after} |"
        )
    print(f"in time: {day.in_time:.4%}; stale orders: {day.stale}; probes at once, at most: {day.most_probes}")
    print("failures:", day.failures() or "none")
    for sample in day.verdict.samples[:10]:
        print(sample)
