"""The network in memory does what TCP does."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from spotlane.sandbox import run_virtual
from spotlane.sandbox.memory_network import MemoryNetwork, MemoryTransport, network_of

LINGER_ZERO = struct.pack("ii", 1, 0)


class Peer(asyncio.Protocol):
    """Notes what happens to it."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.end: list[object] = []
        self.stays_open = False

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def eof_received(self) -> bool:
        self.end.append("fin")
        return self.stays_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.end.append(type(exc))


class Ends:
    """A connection with a note-taker at either end."""

    def __init__(self, client: MemoryTransport, server: MemoryTransport) -> None:
        self.client, self.server = client, server
        self.at_client, self.at_server = Peer(), Peer()
        client.set_protocol(self.at_client)
        server.set_protocol(self.at_server)

    def is_readable(self) -> bool:
        poll = select.poll()
        poll.register(self.client.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


class Acceptor:
    def __init__(self) -> None:
        self.accepted: list[MemoryTransport] = []

    def accept(self, end: MemoryTransport) -> None:
        self.accepted.append(end)


def connected(check: Callable[[Ends], Awaitable[None]]) -> None:
    async def main() -> None:
        network = network_of(asyncio.get_running_loop())
        assert isinstance(network, MemoryNetwork)
        acceptor = Acceptor()
        port = network.reserve(0)
        network.listen(port, acceptor)
        client = await network.connect(port)
        await check(Ends(client, acceptor.accepted[0]))

    run_virtual(main)


async def settle() -> None:
    await asyncio.sleep(0.01)


def test_bytes_arrive_late_whole_and_in_order() -> None:
    async def check(ends: Ends) -> None:
        pieces = [b"%d" % number for number in range(50)]
        for piece in pieces:
            ends.client.write(piece)
        await asyncio.sleep(0)
        assert ends.at_server.received == []
        await settle()
        assert b"".join(ends.at_server.received) == b"".join(pieces)

    connected(check)


def test_the_latency_is_drawn_from_the_seed() -> None:
    async def main() -> list[float]:
        network = network_of(asyncio.get_running_loop())
        assert network is not None
        network.shortest_s, network.longest_s = 0.1, 0.3
        return [network.latency_s() for _ in range(20)]

    first = run_virtual(main, seed=1)
    assert first == run_virtual(main, seed=1) != run_virtual(main, seed=2)
    assert all(0.1 <= latency_s <= 0.3 for latency_s in first)


def test_close_is_fin_behind_what_was_written() -> None:
    async def check(ends: Ends) -> None:
        ends.client.write(b"last words")
        ends.client.close()
        ends.client.write(b"too late")
        await settle()
        assert ends.at_server.received == [b"last words"]
        assert ends.at_server.end == ["fin", type(None)]
        assert ends.at_client.end == [type(None)]

    connected(check)


def test_linger_zero_makes_it_rst() -> None:
    async def check(ends: Ends) -> None:
        ends.server.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        ends.server.abort()
        await settle()
        assert ends.at_client.end == [ConnectionResetError]

    connected(check)


def test_closing_with_something_unread_is_rst() -> None:
    async def check(ends: Ends) -> None:
        ends.server.pause_reading()
        ends.client.write(b"unread")
        await settle()
        ends.server.close()
        await settle()
        assert (ends.at_server.received, ends.at_client.end) == ([], [ConnectionResetError])

    connected(check)


def test_writing_to_an_end_that_is_gone_is_answered_with_rst() -> None:
    async def check(ends: Ends) -> None:
        ends.at_client.stays_open = True
        ends.server.close()
        await settle()
        assert ends.at_client.end == ["fin"]
        ends.client.write(b"anybody there?")
        await settle()
        assert ends.at_client.end == ["fin", ConnectionResetError]

    connected(check)


def test_a_paused_end_keeps_what_arrives() -> None:
    async def check(ends: Ends) -> None:
        ends.server.pause_reading()
        ends.client.write(b"kept")
        ends.client.close()
        await settle()
        assert not ends.server.is_reading()
        assert (ends.at_server.received, ends.at_server.end) == ([], [])
        ends.server.resume_reading()
        await settle()
        assert (ends.at_server.received, ends.at_server.end) == ([b"kept"], ["fin", type(None)])

    connected(check)


@pytest.mark.parametrize("what", ["bytes", "fin", "rst"])
def test_the_descriptor_is_readable_exactly_while_something_is_unread(what: str) -> None:
    async def check(ends: Ends) -> None:
        ends.client.pause_reading()
        assert not ends.is_readable()
        if what == "bytes":
            ends.server.write(b"x")
        else:
            if what == "rst":
                ends.server.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            ends.server.close()
        assert not ends.is_readable()
        await settle()
        assert ends.is_readable()
        if what == "bytes":
            ends.client.resume_reading()
            await settle()
            assert not ends.is_readable()

    connected(check)


def test_a_turn_of_the_loop_lies_between_arriving_and_being_read() -> None:
    async def check(ends: Ends) -> None:
        loop = asyncio.get_running_loop()
        network = network_of(loop)
        assert network is not None
        network.shortest_s = network.longest_s = 0.001
        seen: list[tuple[bool, int]] = []
        ends.server.write(b"x")
        loop.call_later(0.001, lambda: seen.append((ends.is_readable(), len(ends.at_client.received))))
        await settle()
        assert seen == [(True, 0)]
        assert ends.at_client.received == [b"x"]

    connected(check)


def test_nobody_listening_is_a_refusal() -> None:
    async def main() -> None:
        network = network_of(asyncio.get_running_loop())
        assert network is not None
        with pytest.raises(ConnectionRefusedError):
            await network.connect(7)
        port = network.reserve(0)
        with pytest.raises(ConnectionRefusedError):
            await network.connect(port)
        with pytest.raises(OSError, match="in use"):
            network.reserve(port)
        network.release(port)
        assert network.reserve(port) == port

    run_virtual(main)


def test_an_ordinary_loop_has_no_network() -> None:
    async def main() -> Any:
        return network_of(asyncio.get_running_loop())

    assert asyncio.run(main()) is None
