"""What becomes of an order by fault and by strategy: send it again, ask once and send it again, prove it.

The first two are small bots that speak MEXC's API with the standard library's signing over aiohttp's session.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import aiohttp
from chaos_plan import silence

from spotlane import OrderParams, OrderType, Side, Symbol
from spotlane.errors import NotPlaced, NotSent, OutcomeUnknown, SpotlaneError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import FAULT_POINTS, Fault, Sandbox, run_virtual
from spotlane.spec import Horizons
from spotlane.structs import Resolution

STRATEGIES = ("send again", "ask once, send again", "spotlane")
KINDS = ("right", "duplicate", "lost", "wrong")
_TIMEOUT_S = 1.0
_LAG_MS = 300
_PATH = "/api/v3/order"
_ATTEMPTS = 3
_MOST_LOOKS = 60
# The exchange's word that the order was refused.
_REFUSED = (400, 401, 403)
# These reach further than one order, so that strategies could not be compared order by order.
_LEFT_OUT = ("outage", "banned", "clock-jump", "clock-jump-back", "oversize")
_VALUES = {"delay-reply": 2.0, "deliver-soon": 0.1, "deliver-late": 1.2, "deliver-late-reset": 0.2, "answer-late": 0.2}

_Place = Callable[[str], Awaitable[str]]

_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "20000"}
_PARAMS = OrderParams(
    Symbol("BTC", "USDT"),
    Side.BUY,
    OrderType.LIMIT,
    quantity=Decimal(_ORDER["quantity"]),
    price=Decimal(_ORDER["price"]),
)


class PlainBot:
    """A bot that places an order and sends it again on any error; asks_first looks it up once before that."""

    def __init__(self, venue: Sandbox, session: aiohttp.ClientSession, *, asks_first: bool) -> None:
        self._venue = venue
        self._session = session
        self._asks_first = asks_first

    async def place(self, name: str) -> str:
        """Place an order under a client id and return its id; "" for one that the bot thinks does not exist."""
        for _ in range(_ATTEMPTS):
            status, reply = await self._call("POST", newClientOrderId=name, **_ORDER)
            if status == 200 and "orderId" in reply:
                return str(reply["orderId"])
            if status in _REFUSED:
                return ""
            if self._asks_first:
                status, reply = await self._call("GET", symbol="BTCUSDT", origClientOrderId=name)
                if status == 200 and "orderId" in reply:
                    return str(reply["orderId"])
        return ""

    async def _call(self, method: str, **params: object) -> tuple[int, dict[str, Any]]:
        query = urlencode({**params, "timestamp": self._venue.clock.now_ms(), "recvWindow": 5_000})
        signature = hmac.new(self._venue.api_secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self._venue.url}{_PATH}?{query}&signature={signature}"
        headers = {"X-MEXC-APIKEY": self._venue.api_key, "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(_TIMEOUT_S), self._session.request(method, url, headers=headers) as reply:
                read = json.loads(await reply.read())
                return reply.status, read if isinstance(read, dict) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
            return 0, {}


async def _play(strategy: str, point: str, orders: int, seed: str) -> Counter[str]:
    """Place orders one after the other, each struck by the fault or not, and compare with the ledger."""
    draw = Random(f"{seed} {point}")
    told: dict[str, str] = {}
    async with Sandbox("mexc", seed=1, rate_limits=False, visibility_lag_ms=_LAG_MS, expiry_check="receipt") as venue:
        async with _client(strategy, venue, told) as place:
            for number in range(orders):
                venue.faults.clear()
                if draw.random() < 0.5:
                    where = () if FAULT_POINTS[point].is_on_accept else ("POST", _PATH)
                    venue.faults.add(Fault.named(point, *where, value=_VALUES.get(point), times=1))
                name = f"x{number}"
                told[name] = await place(name)
            venue.faults.clear()
            await asyncio.sleep(60)
        return Counter(_kind(venue, name, order_id) for name, order_id in told.items())


def _kind(venue: Sandbox, name: str, order_id: str) -> str:
    ids = [order.order_id for order in venue.ledger.orders(name)]
    if len(ids) > 1:
        return "duplicate"
    if ids and not order_id:
        return "lost"
    return "right" if [order_id] == ids or not (ids or order_id) else "wrong"


@contextlib.asynccontextmanager
async def _client(strategy: str, venue: Sandbox, told: dict[str, str]) -> AsyncIterator[_Place]:
    if strategy != "spotlane":
        session = venue.client_options["session"]
        bot = PlainBot(venue, session, asks_first=strategy.startswith("ask"))
        yield bot.place
        await session.close()
        return

    def hear(resolution: Resolution) -> None:
        if resolution.order is not None and resolution.client_order_id in told:
            told[resolution.client_order_id] = resolution.order.order_id

    horizons = Horizons(validity_ms=300, skew_ms=50, processing_ms=1_500, visibility_ms=_LAG_MS + 50, spacing_ms=50)
    async with MexcPrivateRest(
        venue.credentials, timeout_s=_TIMEOUT_S, horizons=horizons, on_resolved=hear, enforce_limits=False,
        share_budget=False, **venue.client_options,
    ) as client:  # fmt: skip

        async def place(name: str) -> str:
            try:
                return (await client.place_order(_PARAMS.replace(client_order_id=name))).order_id
            except (NotPlaced, NotSent):
                return ""
            except OutcomeUnknown as unknown:
                for _ in range(_MOST_LOOKS):
                    try:
                        return str((await unknown.resolve()).order_id)
                    except NotPlaced:
                        return ""
                    except OutcomeUnknown:
                        continue
                return ""
            except SpotlaneError:
                return ""

        yield place


def compare(orders: int, *, seed: str = "1", names: Iterable[str] = FAULT_POINTS) -> dict[str, dict[str, Counter[str]]]:
    """Return, by fault and strategy, how many orders ended in which way."""
    points = [name for name in names if name not in _LEFT_OUT]
    with silence():
        return {
            f"{FAULT_POINTS[point].code} {point}": {
                strategy: run_virtual(functools.partial(_play, strategy, point, orders, seed), seed=1)
                for strategy in STRATEGIES
            }
            for point in points
        }


def table(found: dict[str, dict[str, Counter[str]]]) -> str:
    """Return the comparison as a table in Markdown: of each hundred orders those that did not end right."""
    lines = ["| fault | " + " | ".join(STRATEGIES) + " |", "|---" * (1 + len(STRATEGIES)) + "|"]
    for label, by_strategy in found.items():
        lines.append(f"| {label} | " + " | ".join(_words(by_strategy[strategy]) for strategy in STRATEGIES) + " |")
    return "\n".join(lines)


def _words(kinds: Counter[str]) -> str:
    total = kinds.total()
    wrong = [f"{max(0.01, kinds[kind] / total):.0%} {kind}" for kind in KINDS[1:] if kinds[kind]]
    return ", ".join(wrong) or "all right"


def plot(found: dict[str, dict[str, Counter[str]]], path: Path) -> None:
    """Draw the comparison."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    colours = {"right": "#4c956c", "duplicate": "#d1495b", "lost": "#edae49", "wrong": "#6c567b"}
    figure, axes = plt.subplots(1, len(STRATEGIES), figsize=(12, 9), sharey=True)
    labels = list(found)
    for axis, strategy in zip(axes, STRATEGIES, strict=True):
        left = [0.0] * len(labels)
        for kind in KINDS:
            shares = [100 * found[label][strategy][kind] / found[label][strategy].total() for label in labels]
            axis.barh(labels, shares, left=left, color=colours[kind], label=kind)
            left = [before + share for before, share in zip(left, shares, strict=True)]
        axis.set_title(strategy)
        axis.set_xlabel("orders, %")
    # The axes share one direction.
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=len(KINDS))
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=110)


def publish(root: Path, orders: int) -> None:
    """Write the plot and the table into the page about outcomes."""
    found = compare(orders)
    (root / "docs/images").mkdir(exist_ok=True)
    plot(found, root / "docs/images/outcomes.png")
    page = root / "docs/outcomes.md"
    head, _, rest = page.read_text().partition("<!-- outcomes -->\n")
    _, _, tail = rest.partition("<!-- /outcomes -->\n")
    page.write_text(f"{head}<!-- outcomes -->\n{table(found)}\n<!-- /outcomes -->\n{tail}")
