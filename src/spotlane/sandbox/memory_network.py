"""A network in memory: connections between a client and a server on one event loop, without sockets.

What is written arrives after a latency that is drawn from a seed, in order. A connection ends as TCP's do: FIN, RST, or
not at all.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
import struct
from collections import deque
from typing import Any, Protocol

_LINGER_ZERO = struct.pack("ii", 1, 0)
_FIRST_PORT = 20_000
_CLIENT_PORTS = 40_000
_CLIENT_PORT_COUNT = 20_000


class _Mark:
    """Something that arrives and is no bytes."""


_FIN, _RST = _Mark(), _Mark()


class MemorySocket:
    """What a connection says its socket is: options that matter here, and a descriptor to poll.

    The descriptor is readable exactly while something has arrived that was not read yet, as a real one would be, so
    that whoever asks the kernel gets the truth. It carries no data.
    """

    family = socket.AF_UNSPEC

    def __init__(self, *, is_pollable: bool) -> None:
        self.resets_on_close = False
        self._ends = os.pipe() if is_pollable else None
        self._is_marked = False

    def fileno(self) -> int:
        """Return the descriptor; -1 where it is closed or nobody polls it."""
        return -1 if self._ends is None else self._ends[0]

    def setsockopt(self, level: int, option: int, value: object) -> None:
        """Take SO_LINGER; other options change nothing."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self.resets_on_close = value == _LINGER_ZERO

    def mark(self) -> None:
        """Be readable."""
        if not self._is_marked and self._ends is not None:
            self._is_marked = True
            os.write(self._ends[1], b"!")

    def unmark(self) -> None:
        """Be no longer readable."""
        if self._is_marked and self._ends is not None:
            self._is_marked = False
            os.read(self._ends[0], 1)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._ends is not None:
            for end in self._ends:
                os.close(end)
            self._ends = None


class MemoryTransport(asyncio.Transport):
    """One end of a connection; peer is the other."""

    peer: MemoryTransport

    def __init__(self, network: MemoryNetwork, names: tuple[object, object], *, is_pollable: bool) -> None:
        self._socket = MemorySocket(is_pollable=is_pollable)
        super().__init__({"socket": self._socket, "sockname": names[0], "peername": names[1]})
        self._network = network
        self._loop = network.loop
        self._protocol: asyncio.Protocol | None = None
        self._arrived: deque[bytes | _Mark] = deque()
        self._on_the_way: deque[bytes | _Mark] = deque()
        self._due_s = 0.0
        self._is_reading = True
        self._is_closing = False
        self._is_read_due = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Choose who is told of what arrives; what has arrived already is not lost."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol
        self._expect_read()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told of what arrives."""
        assert self._protocol is not None
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes; after the end nothing happens, as on a real transport."""
        if data and not self._is_closing:
            self._send(bytes(data))

    def is_closing(self) -> bool:
        """Say whether it is closed or about to be."""
        return self._is_closing

    def close(self) -> None:
        """End with FIN behind what was written, or with RST where something was left unread or the socket says so."""
        if not self._is_closing:
            self._send(_RST if self._arrived or self._socket.resets_on_close else _FIN)
            self._lose(None)

    def abort(self) -> None:
        """End at once; nothing is ever left unsent here, so that this is close()."""
        self.close()

    def is_reading(self) -> bool:
        """Say whether what arrives is passed on."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Keep what arrives."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Pass on what arrived meanwhile."""
        self._is_reading = True
        self._expect_read()

    def get_write_buffer_size(self) -> int:
        """Return 0: the network takes everything at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: writing is never paused."""

    def _send(self, item: bytes | _Mark) -> None:
        now_s = self._loop.time()
        self._due_s = max(self._due_s, now_s + self._network.latency_s())
        self._on_the_way.append(item)
        # Timers of one moment fire in any order: each takes what is first in the queue, not what it was set for.
        self._loop.call_at(self._due_s, self._deliver)

    def _deliver(self) -> None:
        self.peer._arrive(self._on_the_way.popleft())

    def _arrive(self, item: bytes | _Mark) -> None:
        if self._is_closing:
            if not isinstance(item, _Mark):
                self._send(_RST)
            return
        if item is _RST:
            self._arrived.clear()
        self._arrived.append(item)
        self._socket.mark()
        self._expect_read()

    def _expect_read(self) -> None:
        if self._arrived and self._is_reading and self._protocol is not None and not self._is_read_due:
            self._is_read_due = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._is_read_due = False
        while self._arrived and self._is_reading and not self._is_closing:
            assert self._protocol is not None
            item = self._arrived.popleft()
            if not self._arrived:
                self._socket.unmark()
            if not isinstance(item, _Mark):
                self._protocol.data_received(item)
            elif item is _RST:
                self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
            elif not self._protocol.eof_received():
                self.close()

    def _lose(self, error: Exception | None) -> None:
        self._is_closing = True
        self._loop.call_soon(self._end, error)

    def _end(self, error: Exception | None) -> None:
        self._socket.close()
        self._network.forget(self)
        if self._protocol is not None:
            self._protocol.connection_lost(error)


