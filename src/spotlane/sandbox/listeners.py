"""Where a server is reached: a TCP port of this machine, or a port of the network in memory."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from spotlane.sandbox.actions import Ending
from spotlane.sandbox.connection import reset_on_close
from spotlane.sandbox.memory_network import MemoryNetwork, MemoryTransport

_BACKLOG = 1_024
_TLS_S = 5.0

Serve = Callable[[], asyncio.Protocol]


class Accepted(Protocol):
    """A connection that was accepted and that nobody serves yet."""

    async def serve(self, make: Serve) -> None:
        """Hand the connection to a protocol."""
        ...

    def end(self, ending: Ending) -> None:
        """End it; SILENCE leaves it as it is."""
        ...


class Listener(Protocol):
    """One port, reserved from bind() to release(); between listen() and refuse() it accepts connections."""

    port: int

    def bind(self) -> None:
        """Reserve the port; port then holds the real one. Raises OSError where it can't be had."""
        ...

    def listen(self, on_accept: Callable[[Accepted], None]) -> None:
        """Accept connections and hand each to on_accept."""
        ...

    def refuse(self) -> None:
        """Refuse connections."""
        ...

    def release(self) -> None:
        """Give the port back."""
        ...


class TcpListener:
    """A TCP port of this machine, with TLS where an ssl_context is given."""

    def __init__(self, host: str, port: int, ssl_context: ssl.SSLContext | None) -> None:
        self.port = port
        self._host = host
        self._ssl_context = ssl_context
        self._socket: socket.socket | None = None
        self._on_accept: Callable[[Accepted], None] | None = None

    def bind(self) -> None:
        """Reserve the port; see Listener."""
        family, kind, protocol, _, address = socket.getaddrinfo(
            self._host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
        self._socket = bound
        self.port = bound.getsockname()[1]

    def listen(self, on_accept: Callable[[Accepted], None]) -> None:
        """Accept connections."""
        assert self._socket is not None
        self._on_accept = on_accept
        self._socket.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def refuse(self) -> None:
        """Refuse connections."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            # Bound but not listening, the port refuses connections and nobody else can take it.
            self.bind()

    def release(self) -> None:
        """Give the port back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _accept(self) -> None:
        assert self._socket is not None
        assert self._on_accept is not None
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return
        accepted.setblocking(False)
        self._on_accept(_AcceptedSocket(accepted, self._ssl_context))


class _AcceptedSocket:
    def __init__(self, accepted: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        self._socket = accepted
        self._ssl_context = ssl_context

    async def serve(self, make: Serve) -> None:
        tls: dict[str, Any] = {}
        if self._ssl_context is not None:
            tls = {"ssl": self._ssl_context, "ssl_handshake_timeout": _TLS_S, "ssl_shutdown_timeout": _TLS_S}
        # From here the loop owns the socket and closes it, whatever becomes of the handshake; a client that gives up in
        # the middle of one is no error of the server.
        with suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(make, self._socket, **tls)

    def end(self, ending: Ending) -> None:
        if ending is Ending.RESET:
            reset_on_close(self._socket)
        if ending is not Ending.SILENCE:
            self._socket.close()


class MemoryListener:
    """A port of the network in memory."""

    def __init__(self, network: MemoryNetwork, port: int) -> None:
        self.port = port
        self._network = network
        self._on_accept: Callable[[Accepted], None] | None = None

    def bind(self) -> None:
        """Reserve the port; see Listener."""
        self.port = self._network.reserve(self.port)

    def listen(self, on_accept: Callable[[Accepted], None]) -> None:
        """Accept connections."""
        self._on_accept = on_accept
        self._network.listen(self.port, self)

    def refuse(self) -> None:
        """Refuse connections."""
        self._network.listen(self.port, None)

    def release(self) -> None:
        """Give the port back."""
        self._network.release(self.port)

    def accept(self, end: MemoryTransport) -> None:
        """Take the server's end of a new connection."""
        assert self._on_accept is not None
        self._on_accept(_AcceptedEnd(end))


class _AcceptedEnd:
    def __init__(self, end: MemoryTransport) -> None:
        self._end = end

    async def serve(self, make: Serve) -> None:
        protocol = make()
        protocol.connection_made(self._end)
        self._end.set_protocol(protocol)

    def end(self, ending: Ending) -> None:
        if ending is Ending.RESET:
            reset_on_close(self._end.get_extra_info("socket"))
        if ending is not Ending.SILENCE:
            self._end.abort()
