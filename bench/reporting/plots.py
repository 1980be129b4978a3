"""Plots, each drawn once and saved both as PNG and as SVG for the page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reporting.tables import KINDS, NAMES
from reporting.targets import LOOPS, MAIN, Results, find

_COLOURS = {
    "floor": "#888888", "spotlane": "#d1495b", "plain_aiohttp": "#30638e", "ccxt": "#edae49",
    "gate_api": "#00798c", "python_binance": "#8f5d9c",
}  # fmt: skip


def draw(results: Results, folder: Path) -> Iterator[tuple[str, str]]:
    """Write a PNG for each plot that the results allow; give its title and the plot as SVG."""
    # Text stays text, and ids are the same in each run.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "spotlane", "font.size": 9}):
        for name, (title, plot) in _PLOTS.items():
            figure = plot(results)
            if figure is not None:
                figure.savefig(folder / f"{name}.png", dpi=120)
                drawn = io.StringIO()
                figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
                svg = drawn.getvalue()
                yield title, svg[svg.index("<svg") :]


def _rows(results: Results, suite: str, **wanted: object) -> list[dict[str, Any]]:
    rows = results.get(suite, {}).get("rows", ())
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def _distributions(results: Results) -> Figure | None:
    """Draw how place_order is distributed, a panel for each loop, plain and TLS."""
    if not _rows(results, "whole", verb="place_order", exchange=MAIN):
        return None
    figure = Figure(figsize=(10, 7), layout="constrained")
    for index, (loop, tls, where) in enumerate(KINDS):
        axes = figure.add_subplot(2, 2, index + 1)
        for row in _rows(results, "whole", verb="place_order", exchange=MAIN, loop=loop, tls=tls):
            percents, times = zip(*row["distribution"], strict=True)
            axes.plot(times, percents, label=NAMES[row["client"]], color=_COLOURS[row["client"]])
        axes.set(xscale="log", title=where, xlabel="µs", ylabel="% of orders done")
        axes.grid(alpha=0.3, which="both")
        axes.legend(loc="lower right")
    return figure


def _floor_ratios(results: Results) -> Figure | None:
    """Draw how many times the floor each client takes for place_order."""
    return _bars(results, "over_floor", "times the raw floor", 1.5)


def _peer_ratios(results: Results) -> Figure | None:
    """Draw how many times spotlane's time each peer takes for place_order."""
    return _bars(results, "over_spotlane", "times spotlane", 1.0)


