"""Resting orders of one symbol in price-time priority."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from spotlane.sandbox.records import OrderRecord
from spotlane.structs.enums import Side


class _HalfBook:
    """One side. Keys are prices, negated for bids, so that the best is always the smallest."""

    def __init__(self, side: Side) -> None:
        self._sign = -1 if side is Side.BUY else 1
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, dict[int, OrderRecord]] = {}

    def add(self, order: OrderRecord) -> None:
        key = self._key(order)
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = {}
            insort(self._keys, key)
        level[order.number] = order

    def remove(self, order: OrderRecord) -> None:
        key = self._key(order)
        level = self._levels[key]
        del level[order.number]
        if not level:
            del self._levels[key]
            del self._keys[bisect_left(self._keys, key)]

    def walk(self, limit: Decimal | None) -> Iterator[OrderRecord]:
        bound = None if limit is None else limit * self._sign
        for key in self._keys:
            if bound is not None and key > bound:
                return
            yield from self._levels[key].values()

    def best_price(self) -> Decimal | None:
        return self._keys[0] * self._sign if self._keys else None

    def _key(self, order: OrderRecord) -> Decimal:
        if order.price is None:
            raise ValueError("an order without a price can't rest")
        return order.price * self._sign


class OrderBook:
    """Bids and asks of one symbol; it keeps orders and decides nothing."""

    def __init__(self) -> None:
        self._sides = {side: _HalfBook(side) for side in Side}

    def add(self, order: OrderRecord) -> None:
        """Put an order at the back of its price level."""
        self._sides[order.side].add(order)

    def remove(self, order: OrderRecord) -> None:
        """Take an order out; KeyError where it does not rest here."""
        self._sides[order.side].remove(order)

    def facing(self, side: Side, limit: Decimal | None) -> Iterator[OrderRecord]:
        """Yield the orders that an order of this side and limit meets, best price first, oldest first."""
        return self._sides[side.opposite].walk(limit)

    def resting(self, side: Side) -> Iterator[OrderRecord]:
        """Yield the orders of one side in priority."""
        return self._sides[side].walk(None)

    def best_price(self, side: Side) -> Decimal | None:
        """Return the best price of one side, or None where it is empty."""
        return self._sides[side].best_price()
