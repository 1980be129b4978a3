"""The dead-man switch of exchanges that have none: a guardian process that is kept from firing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
from typing import Any

from spotlane import errors, exchanges
from spotlane.credentials import Credentials
from spotlane.errors import ExchangeAPIError, SpotlaneError, StateError, TransportError, UsageError
from spotlane.exchanges._options import Options
from spotlane.safety.dead_man import BEAT, DeadManStatus, GuardianProcess, Said
from spotlane.spec import ExchangeSpec
from spotlane.structs import DeadManState
from spotlane.transport import Clock, Timer

# Starting Python, opening a client and one signed request, on a busy machine.
_START_S = 20.0
_BEATS = 4
_FIRST_RETRY_S = 0.25
_LONGEST_RETRY_S = 10.0
_SHORTEST_SILENCE_S = 5.0


class Guard:
    """Keeps one guardian armed, and replaces it where it is lost.

    Heartbeats come from a timer of the event loop: one that stalls sends none.
    """

    least_s = 1.0
    in_whole_seconds = False

    def __init__(
        self, spec: ExchangeSpec, credentials: Credentials, options: Options, *, clock: Clock, log: logging.Logger
    ) -> None:
        self._spec = spec
        self._credentials = credentials
        self._options = options
        self._clock = clock
        self._log = log
        self._turn = asyncio.Lock()
        self._guardian: GuardianProcess | None = None
        self._state: DeadManState | None = None
        self._seconds = 0.0
        self._heard_s = 0.0
        self._failures = 0
        self._replaced = 0
        self._beating: Timer | None = None
        self._replacing: asyncio.Task[None] | None = None

    def status(self) -> DeadManStatus | None:
        """Return how the switch stands; None where it is off."""
        if self._state is None:
            return None
        guardian = self._guardian
        return DeadManStatus(
            kind="guardian",
            state=self._state,
            seconds=self._seconds,
            age_s=self._clock.monotonic() - self._heard_s,
            failures=self._failures,
            replaced=self._replaced,
            pid=None if guardian is None or guardian.exit_code.done() else guardian.pid,
        )

    async def arm(self, seconds: float) -> None:
        """Start a guardian, and take off the one of before once it watches. Raises what keeps it from watching."""
        async with self._turn:
            await self._arm(seconds)

    async def _arm(self, seconds: float) -> None:
        guardian = await self._start(seconds)
        before = self._release()
        await self._stop_replacing()
        self._failures = self._replaced = 0
        self._watch(guardian, seconds)
        # Not until that is gone is it certain that it cancels nothing which is placed from now on.
        if before is not None:
            await before.end()

    async def rekey(self, credentials: Credentials) -> None:
        """Give the next guardians another key, and replace the one that watches.

        Raises what keeps the new one from watching, and leaves all as it was then. One that fired goes on with the key
        that it has.
        """
        async with self._turn:
            before, self._credentials = self._credentials, credentials
            if self._state in (DeadManState.ARMED, DeadManState.INTERRUPTED):
                try:
                    await self._arm(self._seconds)
                except BaseException:
                    self._credentials = before
                    raise

    async def disarm(self) -> None:
        """Tell the guardian off and wait for its end."""
        async with self._turn:
            await self._stop_replacing()
            guardian = self._release()
            self._state = None
            if guardian is not None:
                await guardian.end()

    async def close(self) -> None:
        """Take the switch off; a guardian that fired finishes what it does."""
        if self._state is DeadManState.FIRED:
            self.abandon()
        await self.disarm()

    def abandon(self) -> None:
        """Leave the guardian to itself: it fires at once, unless it did before."""
        if self._state is DeadManState.ARMED:
            self._log.error("the guardian is left to fire: all open orders will be cancelled")
        elif self._state is DeadManState.INTERRUPTED:
            self._log.error("there is no guardian to fire: open orders stay open")
        guardian = self._release()
        if guardian is not None:
            guardian.hang_up()
        if self._replacing is not None:
            self._replacing.cancel()
        self._state = None

    async def _start(self, seconds: float) -> GuardianProcess:
        """Start a guardian and return it once it watches."""
        settings = self._settings(seconds)
        watches: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_said(guardian: GuardianProcess, said: Said) -> None:
            if guardian is self._guardian:
                self._on_said(said)
            elif not watches.done():
                if said.event == "armed":
                    watches.set_result(None)
                elif said.event == "refused":
                    watches.set_exception(_refusal(self._spec.name, said.details))

        guardian = GuardianProcess(on_said)
        patience = self._clock.call_later(_START_S, lambda: _fail(watches, f"does not answer within {_START_S:g} s"))
        guardian.exit_code.add_done_callback(lambda code: _fail(watches, f"ended with exit code {code.result()}"))
        try:
            # Where it can't be written the process has ended, and that is what is told.
            with contextlib.suppress(OSError):
                await guardian.configure(lambda pipe: self._credentials.hand_over(pipe, settings))
            await watches
        except BaseException:
            guardian.kill()
            raise
        finally:
            patience.cancel()
            if not watches.cancel() and not watches.cancelled():
                watches.exception()  # taken note of, whatever ended this
        return guardian

    def _settings(self, seconds: float) -> dict[str, object]:
        horizons, options = self._spec.horizons, self._options
        # Whatever the bot sent last shows itself within that.
        lasting_ms = horizons.validity_ms + horizons.skew_ms + horizons.processing_ms + horizons.visibility_ms
        return {
            "exchange": self._spec.name,
            "folders": list(exchanges.__path__),
            "seconds": seconds,
            "watch_s": max(seconds, lasting_ms / 1_000),
            "base_url": options.base_url,
            "timeout_s": options.timeout_s,
            "transport": options.transport,
            "enforce_limits": options.enforce_limits,
            "source_address": options.source_address,
            "authorities": _authorities(options.ssl_context),
        }

    def _watch(self, guardian: GuardianProcess, seconds: float) -> None:
        self._guardian, self._seconds, self._state = guardian, seconds, DeadManState.ARMED
        self._heard_s = self._clock.monotonic()
        guardian.exit_code.add_done_callback(lambda code: self._on_end(guardian, code))
        self._beat()

    def _release(self) -> GuardianProcess | None:
        """Send no more heartbeats and take no more notice of the guardian."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        guardian, self._guardian = self._guardian, None
        return guardian

    def _beat(self) -> None:
        guardian = self._guardian
        assert guardian is not None
        self._beating = self._clock.call_later(self._seconds / _BEATS, self._beat)
        # What it said while the loop stalled: that it fired, maybe.
        guardian.listen()
        silent_s = self._clock.monotonic() - self._heard_s
        if self._state is DeadManState.FIRED:
            self._beating.cancel()
        elif silent_s > 2 * self._seconds + _SHORTEST_SILENCE_S:
            self._lose(f"it has not answered for {silent_s:.1f} s")
        else:
            guardian.write(BEAT)

    def _on_said(self, said: Said) -> None:
        self._heard_s = self._clock.monotonic()
        if said.event == "fired" and self._state is not DeadManState.FIRED:
            self._state = DeadManState.FIRED
            self._log.error(
                "the guardian fired and cancels all open orders (%s): arm the dead-man switch again",
                said.details.get("reason"),
            )
        elif said.event in ("cancelled", "trouble", "done", "given up"):
            self._log.warning("the guardian says: %s %s", said.event, said.details)

    def _on_end(self, guardian: GuardianProcess, code: asyncio.Future[int]) -> None:
        if guardian is self._guardian and self._state is DeadManState.ARMED:
            self._lose(f"it ended with exit code {code.result()}")

    def _lose(self, why: str) -> None:
        """Replace a guardian that is no longer there, or as good as that."""
        guardian = self._release()
        if guardian is not None:
            guardian.kill()
        self._state = DeadManState.INTERRUPTED
        self._log.error("the guardian was lost (%s), nobody watches until the next one does", why)
        self._replacing = asyncio.create_task(self._replace(), name="spotlane-guardian")

    async def _replace(self) -> None:
        delay_s = _FIRST_RETRY_S
        while True:
            try:
                guardian = await self._start(self._seconds)
            except Exception as failure:  # whatever it is: without another try nobody would watch, unnoticed
                self._failures += 1
                self._log.error(
                    "starting another guardian failed %d times in a row: %s",
                    self._failures, failure if isinstance(failure, SpotlaneError) else type(failure).__name__,
                )  # fmt: skip
                await self._clock.sleep(delay_s)
                delay_s = min(2 * delay_s, _LONGEST_RETRY_S)
                continue
            self._failures = 0
            self._replaced += 1
            self._watch(guardian, self._seconds)
            self._log.warning("another guardian watches, process %d", guardian.pid)
            return

    async def _stop_replacing(self) -> None:
        task, self._replacing = self._replacing, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _fail(watches: asyncio.Future[None], why: str) -> None:
    if not watches.done():
        watches.set_exception(StateError(f"the guardian process {why}: see its messages on standard error"))


def _authorities(context: ssl.SSLContext | None) -> list[str]:
    """Return the certificates that a context trusts, for one that is made of them in another process."""
    if context is None:
        return []
    trusted = context.get_ca_certs(binary_form=True)
    if not trusted:
        raise UsageError(
            "the guardian can't be given this ssl_context: load its certificate authorities with cafile or cadata"
        )
    return [base64.b64encode(each).decode() for each in trusted]


def _refusal(exchange: str, told: dict[str, Any]) -> SpotlaneError:
    """Make the error again that the guardian met."""
    kind = getattr(errors, str(told.get("error")), None)
    text = str(told.get("text"))
    if isinstance(kind, type) and issubclass(kind, ExchangeAPIError):
        refusal = kind(exchange, told.get("code"), text, int(told.get("http_status") or 0), hint=str(told.get("hint")))
        if isinstance(refusal, errors.IpNotAllowed):
            refusal.address = told.get("address")
        return refusal
    if kind in (errors.NotSent, errors.ReadFailed):
        return TransportError(f"the guardian could not reach {exchange}: {text}")
    return StateError(f"the guardian could not watch {exchange}: {text}")