def _bars(results: Results, key: str, label: str, line: float) -> Figure | None:
    rows = [row for row in _rows(results, "whole", verb="place_order") if key in row]
    if not rows:
        return None
    bars = {
        (row["exchange"], row["client"]): {(each["loop"], each["tls"]): each[key] for each in rows if _same(each, row)}
        for row in rows
    }
    figure = Figure(figsize=(10, 0.7 * len(bars) + 3), layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / len(KINDS)
    for place, ((_, client), spreads) in enumerate(bars.items()):
        for index, (loop, tls, _) in enumerate(KINDS):
            if (loop, tls) in spreads:
                low, middle, high = spreads[loop, tls]
                at = place + (index - 1.5) * height
                axes.barh(at, middle, height * 0.9, color=_COLOURS[client], alpha=0.55 + 0.45 * (index % 2))
                axes.plot([low, high], [at, at], color="black", linewidth=1)
                axes.text(high, at, f" {middle:.1f}x {KINDS[index][2]}", va="center", fontsize=7)
    axes.axvline(line, color="black", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(bars)), [f"{NAMES[client]}, {exchange}" for exchange, client in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlabel(f"{label} (black: quartiles over the rounds)")
    axes.margins(x=0.2)
    return figure


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (one["exchange"], one["client"]) == (other["exchange"], other["client"])


def _writes(results: Results) -> Figure | None:
    """Draw the time from the call to transport.write beside that of urlencode + hmac."""
    rows = _rows(results, "writes")
    if not rows:
        return None
    figure = Figure(figsize=(10, 4), layout="constrained")
    for index, loop in enumerate(LOOPS):
        axes = figure.add_subplot(1, 2, index + 1)
        own = [row for row in rows if row["loop"] == loop]
        axes.barh([NAMES[row["client"]] for row in own], [row["p50_us"] for row in own],
                  color=[_COLOURS[row["client"]] for row in own])  # fmt: skip
        if own:
            axes.axvline(own[0]["library_p50_us"], color="black", linestyle=":", label="urlencode + hmac alone")
            axes.legend(loc="lower right")
        axes.set(title=loop, xlabel="µs, p50")
        axes.invert_yaxis()
    return figure


def _by_loop(fill: Callable[[Axes, str], None]) -> Figure:
    """Draw a panel for each loop, which fill(axes, loop) puts the lines and scales into."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for index, loop in enumerate(LOOPS):
        axes = figure.add_subplot(1, 2, index + 1)
        fill(axes, loop)
        axes.set_title(loop)
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=7)
    return figure


def _rates(results: Results) -> Figure | None:
    """Draw p50 and p99 from the intended send time, by rate."""
    rows = _rows(results, "rates")
    if not rows:
        return None

    def fill(axes: Axes, loop: str) -> None:
        for client in dict.fromkeys(row["client"] for row in rows):
            own = [row for row in rows if (row["loop"], row["client"]) == (loop, client)]
            for key, style in (("p50_us", "-"), ("p99_us", "--")):
                points = [(row["rate"], row[key]) for row in own if row[key] is not None]
                if points:
                    axes.plot(*zip(*points, strict=True), style, marker="o", color=_COLOURS[client],
                              label=f"{NAMES[client]} {key[:3]}")  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="orders a second", ylabel="µs")

    return _by_loop(fill)


def _stages(results: Results) -> Figure | None:
    """Draw where the time of one order goes."""
    rows = _rows(results, "stages")
    if not rows:
        return None
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.add_subplot()
    loops = list(dict.fromkeys(row["loop"] for row in rows))
    reached = dict.fromkeys(loops, 0.0)
    for number, stage in enumerate(dict.fromkeys(row["stage"] for row in rows)):
        for loop in loops:
            row = find(results, "stages", loop=loop, stage=stage)
            if row is not None:
                label = stage if loop == loops[0] else None
                axes.barh(loop, row["p50_us"], left=reached[loop], color=f"C{number}", label=label)
                reached[loop] += row["p50_us"]
    axes.set_xlabel("µs, sum of medians")
    axes.legend(ncols=6, fontsize=7, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _throughput(results: Results) -> Figure | None:
    """Draw orders a second by connections."""
    rows = _rows(results, "scale")
    if not rows:
        return None

    def fill(axes: Axes, loop: str) -> None:
        for client in dict.fromkeys(row["client"] for row in rows):
            for tls, style in ((False, "-"), (True, "--")):
                own = [row for row in rows if (row["loop"], row["client"], row["tls"]) == (loop, client, tls)]
                if own:
                    axes.plot([row["connections"] for row in own], [row["orders_per_s"] for row in own], style,
                              marker="o", color=_COLOURS[client],
                              label=f"{NAMES[client]}{', TLS' if tls else ''}")  # fmt: skip
        axes.set(xscale="log", xlabel="connections", ylabel="orders a second")

    return _by_loop(fill)


_PLOTS: dict[str, tuple[str, Callable[[Results], Figure | None]]] = {
    "distributions": ("place_order on MEXC: how many orders were done after which time", _distributions),
    "over_floor": ("place_order beside the raw floor of the same loop", _floor_ratios),
    "over_spotlane": ("place_order of the peers beside spotlane's on the same exchange", _peer_ratios),
    "writes": ("From the call of place_order to entering transport.write", _writes),
    "stages": ("Where the time of one order goes", _stages),
    "rates": ("Open loop: from the intended send time (full line p50, broken line p99)", _rates),
    "throughput": ("Orders a second by connections, one core", _throughput),
}