class Listening(Protocol):
    """What the network asks a server."""

    def accept(self, end: MemoryTransport) -> None:
        """Take the server's end of a new connection."""
        ...


class MemoryNetwork:
    """Who listens where, and how long bytes take: between shortest_s and longest_s, drawn for each write.

    is_dns_down: no name is resolved.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seed: int, *, shortest_s: float = 0.0002, longest_s: float = 0.0006
    ) -> None:
        self.loop = loop
        self.shortest_s = shortest_s
        self.longest_s = longest_s
        self.is_dns_down = False
        self._draw = random.Random(f"{seed} network").random
        self._servers: dict[int, Listening | None] = {}
        self._connections = 0
        self._ends: dict[MemoryTransport, None] = {}
        # What clients connect through; the network carries it for connector.py.
        self.session: Any = None

    def latency_s(self) -> float:
        """Return how long the next bytes take."""
        return self.shortest_s + (self.longest_s - self.shortest_s) * self._draw()

    def reserve(self, port: int) -> int:
        """Take a port, any free one for 0, and return it; it refuses connections. Raises OSError where it is taken."""
        if port in self._servers:
            raise OSError(errno.EADDRINUSE, f"port {port} is in use")
        if not port:
            port = _FIRST_PORT
            while port in self._servers:
                port += 1
        self._servers[port] = None
        return port

    def listen(self, port: int, server: Listening | None) -> None:
        """Let a server answer at a reserved port; None refuses connections again."""
        self._servers[port] = server

    def release(self, port: int) -> None:
        """Give a port back."""
        del self._servers[port]

    async def connect(self, port: int) -> MemoryTransport:
        """Return the client's end of a new connection. Raises ConnectionRefusedError where nobody listens."""
        await asyncio.sleep(self.latency_s() + self.latency_s())
        server = self._servers.get(port)
        if server is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ('127.0.0.1', {port})")
        client_name = ("127.0.0.1", _CLIENT_PORTS + self._connections % _CLIENT_PORT_COUNT)
        self._connections += 1
        names = (client_name, ("127.0.0.1", port))
        client = MemoryTransport(self, names, is_pollable=True)
        served = MemoryTransport(self, names[::-1], is_pollable=False)
        client.peer, served.peer = served, client
        self._ends[client] = self._ends[served] = None
        server.accept(served)
        return client

    def forget(self, end: MemoryTransport) -> None:
        """Drop one end of a connection that is over."""
        self._ends.pop(end, None)

    async def close(self) -> None:
        """End every connection that is left."""
        if self.session is not None:
            await self.session.close()
        for end in tuple(self._ends):
            end.abort()


def network_of(loop: asyncio.AbstractEventLoop) -> MemoryNetwork | None:
    """Return the network of an event loop in virtual time, None for any other loop."""
    network = getattr(loop, "network", None)
    return network if isinstance(network, MemoryNetwork) else None
