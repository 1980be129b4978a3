"""What a batch of orders meets: an exchange, how it behaves, which faults strike, and how the client is set."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from spotlane.sandbox import FAULT_POINTS, Fault, Sandbox
from spotlane.spec import Horizons

ORDER_PATHS = {"mexc": "/api/v3/order", "gateio": "/api/v4/spot/orders", "binance": "/api/v3/order"}
EXCHANGES = tuple(ORDER_PATHS)
DUPLICATES = ("accept", "override", "open_only", "for_ever")
LAGGING = ("order", "client_id", "open_orders", "order_history", "trades")

# Faults that reach further than the request that they hit, so that they are seldom.
_WIDE = {
    "outage": 0.01,
    "slow-on-accept": 0.3,
    "silent-on-accept": 0.1,
    "oversize": 0.05,
    "rate-limited": 0.03,
    "banned": 0.01,
    "clock-jump": 0.02,
    "clock-jump-back": 0.02,
}
# An exchange's clock steps now and then, and not at every other order.
_MOST_TIMES = {"clock-jump": 2, "clock-jump-back": 2}
# With a reply to another read an exchange denies what it has: no client can tell (see docs/outcomes.md, A3).
_NOT_FOR_READS = ("other-reply", "deliver-late", "deliver-late-reset", "answer-late", "deliver-soon")
# A long list, byte by byte, is a hundred thousand steps.
_NOT_FOR_LISTS = ("drip", "split")
# Where horizons that are too short show.
_TELLING = ("reset-after-execution", "deliver-late-reset", "deliver-late")


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Let nobody log: a client under faults has a lot to say."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@dataclass(frozen=True, slots=True)
class Plan:
    """One batch, made from its seed; everything that happens in it follows from these.

    unit_s is the measure of the faults: how late is late. points are the faults that strike placements, reads_struck is
    the part of all reads that a fault strikes. is_violated: the horizons are shorter than what the exchange does.
    pace_s is the mean pause of each of the workers between two orders.
    """

    seed: str
    exchange: str
    points: tuple[str, ...]
    unit_s: float
    timeout_s: float
    workers: int
    pace_s: float
    venue: Mapping[str, Any]
    options: Mapping[str, Any]
    latency_s: float
    reads_struck: float
    is_violated: bool
    faults: tuple[Fault, ...] = field(repr=False)

    @property
    def label(self) -> str:
        """The fault point's code and name, or "mixed"."""
        if len(self.points) > 1:
            return "mixed"
        return f"{FAULT_POINTS[self.points[0]].code} {self.points[0]}" if self.points else "none"

    def make_venue(self, **more: Any) -> Sandbox:
        """Make the exchange, without its faults: it is to be reached before they begin."""
        return Sandbox(
            self.exchange,
            seed=Random(self.seed).randrange(1 << 30),
            rate_limits=False,
            open_order_limit=1_000_000,
            latency_s=self.latency_s,
            kept_requests=200_000,
            **self.venue,
            **more,
        )


def make_plan(seed: str, *, is_violated: bool = False, is_real: bool = False, unit_s: float | None = None) -> Plan:
    """Draw a batch. is_real: for real sockets, where every delay is waited for."""
    draw = Random(seed)
    exchange = draw.choice(EXCHANGES)
    names = [name for name in FAULT_POINTS if not (is_real and name == "oversize")]
    points = _TELLING if is_violated else _draw_points(draw, names)
    unit_s = unit_s or (0.15 if is_real else draw.choice((0.5, 1.0, 2.0)))
    resubmit = draw.random() < 0.2
    timeout_s = unit_s * (8 if resubmit else 2)
    trusts = draw.random() < 0.8
    latency_s = draw.choice((0.0, 0.0, 0.005, 0.04)) * unit_s
    venue = _draw_venue(draw, unit_s)
    if exchange == "gateio":
        # Padding is most of the cost of a long list.
        venue["pad_decimals"] = draw.random() < 0.1
    if is_violated:
        venue |= {"visibility_lag_ms": int(3_000 * unit_s), "expiry_check": "receipt"}
    horizons = _horizons(venue, unit_s, latency_s, is_violated, is_real)
    options = {
        "timeout_s": timeout_s,
        "horizons": horizons,
        "resubmit": resubmit,
        "trust_refusals": trusts,
        "transport": draw.choice(("lane", "lane", "plain")),
        "enforce_limits": draw.random() < 0.3,
        "share_budget": False,
        "connections": draw.choice((1, 4)),
        "max_connections": draw.choice((4, 16, 32)),
    }
    reads_struck = draw.choice((0.0, 0.0, 0.02, 0.15))
    workers = draw.choice((8, 24, 40))
    return Plan(
        seed=seed,
        exchange=exchange,
        points=points,
        unit_s=unit_s,
        timeout_s=timeout_s,
        workers=workers,
        pace_s=unit_s * workers / draw.choice((4, 12)),
        venue=venue,
        options=options,
        latency_s=latency_s,
        reads_struck=reads_struck,
        is_violated=is_violated,
        faults=_make_faults(points, names, ORDER_PATHS[exchange], unit_s, reads_struck),
    )


