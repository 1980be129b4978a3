"""Whole requests: many rounds in which each client makes some in turn, on one core; the server has another."""

from __future__ import annotations

import argparse
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import results_file

from whole import cores
from whole.clients import registry
from whole.launch import Server, Worker, serve, work
from whole.quantiles import ratios, spread, summary

LOOPS = ("asyncio", "uvloop")
# name: whether a reply is small, which decides how many a turn and how many rounds.
VERBS = {
    "place_order": True,
    "cancel_order": True,
    "get_order": True,
    "get_open_orders": False,
    "get_account_balance": False,
}
RATES = (100, 500, 2_000)
# ccxt takes too long for a request to keep up with the highest rate on one core.
TOO_FAST = {"ccxt": 2_000}
_RATED = ("floor", "spotlane", "plain_aiohttp", "ccxt")


@dataclass(frozen=True, slots=True)
class Turns:
    """How many rounds, and how many requests each client makes in one."""

    rounds: int
    requests: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured. seconds are those of one turn at a rate."""

    main_small: Turns = Turns(40, 100)
    main_large: Turns = Turns(30, 10)
    other_small: Turns = Turns(20, 60)
    other_large: Turns = Turns(10, 10)
    writes: Turns = Turns(20, 200)
    rate_rounds: int = 5
    rate_seconds: float = 2.0
    is_whole: bool = True


QUICK = Plan(
    main_small=Turns(7, 30),
    main_large=Turns(3, 3),
    other_small=Turns(5, 20),
    other_large=Turns(2, 2),
    writes=Turns(5, 100),
    rate_rounds=1,
    rate_seconds=1.0,
    is_whole=False,
)


class Bench:
    """One run: a server, and workers for one section at a time."""

    def __init__(self, server: Server, plan: Plan, core: int | None, transport: str | None) -> None:
        self._server = server
        self._plan = plan
        self._core = core
        self._transport = transport

    def sections(self, exchanges: tuple[str, ...]) -> Iterator[tuple[str, str, bool]]:
        """Give exchange, loop and TLS of each comparison; a quick run has all of them for the first exchange only."""
        for exchange in exchanges:
            for loop in available_loops():
                for tls in (False, True):
                    if self._plan.is_whole or exchange == exchanges[0] or (loop == "asyncio" and not tls):
                        yield exchange, loop, tls

    def section(self, exchange: str, loop: str, tls: bool, *, is_main: bool) -> list[dict[str, Any]]:
        """Measure every verb of every client of one exchange, on one loop, plain or TLS."""
        plan = self._plan
        rows: list[dict[str, Any]] = []
        with self._workers(registry.usable(exchange), exchange, loop, tls) as workers:
            for verb, is_small in VERBS.items():
                if is_small:
                    turns = plan.main_small if is_main else plan.other_small
                else:
                    turns = plan.main_large if is_main else plan.other_large
                head = {"exchange": exchange, "loop": loop, "tls": tls, "verb": verb}
                rows += [head | row for row in _take_turns(workers, verb, turns)]
                print(f"  {verb}: " + ", ".join(_short(row) for row in rows if row["verb"] == verb), flush=True)
        return rows

    def writes(self, loop: str) -> list[dict[str, Any]]:
        """Time how long each client takes from the call of place_order to entering transport.write, on MEXC."""
        turns, rows = self._plan.writes, []
        with self._workers(_RATED, "mexc", loop, False, stamp_writes=True) as workers:
            found: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for order in _rounds(workers, turns.rounds):
                for name in order:
                    found[name].append(workers[name].ask(do="until_write", count=turns.requests))
            for name, told in found.items():
                until_write = [each for answer in told for each in answer["until_write_ns"]]
                library = [each for answer in told for each in answer["library_ns"]]
                own, other = ([statistics.median(answer[key]) for answer in told] for key in _WRITE_KEYS)
                row = {"loop": loop, "client": name, "what": workers[name].what, **summary(until_write)}
                row |= {"library_p50_us": summary(library)["p50_us"], "over_library": ratios(own, other)}
                rows.append(row)
                print(f"  {name}: {row['p50_us']} us, {row['over_library'][1]}x urlencode + hmac", flush=True)
        return rows

    def rates(self, loop: str) -> list[dict[str, Any]]:
        """Place orders at fixed rates on MEXC, plain."""
        rows: list[dict[str, Any]] = []
        with self._workers(_RATED, "mexc", loop, False) as workers:
            for rate in RATES:
                able = {name: worker for name, worker in workers.items() if rate < TOO_FAST.get(name, math.inf)}
                samples: dict[str, list[list[int]]] = defaultdict(list)
                failures: Counter[str] = Counter()
                for order in _rounds(able, self._plan.rate_rounds):
                    for name in order:
                        told = able[name].ask(do="rate", rate=rate, seconds=self._plan.rate_seconds)
                        samples[name].append(told["samples_ns"])
                        failures[name] += len(told["failures"])
                for name, turns in samples.items():
                    parts = [summary(turn) for turn in turns]
                    tails = [part["p99_us"] / part["p50_us"] for part in parts if part["p99_us"]]
                    row = {
                        "loop": loop,
                        "client": name,
                        "what": able[name].what,
                        "rate": rate,
                        "failed": failures[name],
                    }
                    row |= summary([each for turn in turns for each in turn])
                    rows.append(row | {"p99_over_p50": spread(tails) if tails else None})
                    shown = f"p50 {row['p50_us']} us, p99 {row['p99_us']} us, failed {row['failed']}"
                    print(f"  {rate}/s {name}: {shown}", flush=True)
        return rows

    def stages(self, loop: str) -> list[dict[str, Any]]:
        """Tell where the time of one order goes, by spotlane's own stamps, on MEXC."""
        turns = self._plan.writes
        with self._workers(("spotlane",), "mexc", loop, False) as workers:
            told = [workers["spotlane"].ask(do="stages", count=turns.requests) for _ in range(turns.rounds)]
        rows: list[dict[str, Any]] = []
        for stage in told[0]["took_us"]:
            took = summary([round(1_000 * each) for answer in told for each in answer["took_us"][stage]])
            rows.append({"loop": loop, "stage": stage, "p50_us": took["p50_us"], "p99_us": took["p99_us"]})
        print(f"  {loop}: " + ", ".join(f"{row['stage']} {row['p50_us']} us" for row in rows), flush=True)
        return rows

    @contextmanager
    def _workers(
        self, names: list[str] | tuple[str, ...], exchange: str, loop: str, tls: bool, *, stamp_writes: bool = False
    ) -> Iterator[dict[str, Worker]]:
        with ExitStack() as stack:
            start = partial(
                work, server=self._server, exchange=exchange, loop=loop, tls=tls, core=self._core,
                stamp_writes=stamp_writes,
            )  # fmt: skip
            workers = {}
            for name in names:
                if registry.is_installed(name):
                    transport = self._transport if name == "spotlane" else None
                    workers[name] = stack.enter_context(start(name, transport=transport))
            yield workers


