"""Throughput by connections, the memory of a connection and memory over many orders, beside the floor and the peers.

The clients run one after another in processes of their own, pinned to one core, and take turns in every round; one
server process serves them from the other core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import results_file
from whole import cores
from whole.clients import registry
from whole.launch import BENCH, Server, serve
from whole.quantiles import ratios
from whole.run import available_loops

from scale import memory

CLIENTS = ("floor", "spotlane", "plain_aiohttp", "ccxt")
CONNECTIONS = (1, 4, 16, 64)
LOOPS = available_loops()
# What is claimed: orders a second from one core over so many connections, and KiB after the first tenth of the orders.
TARGET_CONNECTIONS, TARGET_ORDERS_PER_S = 16, 8_000
TARGET_GROWTH_KIB = 1_024

# spotlane keeps an eighth of its connections free for cancels.
_FEWEST_OPENED = 0.75

Row = dict[str, Any]


class Setting(NamedTuple):
    """What is the same for a group of clients that are compared."""

    loop: str
    tls: bool
    connections: int


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    seconds: float
    throughput: tuple[Setting, ...]
    connections: tuple[Setting, ...]
    growth: tuple[Setting, ...]
    requests: int


FULL = Plan(
    rounds=5,
    seconds=1.0,
    throughput=(
        *(Setting(loop, False, connections) for loop in LOOPS for connections in CONNECTIONS),
        *(Setting(loop, True, TARGET_CONNECTIONS) for loop in LOOPS),
    ),
    connections=tuple(Setting(loop, tls, max(CONNECTIONS)) for loop in LOOPS for tls in (False, True)),
    growth=tuple(Setting("asyncio", tls, TARGET_CONNECTIONS) for tls in (False, True)),
    requests=1_000_000,
)
QUICK = Plan(
    rounds=1,
    seconds=0.5,
    throughput=tuple(Setting(loop, False, connections) for loop in LOOPS for connections in (1, TARGET_CONNECTIONS)),
    connections=tuple(Setting("asyncio", tls, max(CONNECTIONS)) for tls in (False, True)),
    growth=FULL.growth,
    # The first tenth has to be more than what a client remembers of its orders, or filling that up counts as growth.
    requests=60_000,
)


class Bench:
    """Starts the workers, each against the same server. transport is spotlane's option, None for its default."""

    def __init__(self, server: Server, exchange: str, core: int | None, transport: str | None) -> None:
        self._server = server
        self._exchange = exchange
        self._core = core
        self._transport = transport

    def clients(self) -> list[str]:
        """Return those of CLIENTS that are installed."""
        return [name for name in CLIENTS if name in registry.usable(self._exchange)]

    def measure(self, what: str, client: str, setting: Setting, **amounts: float) -> Row:
        """Run one worker to its end and return what it measured. Raises CalledProcessError; it has told why."""
        arguments: dict[str, object] = {
            "client": client,
            "exchange": self._exchange,
            "url": self._server.url(self._exchange, tls=setting.tls),
            "authority": self._server.authority if setting.tls else None,
            "transport": self._transport if client == "spotlane" else None,
            "core": self._core,
            "loop": setting.loop,
            "connections": setting.connections,
            **amounts,
        }
        given = [(f"--{name}", str(value)) for name, value in arguments.items() if value is not None]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(BENCH), os.environ.get("PYTHONPATH", "")])}
        ended = subprocess.run(
            [sys.executable, "-m", "scale.worker", what, *itertools.chain.from_iterable(given)],
            check=True,
            stdout=subprocess.PIPE,
            env=environment,
        )
        measured: Row = json.loads(ended.stdout)
        return {"client": client, "exchange": self._exchange, "loop": setting.loop, "tls": setting.tls, **measured}

    def throughput(self, plan: Plan) -> Iterator[Row]:
        """Give a row of each client in each setting: medians over rounds in which every client has a turn."""
        for setting in plan.throughput:
            rounds: dict[str, list[Row]] = {client: [] for client in self.clients()}
            for number in range(plan.rounds):
                names = list(rounds)
                for client in names[number % len(names) :] + names[: number % len(names)]:
                    rounds[client].append(self.measure("throughput", client, setting, seconds=plan.seconds))
            for own in rounds.values():
                yield _medians(own, rounds["spotlane"], setting.connections)

    def growth(self, plan: Plan) -> Iterator[Row]:
        """Give a row for each setting: how the memory of spotlane's process grows over many orders."""
        for setting in plan.growth:
            row = self.measure("growth", "spotlane", setting, requests=plan.requests)
            resident_kib = row.pop("resident_kib")
            yield row | {"connections": setting.connections, **_grown(resident_kib)}

    def connections(self, plan: Plan) -> Iterator[Row]:
        """Give a row of each client in each setting: what one connection more takes."""
        for setting in plan.connections:
            for client in self.clients():
                yield self.measure("connections", client, setting, seconds=plan.seconds)


def _grown(resident_kib: list[int]) -> Row:
    """Return by how much memory grew from the second tenth of the samples to the last, and how far it rose at most.

    Medians of ten samples, because the tables of dicts that are always full are allotted anew now and then: resident
    memory swings by some hundred KiB for ever.
    """
    tenth = len(resident_kib) // 10
    settled = statistics.median(resident_kib[tenth : 2 * tenth])
    return {
        "rss_mib": round(settled / 1_024, 1),
        "growth_kib": round(statistics.median(resident_kib[-tenth:]) - settled),
        "most_kib": round(max(resident_kib[tenth:]) - settled),
    }


