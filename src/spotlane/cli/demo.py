"""`spotlane demo`: the real client, over real TCP, against a simulated exchange in another process."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import click

from spotlane import registry
from spotlane._version import __version__
from spotlane.cli._books import AssetBooks, Books
from spotlane.cli._calls import Caller, CallRecord
from spotlane.cli._group import Settings, debug_option
from spotlane.cli._steps import Walk
from spotlane.cli._venue import Venue
from spotlane.cli.output import Screen, align, milliseconds, plain_number
from spotlane.errors import SpotlaneError
from spotlane.safety import WithdrawalPolicy

_ROUNDS, _QUICK_ROUNDS = 10, 3
_BOOK_ROWS = {
    "before": "before",
    "received in trades": "received",
    "paid in trades": "paid",
    "fees": "fees",
    "withdrawn": "withdrawn",
    "expected": "expected",
    "after": "after",
    "difference": "difference",
}
_SUBTRACTED = frozenset({"paid", "fees", "withdrawn"})


@dataclass(slots=True)
class Outcome:
    """How a run ended: "balanced", "unbalanced", "failed" or "interrupted"."""

    exchange: str
    url: str = ""
    ended: str = "failed"
    error: str | None = None
    books: Books | None = None
    calls: list[CallRecord] = field(default_factory=list)
    clean_up: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What the process returns."""
        return {"balanced": 0, "interrupted": 130}.get(self.ended, 1)


@click.command("demo")
@click.option("--exchange", default="mexc", show_default=True, metavar="NAME", help="The exchange to simulate.")
@click.option("--quick", is_flag=True, help="No pauses, no animation, fewer rounds of the order loop.")
@click.option("--tls", is_flag=True, help="HTTPS, with a certificate made for this run.")
@click.option("--seed", type=int, default=0, show_default=True, help="Order book and keys of the simulated exchange.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text; implies --quick.")
@debug_option
@click.pass_obj
def command(settings: Settings, exchange: str, quick: bool, tls: bool, seed: int, as_json: bool) -> int:
    """Trade the whole lifecycle of orders and a withdrawal against the sandbox.

    The client that trades is the one that a bot would use. The exchange is simulated in a process of its own: there is
    no money in it, and nothing leaves this machine. At the end every balance is accounted for, to the last unit.
    """
    registry.spec(exchange)
    quick = quick or as_json
    venue = Venue(exchange, seed=seed, tls=tls, debug=settings.debug)
    outcome = Outcome(exchange)
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    with Screen(sys.stdout, lively=not quick, silent=as_json) as screen:
        try:
            asyncio.run(run(venue, screen, outcome, rounds=rounds))
        except KeyboardInterrupt:
            outcome.ended = "interrupted"
            screen.end_progress()
            if not outcome.clean_up:
                # A second Ctrl-C ends the clean-up as well.
                placed = any(call.name == "place_order" for call in outcome.calls)
                outcome.clean_up = ["orders may be open still" if placed else "no order was placed"]
            _show_end(screen, "Interrupted.", outcome.clean_up)
    if as_json:
        print(json.dumps(to_document(outcome), indent=2))
    return outcome.exit_code


async def run(venue: Venue, screen: Screen, outcome: Outcome, *, rounds: int) -> None:
    """Run the whole demo; outcome is filled in on the way, also where it is cancelled in the middle of it.

    Raises UsageError for what the sandbox refuses, VenueFailed where its process does not run.
    """
    screen.progress(0, 1, "starting the simulated exchange")
    async with venue:
        outcome.url = venue.url
        await _trade(venue, screen, outcome, rounds)
    screen.end_progress()
    if outcome.books is None:
        _show_end(screen, f"Failed. {outcome.error}", outcome.clean_up)
    else:
        outcome.ended = "balanced" if outcome.books.is_balanced else "unbalanced"
        _show_books(screen, outcome.books)
        _show_latency(screen, outcome)


