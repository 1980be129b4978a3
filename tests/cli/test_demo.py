"""The demo as its user sees it: in a pipe, in a terminal, as JSON, interrupted."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from terminal_rig import COMMAND, PATIENCE_S, Terminal, environment, shell

STEPS = (
    "Balances before",
    "A limit order that rests",
    "A counterparty fills a part of it",
    "Its cancel, read until it is final",
    "A market order, sized in quote",
    "An IOC order, larger than the best level",
    "3 orders placed and cancelled, one by one",
    "A withdrawal, to completion",
    "Three mistakes, refused before a byte is sent",
    "Order history",
    "Trades",
    "Fees",
    "Balances after",
)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-8]|9[0-7])[0-9;]*m")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Open terminals, and close them after the test."""
    opened: list[Terminal] = []

    def make(*arguments: str, width: int = 100, **more: str) -> Terminal:
        opened.append(Terminal(*arguments, width=width, **more))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_pipe_gets_plain_lines_and_balanced_books() -> None:
    done = shell("demo", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if re.match(r" ?\d+/13", line)] == [
        f"{number:>2}/13  {title}" for number, title in enumerate(STEPS, 1)
    ]
    assert "✓ The books balance, to the last unit." in done.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)
    for text in (
        "PARTIALLY_CANCELED: 0.02 of 0.05 BTC",
        "PrecisionError: BTC/USDT price goes in steps of 0.01, was 59397.123456: 59397.12 would pass",
        "UnknownSymbol: mexc lists no symbol BTC/USTD; did you mean BTC/USDT",
        "WithdrawalRefused: ",
    ):
        assert text in done.stdout
    states = re.findall(r"get_withdrawal_status +[0-9.]+ ms  ([A-Z]+)", done.stdout)
    assert states == ["PENDING", "PROCESSING", "COMPLETED"]


def test_pipe_without_utf_8_gets_ascii() -> None:
    done = shell("demo", "--quick", PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "The books balance, to the last unit." in done.stdout


def test_json_is_one_document_that_adds_up() -> None:
    done = shell("demo", "--json", "--tls", "--seed", "7")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["ended"] == "balanced"
    assert document["error"] is None
    assert document["url"].startswith("https://")
    assert document["books"]["disagreements"] == []
    for asset in ("BTC", "USDT"):
        entry = {name: Decimal(value) for name, value in document["books"]["assets"][asset].items()}
        assert entry["after"] == sum(
            (entry["before"], entry["received"], -entry["paid"], -entry["fees"], -entry["withdrawn"])
        )
        assert entry["difference"] == 0
        assert entry["after"] != entry["before"]
    assert document["books"]["assets"]["USDT"]["withdrawn"] == "250"
    assert {call["step"] for call in document["calls"]} == set(STEPS)
    refused = [call for call in document["calls"] if call["error"]]
    assert [call["error"] for call in refused] == ["PrecisionError", "UnknownSymbol", "WithdrawalRefused"]
    assert all(call["latency_us"] > 0 for call in document["calls"])
    assert all((call["requests"] == 0) is (call in refused) for call in document["calls"])
    for row in document["latency"]:
        sent = [call for call in document["calls"] if call["name"] == row["call"] and call["requests"]]
        assert row["calls"] == len(sent)
        assert row["worst_us"] == max(call["latency_us"] for call in sent)
        assert row["p50_us"] <= row["worst_us"]
    assert sum(row["calls"] for row in document["latency"]) == len(document["calls"]) - len(refused)


@pytest.mark.parametrize(("width", "options"), [(80, ()), (100, ("--quick",))])
def test_terminal_gets_colours_and_lines_that_fit(
    terminal: Callable[..., Terminal], width: int, options: tuple[str, ...]
) -> None:
    window = terminal("demo", *options, width=width)
    assert window.end() == 0
    assert COLOUR.search(window.text)
    lines = ESCAPE.sub("", window.text).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) in range(width - 20, width + 1)
    assert "  ✓ The books balance, to the last unit." in lines
    if options:
        assert "━" not in window.text
        return
    assert "━" in window.text, "the bar"
    assert window.text.count("\x1b[?25l") == window.text.count("\x1b[?25h") > 0, "the cursor is back"
    assert len([line for line in lines if "10 orders placed and cancelled, one by one" in line]) > 1, "heading and bar"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_terminal_without_colours(terminal: Callable[..., Terminal], variables: dict[str, str]) -> None:
    window = terminal("demo", "--quick", **variables)
    assert window.end() == 0
    assert "The books balance, to the last unit." in window.text
    assert not COLOUR.search(window.text)


@pytest.mark.parametrize(
    ("moment", "fate"),
    [("A counterparty fills a part of it", r"order \w+: CANCELED"), ("1 of 10", r"order|no order is open")],
)
def test_ctrl_c_cancels_what_was_placed(terminal: Callable[..., Terminal], moment: str, fate: str) -> None:
    window = terminal("demo")
    window.wait_for(moment)
    window.press(b"\x03")
    assert window.end() == 130
    ending = window.text.partition("Interrupted.")[2]
    assert re.search(fate, ending)
    assert "no order is open and none is in doubt" in ending
    assert "Traceback" not in window.text
    assert window.text.count("\x1b[?25l") == window.text.count("\x1b[?25h"), "the cursor is back"


def test_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--quick"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE_S) == 1
