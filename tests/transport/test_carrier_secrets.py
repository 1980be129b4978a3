"""No error of the transport leads to a key, a signature or a header, whichever way it is looked at."""

from __future__ import annotations

import asyncio
import gc
import hmac
import logging
import pickle
import traceback
from collections.abc import Iterator
from types import FrameType, FunctionType, ModuleType

import pytest
from raw_server import (
    API_KEY,
    API_SECRET,
    OK,
    Peer,
    RawServer,
    answer_with,
    carried,
    make_channel,
    order,
    raw_server,
    until,
)

from spotlane._core.berths import Berth
from spotlane._core.signing import QueryAuth
from spotlane.errors import SpotlaneError
from spotlane.spec import Verb
from spotlane.transport import HttpCarrier, ManualClock
from spotlane.transport.pool import ConnectionPool

pytestmark = pytest.mark.usefixtures("carrier_kind")

# QueryAuth is what keeps the key and shows it to nobody; whoever asks the garbage collector for its parts gets them.
# Carriers and connections lead to the event loop, and so to everything in this process, the server's end included.
_NOT_FOLLOWED = (FrameType, FunctionType, ModuleType, type, QueryAuth, HttpCarrier, ConnectionPool, Berth)
REPLIES = {
    "disconnected": b"",
    "malformed": b"<html>\r\n\r\n",
    "truncated": OK[:-1],
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "encoded": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "oversize": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
}


def signatures_of(server: RawServer) -> list[str]:
    """Return the signatures that arrived, which the test must not meet anywhere else."""
    found = [raw.split(b"&signature=")[1].split(b" ")[0].decode() for raw in server.requests]
    queries = [raw.split(b"?")[1].split(b"&signature=")[0] for raw in server.requests]
    assert found == [hmac.digest(API_SECRET, query, "sha256").hex() for query in queries]
    return found


def reachable(error: BaseException) -> Iterator[object]:
    """Yield whatever the error holds, and the locals of our frames in its traceback, a few steps deep."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if "/spotlane/" in frame.f_code.co_filename]
    assert frames
    layer: list[object] = [error.args, error.__dict__]
    for frame in frames:
        layer += [value for name, value in frame.f_locals.items() if name != "self"]
    seen: set[int] = set()
    for _ in range(6):
        following: list[object] = []
        for value in layer:
            if id(value) in seen or isinstance(value, _NOT_FOLLOWED):
                continue
            seen.add(id(value))
            yield value
            following += gc.get_referents(value)
        layer = following


def assert_clean(error: SpotlaneError, server: RawServer) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    secrets = [*signatures_of(server), API_KEY, API_SECRET.decode()]
    shown = [str(error), repr(error), "".join(traceback.TracebackException.from_exception(error).format())]
    for value in reachable(error):
        assert type(value).__module__.split(".")[0] not in ("aiohttp", "yarl"), type(value)
        if isinstance(value, (bytes, bytearray)):
            shown.append(value.decode("latin-1"))
        else:
            shown.append(repr(value))
    for secret in secrets:
        assert all(secret not in text for text in shown)


@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
@pytest.mark.parametrize("fault", REPLIES)
async def test_error_after_a_fault_holds_no_secret(
    fault: str, verb: Verb, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = ManualClock()
    script = answer_with(REPLIES[fault], then_close=True)
    async with raw_server(script) as server, carried(server, clock=clock) as client:
        channel = make_channel(client.carrier, clock)
        if (fault, verb) == ("no length", Verb.READ):
            assert (await channel.send(order(verb=verb))).body == b"{}"
            return
        with pytest.raises(SpotlaneError) as caught:
            await channel.send(order(verb=verb))
        assert_clean(caught.value, server)
        secrets = [*signatures_of(server), API_KEY, API_SECRET.decode()]
    gc.collect()
    output = "".join(capfd.readouterr()) + caplog.text
    assert all(secret not in output for secret in secrets)


async def test_error_at_the_deadline_holds_no_secret() -> None:
    clock = ManualClock()
    async with raw_server(answer_with(b"")) as server, carried(server, clock=clock) as client:
        sending = asyncio.create_task(make_channel(client.carrier, clock).send(order()))
        await until(lambda: server.requests)
        clock.advance(3)
        with pytest.raises(SpotlaneError) as caught:
            await sending
        assert_clean(caught.value, server)
        assert signatures_of(server)[0].encode() not in pickle.dumps(caught.value.args)


async def test_cancelled_request_holds_no_secret() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()

    async with raw_server(script) as server, carried(server) as client:
        sending = asyncio.create_task(make_channel(client.carrier, client.clock).send(order()))
        await until(lambda: server.requests)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await sending
        texts = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        for secret in (*signatures_of(server), API_KEY):
            assert secret not in texts
