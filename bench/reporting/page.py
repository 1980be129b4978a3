"""One page that holds everything: no file beside it, nothing from the network."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from reporting.tables import KINDS, Row, origin, placing, steps, verbs, verdicts
from reporting.targets import Results

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; padding: .3em .7em; text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.met { color: #06733a; } td.MISSED { color: #b3261e; font-weight: 600; } td.not { color: #888; }
svg { max-width: 100%; height: auto; } .origin { color: #666; font-size: 12px; } details { margin: .5em 0; }
"""

_NOT_SHOWN = ("distribution",)
_SUITES = {
    "whole": "Whole requests", "writes": "Until transport.write", "rates": "Open loop", "scale": "Throughput",
    "connections": "Memory of a connection", "memory": "Memory", "import": "Import", "stages": "Stages",
}  # fmt: skip


def build(results: Results, plots: Iterable[tuple[str, str]]) -> str:
    """Return the page as HTML. plots are titles and SVG."""
    parts = ["<h1>spotlane: benchmarks</h1>"]
    if "whole" in results:
        about = results["whole"]["about"]
        parts.append(f'<p class="origin">{_text(origin(about))}; {_text(_circumstances(about))}</p>')
    parts += ["<h2>Targets</h2>", _table(verdicts(results))]
    parts += [f"<h2>{_text(title)}</h2>{svg}" for title, svg in plots]
    parts += ["<h2>Place one order</h2>", _table(placing(results))]
    for loop, tls, where in KINDS:
        rows = verbs(results, loop, tls)
        if len(rows) > 1:
            parts += [f"<h2>Every verb on MEXC, {_text(where)}</h2>", _table(rows)]
    parts += ["<h2>Compiled steps</h2>", _table(steps(results)), *_micro(results)]
    parts += ["<h2>Every figure</h2>", "<p>Spreads are lower quartile, median, upper quartile over the rounds.</p>"]
    parts += [_suite(results[suite], title) for suite, title in _SUITES.items() if suite in results]
    head = f'<meta charset="utf-8"><title>spotlane: benchmarks</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _circumstances(about: dict[str, Any]) -> str:
    said = [f"server: {about['server']}", about["openssl"]]
    if about["quick"]:
        said.append("a quick run, too short to rely on")
    if about["missing"]:
        said.append(f"not installed: {', '.join(about['missing'])}")
    return "; ".join(said)


def _micro(results: Results) -> list[str]:
    parts = []
    for title, told in results.get("micro", {}).get("tables", {}).items():
        first = told["rows"][0][1]
        rows: list[Row] = [(f"{title}, p50", told["unit"], "times the first")]
        rows += [(name, f"{median:,.2f}", f"{median / first:.2f}") for name, median in told["rows"]]
        parts.append(_table(rows))
    return parts


def _suite(suite: dict[str, Any], title: str) -> str:
    columns = [name for name in dict.fromkeys(name for row in suite["rows"] for name in row) if name not in _NOT_SHOWN]
    rows: list[Row] = [columns, *([_value(row.get(name)) for name in columns] for row in suite["rows"])]
    about = f'<p class="origin">{_text(origin(suite["about"]))}</p>'
    return f"<details><summary>{_text(title)}</summary>{about}{_table(rows)}</details>"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " / ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(rows: list[Row]) -> str:
    head, *others = rows
    lines = ["<tr>" + "".join(f"<th>{_text(cell)}</th>" for cell in head) + "</tr>"]
    for row in others:
        lines.append("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>")
    return "<table>" + "\n".join(lines) + "</table>"


def _cell(cell: str) -> str:
    kind = f' class="{cell.split()[0]}"' if cell in ("met", "MISSED", "not measured") else ""
    return f"<td{kind}>{_text(cell)}</td>"


def _text(value: str) -> str:
    """Escape a text; what stands between backquotes becomes code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(value))
