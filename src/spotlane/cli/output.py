"""How a command looks: lines that a terminal colours and a pipe keeps, figures in columns, one bar of progress."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Sequence
from decimal import Decimal
from typing import IO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_MARGIN = "  "
_NAME_WIDTH = 22
_LATENCY_WIDTH = 9
_INDENT = len(_MARGIN) + _NAME_WIDTH + _LATENCY_WIDTH + 2
_FRAME_S = 0.08


def plain_number(value: Decimal) -> str:
    """Write an exact decimal with thousands separators, without an exponent and without trailing zeros."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def milliseconds(microseconds: float) -> str:
    """Write a duration."""
    return f"{microseconds / 1_000:,.2f} ms"


def align(column: Sequence[Decimal]) -> list[str]:
    """Write numbers so that their decimal points stand below each other."""
    halves = [plain_number(value).partition(".") for value in column]
    left = max(len(whole) for whole, _, _ in halves)
    right = max(len(point + decimals) for _, point, decimals in halves)
    return [f"{whole:>{left}}{point + decimals:<{right}}" for whole, point, decimals in halves]


class Screen:
    """Standard output of a command that takes steps.

    On a terminal: colours (none with NO_COLOR), lines wrapped to its width, and, where lively, a bar of progress with
    pauses in which a person can follow. Anywhere else: plain lines, never wrapped, without control characters. silent
    writes nothing at all. Use as a context manager, which gives the terminal back as it was.
    """

    def __init__(self, stream: IO[str], *, lively: bool = True, silent: bool = False) -> None:
        is_terminal = stream.isatty()
        self._console = Console(
            file=stream,
            force_terminal=is_terminal,
            color_system="auto" if is_terminal else None,
            soft_wrap=True,
            highlight=False,
            markup=False,
            emoji=False,
            quiet=silent,
        )
        self._is_terminal = is_terminal and not self._console.is_dumb_terminal
        self.is_lively = lively and self._is_terminal and not silent
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False,
                          redirect_stderr=False)  # fmt: skip
        self._spinner = Spinner("line" if self._console.options.ascii_only else "dots", style="cyan")
        self._progress = (0, 1, "")

    def __enter__(self) -> Screen:
        if self.is_lively:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_progress()

    def heading(self, text: str, detail: str) -> None:
        """Write the first lines of a command."""
        self._print(Text.assemble((text, "bold"), "\n", (detail, "dim")))

    def title(self, text: str) -> None:
        """Begin a part that is no step."""
        self._print(Text(f"\n{text}", "bold"))

    def step(self, number: int, total: int, title: str) -> None:
        """Begin a step."""
        self._print(Text.assemble("\n", (f"{number:>2}/{total}", "dim"), "  ", (title, "bold")))

    def call(self, name: str, latency: str, result: str, style: str = "") -> None:
        """Write one call with its latency and what came of it."""
        line = Text.assemble(_MARGIN, (f"{name:<{_NAME_WIDTH}}", "cyan"), (f"{latency:>{_LATENCY_WIDTH}}", "dim"), "  ")
        self._print(line.append(self._wrapped(result, _INDENT), style))

    def note(self, text: str, style: str = "dim") -> None:
        """Write a remark on the step."""
        self._print(Text(" " * _INDENT + self._wrapped(text, _INDENT), style))

    def line(self, text: str) -> None:
        """Write a line of running text."""
        self._print(Text(_MARGIN + self._wrapped(text, len(_MARGIN))))

    def paragraph(self, text: str, style: str = "") -> None:
        """Write running text, after an empty line."""
        self._print(Text(f"\n{_MARGIN}{self._wrapped(text, len(_MARGIN))}", style))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], emphasised: Sequence[int] = ()) -> None:
        """Write columns, the first to the left and the others to the right; some rows in bold."""
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for number, row in enumerate((head, *rows), -1):
            figures = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
            style = "dim" if number < 0 else "bold" if number in emphasised else ""
            self._print(Text(f"{_MARGIN}{row[0]:<{widths[0]}}   {'   '.join(figures)}".rstrip(), style))

    def verdict(self, text: str, *, good: bool) -> None:
        """Write what it comes to."""
        mark = "" if self._console.options.ascii_only else ("✓ " if good else "✗ ")
        style = "bold green" if good else "bold red"
        self._print(Text(f"\n{_MARGIN}{self._wrapped(mark + text, len(_MARGIN))}", style))

    def progress(self, done: int, total: int, text: str) -> None:
        """Say how far the command has come, on the last line of a lively terminal; everywhere else nothing."""
        self._progress = (done, total, text)
        self._refresh()

    def advance(self, text: str) -> None:
        """Say what the command does now, on the way from one step to the next."""
        self.progress(*self._progress[:2], text)

    def end_progress(self) -> None:
        """Take the bar of progress away."""
        self._live.stop()

    async def pause(self, seconds: float) -> None:
        """Let a person read; returns at once where there is no lively terminal."""
        if not self.is_lively:
            return
        for _ in range(max(1, round(seconds / _FRAME_S))):
            self._refresh()
            await asyncio.sleep(_FRAME_S)

    def _refresh(self) -> None:
        if not self._live.is_started:
            return
        done, total, text = self._progress
        line = Table.grid(padding=(0, 1))
        line.add_row(
            "",
            self._spinner,
            ProgressBar(total, done, width=24, complete_style="cyan"),
            Text(text, "dim", overflow="ellipsis"),
        )
        # Drawn on demand: a thread that redraws would take the interpreter's lock in the middle of a timed call.
        self._live.update(line, refresh=True)

    def _wrapped(self, text: str, indent: int) -> str:
        if not self._is_terminal:
            return text
        width = max(self._console.width - indent, 20)
        return f"\n{' ' * indent}".join(textwrap.wrap(text, width, break_on_hyphens=False) or [""])

    def _print(self, text: Text) -> None:
        self._console.print(text)
