"""What every exchange's client shares: opening and closing, the course of one call, rules and clock, status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from abc import ABC
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar, Unpack

from spotlane._core.decoding import UnknownWireSymbol
from spotlane.credentials import Credentials
from spotlane.errors import (
    DecodeError,
    ExchangeUnavailable,
    OrderNotFound,
    RateLimited,
    SpotlaneError,
    TimestampRejected,
    TransportError,
    WrongContext,
)
from spotlane.exchanges._basics import Basics, ClientStatus
from spotlane.exchanges._history import collect, reach
from spotlane.exchanges._limits import make_budget
from spotlane.exchanges._options import OptionFields, Options
from spotlane.exchanges._refresh import Job, Refresher
from spotlane.safety import Judge, Refusal, RuleBook, Submission, fence, submit
from spotlane.spec import ExchangeSpec, HistoryLimit, Outcome
from spotlane.structs import Symbol
from spotlane.transport import (
    Breakers,
    Budget,
    Channel,
    ExchangeClock,
    HttpCarrier,
    LaneCarrier,
    PlainCarrier,
    Reply,
    Request,
    Retries,
    StageListener,
    lane_difference,
    thirds,
)

T = TypeVar("T")
Reader = Callable[[bytes, Mapping[str, Symbol]], T]

# An exchange that puts numbers or messages where words belong must fill neither the memory nor the log.
_MOST_UNKNOWN_VALUES = 100
_OTHER_VALUES = "(others)"
_CLOSE_STEP_S = 0.005


class ExchangeClient(ABC):
    """One account on one exchange; subclasses say what is sent and how it is read.

    A client belongs to the event loop, thread and process that opened it. The keyword options are those of Options.
    """

    spec: ExchangeSpec
    basics: ClassVar[Basics]

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        self._options = Options.of(options)
        if self._options.horizons is not None:
            self.spec = self.spec._replace(horizons=self._options.horizons)
        self._credentials = credentials
        self._log = logging.getLogger(f"spotlane.exchanges.{self.spec.name}")
        self._clock = self._options.time_source()
        self._exchange_clock = ExchangeClock(self._clock)
        self._budget = make_budget(self.spec, self._options, self._clock, credentials, self._log)
        self._retries = Retries(self._clock)
        self._breakers = Breakers(self._clock)
        self._breakers.probe = self._synchronise
        self._judge = Judge(self.spec.name, self.basics.error_table, self.basics.tell)
        self._carrier = self._make_carrier()
        self._channel = Channel(
            self._carrier,
            clock=self._clock,
            exchange_clock=self._exchange_clock,
            authenticator=self.basics.authenticator(credentials),
            budget=self._budget,
            timeout_s=self._options.timeout_s,
            breakers=self._breakers,
            look_ups=Budget(thirds(self.spec.buckets), clock=self._clock, enforce=self._options.enforce_limits),
        )
        self._book = RuleBook(self.spec.name, ())
        self._rules_fetched_s = 0.0
        self._unknown_values: Counter[tuple[str, str]] = Counter()
        self._clock_job = Job("clock", self.spec.clock_refresh_s, self._synchronise)
        self._rules_job = Job("trading rules", self.spec.rules_max_age_s, self._refresh_rules)
        self._refresher = Refresher(self._clock, self._log, (self._clock_job, self._rules_job))
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._is_sampled = False

    async def _fetch_rules(self, deadline: float) -> RuleBook:
        """Fetch the trading rules of every symbol; for an exchange that tells them in one reply."""
        request = Request.to(self.basics.rules_endpoint, self.basics.rules_query)
        rules, unreadable = await self._understand(request, self.basics.read_rules, deadline=deadline)
        for name in unreadable:
            self._count_unknown(f"{self.basics.rules_endpoint.name}.symbol", name)
        return RuleBook(self.spec.name, rules)

    @property
    def exchange(self) -> str:
        """Return the registry name of the exchange."""
        return self.spec.name

    async def get_server_time_ms(self) -> int:
        """Return the exchange's clock, in milliseconds since the epoch."""
        return await self._understand(
            Request.to(self.basics.time_endpoint), self.basics.read_time_ms, deadline=self._begin()
        )

    def status(self) -> ClientStatus:
        """Return the state of the client now. Sends nothing."""
        return ClientStatus(
            exchange=self.spec.name,
            is_open=self._home is not None,
            transport=self._carrier.name,
            transport_status=self._channel.status(),
            clock_offset_ms=self._exchange_clock.offset_ms,
            clock_uncertainty_ms=self._exchange_clock.uncertainty_ms,
            clock_steps=self._exchange_clock.steps,
            clock_failures=self._clock_job.failures,
            rules_age_s=self._clock.monotonic() - self._rules_fetched_s,
            rules_failures=self._rules_job.failures,
            unknown_values=dict(self._unknown_values),
            breakers=self._breakers.status(),
            budget=self._budget.status(),
        )

    def listen_to_stages(self, listener: StageListener | None) -> None:
        """Have a function called with the Stages of every request once it has ended; None stops that.

        It is called on the event loop before the call returns, so it should be quick. What it raises is logged and goes
        no further.
        """
        self._channel.stage_listener = listener

    async def open(self) -> None:
        """Warm the connections, synchronise the clock and fetch the trading rules.

        Raises what those requests raise, and leaves the client closed then. Raises WrongContext when it is open.
        """
        if self._home is not None:
            raise WrongContext("this client is open already")
        self._home = (asyncio.get_running_loop(), os.getpid())
        try:
            self._is_sampled = False
            await self._channel.open()
            if not self._is_sampled:
                await self._synchronise()
            await self._refresh_rules()
        except BaseException:
            # Not a subclass's: what is in doubt since an earlier opening is no reason for another error.
            await ExchangeClient.close(self)
            raise
        self._refresher.start(f"spotlane-{self.spec.name}-refresh")

    async def close(self, grace_s: float = 0.0) -> None:
        """Let calls that are under way finish for at most grace_s seconds, then close every connection."""
        if self._home is None:
            return
        self._require_home()
        self._home = None
        await self._refresher.stop()
        await self._wait_while(lambda: self._channel.under_way, grace_s)
        await self._disconnect()

    async def _wait_while(self, is_busy: Callable[[], object], grace_s: float) -> None:
        give_up_s = self._clock.monotonic() + grace_s
        while is_busy() and self._clock.monotonic() < give_up_s:
            await self._clock.sleep(_CLOSE_STEP_S)

    async def _disconnect(self) -> None:
        """Close every connection; subclasses end before that what needs one."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _make_carrier(self) -> HttpCarrier:
        warm = self.basics.time_endpoint
        kind: type[HttpCarrier] = LaneCarrier if self._options.transport == LaneCarrier.name else PlainCarrier
        if kind is LaneCarrier and (difference := lane_difference()):
            self._log.warning("the lane can't be used with this aiohttp, requests go the plain way: %s", difference)
            kind = PlainCarrier
        return kind(
            self._options.base_url or self.spec.urls["live"],
            clock=self._clock,
            connections=self._options.connections,
            max_connections=self._options.max_connections,
            session=self._options.session,
            source_address=self._options.source_address,
            ssl_context=self._options.ssl_context,
            keepalive_s=self.spec.keepalive_s,
            warm_path=warm.path,
            permit=lambda: self._budget.try_take(warm),
            on_warm=self._sample_clock,
        )

    def _begin(self) -> float:
        """Start a call: return its deadline. Raises WrongContext where this client may not be used."""
        if self._home is None:
            raise WrongContext("this client is not open: use `async with`, or await open() first")
        # asyncio forgets the running loop in a forked process, so the loop alone tells of both.
        if asyncio._get_running_loop() is not self._home[0]:
            self._require_home()
        return self._clock.monotonic() + self._options.timeout_s

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._options.timeout_s

    def _require_home(self) -> None:
        assert self._home is not None
        loop, process = self._home
        if os.getpid() != process:
            raise WrongContext("this client was opened by another process: open one after the fork")
        if asyncio._get_running_loop() is not loop:
            raise WrongContext("this client was opened on another event loop: open one on this loop")

    async def _read(
        self, request: Request, read: Reader[T], *, deadline: float, confirm: Callable[[T], object] | None = None
    ) -> T:
        """Send a read, or a cancel by id, and return what its reply holds; see spotlane.transport.retry.

        confirm raises DecodeError for a result that can't be the answer to this very request. After a refused timestamp
        the clock is synchronised and the request sent once more: the first was not executed. Raises ReplyLost for a
        cancel whose outcome is open. OrderNotFound may be the answer to the repetition of a cancel that was executed.
        """
        attempts = self._retries.begin(request.endpoint, deadline)
        clock_mended = False
        while True:
            failure: TransportError | None = None
            try:
                reply = await self._channel.send(request, deadline=deadline, patience=attempts.patience)
            except TransportError as error:
                failure = error
            if failure is not None:
                await attempts.weather(failure)
                continue
            result = await self._understand_symbols(request, reply, read, confirm, deadline)
            self._channel.note_usage(request, reply)
            if not isinstance(result, Refusal):
                self._retries.succeed()
                return result
            self._notice(request, result)
            if isinstance(result.error, TimestampRejected) and not clock_mended:
                clock_mended = True
                await self._synchronise(deadline)
            elif not await attempts.outlast(result.error, is_in_doubt=result.outcome is Outcome.AMBIGUOUS):
                if attempts.doubt is not None and not isinstance(result.error, OrderNotFound):
                    raise attempts.doubt from result.error
                raise result.error

    async def _understand_symbols(
        self, request: Request, reply: Reply, read: Reader[T], confirm: Callable[[T], object] | None, deadline: float
    ) -> T | Refusal:
        """Return what a reply holds; for a symbol that the rules don't list, they are fetched anew once.

        The reply to a request that names a symbol is read as being about that one: any other is a DecodeError.
        """

        def understand(body: bytes) -> T:
            result = read(body, self._symbols_of(request))
            if confirm is not None:
                confirm(result)
            return result

        try:
            return self._judge.understand(request.endpoint, reply, understand)
        except UnknownWireSymbol as unlisted:
            if request.symbol:
                reply.distrust()
                raise
            try:
                await self._refresh_rules(deadline)
            except SpotlaneError as failure:
                self._log.warning("the trading rules could not be fetched for an unknown symbol: %s", failure)
                raise unlisted from None
        return self._judge.understand(request.endpoint, reply, understand)

    def _symbols_of(self, request: Request) -> Mapping[str, Symbol]:
        symbols = self._book.symbols
        if not request.symbol or request.symbol not in symbols:
            return symbols
        return {request.symbol: symbols[request.symbol]}

    def _submit(
        self, request: Request, read: Reader[T], submission: Submission, *, deadline: float
    ) -> Coroutine[Any, Any, T]:
        """Send what must not be sent twice; see spotlane.safety.outcome.submit."""
        if request.window_ms is None:
            # A cancel-all that came late would reach orders placed after it, a withdrawal one that was given up.
            left_s = deadline - self._clock.monotonic()
            request = request.fenced(*fence(self.spec, self._exchange_clock.now_ms(), left_s))
        return submit(
            self._channel,
            self._judge,
            request,
            lambda body: read(body, self._symbols_of(request)),
            submission,
            deadline=deadline,
            notice=self._notice,
        )

    async def _collect(
        self,
        fetch: Callable[[int, int], Awaitable[list[T]]],
        limit: HistoryLimit,
        start_ms: int | None,
        end_ms: int | None,
        identify: Callable[[T], str],
        what: str,
    ) -> list[T]:
        """Return every row of a history in [start_ms, end_ms]; see spotlane.exchanges._history."""
        first_ms, last_ms = self._reach(limit, start_ms, end_ms, what)
        return await collect(fetch, limit=limit, start_ms=first_ms, end_ms=last_ms, identify=identify, what=what)

    def _reach(self, limit: HistoryLimit, start_ms: int | None, end_ms: int | None, what: str) -> tuple[int, int]:
        return reach(
            limit,
            now_ms=self._exchange_clock.now_ms(),
            skew_ms=self.spec.horizons.skew_ms,
            start_ms=start_ms,
            end_ms=end_ms,
            what=what,
        )

    def _notice(self, request: Request, refusal: Refusal) -> None:
        """Draw the conclusions of a refusal that outlast the call."""
        if isinstance(refusal.error, RateLimited):
            endpoint, wait_s = request.endpoint, refusal.error.retry_after_s
            refused: Iterable[str | None] = endpoint.costs if self.spec.limits_apart else (None,)
            if refusal.limits:
                refused = (bucket for bucket in refusal.limits if bucket in endpoint.costs)
            for bucket in refused:
                self._budget.note_retry_after(wait_s, bucket, endpoint=endpoint, symbol=request.symbol)
        elif isinstance(refusal.error, TimestampRejected):
            self._refresher.hasten(self._clock_job)
        elif isinstance(refusal.error, ExchangeUnavailable) and refusal.error.http_status < 500:
            self._breakers.recant(request.endpoint)

    def _count_unknown(self, field: str, text: str) -> None:
        """Note a value in a reply that no table knows; it is passed on as UNKNOWN or OTHER with its raw text."""
        if (field, text) not in self._unknown_values and len(self._unknown_values) >= _MOST_UNKNOWN_VALUES:
            text = _OTHER_VALUES
        if not self._unknown_values[field, text]:
            self._log.warning("%s sent %s=%r, which no table knows", self.spec.name, field, text)
        self._unknown_values[field, text] += 1

    def _sample_clock(self, reply: Reply) -> None:
        """Take the time from a request that keeps a connection warm: it is one for the exchange's time."""
        with contextlib.suppress(DecodeError):
            self._learn_time(self.basics.read_time_ms(reply.body), reply)
            self._is_sampled = True

    def _learn_time(self, server_ms: int, reply: Reply) -> None:
        if self._exchange_clock.add_sample(server_ms, reply.written_s, reply.received_s):
            self._log.warning("the clock of %s, or this machine's, was set or stood still", self.spec.name)

    async def _synchronise(self, deadline: float | None = None) -> None:
        request = Request.to(self.basics.time_endpoint)
        reply = await self._channel.send(request, deadline=deadline or self._deadline())
        self._learn_time(self._accept(request, reply, self.basics.read_time_ms), reply)

    async def _refresh_rules(self, deadline: float | None = None) -> None:
        book = await self._fetch_rules(deadline or self._deadline())
        if not len(book):
            raise DecodeError("not one symbol could be read", endpoint="trading rules")
        self._book = book
        self._rules_fetched_s = self._clock.monotonic()

    async def _understand(self, request: Request, read: Callable[[bytes], T], *, deadline: float) -> T:
        """Send a read that needs no rules, mending nothing, and return what its reply holds."""
        return self._accept(request, await self._channel.send(request, deadline=deadline), read)

    def _accept(self, request: Request, reply: Reply, read: Callable[[bytes], T]) -> T:
        result = self._judge.understand(request.endpoint, reply, read)
        self._channel.note_usage(request, reply)
        if isinstance(result, Refusal):
            self._notice(request, result)
            raise result.error
        return result
