"""`python -m spotlane.guardian`: started by a client, told on standard input what to watch."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from spotlane.errors import UsageError
from spotlane.guardian.report import LogLines, Report
from spotlane.guardian.settings import read_settings
from spotlane.guardian.watch import NOTED_SIGNALS, guard
from spotlane.hardening import harden_process

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main() -> int:
    """Watch until the bot takes the switch off or is gone, and in that case cancel every open order.

    0: taken off, or fired and done. 1: never watched. 2: not started by a client.
    """
    _occupy_standard_descriptors()
    if sys.stdin is None or os.isatty(_STDIN):
        print("spotlane.guardian is started by exchange.dead_man(seconds), not by hand", file=sys.stderr)
        return 2
    for number in NOTED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    harden_process()
    try:
        settings, credentials, rest = read_settings(_STDIN)
    except UsageError as misfit:
        print(f"spotlane.guardian: {misfit}", file=sys.stderr)
        return 1
    report = Report(settings.exchange, to_bot=_STDOUT, to_operator=_STDERR)
    logging.getLogger().addHandler(LogLines(report))
    try:
        return asyncio.run(guard(settings, credentials, report, pipe=_STDIN, received=rest))
    finally:
        report.finish()


def _occupy_standard_descriptors() -> None:
    """Open those that a bot without a terminal left closed: what is said there must never reach another file."""
    for descriptor in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free


if __name__ == "__main__":
    sys.exit(main())
