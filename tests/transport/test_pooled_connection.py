"""When a connection counts as silent, without a network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from spotlane.transport.plain import PlainConnection
from spotlane.transport.pool import PooledConnection


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def connection_over(ours: socket.socket, *, is_tls: bool) -> PlainConnection:
    facts = {"socket": ours, "sslcontext": object() if is_tls else None}
    protocol = SimpleNamespace(is_connected=lambda: True, should_close=False, _parser=None)
    raw = SimpleNamespace(protocol=protocol, transport=SimpleNamespace(get_extra_info=facts.get))
    return PlainConnection(raw, 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_tls", [False, True])
def test_what_the_kernel_holds_is_no_silence(is_tls: bool, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    connection = connection_over(ours, is_tls=is_tls)
    assert connection.is_silent()
    theirs.sendall(b"session ticket")
    assert not connection.is_silent()
    # As the TLS layer takes it in.
    ours.recv(100)
    assert connection.rest()
    assert connection.is_silent()
    theirs.sendall(b"unasked")
    assert not connection.is_silent()


def test_connection_that_does_not_say_how_it_rests_can_not_be_made() -> None:
    with pytest.raises(TypeError, match="rest"):
        PooledConnection(SimpleNamespace(), 0.0)  # type: ignore[abstract, arg-type]


def test_connection_lost_while_it_was_made_is_given_back() -> None:
    closed: list[bool] = []
    raw = SimpleNamespace(protocol=None, transport=None, close=lambda: closed.append(True))
    with pytest.raises(ConnectionResetError):
        PlainConnection(raw, 0.0)  # type: ignore[arg-type]
    assert closed == [True]