async def _trade(venue: Venue, screen: Screen, outcome: Outcome, rounds: int) -> None:
    client = registry.open_exchange(
        outcome.exchange,
        venue.credentials,
        base_url=venue.url,
        ssl_context=venue.ssl_context,
        withdrawals=WithdrawalPolicy([venue.target]),
        # Waiting for the local rate budget is no latency of a call; the venue has its limits off, too.
        enforce_limits=False,
    )
    async with client as exchange:
        screen.heading(
            f"spotlane {__version__}: the real client, a simulated {exchange.spec.title}",
            f"{venue.url}, served by another process; no money, no internet",
        )
        caller = Caller(exchange, screen)
        outcome.calls = caller.records
        walk = Walk(caller, venue, screen, rounds=rounds)
        try:
            await walk.run()
        except SpotlaneError as error:
            outcome.error = f"{caller.step}: {type(error).__name__}: {error}"
        finally:
            outcome.clean_up = await caller.clean_up()
        outcome.books = walk.books


def _show_end(screen: Screen, verdict: str, clean_up: list[str]) -> None:
    screen.verdict(verdict, good=False)
    for line in clean_up:
        screen.line(line)


def _show_books(screen: Screen, books: Books) -> None:
    screen.title("The books")
    columns = [align([_entry(each, name) for name in _BOOK_ROWS.values()]) for each in books.assets]
    rows = list(zip(_BOOK_ROWS, *columns, strict=True))
    screen.table(("", *(each.asset for each in books.assets)), rows, emphasised=(len(rows) - 1,))
    for line in books.disagreements:
        screen.paragraph(line, "red")
    if not books.disagreements:
        screen.paragraph(
            f"{books.orders} orders, {books.trades} trades, the withdrawal and the balances: what the client reads "
            "and what the exchange's own ledger holds are the same."
        )
    if books.is_balanced:
        screen.verdict("The books balance, to the last unit.", good=True)
    else:
        off = ", ".join(f"{plain_number(each.difference)} {each.asset}" for each in books.assets if each.difference)
        screen.verdict(f"The books do not balance: {f'off by {off}' if off else 'the two ledgers differ'}.", good=False)


def _entry(books: AssetBooks, name: str) -> Decimal:
    value: Decimal = getattr(books, name)
    return value.copy_negate() if name in _SUBTRACTED and value else value


def _show_latency(screen: Screen, outcome: Outcome) -> None:
    screen.title("Client-side latency")
    rows = [
        (
            row["call"],
            str(row["calls"]),
            str(row["requests"]),
            milliseconds(row["p50_us"]),
            milliseconds(row["worst_us"]),
        )
        for row in latency_rows(outcome.calls)
    ]
    screen.table(("call", "calls", "requests", "p50", "worst"), rows)
    scheme = "HTTPS" if outcome.url.startswith("https") else "HTTP"
    screen.paragraph(
        f"From the call to its result, with {scheme} over loopback to the other process and all requests of the call; "
        "one call at a time, the first of each kind included. The client's own rate limits are off, for waiting is no "
        "latency. The three mistakes, which send nothing, are left out.",
        "dim",
    )


def latency_rows(calls: Iterable[CallRecord]) -> list[dict[str, Any]]:
    """Sum up, method by method in order of first use, the calls that sent something."""
    by_name: dict[str, list[CallRecord]] = {}
    for call in calls:
        if call.requests:
            by_name.setdefault(call.name, []).append(call)
    return [
        {
            "call": name,
            "calls": len(records),
            "requests": sum(record.requests for record in records),
            "p50_us": round(statistics.median(record.latency_us for record in records), 1),
            "worst_us": round(max(record.latency_us for record in records), 1),
        }
        for name, records in by_name.items()
    ]


def to_document(outcome: Outcome) -> dict[str, Any]:
    """Return the JSON document of a run; money is text, as exact as it was."""
    books = outcome.books
    return {
        "spotlane": __version__,
        "exchange": outcome.exchange,
        "url": outcome.url,
        "ended": outcome.ended,
        "error": outcome.error,
        "calls": [
            {**asdict(call), "latency_us": round(call.latency_us, 1)} for call in outcome.calls
        ],
        "clean_up": outcome.clean_up,
        "books": None if books is None else {
            "is_balanced": books.is_balanced,
            "assets": {
                each.asset: {name: f"{getattr(each, name):f}" for name in _BOOK_ROWS.values()} for each in books.assets
            },
            "orders": books.orders,
            "trades": books.trades,
            "disagreements": list(books.disagreements),
        },
        "latency": latency_rows(outcome.calls),
    }  # fmt: skip
