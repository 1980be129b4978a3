"""A TCP relay between a client and a sandbox that alters what passes."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 1 << 16


class Relay:
    """Passes bytes on both ways; replace() alters the next request that holds certain bytes. `async with` it."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._server: asyncio.Server | None = None
        self._alteration: tuple[bytes, bytes] | None = None
        self._links: set[asyncio.Task[None]] = set()
        self.replaced = 0

    @property
    def url(self) -> str:
        """Where a client finds the relay."""
        if self._server is None:
            raise RuntimeError("the relay has no url before it is started")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def replace(self, old: bytes, new: bytes) -> None:
        """Alter the next chunk from a client that holds `old`, once; both have the same length."""
        if len(old) != len(new):
            raise ValueError("an alteration must not change the length")
        self._alteration = (old, new)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.add(asyncio.create_task(self._link(reader, writer)))

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer, alter=True))
                both.create_task(self._pass_on(far_reader, writer, alter=False))
        except* OSError:
            pass
        finally:
            writer.close()
            far_writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, alter: bool) -> None:
        while data := await reader.read(_CHUNK):
            if alter and self._alteration is not None and self._alteration[0] in data:
                data = data.replace(*self._alteration, 1)
                self._alteration = None
                self.replaced += 1
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
