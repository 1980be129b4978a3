"""The speeds that the project promises, and what the results say about each. Times are p50 where nothing is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]
MAIN = "mexc"
LOOPS = ("asyncio", "uvloop")


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one measured figure; measure returns None where the results do not hold it."""

    text: str
    bound: float
    at_most: bool
    unit: str
    measure: Callable[[Results], float | None]

    def verdict(self, results: Results) -> tuple[str, str, str, str]:
        """Return the text, the bound, the measured figure, and "met", "MISSED" or "not measured"."""
        wanted = f"{'at most' if self.at_most else 'at least'} {_write(self.bound, self.unit)}"
        value = self.measure(results)
        if value is None:
            return self.text, wanted, "", "not measured"
        is_met = value <= self.bound if self.at_most else value >= self.bound
        return self.text, wanted, _write(value, self.unit), "met" if is_met else "MISSED"


def find(results: Results, suite: str, **wanted: object) -> dict[str, Any] | None:
    """Return the one row of a suite that has these members, None where there is none."""
    for row in results.get(suite, {}).get("rows", ()):
        if all(row.get(name) == value for name, value in wanted.items()):
            found: dict[str, Any] = row
            return found
    return None


def table(results: Results, title: str) -> dict[str, float]:
    """Return a table of the micro benchmarks as name to median, empty where it is missing."""
    rows = results.get("micro", {}).get("tables", {}).get(title, {}).get("rows", ())
    return dict(rows)


def _write(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:.2f}x"
    return f"{value:,.0f}{unit}"


def _median(row: dict[str, Any] | None, key: str) -> float | None:
    spread = None if row is None else row.get(key)
    return None if spread is None else float(spread[1])


def _placing(client: str, key: str, loop: str, tls: bool) -> Callable[[Results], float | None]:
    wanted = {"exchange": MAIN, "verb": "place_order", "client": client, "loop": loop, "tls": tls}
    return lambda results: _median(find(results, "whole", **wanted), key)


def _micro(title: str, one: str, other: str) -> Callable[[Results], float | None]:
    def measure(results: Results) -> float | None:
        medians = table(results, title)
        return medians[one] / medians[other] if one in medians and other in medians else None

    return measure


def _field(suite: str, key: str, **wanted: object) -> Callable[[Results], float | None]:
    def measure(results: Results) -> float | None:
        row = find(results, suite, **wanted)
        return None if row is None else float(row[key])

    return measure


def _whole_targets() -> Iterator[Target]:
    kinds = [(loop, tls, f"{loop}{', TLS' if tls else ''}") for tls in (False, True) for loop in LOOPS]
    for loop, tls, where in kinds:
        measure = _placing("spotlane", "over_floor", loop, tls)
        yield Target(f"`place_order` against the raw floor, {where}", 1.5, True, "x", measure)
    for loop, bound in (("asyncio", 6.0), ("uvloop", 9.0)):
        measure = _placing("ccxt", "over_spotlane", loop, False)
        yield Target(f"ccxt against spotlane's `place_order`, {loop}", bound, False, "x", measure)
    for loop, tls, where in kinds:
        bound = 2.0 if tls else {"asyncio": 2.5, "uvloop": 3.5}[loop]
        measure = _placing("plain_aiohttp", "over_spotlane", loop, tls)
        yield Target(f"plain aiohttp against spotlane's `place_order`, {where}", bound, False, "x", measure)
    for loop in LOOPS:
        yield Target(
            f"from the call to `transport.write` against `urlencode` + `hmac`, {loop}", 1 / 3, True, "x",
            lambda results, loop=loop: _median(  # type: ignore[misc]
                find(results, "writes", loop=loop, client="spotlane"), "over_library"
            ),
        )  # fmt: skip
    for loop in LOOPS:
        yield Target(
            f"p99 against p50 at 500 orders/s, open loop, {loop}", 3.0, True, "x",
            lambda results, loop=loop: _median(  # type: ignore[misc]
                find(results, "rates", loop=loop, client="spotlane", rate=500), "p99_over_p50"
            ),
        )  # fmt: skip


def _scale_targets() -> Iterator[Target]:
    for loop in LOOPS:
        measure = _field("scale", "orders_per_s", client="spotlane", loop=loop, tls=False, connections=16)
        yield Target(f"orders a second on one core, 16 connections, {loop}", 8_000, False, "/s", measure)
    for tls in (False, True):
        measure = _field("memory", "growth_kib", client="spotlane", tls=tls)
        text = f"RSS growth after the first 100,000 of 1,000,000 requests{', TLS' if tls else ''}"
        yield Target(text, 1_024, True, " KiB", measure)
    for module in ("spotlane", "spotlane.exchanges.mexc"):
        measure = _field("import", "over_aiohttp", module=module)
        yield Target(f"`import {module}` against `import aiohttp`", 1.3, True, "x", measure)


def _micro_targets() -> Iterator[Target]:
    signed = "Encode and sign one limit order, signature in the query"
    yield Target(
        "the standard library against encoding + signing, MEXC", 15, False, "x",
        _micro(signed, "sign_library", "sign_spotlane"),
    )  # fmt: skip
    yield Target(
        "the standard library against encoding + signing, Gate", 4, False, "x",
        _micro("Encode and sign one limit order, body and headers", "order_library", "order_spotlane"),
    )  # fmt: skip
    yield Target(
        "1,000 open orders, ids and states, against msgspec", 0.40, True, "x",
        _micro("1,000 orders, ids and states", "orders_ids_spotlane", "orders_ids_msgspec"),
    )  # fmt: skip
    yield Target(
        "1,000 open orders, every decimal, against msgspec", 1.0, True, "x",
        _micro("1,000 orders, every decimal", "orders_decimals_spotlane", "orders_decimals_msgspec"),
    )  # fmt: skip


TARGETS = (*_whole_targets(), *_scale_targets(), *_micro_targets())
