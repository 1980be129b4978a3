"""Tables as rows of texts, and the README's section in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reporting.targets import LOOPS, MAIN, TARGETS, Results, find, table

Row = Sequence[str]
NAMES = {
    "floor": "raw floor", "spotlane": "spotlane", "plain_aiohttp": "plain aiohttp", "ccxt": "ccxt",
    "gate_api": "gate-api", "python_binance": "python-binance",
}  # fmt: skip
KINDS = tuple((loop, tls, f"{loop}{', TLS' if tls else ''}") for tls in (False, True) for loop in LOOPS)
EXCHANGES = {"mexc": "MEXC", "gateio": "Gate", "binance": "Binance"}

# Which of the peers are shown where: each exchange's own or best known one, the general ones on the first.
_SHOWN = (
    (MAIN, "floor"), (MAIN, "spotlane"), (MAIN, "plain_aiohttp"), (MAIN, "ccxt"),
    ("gateio", "gate_api"), ("binance", "python_binance"),
)  # fmt: skip
STEPS = (
    ("encode and sign a LIMIT order, signature in the query", "the standard library",
     "Encode and sign one limit order, signature in the query", "sign_library", "sign_spotlane"),
    ("encode and sign a LIMIT order, JSON body and signature in headers", "the standard library",
     "Encode and sign one limit order, body and headers", "order_library", "order_spotlane"),
    ("HMAC-SHA256 of 150 bytes as hexadecimal", "the standard library",
     "HMAC-SHA256 of 150 bytes as hexadecimal, from Python", "hmac_sha256_library", "hmac_sha256_spotlane"),
    ("1,000 open orders, ids and states read", "msgspec, typed",
     "1,000 orders, ids and states", "orders_ids_msgspec", "orders_ids_spotlane"),
    ("1,000 open orders, every decimal read", "msgspec, typed",
     "1,000 orders, every decimal", "orders_decimals_msgspec", "orders_decimals_spotlane"),
)  # fmt: skip


def microseconds(value: float) -> str:
    """Write a time so that three digits tell."""
    if value >= 1_000:
        return f"{value / 1_000:,.2f} ms"
    return f"{value:.2f} µs" if value < 10 else f"{value:.0f} µs"


def placing(results: Results) -> list[Row]:
    """Return the table of place_order: a row a client, a column for each loop, plain and TLS."""
    rows: list[Row] = [("`place_order`, p50", *(where for _, _, where in KINDS))]
    for exchange, client in _SHOWN:
        cells, what = [], ""
        for loop, tls, _ in KINDS:
            row = find(results, "whole", exchange=exchange, verb="place_order", client=client, loop=loop, tls=tls)
            what = what or ("" if row is None else row["what"])
            cells.append("" if row is None else _cell(row))
        if any(cells):
            rows.append((f"{EXCHANGES[exchange]}: {what}", *cells))
    return rows


def verbs(results: Results, loop: str, tls: bool) -> list[Row]:
    """Return the table of all verbs on the first exchange: a row a verb, a column a client."""
    found = [
        row for row in results.get("whole", {}).get("rows", ())
        if (row["exchange"], row["loop"], row["tls"]) == (MAIN, loop, tls)
    ]  # fmt: skip
    clients = list(dict.fromkeys(row["client"] for row in found))
    rows: list[Row] = [("p50", *(NAMES[client] for client in clients))]
    for verb in dict.fromkeys(row["verb"] for row in found):
        cells = {row["client"]: _cell(row) for row in found if row["verb"] == verb}
        rows.append((f"`{verb}`", *(cells.get(client, "") for client in clients)))
    return rows


def steps(results: Results) -> list[Row]:
    """Return the table of the compiled steps beside their baselines."""
    rows: list[Row] = [("step", "baseline", "its time", "spotlane", "")]
    for text, baseline, title, one, other in STEPS:
        medians = table(results, title)
        if one in medians and other in medians:
            us = 1.0 if results["micro"]["tables"][title]["unit"] == "us" else 1_000.0
            ratio = f"{medians[one] / medians[other]:.1f}x"
            rows.append((text, baseline, microseconds(medians[one] / us), microseconds(medians[other] / us), ratio))
    return rows


def verdicts(results: Results) -> list[Row]:
    """Return every target with what was measured."""
    return [("target", "wanted", "measured", ""), *(target.verdict(results) for target in TARGETS)]


def origin(about: dict[str, Any]) -> str:
    """Say when, where and with what figures were measured."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if name != "spotlane")
    return f"{about['date']}; {about['machine']}, load {about['load_before']} before; {about['python']}; {versions}"


def markdown(rows: Iterable[Row]) -> str:
    """Write a table, its first row as the head."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    lines.insert(1, f"| {' | '.join('---' for _ in lines[0].split(' | '))} |")
    return "\n".join(lines) + "\n"


def section(results: Results) -> str:
    """Return what stands in the README between its two marks."""
    parts = [
        "Whole calls over loopback TCP against a server that answers with canned replies from another core. In "
        "brackets how many times spotlane's own time on the same exchange, or for spotlane the floor's: medians over "
        "rounds of one run, in which the clients took turns.",
        markdown(placing(results)),
        markdown(verbs(results, "asyncio", False)),
        "Compiled steps:",
        markdown(steps(results)),
        markdown(verdicts(results)),
        f"Measured {origin(results['whole']['about'])}.\n",
    ]
    return "\n".join(part if part.endswith("\n") else f"{part}\n" for part in parts)


def _cell(row: dict[str, Any]) -> str:
    spread = row.get("over_spotlane") or (row.get("over_floor") if row["client"] == "spotlane" else None)
    text = microseconds(row["p50_us"])
    return text if spread is None else f"{text} ({spread[1]:.1f}x)"
