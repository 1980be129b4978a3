"""What an exchange has acknowledged lately: an order that it calls unknown a moment later is not gone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from spotlane.errors import DecodeError
from spotlane.structs import Order, Symbol

_REMEMBERED = 4_096


class _Note(NamedTuple):
    symbol: Symbol
    order_id: str | None
    client_order_id: str | None
    seen_s: float


class Acknowledged:
    """The last few thousand acknowledgements, by the ids of the exchange and by those of the client.

    monotonic reads the clock; an acknowledgement is fresh for fresh_s seconds, the longest until a read shows it.
    """

    def __init__(self, monotonic: Callable[[], float], fresh_s: float) -> None:
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._notes: deque[_Note] = deque()
        # An exchange may count its ids for each symbol apart, so a note is about an order only if the symbol fits, too.
        self._by_order_id: dict[str, _Note] = {}
        self._by_client_id: dict[str, _Note] = {}

    def add_placed(self, order: Order) -> None:
        """Note an acknowledged order. Raises DecodeError where its id was given to another order before."""
        order_id, client_order_id = order.order_id, order.client_order_id
        known = self._by_order_id.get(order_id)
        if known is not None and known.symbol == order.symbol and known.client_order_id not in (None, client_order_id):
            raise DecodeError(f"the reply is about another order: {order_id!r} was acknowledged before")
        self.add(order.symbol, order_id, client_order_id)

    def add(self, symbol: Symbol, order_id: str | None, client_order_id: str | None) -> None:
        """Note that an order was acknowledged under these ids."""
        if client_order_id is None and order_id is not None:
            client_order_id = self.name_of(symbol, order_id)
        note = _Note(symbol, order_id, client_order_id, self._monotonic())
        if order_id is not None:
            self._by_order_id[order_id] = note
        if client_order_id is not None:
            self._by_client_id[client_order_id] = note
        self._notes.append(note)
        if len(self._notes) > _REMEMBERED:
            self._forget(self._notes.popleft())

    def name_of(self, symbol: Symbol, order_id: str) -> str | None:
        """Return the client's id of an order that was placed lately, None for any other."""
        note = self._by_order_id.get(order_id)
        return note.client_order_id if note is not None and note.symbol == symbol else None

    def is_fresh(self, symbol: Symbol, order_id: str | None, client_order_id: str | None) -> bool:
        """Say whether an order was acknowledged under one of its ids so lately that a read may not show it yet."""
        for notes, identifier in ((self._by_order_id, order_id), (self._by_client_id, client_order_id)):
            note = None if identifier is None else notes.get(identifier)
            if note is not None and note.symbol == symbol and self._monotonic() - note.seen_s < self._fresh_s:
                return True
        return False

    def _forget(self, note: _Note) -> None:
        # A later note may have taken its place.
        if note.order_id is not None and self._by_order_id.get(note.order_id) is note:
            del self._by_order_id[note.order_id]
        if note.client_order_id is not None and self._by_client_id.get(note.client_order_id) is note:
            del self._by_client_id[note.client_order_id]
