"""The README's figures are those of the committed results, and what measures them measures something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "bench"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)


def test_the_readme_shows_the_committed_results() -> None:
    printed = subprocess.run(
        [sys.executable, BENCH / "report.py", "--table"], capture_output=True, text=True, check=True
    ).stdout
    _, _, rest = (ROOT / "README.md").read_text().partition(BEGIN)
    assert rest.partition(END)[0] == printed, "run `make bench-report`, or `make bench` for new figures"


@pytest.mark.parametrize("exchange", ["mexc", "gateio", "binance"])
@pytest.mark.parametrize("client", ["floor", "spotlane", "plain_aiohttp"])
def test_every_verb_gets_the_reply_that_the_server_meant(exchange: str, client: str) -> None:
    from whole.launch import serve, work
    from whole.run import VERBS

    with serve() as server, work(client, server, exchange=exchange, loop="asyncio", tls=True) as worker:
        for verb in VERBS:
            assert len(worker.ask(do="turn", verb=verb, count=2)["samples_ns"]) == 2


async def test_a_client_that_names_another_order_is_found_out() -> None:
    from whole.clients.contract import Target
    from whole.clients.floor import Floor
    from whole.worker import Session

    class Wrong(Floor):
        async def cancel(self, order_id: str) -> str:
            return f"{order_id}1"

    session = Session(Wrong(Target("mexc", "http://127.0.0.1:1")), None)
    with pytest.raises(AssertionError, match="order id: the client says '1'"):
        await session.turn("cancel_order", 1)


def test_a_ratio_is_that_of_the_same_round() -> None:
    from whole.quantiles import ratios

    assert ratios([10, 400, 30], [5, 100, 10]) == [2.5, 3.0, 3.5]


def test_a_percentile_needs_samples_beyond_it() -> None:
    from whole.quantiles import summary

    told = summary([each * 1_000 for each in range(300)])
    assert (told["p50_us"], told["p99_us"], told["p999_us"]) == (150, 297, None)


def test_a_target_says_what_the_results_say() -> None:
    from reporting.targets import TARGETS

    row = {"exchange": "mexc", "loop": "uvloop", "tls": True, "verb": "place_order", "client": "spotlane"}
    told = {target.verdict({"whole": {"rows": [row | {"over_floor": [1.3, 1.4, 1.6]}]}}) for target in TARGETS}
    assert ("`place_order` against the raw floor, uvloop, TLS", "at most 1.50x", "1.40x", "met") in told
    assert ("ccxt against spotlane's `place_order`, uvloop", "at least 9.00x", "", "not measured") in told
    told = {target.verdict({"whole": {"rows": [row | {"over_floor": [1.3, 1.51, 1.6]}]}}) for target in TARGETS}
    assert ("`place_order` against the raw floor, uvloop, TLS", "at most 1.50x", "1.51x", "MISSED") in told


def test_a_quick_run_is_not_published() -> None:
    import report

    quick = {suite: {"about": {"quick": True}} for suite in ("micro", "whole", "writes", "rates")}
    with pytest.raises(SystemExit, match="quick run"):
        report.publish(quick)