def _medians(own: list[Row], spotlane: list[Row], connections: int) -> Row:
    row = own[0] | {"connections": connections, "orders": sum(each["orders"] for each in own)}
    for name in ("opened", "orders_per_s", "p50_us", "p99_us", "cpu_us"):
        told = [each[name] for each in own if each[name] is not None]
        row[name] = round(statistics.median(told), 1) if told else None
    if row["opened"] is not None and not connections * _FEWEST_OPENED <= row["opened"] <= connections:
        raise AssertionError(f"{row['client']} opened {row['opened']:g} connections, {connections} were allowed")
    row["over_spotlane"] = ratios(*([1 / each["orders_per_s"] for each in rows] for rows in (own, spotlane)))
    return row


def show_throughput(rows: list[Row]) -> None:
    """Print one line for each row, and the verdict."""
    print(
        f"\nOrders a second, as many tasks as connections\n{'':28}{'connections':>12}{'orders/s':>10}{'p50 us':>9}"
        f"{'p99 us':>9}{'CPU us':>8}{'time / spotlane':>17}"
    )
    for row in rows:
        p99 = "-" if row["p99_us"] is None else f"{row['p99_us']:,.0f}"
        print(
            f"{_head(row)}{row['connections']:12}{row['orders_per_s']:10,.0f}{row['p50_us']:9,.0f}{p99:>9}"
            f"{row['cpu_us']:8.1f}{row['over_spotlane'][1]:16.2f}x"
        )
    for row in rows:
        if row["client"] == "spotlane" and row["connections"] == TARGET_CONNECTIONS and not row["tls"]:
            met = "met" if row["orders_per_s"] >= TARGET_ORDERS_PER_S else "MISSED"
            print(
                f"target on {row['loop']}: {TARGET_ORDERS_PER_S:,} orders/s from one core over {TARGET_CONNECTIONS} "
                f"connections: {met} ({1e6 / row['cpu_us']:,.0f} for each second of processor time)"
            )


def show_connections(rows: list[Row]) -> None:
    """Print one line for each row."""
    print(f"\nMemory of one connection that idles\n{'':28}{'KiB':>12}{'objects':>10}")
    for row in rows:
        print(f"{_head(row)}{row['kib']:12.1f}{row['objects']:10.1f}")


def show_growth(rows: list[Row]) -> None:
    """Print one line for each row, and the verdict."""
    print(
        f"\nResident memory after the first tenth of the orders\n{'':28}{'orders':>12}{'MiB then':>10}"
        f"{'grew, KiB':>11}{'most, KiB':>11}{'orders/s':>10}"
    )
    for row in rows:
        print(
            f"{_head(row)}{row['requests']:12,}{row['rss_mib']:10.1f}{row['growth_kib']:+11}"
            f"{row['most_kib']:+11}{row['orders_per_s']:10,.0f}"
        )
    grown = max(row["growth_kib"] for row in rows)
    print(f"target: below {TARGET_GROWTH_KIB:+,} KiB: {'met' if grown < TARGET_GROWTH_KIB else 'MISSED'}")


def _head(row: Row) -> str:
    return f"{row['client']:14} {row['loop']}{', TLS' if row['tls'] else '':{13 - len(row['loop'])}}"


def _run(bench: Bench, plan: Plan, parts: list[str], about: dict[str, Any]) -> None:
    """Measure the parts one after another, printing and keeping the figures of each as soon as they are there."""
    if "throughput" in parts:
        rows = list(bench.throughput(plan))
        show_throughput(rows)
        results_file.save("scale", {"about": about, "rows": rows})
    if not memory.is_told():
        print("this system does not tell what memory a process holds: nothing is said about memory")
        return
    if "connections" in parts:
        rows = list(bench.connections(plan))
        show_connections(rows)
        results_file.save("connections", {"about": about, "rows": rows})
    if "growth" in parts:
        rows = list(bench.growth(plan))
        show_growth(rows)
        results_file.save("memory", {"about": about, "rows": rows})


def main() -> None:
    """Measure and write results/last.json."""
    parts = ["throughput", "connections", "growth"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of some twenty, for a look")
    parser.add_argument("--requests", type=int, help="over how many orders memory is watched, 50,000 or more")
    parser.add_argument("--only", choices=parts, action="append", help="measure this part alone; may be repeated")
    parser.add_argument("--exchange", default="mexc")
    parser.add_argument("--transport", help="spotlane's option of this name")
    asked = parser.parse_args()
    plan = QUICK if asked.quick else FULL
    if asked.requests is not None:
        plan = plan._replace(requests=asked.requests)
    client_core, server_core = cores.choose()
    missing = [name for name in CLIENTS if not registry.is_installed(name)]
    if missing:
        print(f"not installed: {', '.join(missing)}")
    about = results_file.about(quick=asked.quick) | {
        "cores": None if client_core is None else {"clients": client_core, "server": server_core},
        "transport": asked.transport,
        "missing": missing,
    }
    with serve(server_core) as server:
        about["server"] = server.loop
        _run(Bench(server, asked.exchange, client_core, asked.transport), plan, asked.only or parts, about)