def _draw_points(draw: Random, names: list[str]) -> tuple[str, ...]:
    kind = draw.random()
    if kind < 0.03:
        return ()
    if kind < 0.2:
        return tuple(names)
    return (draw.choice(names),)


def _draw_venue(draw: Random, unit_s: float) -> dict[str, Any]:
    lag: int | dict[str, int]
    lag = draw.choice((0, 0, int(50 * unit_s), int(50 * unit_s), int(3_000 * unit_s)))
    if draw.random() < 0.2:
        lag = {draw.choice(LAGGING): int(3_000 * unit_s)}
    return {
        "duplicate_client_ids": draw.choice(DUPLICATES),
        "visibility_lag_ms": lag,
        "expiry_check": draw.choice(("receipt", "execution")),
        "instant_fill": draw.choice((0.0, 0.5, 1.0)),
        "finds_finished": draw.random() < 0.5,
    }


def _horizons(venue: Mapping[str, Any], unit_s: float, latency_s: float, is_violated: bool, is_real: bool) -> Horizons:
    """Return horizons that hold for an exchange, or that do not."""
    lag = venue["visibility_lag_ms"]
    lag_ms = max(lag.values()) if isinstance(lag, dict) else lag
    # Nothing is executed later than a late delivery, and nothing takes longer on its way than this.
    late_ms = int((late_s(unit_s) + 2 * latency_s) * 1_000)
    slack_ms = 300 if is_real else 50
    if is_violated:
        late_ms, lag_ms, slack_ms = late_ms // 20, lag_ms // 20, 5
    return Horizons(
        validity_ms=max(20, int(300 * unit_s)),
        skew_ms=slack_ms,
        processing_ms=late_ms + slack_ms,
        visibility_ms=lag_ms + slack_ms,
        give_up_ms=int(20_000 * unit_s),
        spacing_ms=int(100 * unit_s),
    )


def late_s(unit_s: float) -> float:
    """Return the latest that a fault has an order executed."""
    return 2 * unit_s


def _value(name: str, unit_s: float) -> float | None:
    return {
        "outage": 0.25 * unit_s,
        "slow-on-accept": 0.5 * unit_s,
        "delay-reply": 2 * unit_s,
        "stray-408": 0.02 * unit_s,
        "stray-bytes": 0.02 * unit_s,
        "close-idle": 0.02 * unit_s,
        "oversize": 1.5,
        "drip": unit_s / 200,
        # Whole seconds, as the header has them.
        "rate-limited": 1,
        "banned": 2,
        "deliver-soon": 0.1 * unit_s,
        "deliver-late": late_s(unit_s),
        "deliver-late-reset": 0.8 * unit_s,
        "answer-late": 0.3 * unit_s,
    }.get(name)


def _make_faults(
    points: tuple[str, ...], names: list[str], path: str, unit_s: float, reads_struck: float
) -> tuple[Fault, ...]:
    faults = []
    for name in points:
        likely = _WIDE.get(name, 0.5)
        if len(points) > 1:
            likely = min(likely, 0.02)
        where = () if FAULT_POINTS[name].is_on_accept else ("POST", path)
        faults.append(
            Fault.named(name, *where, value=_value(name, unit_s), times=_MOST_TIMES.get(name), probability=likely)
        )
    if reads_struck:
        excluded = (*_NOT_FOR_READS, *_NOT_FOR_LISTS, *_WIDE)
        mild = [name for name in names if name not in excluded and not FAULT_POINTS[name].is_on_accept]
        faults += [
            Fault.named(name, "GET", value=_value(name, unit_s), times=None, probability=reads_struck / len(mild))
            for name in mild
        ]
        faults += [
            Fault.named(name, "DELETE", value=_value(name, unit_s), times=None, probability=reads_struck / len(mild))
            for name in mild
        ]
    return tuple(faults)
