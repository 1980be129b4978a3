"""Finds out what became of orders whose replies were lost: adopted, proven absent, or not known and loudly so.

An order is absent once nothing can bring it into being any more and nothing shows it: by the exchange's own clock its
window, the spread of the exchange's clocks, the time of processing and that until an order is visible have all passed;
and after that several surveys in a row, each of every place where an order shows, were well answered and empty.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from spotlane.errors import BudgetExhausted, CircuitOpen, NotPlaced, SpotlaneError
from spotlane.safety.evidence import Evidence, Survey, SurveyDesk
from spotlane.spec import Horizons
from spotlane.structs import Order, OrderParams, OutcomeState, Resolution, Symbol, Unresolved
from spotlane.transport import Clock, DeadlineScope, wait_until

# When an order is looked for, in seconds one after the other; the last step is doubled from then on.
_STEPS_S = (0.0, 0.05, 0.05, 0.1, 0.2, 0.4, 0.8)
_LONGEST_STEP_S = 60.0
# At this look, and then from the last step on, every list is read, too: an exchange may find a finished order in its
# lists alone.
_FIRST_SURVEY = 3
# Stamps may be cut to whole seconds, and the exchange's clocks differ a little.
_MARGIN_MS = 2_000
# Lists are read from well before: the exchange's clock may have been set back.
_LISTED_MS = 60_000
_AT_ONCE = 8
# With more in doubt than this, lists that show all of them at once are cheaper than look-ups one by one.
_FEW = 8


class Doubt:
    """One order that may be live. is_unwanted: it is to be cancelled as soon as it is found.

    has_fresh_id: no other order ever had its client id. was_seen: an order with that id showed, so it is never absent.
    patience_s, on the monotonic clock, is before when its absence is not believed, whatever the exchange's clock shows:
    that one may be set.
    """

    __slots__ = (
        "absences", "cause", "client_order_id", "counted_s", "expires_ms", "has_fresh_id", "is_asked_for", "is_ripe",
        "is_unwanted", "look_ups", "params", "patience_s", "result", "since_ms", "since_s", "state", "step_s",
        "was_seen", "why",
    )  # fmt: skip

    def __init__(
        self,
        client_order_id: str,
        params: OrderParams,
        since_ms: int,
        expires_ms: int,
        since_s: float,
        patience_s: float,
        why: str,
        has_fresh_id: bool,
    ) -> None:
        self.client_order_id = client_order_id
        self.params = params
        self.since_ms = since_ms
        self.expires_ms = expires_ms
        self.since_s = since_s
        self.patience_s = patience_s
        self.cause = self.why = why
        self.has_fresh_id = has_fresh_id
        self.was_seen = False
        self.state = OutcomeState.AMBIGUOUS
        self.look_ups = 0
        self.absences = 0
        self.counted_s = float("-inf")
        self.is_unwanted = False
        self.is_ripe = False
        # Set when somebody begins to wait for it.
        self.is_asked_for = asyncio.Event()
        self.step_s = 0.0
        # None says that nobody looks any more.
        self.result: asyncio.Future[Resolution | None] = asyncio.get_running_loop().create_future()

    def is_met_by(self, order: Order) -> bool:
        """Say whether an order is the one that was asked for, in everything that both of them tell.

        A caller's own id may be that of an earlier order, too.
        """
        params = self.params
        wanted = (params.side, params.price, params.quantity, params.quote_quantity)
        found = (order.side, order.price, order.quantity, order.quote_quantity)
        is_same = all(None in pair or pair[0] == pair[1] for pair in zip(wanted, found, strict=True))
        is_older = order.created_ms is not None and order.created_ms < self.since_ms - _MARGIN_MS
        return is_same and order.symbol == params.symbol and (self.has_fresh_id or not is_older)


class Resolver:
    """Looks for orders in doubt, each in a task of its own, until it is known what became of them.

    on_settled is told the end of each, and UNKNOWN where there is none after horizons.give_up_ms. Nothing runs while
    there is no doubt.
    """

    def __init__(
        self,
        exchange: str,
        evidence: Evidence,
        *,
        clock: Clock,
        horizons: Horizons,
        on_settled: Callable[[Doubt, Resolution], None],
        log: logging.Logger,
    ) -> None:
        self._exchange = exchange
        self._evidence = evidence
        self._clock = clock
        self._horizons = horizons
        self._silence_ms = horizons.skew_ms + horizons.processing_ms + horizons.visibility_ms
        self._on_settled = on_settled
        self._log = log
        self._doubts: dict[str, Doubt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._desks: dict[Symbol, SurveyDesk] = {}
        self._has_stopped = False

    def __len__(self) -> int:
        return len(self._doubts)

    def add(
        self,
        client_order_id: str,
        params: OrderParams,
        *,
        since_ms: int,
        expires_ms: int,
        sent_s: float | None,
        why: str,
        has_fresh_id: bool = False,
    ) -> Doubt:
        """Begin to look for an order that may have been admitted between two moments of the exchange's time.

        sent_s is when it was sent, on the monotonic clock; None for one of an earlier process, whose age the exchange's
        clock alone tells. has_fresh_id: its client id was made for it.
        """
        now_s = self._clock.monotonic()
        patience_s = now_s if sent_s is None else sent_s + (expires_ms - since_ms + self._silence_ms) / 1_000
        doubt = Doubt(client_order_id, params, since_ms, expires_ms, now_s, patience_s, why, has_fresh_id)
        self._doubts[client_order_id] = doubt
        if self._has_stopped:
            doubt.result.set_result(None)
        else:
            self._begin(doubt)
        return doubt

    def find(self, client_order_id: str) -> Doubt | None:
        """Return the doubt about an order, None where there is none."""
        return self._doubts.get(client_order_id)

    def is_answered_by(self, order: Order) -> bool:
        """Say whether an acknowledgement without a client id may be that of an order in doubt."""
        return bool(self._doubts) and any(doubt.is_met_by(order) for doubt in self._doubts.values())

    def unresolved(self) -> tuple[Unresolved, ...]:
        """Return the orders that may be live, the oldest doubt first."""
        return tuple(
            Unresolved(
                self._exchange,
                doubt.params.symbol,
                doubt.client_order_id,
                doubt.params,
                doubt.state,
                doubt.since_ms,
                doubt.expires_ms,
                doubt.look_ups,
                doubt.why,
            )
            for doubt in self._doubts.values()
        )

    async def wait(self, doubt: Doubt, deadline: float) -> Order | None:
        """Return the order once it is found, or None at the deadline (monotonic seconds).

        None, too, once this has been stopped. Raises NotPlaced once it is proven absent.
        """
        doubt.is_asked_for.set()
        if not await wait_until(doubt.result, self._clock, deadline):
            return None
        resolution = doubt.result.result()
        if resolution is None:
            return None
        if resolution.order is None:
            raise NotPlaced(
                f"the order with client id {doubt.client_order_id!r} is proven absent (its request: {doubt.cause}): "
                "nothing was executed and nothing will be, so it may be placed again"
            )
        return resolution.order

    def resume(self) -> None:
        """Look for what was left unresolved by stop()."""
        if not self._has_stopped:
            return
        self._has_stopped = False
        for doubt in self._doubts.values():
            doubt.result = asyncio.get_running_loop().create_future()
            self._begin(doubt)

    async def stop(self) -> None:
        """Look no further; what is unresolved stays so, and so does what is added."""
        self._has_stopped = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for doubt in self._doubts.values():
            if not doubt.result.done():
                doubt.result.set_result(None)

    def _begin(self, doubt: Doubt) -> None:
        name = f"spotlane-resolve-{doubt.client_order_id}"
        task = asyncio.get_running_loop().create_task(self._pursue(doubt), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pursue(self, doubt: Doubt) -> None:
        number = 0
        while True:
            pause_s = self._pause_s(doubt, number)
            if pause_s and await self._pause(doubt, pause_s):
                number = min(number, _FIRST_SURVEY)
            self._tell_age(doubt)
            doubt.look_ups += 1
            resolution = await self._look(doubt, thoroughly=self._is_survey_due(doubt, number))
            number += 1
            if resolution is not None:
                self._settle(doubt, resolution)
                return

    def _pause_s(self, doubt: Doubt, number: int) -> float:
        """Return for how long to wait before a look: not past the moment from which absence can be proven."""
        doubt.step_s = _STEPS_S[number] if number < len(_STEPS_S) else min(2 * doubt.step_s, _LONGEST_STEP_S)
        left_s = self._left_s(doubt)
        if left_s > 0:
            return min(doubt.step_s, left_s)
        spacing_s = self._horizons.spacing_ms / 1_000
        if doubt.absences:
            doubt.step_s = spacing_s
        elif not doubt.is_ripe:
            doubt.is_ripe = True
            doubt.step_s = min(doubt.step_s, spacing_s)
        return doubt.step_s

    async def _pause(self, doubt: Doubt, seconds: float) -> bool:
        """Wait; end early, and return True, where somebody begins to wait for the order."""
        scope = DeadlineScope(self._clock, self._clock.monotonic() + seconds)
        try:
            async with scope:
                await doubt.is_asked_for.wait()
        except TimeoutError:
            if not scope.has_expired:
                raise
            return False
        doubt.is_asked_for.clear()
        return True

    def _is_survey_due(self, doubt: Doubt, number: int) -> bool:
        """Say whether a look takes in the lists, which cost more: seldom, and whenever one can count."""
        has_waited = self._clock.monotonic() - doubt.counted_s >= self._horizons.spacing_ms / 1_000
        can_count = number > 0 and has_waited and self._left_s(doubt) <= 0
        return can_count or number == _FIRST_SURVEY or number >= len(_STEPS_S) - 1

    def _left_s(self, doubt: Doubt) -> float:
        """Return how far off the moment is from which absence can be proven, by either clock."""
        exchange_s = (self._absent_from_ms(doubt) - self._evidence.exchange_ms()) / 1_000
        return max(exchange_s, doubt.patience_s - self._clock.monotonic())

    def _absent_from_ms(self, doubt: Doubt) -> int:
        """Return the exchange's time from which an order that does not show does not exist."""
        return doubt.expires_ms + self._silence_ms

    async def _look(self, doubt: Doubt, *, thoroughly: bool) -> Resolution | None:
        try:
            return await self._examine(doubt, thoroughly=thoroughly)
        except (BudgetExhausted, CircuitOpen) as refused:
            # Not asked, so neither the one nor the other.
            doubt.why = str(refused)
        except SpotlaneError as failure:
            doubt.why, doubt.absences = str(failure), 0
        except Exception:
            # Whatever it is: a task that ended would leave the order in doubt for ever.
            self._log.exception("looking for order %r failed", doubt.client_order_id)
            doubt.why, doubt.absences = "looking it up failed unexpectedly", 0
        return None

    async def _examine(self, doubt: Doubt, *, thoroughly: bool) -> Resolution | None:
        is_ripe, is_crowd = self._left_s(doubt) <= 0, len(self._doubts) > _FEW
        survey = await self._survey(doubt) if thoroughly or is_crowd else None
        if is_crowd and survey is not None and not is_ripe:
            order = _named(survey, doubt.client_order_id)
            return None if order is None else await self._adopt(doubt, order)
        async with self._places:
            order = await self._evidence.find(doubt.params.symbol, doubt.client_order_id, in_lists=survey is None)
        if order is None and survey is not None:
            order = _named(survey, doubt.client_order_id)
        if order is not None:
            return await self._adopt(doubt, order)
        if survey is None:
            return None
        reason = self._speaks_against_absence(doubt, survey, is_ripe)
        if reason:
            doubt.why, doubt.absences = reason, 0
            return None
        now_s = self._clock.monotonic()
        if now_s - doubt.counted_s >= self._horizons.spacing_ms / 1_000:
            doubt.absences, doubt.counted_s = doubt.absences + 1, now_s
        if doubt.absences < self._horizons.confirmations:
            return None
        return self._resolution(doubt, OutcomeState.PROVEN_ABSENT)

    async def _survey(self, doubt: Doubt) -> Survey:
        """Read every list, with whoever else wants those of the same symbol now."""
        symbol = doubt.params.symbol
        desk = self._desks.get(symbol)
        if desk is None:
            desk = self._desks[symbol] = SurveyDesk(lambda start_ms: self._evidence.survey(symbol, start_ms))
        return await desk.ask(doubt.since_ms - _LISTED_MS)

    def _speaks_against_absence(self, doubt: Doubt, survey: Survey, is_ripe: bool) -> str:
        """Return why a survey without the order doesn't count towards its absence, or "" where it does.

        is_ripe is what held before the survey was begun.
        """
        if not is_ripe or survey.exchange_ms < self._absent_from_ms(doubt):
            return "it does not show, and may still appear"
        if doubt.was_seen:
            return "an order with its client id showed, and does no longer"
        if self._evidence.is_degraded():
            return "it does not show, but the exchange fails at placing orders: it may come late"
        for order in survey.orders:
            if order.client_order_id is None and doubt.is_met_by(order):
                return f"order {order.order_id!r} has no client id and could be it"
        known = survey.others.union(order.order_id for order in survey.orders)
        for trade in survey.trades:
            if trade.client_order_id == doubt.client_order_id or trade.order_id not in known:
                return f"fill {trade.trade_id!r} belongs to an order that does not show, {trade.order_id!r}"
        return ""

    async def _adopt(self, doubt: Doubt, order: Order) -> Resolution | None:
        if not doubt.is_met_by(order):
            why = f"order {order.order_id!r} has its client id and is another: {order!r}"
            if why != doubt.why:
                self._log.error("order %r stays in doubt: %s", doubt.client_order_id, why)
            doubt.why, doubt.absences, doubt.was_seen = why, 0, True
            return None
        if doubt.is_unwanted and not order.is_done:
            try:
                order = await self._evidence.cancel(order)
            except SpotlaneError as failure:
                doubt.why = f"it is live, and cancelling it failed: {failure}"
                return None
        return self._resolution(doubt, OutcomeState.ADOPTED, order)

    def _tell_age(self, doubt: Doubt) -> None:
        """Say loudly, once, that an order has been in doubt for too long."""
        age_s = self._clock.monotonic() - doubt.since_s
        if doubt.state is OutcomeState.UNKNOWN or age_s * 1_000 < self._horizons.give_up_ms:
            return
        doubt.state = OutcomeState.UNKNOWN
        self._log.error(
            "after %.0f s it is not known whether order %r of %s is live: count it as exposure (%s)",
            age_s, doubt.client_order_id, doubt.params.symbol, doubt.why,
        )  # fmt: skip
        self._on_settled(doubt, self._resolution(doubt, OutcomeState.UNKNOWN))

    def _resolution(self, doubt: Doubt, state: OutcomeState, order: Order | None = None) -> Resolution:
        return Resolution(self._exchange, doubt.params.symbol, doubt.client_order_id, state, order)

    def _settle(self, doubt: Doubt, resolution: Resolution) -> None:
        del self._doubts[doubt.client_order_id]
        doubt.state = resolution.state
        doubt.result.set_result(resolution)
        self._on_settled(doubt, resolution)


def _named(survey: Survey, client_order_id: str) -> Order | None:
    return next((order for order in survey.orders if order.client_order_id == client_order_id), None)
