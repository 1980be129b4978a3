"""The course of a guardian: open, prove that the key works, watch, and fire."""

from __future__ import annotations

import asyncio
import functools
import signal

from spotlane import exchanges
from spotlane.credentials import Credentials
from spotlane.errors import ExchangeAPIError, SpotlaneError
from spotlane.guardian.lifeline import Lifeline, Verdict
from spotlane.guardian.report import Report
from spotlane.guardian.settings import Settings
from spotlane.guardian.sweep import Sweep
from spotlane.registry import open_exchange
from spotlane.transport import SystemClock

# What ends other processes is noted and no more: the bot takes the switch off, and nobody else.
NOTED_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

# A sandbox that is away for so long is gone, and the next one on its port may have the same keys.
_SANDBOX_S = 600.0


async def guard(settings: Settings, credentials: Credentials, report: Report, *, pipe: int, received: bytes) -> int:
    """Watch one bot over a pipe; return the exit code of the process.

    0: the switch was taken off, or it fired and no order is open any more. 1: it could not watch, and told the bot.
    """
    clock = SystemClock()
    for number in NOTED_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, functools.partial(report.say, "signal", name=number.name))
    exchanges.__path__[:] = settings.folders
    try:
        exchange = open_exchange(settings.exchange, credentials, **settings.options)
        await exchange.open()
    except SpotlaneError as refusal:
        _refuse(report, refusal)
        return 1
    try:
        # Opening asks for nothing that needs the key.
        await exchange.get_open_orders()
    except SpotlaneError as refusal:
        _refuse(report, refusal)
        await exchange.close()
        return 1
    has_fired = False
    lifeline = Lifeline(
        pipe,
        seconds=settings.seconds,
        clock=clock,
        on_beat=lambda: report.say("fired", reason="a heartbeat came late") if has_fired else report.say("alive"),
        received=received,
    )
    report.say("armed")
    try:
        verdict = await lifeline.verdict
        if verdict is not Verdict.OFF:
            has_fired = True
            report.say("fired", reason=verdict.value)
            sweep = Sweep(
                exchange,
                report,
                clock=clock,
                watch_s=settings.watch_s,
                is_off=lifeline.is_off,
                give_up_s=_SANDBOX_S if _is_sandbox(settings) else None,
            )
            report.say(await sweep.run())
    finally:
        lifeline.close()
        await exchange.close()
    return 0


def _is_sandbox(settings: Settings) -> bool:
    # Plain http goes to this machine alone.
    return str(settings.options["base_url"]).startswith("http:")


def _refuse(report: Report, refusal: SpotlaneError) -> None:
    told: dict[str, object] = {"error": type(refusal).__name__, "text": str(refusal)}
    if isinstance(refusal, ExchangeAPIError):
        told |= {
            "text": refusal.message,
            "code": refusal.code,
            "http_status": refusal.http_status,
            "hint": refusal.hint,
            "address": getattr(refusal, "address", None),
        }
    report.say("refused", **told)
