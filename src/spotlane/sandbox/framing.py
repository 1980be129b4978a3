"""Where a message on the wire begins and ends, without reading more of it than that."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

_MAX_HEAD_BYTES = 1 << 16


class MalformedMessage(Exception):
    """The bytes can't be framed; the HTTP server behind gets them as they are and answers 400."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """Method, undecoded path and undecoded query of a request line."""

    method: str
    path: str
    query: str


def parse_request_line(buffer: bytearray) -> RequestLine | None:
    """Read the request line; None while it is incomplete. Raises MalformedMessage."""
    end = buffer.find(b"\r\n", 0, _MAX_HEAD_BYTES)
    if end < 0:
        if len(buffer) >= _MAX_HEAD_BYTES:
            raise MalformedMessage("request line too long")
        return None
    parts = buffer[:end].decode("latin-1").split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/"):
        raise MalformedMessage("not a request line")
    path, _, query = parts[1].partition("?")
    return RequestLine(parts[0].upper(), path, query)


def request_length(buffer: bytearray) -> int | None:
    """Return how many bytes the first request takes, head and body; None while it is incomplete.

    Raises MalformedMessage.
    """
    head_end = _head_end(buffer)
    if head_end is None:
        return None
    return _message_length(buffer, head_end)


def reply_length(buffer: bytearray, method: str) -> int | None:
    """Return how many bytes the first reply (to a request of this method) takes; None while it is incomplete."""
    head_end = _head_end(buffer)
    if head_end is None:
        return None
    status = int(buffer[9:12])
    if method == "HEAD" or status < 200 or status in (204, 304):
        return head_end
    return _message_length(buffer, head_end)


def body_of_request(raw: bytes) -> bytes:
    """Return what follows the head, a chunked body still in its chunks."""
    return raw.partition(b"\r\n\r\n")[2]


def split_reply(raw: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Take a reply apart into status line, header lines (none of them with its line end) and body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status_line, *headers = head.split(b"\r\n")
    return status_line, headers, body


def join_reply(status_line: bytes, headers: list[bytes], body: bytes) -> bytes:
    """Put a reply together again; nothing is added."""
    return b"\r\n".join((status_line, *headers)) + b"\r\n\r\n" + body


def without_header(headers: list[bytes], name: bytes) -> list[bytes]:
    """Return the header lines that don't carry the named header (lower case)."""
    return [line for line in headers if line.partition(b":")[0].strip().lower() != name]


def make_reply(status: int, content_type: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Build a whole reply with a Content-Length."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return join_reply(f"HTTP/1.1 {status} {phrase}".encode(), [line.encode() for line in lines], body)


def _head_end(buffer: bytearray) -> int | None:
    end = buffer.find(b"\r\n\r\n", 0, _MAX_HEAD_BYTES)
    if end >= 0:
        return end + 4
    if len(buffer) >= _MAX_HEAD_BYTES:
        raise MalformedMessage("head too long")
    return None


def _message_length(buffer: bytearray, head_end: int) -> int | None:
    length = 0
    for line in bytes(buffer[:head_end]).split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        lowered = name.strip().lower()
        if lowered == b"transfer-encoding" and b"chunked" in value.lower():
            return _chunked_end(buffer, head_end)
        if lowered == b"content-length":
            if not value.strip().isdigit():
                raise MalformedMessage("Content-Length is no number")
            length = int(value)
    return head_end + length if len(buffer) >= head_end + length else None


def _chunked_end(buffer: bytearray, start: int) -> int | None:
    position = start
    while True:
        line_end = buffer.find(b"\r\n", position)
        if line_end < 0:
            return None
        try:
            size = int(buffer[position:line_end].split(b";")[0], 16)
        except ValueError:
            raise MalformedMessage("chunk size is no number") from None
        position = line_end + 2
        if size == 0:
            break
        position += size + 2
    while True:
        line_end = buffer.find(b"\r\n", position)
        if line_end < 0:
            return None
        if line_end == position:
            return position + 2
        position = line_end + 2
