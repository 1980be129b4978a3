"""The reader of replies and the lane around it: every split point of the input, and http.client.

The head holds options and where the input is cut; the body is what a server sent. In every
execution the input is read in one piece and in two, which must come to the same. In one of so many it is cut at every
place and read byte by byte, and where the reader found a whole reply, http.client must find the same one.
"""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import Callable
from typing import Any

from fuzz_share import ACCEPTED, COMPARED, Mismatch, Share, Take, agree

from spotlane._core.lane import Lane, Preamble
from spotlane._core.replies import ReplyReader

READING, WHOLE, LOST = range(3)
SHARE = Share(128)
# Options, by bit: whether a body may end with the connection, whether that ends in order, the limit, what reads.
MAY_END, ORDERLY, SHORT, ON_A_LANE, REQUEST = 1, 2, 4, 8, 16
LIMITS = (1 << 16, 24)
HOST = Preamble({"Host": "h", "Accept": "*/*"})
_BODILESS = ("GET", "HEAD", "OPTIONS", "TRACE")
_ODD_BLANKS = re.compile(rb"[\t\x0b\x0c\x1c-\x1f\x85\xa0]")
_METHODS = ("GET", "POST", "DELETE", "PUT")


class _Rig:
    """A transport, a loop, a clock, a timer and a future: all that a lane asks for."""

    def __init__(self) -> None:
        self.written = b""
        self.outcome: Any = None
        self.write = self._write
        self.call_later: Callable[..., Any] = lambda delay_s, callback: self
        self.create_future = lambda: self

    def _write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass

    def cancel(self) -> None:
        pass

    def monotonic(self) -> float:
        return 0.0

    def done(self) -> bool:
        return self.outcome is not None

    def set_result(self, outcome: Any) -> None:
        self.outcome = outcome


def run(head: bytes, reply: bytes) -> int:
    """Read one input, or write one request."""
    options = head[0]
    if options & REQUEST:
        return _write_request(head[1], Take(reply))
    limit, may_end, is_orderly = LIMITS[options & SHORT != 0], bool(options & MAY_END), bool(options & ORDERLY)
    whole = _read((reply,), limit, may_end)
    cut = head[1] * len(reply) // 255
    _same(reply, _read((reply[:cut], reply[cut:]), limit, may_end), whole, is_orderly, cut)
    if options & ON_A_LANE:
        _read_on_a_lane((reply[:cut], reply[cut:]), limit, may_end, is_orderly, whole)
    due = SHARE.is_due()
    if due:
        for place in range(1, len(reply)):
            _same(reply, _read((reply[:place], reply[place:]), limit, may_end), whole, None, place)
        bytewise = _read([reply[at : at + 1] for at in range(len(reply))], limit, may_end)
        _same(reply, bytewise, whole, is_orderly, -1)
    whole.finish(is_orderly)
    is_accepted = whole.progress == WHOLE
    if due and is_accepted:
        _compare(reply, whole)
    # Reader and parser hold each other, and a piece of the input.
    whole.close()
    return (ACCEPTED if is_accepted else 0) | (COMPARED if due else 0)


def _read(parts: Any, limit: int, may_end: bool) -> ReplyReader:
    reader = ReplyReader()
    reader.start(limit, may_end)
    for part in parts:
        reader.read(part)
    return reader


def _told(reader: ReplyReader) -> tuple[Any, ...]:
    return reader.progress, reader.status, reader.fault, reader.fields, reader.body, reader.keepalive


def _same(reply: bytes, reader: ReplyReader, whole: ReplyReader, is_orderly: bool | None, cut: int) -> None:
    """Compare what was read in pieces with what was read in one; is_orderly None leaves the end out."""
    if reader.progress == whole.progress == LOST:
        _same_fault(reader.fault, whole.fault)
    elif _told(reader) != _told(whole):
        raise Mismatch(f"cut at {cut}: {_told(reader)!r}, in one piece: {_told(whole)!r}")
    # How it is cut may leave in doubt whether all bytes belong to the reply. Where there is no doubt, none may be left.
    if reader.is_clean != whole.is_clean:
        _compare(reply, reader if reader.is_clean else whole)
    if is_orderly is not None and reader.progress == READING:
        reader.finish(is_orderly)
        if reader.progress == READING or reader.is_clean:
            raise Mismatch(f"cut at {cut}, a reply goes on behind the end")
    reader.close()


def _same_fault(fault: str | None, other: str | None) -> None:
    """Compare why a reply is lost; what of a header is told before a malformed byte depends on the pieces."""
    if fault != other and "malformed" not in (fault, other):
        raise Mismatch(f"lost as {fault} and as {other}")


def _read_on_a_lane(parts: Any, limit: int, may_end: bool, is_orderly: bool, whole: ReplyReader) -> None:
    rig: Any = _Rig()
    lane = Lane(rig, None, descriptor=-1, loop=rig, clock=rig)
    lane.send("GET", "/", b"", None, HOST, b"", limit, may_end, 1.0, None)
    for part in parts:
        agree(lane.feed_data(part), (False, b""), "what feed_data returns")
    if whole.progress == READING:
        agree(rig.outcome, None, "the outcome of half a reply")
    elif whole.progress == WHOLE:
        agree(rig.outcome[:3], (whole.status, whole.fields, whole.body), "the outcome")
    else:
        _same_fault(rig.outcome, whole.fault)
    if whole.progress == LOST and not lane.is_dead:
        raise Mismatch("a lane goes on after a reply that was lost")
    lane.feed_eof()
    if rig.outcome is None or not lane.is_dead:
        raise Mismatch("a request that waits behind the end of its connection")


def _write_request(chosen: int, take: Take) -> int:
    method = _METHODS[chosen % len(_METHODS)]
    path = take.some().decode("latin-1")
    query, body = take.some(), take.rest()
    rig: Any = _Rig()
    lane = Lane(rig, None, descriptor=-1, loop=rig, clock=rig)
    lane.send(method, path, query, None, HOST, body, 10, False, 1.0, None)
    target = path.encode() + (b"?" + query if query else b"")
    length = b"Content-Length: %d\r\n" % len(body) if body or method not in _BODILESS else b""
    expected = b"%b %b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n%b\r\n%b" % (method.encode(), target, length, body)
    agree(rig.written, expected, "request")
    lane.abort()
    return ACCEPTED | COMPARED


class _Kept(io.BytesIO):
    """Bytes that http.client can't close, so that what it left can be counted."""

    def makefile(self, mode: str) -> _Kept:
        return self

    def close(self) -> None:
        pass


def _compare(reply: bytes, reader: ReplyReader) -> None:
    wire: Any = _Kept(reply)
    response = http.client.HTTPResponse(wire)
    try:
        response.begin()
        while 100 <= response.status < 200:
            response = http.client.HTTPResponse(wire)
            response.begin()
        body = response.read()
    except http.client.BadStatusLine as refusal:
        # It takes other control characters for blanks, and so for the end of a status.
        if _ODD_BLANKS.search(reply) is None:
            raise Mismatch(f"{_told(reader)!r} where http.client refuses: {refusal!r}") from None
        return
    except http.client.HTTPException as refusal:
        raise Mismatch(f"{_told(reader)!r} where http.client refuses: {refusal!r}") from None
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reader.fields]
    agree((reader.status, reader.body), (response.status, body), "reply")
    agree(fields, response.getheaders(), "fields")
    if reader.is_clean and wire.read():
        raise Mismatch("bytes are left over on a connection that is called clean")
