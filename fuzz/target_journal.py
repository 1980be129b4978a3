"""The reader of the journal's records, against struct and zlib.

The head says whether the frames are mended: with checksums and numbers that are right, content is reached that chance
never would. The body is the file behind its header.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import oracle_journal as oracle
from fuzz_share import ACCEPTED, COMPARED, Mismatch, Share, agree

from spotlane._core.records import Scan, find_record, read_intent, record_at
from spotlane.safety.journal_file import CODEC
from spotlane.structs import OrderParams, OrderType, Side, Symbol, TimeInForce

# The oracle takes three times as long as the reader.
SHARE = Share(16)
MENDED, NUMBERED = 1, 2
LEAST = 32
_FRAME = struct.Struct("<2sBBIIQ")
_WORDS = {"side": Side, "order_type": OrderType, "time_in_force": TimeInForce}


def run(head: bytes, body: bytes) -> int:
    """Scan one journal, and read every intent in it."""
    file = _mended(body, head[0]) if head[0] & MENDED else body
    scan = Scan(CODEC, file, 0)
    found = find_record(file, scan.end)
    records = [record_at(file, at) for at in scan.open.values()]
    told = [_read(record) for record in records]
    if SHARE.is_due():
        _compare(file, scan, found)
        for record, intent in zip(records, told, strict=True):
            _compare_intent(record, intent)
        return COMPARED | (ACCEPTED if scan.end else 0)
    return ACCEPTED if scan.end else 0


def _mended(data: bytes, flags: int) -> bytes:
    """Give every frame its mark, a length that fits, its checksum and, where that is asked for, its number."""
    file = bytearray(data)
    at = number = 0
    while len(file) - at >= LEAST:
        _, kind, _, length, epoch, sequence = _FRAME.unpack_from(file, at)
        length = LEAST + length % min(len(file) - at - LEAST + 1, 512)
        _FRAME.pack_into(file, at, b"SJ", kind, 0, length, epoch, number if flags & NUMBERED else sequence)
        end = at + length
        file[end - 4 : end] = zlib.crc32(file[at : end - 4]).to_bytes(4, "little")
        at = end
        number += 1
    return bytes(file)


def _read(record: bytes) -> Any:
    try:
        return read_intent(CODEC, record)
    except (ValueError, TypeError) as refusal:
        # The frames that it came through hold the input.
        return refusal.with_traceback(None)


def _text(content: bytes) -> tuple[str, int]:
    """Return the text that content begins with, and what number the byte behind it is."""
    (length,) = struct.unpack_from("<H", content)
    if length == 0xFFFF:
        raise ValueError("no text")
    (text,) = struct.unpack_from(f"{length}s", content, 2)
    return text.decode(), 2 + length


def _follow(frame: oracle.Frame, opened: dict[str, int]) -> int | None:
    """Do to the open intents what a record does; return a process's number where it tells one."""
    if frame.kind == 1:
        return int(struct.unpack_from("<I", frame.content)[0])
    client_id, behind = _text(frame.content)
    if frame.kind == 2:
        opened.pop(client_id, None)
        opened[client_id] = frame.start
    elif oracle.STATES[frame.content[behind]] in oracle.TERMINAL:
        opened.pop(client_id, None)
    return None


def _compare(file: bytes, scan: Scan, found: int) -> None:
    end = number = epoch = first = pid = 0
    opened: dict[str, int] = {}
    trouble = False
    while (frame := oracle.read_frame(file, end)) is not None:
        rises = frame.epoch > epoch if frame.kind == 1 else frame.epoch >= epoch
        trouble = frame.sequence != number or not rises or frame.kind not in (1, 2, 3)
        if not trouble:
            epoch = frame.epoch
            first = epoch if frame.kind == 1 and not first else first
            try:
                pid = _follow(frame, opened) or (0 if frame.kind == 1 else pid)
            except oracle.UNREADABLE:
                trouble = True
        if trouble:
            break
        end, number = frame.end, number + 1
    agree(scan.trouble is not None, trouble, f"trouble ({scan.trouble})")
    agree((scan.end, scan.sequence, list(scan.open.items())), (end, number, list(opened.items())), "scan")
    agree((scan.epoch, scan.first_epoch, scan.pid), (epoch, first, pid), "epochs")
    places = (at for at in range(end, len(file)) if file[at : at + 2] == b"SJ")
    agree(found, next((at for at in places if oracle.read_frame(file, at) is not None), -1), "the next record")


def _compare_intent(record: bytes, told: Any) -> None:
    frame = oracle.read_frame(record, 0)
    if frame is None or len(record) != frame.end:
        raise Mismatch(f"{record!r} is no record")
    try:
        content = oracle.read_content(frame)
        times = content.pop("not_after_ms"), content.pop("window_ms")
        for name, words in _WORDS.items():
            content[name] = None if content[name] is None else words(content[name])
        content["symbol"] = Symbol(*_pair(frame.content))
        expected = (content["client_order_id"], OrderParams(**content), frame.time_ms, *times, frame.epoch)
    except (*oracle.UNREADABLE, TypeError) as refusal:
        if not isinstance(told, Exception):
            raise Mismatch(f"{record!r} gives {told!r} where the oracle refuses: {refusal!r}") from None
        return
    if isinstance(told, Exception):
        raise Mismatch(f"{record!r} is refused ({told!r}) where the oracle reads {expected!r}")
    agree(told, expected, "intent")
    agree(repr(told), repr(expected), "intent, digit for digit")


def _pair(content: bytes) -> tuple[str, str]:
    """Return base and quote, which the oracle joins."""
    _, behind = _text(content)
    base, length = _text(content[behind + 19 :])
    return base, _text(content[behind + 19 + length :])[0]
