"""When a client's bytes reach its transport: a stand-in for each transport that notes the moment and passes all on."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Writes:
    """The moments at which write or writelines were entered, of every connection that was opened since watch()."""

    def __init__(self) -> None:
        self.entered_ns: list[int] = []

    @classmethod
    def watch(cls, loop: asyncio.AbstractEventLoop) -> Writes:
        """Put a stand-in between every new connection's protocol and transport.

        The bytes really go out. The note is made first, so it adds nothing to the time before it; what a client asks
        the transport before writing (is_closing and the like) takes a little longer than without.
        """
        writes = cls()
        connect: Any = loop.create_connection

        async def create_connection(*arguments: Any, **options: Any) -> tuple[Any, Any]:
            transport, protocol = await connect(*arguments, **options)
            protocol.transport = _StandIn(transport, writes.entered_ns)
            return protocol.transport, protocol

        # An instance attribute: the loop's class serves other loops too, and uvloop's can't be changed.
        loop.create_connection = create_connection  # type: ignore[method-assign]
        return writes


class _StandIn:
    __slots__ = ("_entered_ns", "_transport")

    def __init__(self, transport: asyncio.Transport, entered_ns: list[int]) -> None:
        self._transport = transport
        self._entered_ns = entered_ns

    def write(self, data: bytes) -> None:
        self._entered_ns.append(time.perf_counter_ns())
        self._transport.write(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self._entered_ns.append(time.perf_counter_ns())
        self._transport.writelines(pieces)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
