"""The canned-reply server: one process, on a core of its own, that answers as quickly as Python can.

Run by launch.py as `python -m whole.server --core N`. Prints one line of JSON (ports and certificate authority), serves
until its standard input ends. Takes HTTP/1.1 with keep-alive, one request after another on a connection, pipelined or
in pieces; checks neither keys nor signatures.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import ssl
import sys
import threading
from collections.abc import Callable
from typing import cast

import trustme

from whole.cores import pin
from whole.replies import REPLIES, Replies

HOST = "127.0.0.1"


class Connection(asyncio.Protocol):
    """One client's connection to one exchange."""

    def __init__(self, replies: Replies) -> None:
        self._answer = replies.answer
        self._rest = b""
        self._write: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.WriteTransport, transport).write

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        while data:
            head_end = data.find(b"\r\n\r\n")
            end = head_end + 4
            if head_end >= 0 and not data.startswith(b"GET"):
                end += _content_length(data[:head_end])
            if head_end < 0 or len(data) < end:
                break
            target = data[: data.index(b" HTTP/1.1\r\n")]
            route, _, query = target.partition(b"?")
            self._write(self._answer(route, query, data[head_end + 4 : end]))
            data = data[end:]
        self._rest = data


def _content_length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


def _make_context() -> tuple[ssl.SSLContext, str]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    return context, authority.cert_pem.bytes().decode("ascii")


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    context, authority = _make_context()
    ports: dict[str, dict[str, int]] = {}
    for exchange, kind in REPLIES.items():
        replies = kind()
        ports[exchange] = {}
        for scheme, tls in (("http", None), ("https", context)):
            server = await loop.create_server(lambda replies=replies: Connection(replies), HOST, 0, ssl=tls)
            ports[exchange][scheme] = server.sockets[0].getsockname()[1]
    ended = asyncio.Event()
    # A thread, because standard input may be a file or a pipe, which no loop reads on every system.
    waiter = threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True)
    waiter.start()
    gc.freeze()
    gc.disable()
    print(json.dumps({"host": HOST, "ports": ports, "authority": authority, "loop": type(loop).__module__}), flush=True)
    await ended.wait()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", type=int)
    pin(parser.parse_args().core)
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve())
    else:
        uvloop.run(_serve())


if __name__ == "__main__":
    main()
