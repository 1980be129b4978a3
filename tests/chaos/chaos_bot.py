"""A bot that places, cuts off, cancels and looks up, and writes down what it was told about each order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from chaos_plan import Plan

from spotlane import Order, OrderParams, OrderType, Side, Symbol
from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    ExchangeAPIError,
    NotPlaced,
    NotSent,
    OrderNotFound,
    OutcomeUnknown,
    SpotlaneError,
)
from spotlane.structs import OutcomeState, Resolution

BTC_USDT = Symbol("BTC", "USDT")
_UNSENT = (NotSent, BudgetExhausted, CircuitOpen)
# A call may end this much after its deadline: the loop's own turns.
_SLACK_S = 0.02


@dataclass(slots=True)
class Told:
    """What the client said about one order.

    ending: "returned", "refused", "not sent", "not placed", "unknown", "cut off", "hung" or the name of an error that
    should not be. order_id goes with "returned". resolutions are what on_resolved said. cancel is what a cancel of it
    said: "done" with the order's id in cancelled_id, "no such order", "not placed", "unknown" or "".
    """

    client_order_id: str
    ending: str = ""
    order_id: str = ""
    error: str = ""
    resolved: str = ""
    cancel: str = ""
    cancelled_id: str = ""
    is_pending_cancel: bool = False
    resolutions: list[Resolution] = field(default_factory=list)

    @property
    def is_left_open(self) -> bool:
        return self.ending in ("unknown", "cut off")


class Bot:
    """Places a number of orders of a plan with some workers, and is done when every call has ended."""

    def __init__(self, plan: Plan, client: Any, clock: Callable[[], float], slack_s: float = _SLACK_S) -> None:
        self.plan = plan
        self.told: dict[str, Told] = {}
        self.strangers: list[Resolution] = []
        self._client = client
        self._clock = clock
        self._slack_s = slack_s
        self._left = 0

    def hear(self, resolution: Resolution) -> None:
        """Take what on_resolved tells; an order placed again has the id of a further attempt."""
        told = self.told.get(resolution.client_order_id) or self.told.get(resolution.client_order_id[:-1] + "0")
        if told is None:
            self.strangers.append(resolution)
        else:
            told.resolutions.append(resolution)

    async def run(self, orders: int) -> None:
        """Place this many orders."""
        self._left = orders
        await asyncio.gather(*(self._work(number) for number in range(self.plan.workers)))

    async def _work(self, number: int) -> None:
        draw = Random(f"{self.plan.seed} worker {number}")
        while self._left > 0:
            self._left -= 1
            await asyncio.sleep(2 * self.plan.pace_s * draw.random())
            await self._trade(draw)

    async def _trade(self, draw: Random) -> None:
        told, params = self._draw(draw)
        doing, unit_s = draw.random(), self.plan.unit_s
        if doing > 0.92:
            legs = [(told, params), *(self._draw(draw) for _ in range(min(draw.randrange(1, 4), self._left)))]
            self._left -= len(legs) - 1
            await self.place_batch(legs, cut_after_s=unit_s * 1.5 * draw.random() ** 2 if doing > 0.98 else None)
        elif doing < 0.12:
            await self.place(told, params, cut_after_s=unit_s * 1.5 * draw.random() ** 2)
        elif doing < 0.22:
            placing = asyncio.ensure_future(self.place(told, params))
            await asyncio.sleep(unit_s * 0.6 * draw.random() ** 2)
            await self.cancel(told, client_order_id=told.client_order_id)
            await placing
        else:
            await self.place(told, params)
            if told.ending == "unknown" and doing < 0.4:
                await self.cancel(told, client_order_id=told.client_order_id)
        if told.ending == "returned" and not told.cancel and draw.random() < 0.95:
            await self.cancel(told, order_id=told.order_id, confirm=draw.random() < 0.3)

    def _draw(self, draw: Random) -> tuple[Told, OrderParams]:
        params = draw_order(draw).replace(client_order_id=self._client.new_client_order_id())
        assert params.client_order_id is not None
        told = self.told[params.client_order_id] = Told(params.client_order_id)
        return told, params

    async def place_batch(self, legs: list[tuple[Told, OrderParams]], cut_after_s: float | None = None) -> None:
        """Place several orders with one call and write down how each ended."""
        begun_s = self._clock()
        endings: list[Any]
        try:
            async with asyncio.timeout(cut_after_s):
                endings = await self._client.place_orders([params for _, params in legs])
        except Exception as error:
            endings = [error] * len(legs)
        is_late = self._clock() - begun_s > self.plan.timeout_s + self._slack_s
        for (told, _), ending in zip(legs, endings, strict=True):
            _write_down(told, ending)
            if is_late:
                told.ending = f"hung, then {told.ending}"
            elif isinstance(ending, OutcomeUnknown):
                await self._resolve(told, ending)

    async def place(self, told: Told, params: OrderParams, cut_after_s: float | None = None) -> None:
        """Place an order and write down how that ended; cut_after_s is when the caller loses patience."""
        begun_s = self._clock()
        try:
            async with asyncio.timeout(cut_after_s):
                ending: Any = await self._client.place_order(params)
        except Exception as error:
            ending = error
        _write_down(told, ending)
        if self._clock() - begun_s > self.plan.timeout_s + self._slack_s:
            told.ending = f"hung, then {told.ending}"
        elif isinstance(ending, OutcomeUnknown):
            await self._resolve(told, ending)

    async def _resolve(self, told: Told, unknown: OutcomeUnknown) -> None:
        """Ask once what became of an order, as a bot would; what it is told has to fit what on_resolved says."""
        try:
            order: Order = await unknown.resolve()
        except OutcomeUnknown:
            pass
        except NotPlaced:
            told.resolved = "absent"
        except Exception as error:
            told.resolved = f"failed: {error!r}"
        else:
            told.resolved = order.order_id

    async def cancel(self, told: Told, *, confirm: bool = True, **name: str) -> None:
        """Cancel an order and write down what that told."""
        try:
            order = await self._client.cancel_order(BTC_USDT, confirm=confirm, **name)
        except OrderNotFound:
            told.cancel = "no such order"
        except NotPlaced:
            told.cancel = "not placed"
        except OutcomeUnknown as error:
            told.cancel = "unknown"
            told.is_pending_cancel = "will be cancelled as soon as it does" in str(error)
        except SpotlaneError as error:
            told.cancel = f"failed: {type(error).__name__}"
        except Exception as error:
            told.cancel = f"untyped: {error!r}"
        else:
            told.cancelled_id = order.order_id
            told.cancel = "done" if order.is_done and confirm else "acknowledged"


def _write_down(told: Told, ending: Order | Exception) -> None:
    """Write down how the placing of an order ended: with the order, or with what was raised."""
    if isinstance(ending, Order):
        told.ending, told.order_id = "returned", ending.order_id
    elif isinstance(ending, TimeoutError):
        told.ending = "cut off"
    else:
        kinds = ((OutcomeUnknown, "unknown"), (NotPlaced, "not placed"), (_UNSENT, "not sent"))
        words = next((words for kind, words in kinds if isinstance(ending, kind)), type(ending).__name__)
        told.ending = "refused" if isinstance(ending, ExchangeAPIError) else words
        told.error = repr(ending)


def absent(resolution: Resolution) -> bool:
    """Say whether a resolution says that an order does not exist."""
    return resolution.state is OutcomeState.PROVEN_ABSENT


def draw_order(draw: Random) -> OrderParams:
    """Draw a small limit order, one in ten of which is filled at once."""
    side = draw.choice((Side.BUY, Side.SELL))
    quantity = Decimal(draw.randrange(10, 20)) / 10_000
    if draw.random() < 0.1:
        price = Decimal(61_000 if side is Side.BUY else 59_000)
    else:
        price = Decimal(draw.randrange(20_000, 20_100) if side is Side.BUY else draw.randrange(110_000, 110_100))
    return OrderParams(BTC_USDT, side, OrderType.LIMIT, quantity=quantity, price=price)
