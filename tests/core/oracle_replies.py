"""Replies read by the standard library, and made for it."""

from __future__ import annotations

import http.client
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class Made:
    """A reply as bytes, and how its end is told: "length", "chunked" or "close"."""

    data: bytes
    body: bytes
    status: int
    framing: str


class _Wire:
    """As much of a socket as http.client asks for."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def read(data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, header fields and body of one reply, as http.client reads them."""
    response = http.client.HTTPResponse(_Wire(data))  # type: ignore[arg-type]
    response.begin()
    return response.status, response.getheaders(), response.read()


def make(status: int, fields: list[tuple[str, str]], body: bytes, framing: str, chunk: int) -> Made:
    """Put a reply together; chunk is the size of the chunks of a chunked one."""
    lines = [f"HTTP/1.1 {status} Some Words", *(f"{name}: {value}" for name, value in fields)]
    content = body
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.append("transfer-encoding: chunked")
        parts = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        content = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return Made("\r\n".join([*lines, "", ""]).encode("latin-1") + content, body, status, framing)
