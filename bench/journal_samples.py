"""A journal in a temporary folder, and the same record written by plain Python: os.write, struct.pack, zlib.crc32."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from decimal import Decimal
from pathlib import Path

from spotlane.safety.journal import Journal
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol
from spotlane.transport import SystemClock

PARAMS = OrderParams(
    Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0002"), price=Decimal("64999.98")
)
NOW_MS, NOT_AFTER_MS, WINDOW_MS = 1_758_043_350_233, 1_758_043_350_933, 500
CLIENT_ID = "s0a1b2c000100000010"
_SIDES = {Side.BUY: 1, Side.SELL: 2}
_TYPES = {OrderType.LIMIT: 1, OrderType.MARKET: 2}


def open_journal(path: Path, *, durability: str = "lazy") -> Journal:
    """Open a journal, as a client does."""
    return Journal.open(path, exchange="mexc", key_mark="ab" * 16, clock=SystemClock(), durability=durability)


def write_orders(path: Path, count: int, *, ended: bool) -> None:
    """Write a journal of so many intents, and of their ends."""
    journal = open_journal(path)
    for number in range(count):
        name = f"s{journal.identity}0001{number:07}0"
        journal.append_intent(name, PARAMS, NOW_MS, NOT_AFTER_MS, WINDOW_MS)
        if ended:
            journal.note(name, OutcomeState.ACCEPTED, "C02__443776347957968896")
    journal.close()


class PlainWriter:
    """Appends the intents of a journal without compiled code."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.sequence = itertools.count()

    def append_intent(self, name: str, params: OrderParams, now_ms: int, not_after_ms: int, window_ms: int) -> None:
        """Write one intent."""
        body = b"".join(
            [
                self.text(name),
                struct.pack("<qqBBB", not_after_ms, window_ms, _SIDES[params.side], _TYPES[params.order_type], 0),
                self.text(params.symbol.base),
                self.text(params.symbol.quote),
                self.text(params.self_trade_prevention),
                self.amount(params.quantity),
                self.amount(params.price),
                self.amount(params.quote_quantity),
                self.amount(params.stop_price),
                self.amount(params.iceberg_quantity),
            ]
        )
        head = struct.pack("<2sBBIIQq", b"SJ", 2, 0, 32 + len(body), 1, next(self.sequence), now_ms)
        record = head + body
        os.write(self.fd, record + struct.pack("<I", zlib.crc32(record)))

    @staticmethod
    def text(value: str | None) -> bytes:
        """Encode a text or None."""
        if value is None:
            return b"\xff\xff"
        data = value.encode()
        return struct.pack("<H", len(data)) + data

    @staticmethod
    def amount(value: Decimal | None) -> bytes:
        """Encode an amount or None."""
        if value is None:
            return b"\0"
        sign, digits, exponent = value.as_tuple()
        coefficient = int("".join(map(str, digits)))
        return struct.pack("<Biq", 1, int(exponent), -coefficient if sign else coefficient)


def open_names_plainly(data: bytes) -> set[str]:
    """Give the ids of the intents that have no end, and read nothing else."""
    at, found = 128, set()
    while at < len(data):
        _, kind, _, length, _, _, _ = struct.unpack_from("<2sBBIIQq", data, at)
        if zlib.crc32(data[at : at + length - 4]) != int.from_bytes(data[at + length - 4 : at + length], "little"):
            raise ValueError(at)
        if kind != 1:
            (size,) = struct.unpack_from("<H", data, at + 28)
            name = data[at + 30 : at + 30 + size].decode()
            if kind == 2:
                found.add(name)
            elif data[at + 30 + size] not in (4, 7):
                found.discard(name)
        at += length
    return found