_WRITE_KEYS = ("until_write_ns", "library_ns")


def available_loops() -> tuple[str, ...]:
    """Return the loops that are installed."""
    return tuple(loop for loop in LOOPS if loop == "asyncio" or find_spec(loop) is not None)


def _rounds(workers: dict[str, Worker], count: int) -> Iterator[list[str]]:
    """Give the order of each round: everyone once, another one first each time."""
    names = list(workers)
    for index in range(count):
        first = index % len(names)
        yield names[first:] + names[:first]


def _take_turns(workers: dict[str, Worker], verb: str, turns: Turns) -> list[dict[str, Any]]:
    samples: dict[str, list[list[int]]] = {name: [] for name in workers}
    cpu_ns: dict[str, list[float]] = {name: [] for name in workers}
    for order in _rounds(workers, turns.rounds):
        for name in order:
            told = workers[name].ask(do="turn", verb=verb, count=turns.requests)
            samples[name].append(told["samples_ns"])
            cpu_ns[name].append(told["cpu_ns"])
    medians = {name: [statistics.median(turn) for turn in own] for name, own in samples.items()}
    rows = []
    for name, own in samples.items():
        row: dict[str, Any] = {
            "client": name,
            "what": workers[name].what,
            **summary([each for turn in own for each in turn]),
        }
        row["cpu_us"] = round(statistics.median(cpu_ns[name]) / 1_000, 1)
        for other, excepted in (("floor", ("floor",)), ("spotlane", ("floor", "spotlane"))):
            if name not in excepted:
                row[f"over_{other}"] = ratios(medians[name], medians[other])
                row[f"cpu_over_{other}"] = ratios(cpu_ns[name], cpu_ns[other])
        rows.append(row)
    return rows


def _short(row: dict[str, Any]) -> str:
    return f"{row['client']} {row['p50_us']} us"


def main() -> None:
    """Measure and write results/last.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute, for a look; can't be published")
    parser.add_argument("--exchange", choices=("mexc", "gateio", "binance"), help="this one only")
    parser.add_argument("--transport", help="spotlane's option of that name")
    parser.add_argument("--only", choices=("whole", "writes", "stages", "rates"), help="one part")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    exchanges = (arguments.exchange,) if arguments.exchange else ("mexc", "gateio", "binance")
    client_core, server_core = cores.choose()
    about = results_file.about(quick=arguments.quick) | {
        "cores": None if client_core is None else {"clients": client_core, "server": server_core},
        "transport": arguments.transport,
        "missing": [name for name in registry.NAMES if not registry.is_installed(name)],
    }
    with serve(server_core) as server:
        about["server"] = f"{server.loop} on a core of its own" if client_core is not None else server.loop
        bench = Bench(server, plan, client_core, arguments.transport)
        if arguments.only in (None, "whole"):
            rows: list[dict[str, Any]] = []
            for exchange, loop, tls in bench.sections(exchanges):
                print(f"{exchange}, {loop}, {'TLS' if tls else 'plain'}", flush=True)
                rows += bench.section(exchange, loop, tls, is_main=exchange == exchanges[0])
            results_file.save("whole", {"about": about, "rows": rows})
        if arguments.only in (None, "writes"):
            print("from the call of place_order to transport.write", flush=True)
            rows = [row for loop in available_loops() for row in bench.writes(loop)]
            results_file.save("writes", {"about": about, "rows": rows})
        if arguments.only in (None, "stages"):
            print("stages of place_order", flush=True)
            rows = [row for loop in available_loops() for row in bench.stages(loop)]
            results_file.save("stages", {"about": about, "rows": rows})
        if arguments.only in (None, "rates"):
            print("open loop", flush=True)
            rows = [row for loop in available_loops() for row in bench.rates(loop)]
            results_file.save("rates", {"about": about, "rows": rows})
