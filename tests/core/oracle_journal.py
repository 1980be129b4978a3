"""A reader of journals, from docs/journal.md and the standard library alone."""

from __future__ import annotations

import struct
import zlib
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

HEADER_BYTES = 128
SIDES = (None, "BUY", "SELL")
TYPES = (None, "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LIMIT", "STOP_MARKET", "OTHER")
TIMES = (None, "GTC", "IOC", "FOK")
STATES = (None, "NOT_SENT", "ACCEPTED", "REJECTED", "AMBIGUOUS", "ADOPTED", "PROVEN_ABSENT", "UNKNOWN")
UNREADABLE = (LookupError, ValueError, InvalidOperation, struct.error)
TERMINAL = {"NOT_SENT", "ACCEPTED", "REJECTED", "ADOPTED", "PROVEN_ABSENT"}


class Record(NamedTuple):
    kind: str
    start: int
    end: int
    epoch: int
    sequence: int
    time_ms: int
    content: dict[str, Any]


def read_header(data: bytes) -> dict[str, Any]:
    magic, version, length, exchange, mark, identity, created_ms, crc = struct.unpack_from("<8sHH4x24s64s8s4xqI", data)
    assert magic == b"\x89SPLJNL\n"
    assert (version, length) == (1, HEADER_BYTES)
    assert crc == zlib.crc32(data[: HEADER_BYTES - 4])
    texts = [text.rstrip(b"\0").decode() for text in (exchange, mark, identity)]
    return {"exchange": texts[0], "key_mark": texts[1], "identity": texts[2], "created_ms": created_ms}


class Frame(NamedTuple):
    """A whole record whose content is still bytes; kind is its number."""

    kind: int
    start: int
    end: int
    epoch: int
    sequence: int
    time_ms: int
    content: bytes


def read_frame(data: bytes, at: int) -> Frame | None:
    """Give the whole record that begins at a place, None where there is none."""
    if at + 32 > len(data):
        return None
    magic, kind, zero, length, epoch, sequence, time_ms = struct.unpack_from("<2sBBIIQq", data, at)
    end = at + length
    if magic != b"SJ" or zero or not 32 <= length <= 65_536 or end > len(data):
        return None
    if zlib.crc32(data[at : end - 4]) != int.from_bytes(data[end - 4 : end], "little"):
        return None
    return Frame(kind, at, end, epoch, sequence, time_ms, data[at + 28 : end - 4])


def read_content(frame: Frame) -> dict[str, Any]:
    """Read all that a record says. Raises one of UNREADABLE where it can't be read."""
    reader = _Reader(frame.content)
    content = {1: _epoch, 2: _intent, 3: _note}[frame.kind](reader)
    if reader.at != len(reader.data):
        raise ValueError("bytes are left over")
    return content


def read_records(data: bytes) -> list[Record]:
    """Give the whole records up to the first place where there is none."""
    found: list[Record] = []
    while (frame := read_frame(data, found[-1].end if found else HEADER_BYTES)) is not None:
        kind = ("EPOCH", "INTENT", "NOTE")[frame.kind - 1]
        found.append(Record(kind, *frame[1:6], read_content(frame)))
    return found


def open_ids(records: list[Record]) -> list[str]:
    """Give the ids of the intents that no terminal note ends, oldest first."""
    found: list[str] = []
    for record in records:
        if record.kind == "EPOCH":
            continue
        client_id = record.content["client_order_id"]
        if client_id in found and (record.kind == "INTENT" or record.content["state"] in TERMINAL):
            found.remove(client_id)
        if record.kind == "INTENT":
            found.append(client_id)
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def text(self) -> str | None:
        length = self.take("H")
        return None if length == 0xFFFF else bytes(self.take(f"{length}s")).decode()

    def amount(self) -> Decimal | None:
        kind = self.take("B")
        if kind == 1:
            exponent, coefficient = self.take("i"), self.take("q")
            return Decimal((int(coefficient < 0), tuple(map(int, str(abs(coefficient)))), exponent))
        if kind == 2:
            return Decimal(self.text() or "")
        if kind:
            raise ValueError(f"an amount of kind {kind}")
        return None


def _epoch(reader: _Reader) -> dict[str, Any]:
    return {"pid": reader.take("I")}


def _intent(reader: _Reader) -> dict[str, Any]:
    told: dict[str, Any] = {"client_order_id": reader.text()}
    told["not_after_ms"], told["window_ms"] = reader.take("q"), reader.take("q")
    told["side"], told["order_type"] = SIDES[reader.take("B")], TYPES[reader.take("B")]
    told["time_in_force"] = TIMES[reader.take("B")]
    told["symbol"] = f"{reader.text()}/{reader.text()}"
    told["self_trade_prevention"] = reader.text()
    for name in ("quantity", "price", "quote_quantity", "stop_price", "iceberg_quantity"):
        told[name] = reader.amount()
    return told


def _note(reader: _Reader) -> dict[str, Any]:
    return {"client_order_id": reader.text(), "state": STATES[reader.take("B")], "order_id": reader.text()}
