"""Figures in columns, and lines that suit where they go."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest

from spotlane.cli.output import Screen, align, milliseconds, plain_number


class Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100000", "100,000"),
        ("1E+3", "1,000"),
        ("0E-18", "0"),
        ("1.50", "1.5"),
        ("-0.000000010", "-0.00000001"),
        ("1234567.000000000000000001", "1,234,567.000000000000000001"),
    ],
)
def test_plain_number(value: str, text: str) -> None:
    assert plain_number(Decimal(value)) == text


def test_milliseconds() -> None:
    assert [milliseconds(value) for value in (4.9, 1_234.5, 1_234_567.0)] == ["0.00 ms", "1.23 ms", "1,234.57 ms"]


def test_decimal_points_stand_below_each_other() -> None:
    assert align([Decimal("10"), Decimal("-0.25"), Decimal("1234.5")]) == ["   10   ", "   -0.25", "1,234.5 "]


def test_table_aligns_its_columns() -> None:
    text = io.StringIO()
    Screen(text).table(("call", "calls"), [("place_order", "13"), ("get", "4")])
    assert text.getvalue() == "  call          calls\n  place_order      13\n  get               4\n"


def test_pipe_is_never_wrapped() -> None:
    text = io.StringIO()
    with Screen(text) as screen:
        assert not screen.is_lively
        screen.progress(1, 2, "no bar here")
        screen.call("place_order", "1.00 ms", "word " * 60)
        screen.verdict("good", good=True)
    assert len(text.getvalue().splitlines()) == 3
    assert "\x1b" not in text.getvalue()


def test_terminal_wraps_below_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    text = Tty()
    Screen(text, lively=False).call("place_order", "1.00 ms", "word " * 12)
    first, *others = re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue()).splitlines()
    column = first.index("word")
    assert others
    assert all(line.index("word") == column and len(line) <= 60 for line in others)


def test_silent_screen_says_nothing() -> None:
    text = Tty()
    with Screen(text, silent=True) as screen:
        screen.title("title")
        screen.progress(1, 2, "progress")
        screen.verdict("bad", good=False)
    assert text.getvalue() == ""
