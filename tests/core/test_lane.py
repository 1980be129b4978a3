"""One lane, driven by hand: what it writes, what it makes of what arrives, and when it is dead."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from spotlane._core.berths import Berth, Berths, Sender
from spotlane._core.lane import Lane, LaneFault, Preamble
from spotlane._core.signing import Hmac, QueryAuth, Signed
from spotlane.errors import NotSent
from spotlane.spec import Endpoint, Verb
from spotlane.transport import ManualClock, Request, Sealed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HOST = {"Host": "h", "Accept": "*/*", "Content-Type": "application/json"}


@dataclass
class Wire:
    """A transport that keeps what is written to it."""

    written: list[bytes] = field(default_factory=list)
    is_gone: bool = False
    fault: Exception | None = None

    def write(self, data: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.is_gone

    def abort(self) -> None:
        self.is_gone = True


@dataclass
class Rig:
    lane: Lane
    wire: Wire
    clock: ManualClock
    closed: asyncio.Future[None]
    theirs: socket.socket
    preamble: Preamble = field(default_factory=lambda: Preamble(HOST))

    def send(self, *, within_s: float = 1.0, is_read: bool = False, **changes: Any) -> asyncio.Future[Any]:
        options = {"method": "POST", "path": "/order", "query": b"", "signed": None, "body": b"", **changes}
        return self.lane.send(
            options["method"],
            options["path"],
            options["query"],
            options["signed"],
            self.preamble,
            options["body"],
            1_000,
            is_read,
            self.clock.monotonic() + within_s,
            options.get("stages"),
        )


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
async def rig(ends: tuple[socket.socket, socket.socket]) -> Rig:
    ours, theirs = ends
    wire, clock = Wire(), ManualClock()
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()
    lane = Lane(wire, closed, descriptor=ours.fileno(), loop=loop, clock=clock)  # type: ignore[arg-type]
    return Rig(lane, wire, clock, closed, theirs)


def signed_order() -> Signed:
    auth = QueryAuth(
        signer=Hmac("sha256", b"secret"), api_key="key", api_key_header="X-Key", headers={"content-type": "text/plain"}
    )
    return auth.sign("/order", b"a=1", 5, 6)


async def test_an_unsigned_request_is_written_as_it_is(rig: Rig) -> None:
    rig.send(method="GET", path="/time", query=b"a=1")
    assert rig.wire.written == [
        b"GET /time?a=1 HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nContent-Type: application/json\r\n\r\n"
    ]


async def test_a_signed_request_is_its_target_and_its_headers_which_replace_those_of_every_request(rig: Rig) -> None:
    signed = signed_order()
    for body, length in ((b"", b"0"), (b"x" * 300, b"300")):
        rig.send(signed=signed, body=body)
        (written,) = rig.wire.written
        assert written == (
            b"POST " + signed.target.encode() + b" HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n"
            b"X-Key: key\r\ncontent-type: text/plain\r\nContent-Length: " + length + b"\r\n\r\n" + body
        )
        rig.lane.feed_data(OK)
        rig.wire.written.clear()


async def test_the_reply_is_handed_over_and_the_lane_goes_on(rig: Rig) -> None:
    for _ in range(3):
        to_come = rig.send()
        assert not rig.lane.is_silent()
        for at in range(len(OK)):
            assert not to_come.done()
            assert rig.lane.feed_data(OK[at : at + 1]) == (False, b"")
        status, fields, body, _ = to_come.result()
        assert (status, fields, body) == (200, [(b"Content-Length", b"2")], b"{}")
        assert rig.lane.is_silent()


async def test_what_nobody_asked_for_is_the_end(rig: Rig) -> None:
    assert rig.lane.is_silent()
    assert rig.lane.feed_data(OK) == (False, b"")
    assert rig.lane.is_dead
    assert rig.wire.is_gone
    assert not rig.lane.is_silent()


async def test_what_the_kernel_holds_is_seen(rig: Rig) -> None:
    rig.theirs.send(b"H")
    assert not rig.lane.is_silent()


async def test_a_connection_without_a_descriptor_is_not_polled() -> None:
    loop = asyncio.get_running_loop()
    lane = Lane(Wire(), None, descriptor=-1, loop=loop, clock=ManualClock())  # type: ignore[arg-type]
    assert lane.is_silent()
    lane.feed_data(OK)
    assert not lane.is_silent()


async def test_a_second_reply_ends_the_lane_and_not_the_first(rig: Rig) -> None:
    to_come = rig.send()
    rig.lane.feed_data(OK + OK)
    assert to_come.result()[0] == 200
    assert rig.lane.is_dead
    assert rig.wire.is_gone


@pytest.mark.parametrize("late", [OK, b"\r\n", b"x"])
async def test_bytes_after_a_reply_end_the_lane(rig: Rig, late: bytes) -> None:
    to_come = rig.send()
    rig.lane.feed_data(OK)
    rig.lane.feed_data(late)
    assert to_come.result()[0] == 200
    assert rig.lane.is_dead


async def test_a_408_is_the_reply_and_the_end(rig: Rig) -> None:
    to_come = rig.send()
    rig.lane.feed_data(OK.replace(b"200 OK", b"408 Request Timeout"))
    assert to_come.result()[0] == 408
    assert rig.lane.is_dead


@pytest.mark.parametrize(("data", "reason"), [(b"<html>", "malformed"), (OK.replace(b": 2", b": 2000"), "oversize")])
async def test_what_is_no_reply_ends_the_request_and_the_lane(rig: Rig, data: bytes, reason: str) -> None:
    to_come = rig.send()
    rig.lane.feed_data(data)
    assert to_come.result() == reason
    assert rig.lane.is_dead
    assert rig.wire.is_gone


async def test_the_end_of_the_connection_ends_the_request(rig: Rig) -> None:
    to_come = rig.send()
    rig.closed.set_result(None)
    rig.lane.feed_eof()
    assert to_come.result() == "disconnected"
    assert rig.lane.is_dead


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_body_that_ends_with_its_connection_is_whole_only_when_that_ended_well(
    rig: Rig, is_reset: bool
) -> None:
    to_come = rig.send(is_read=True)
    rig.lane.feed_data(b"HTTP/1.1 200 OK\r\n\r\n{}")
    if is_reset:
        rig.closed.set_exception(ConnectionResetError())
        rig.closed.exception()
    else:
        rig.closed.set_result(None)
    rig.lane.feed_eof()
    assert to_come.result() == "truncated" if is_reset else to_come.result()[2] == b"{}"


async def test_one_timer_serves_many_requests(rig: Rig) -> None:
    for _ in range(5):
        to_come = rig.send(within_s=1.0)
        assert rig.clock.pending_timers == 1
        rig.clock.advance(0.3)
        rig.lane.feed_data(OK)
        assert to_come.result()[0] == 200
    rig.clock.advance(10)
    assert rig.clock.pending_timers == 0
    assert not rig.lane.is_dead


async def test_the_deadline_ends_the_request_and_the_lane(rig: Rig) -> None:
    for within_s in (1.0, 5.0):
        rig.send(within_s=within_s)
        rig.lane.feed_data(OK)
        rig.clock.advance(0.9)
    to_come = rig.send(within_s=0.5)
    rig.clock.advance(0.49)
    assert not to_come.done()
    rig.clock.advance(0.02)
    assert to_come.result() == "deadline"
    assert rig.lane.is_dead
    assert rig.wire.is_gone
    assert rig.clock.pending_timers == 0


async def test_a_write_that_fails_leaves_open_how_much_has_left(rig: Rig) -> None:
    rig.wire.fault = RuntimeError("closing")
    assert rig.send().result() == "disconnected"
    assert rig.lane.is_dead


async def test_a_request_that_was_given_up_is_not_disturbed_by_its_reply(rig: Rig) -> None:
    to_come = rig.send()
    to_come.cancel()
    rig.lane.feed_data(OK)
    rig.lane.abort()
    rig.lane.feed_data(OK)
    rig.lane.feed_eof()
    assert to_come.cancelled()
    assert rig.lane.is_dead


async def test_aborting_ends_a_request_under_way(rig: Rig) -> None:
    to_come = rig.send()
    rig.lane.abort()
    assert to_come.result() == "disconnected"


async def test_the_first_byte_is_told(rig: Rig) -> None:
    class Moments:
        first_byte_s = 0.0

    moments = Moments()
    rig.send(stages=moments)
    rig.clock.advance(0.25)
    rig.lane.feed_data(OK[:1])
    rig.clock.advance(0.25)
    rig.lane.feed_data(OK[1:])
    assert moments.first_byte_s == 1_000.25


async def test_a_dead_lane_takes_no_request(rig: Rig) -> None:
    rig.lane.abort()
    assert rig.send().result() == "disconnected"
    assert rig.wire.written == []


async def test_a_lane_takes_one_request_at_a_time(rig: Rig) -> None:
    first = rig.send()
    assert rig.send().result() == "disconnected"
    assert len(rig.wire.written) == 1
    rig.lane.feed_data(OK)
    assert first.result()[0] == 200


@pytest.fixture
async def faults(rig: Rig) -> list[str]:
    """Have a rig's lane made anew, with somebody who is told of its errors."""
    told: list[str] = []
    wire: Any = rig.wire
    descriptor = rig.theirs.fileno()
    loop = asyncio.get_running_loop()
    rig.lane = Lane(wire, rig.closed, descriptor=descriptor, loop=loop, clock=rig.clock, on_fault=told.append)
    return told


async def test_an_error_of_its_own_while_reading_is_told_and_ends_it(rig: Rig, faults: list[str]) -> None:
    to_come = rig.send()
    assert rig.lane.feed_data(object()) == (False, b"")  # type: ignore[arg-type]
    assert (to_come.result(), faults) == ("lane", ["TypeError"])
    assert rig.lane.is_dead
    assert rig.wire.is_gone


async def test_an_error_of_its_own_at_the_end_of_the_connection(rig: Rig, faults: list[str]) -> None:
    class Unknowable(asyncio.Future[None]):
        def exception(self) -> BaseException | None:
            raise LookupError

    ended = Unknowable()
    ended.set_result(None)
    wire: Any = rig.wire
    lane = rig.lane = Lane(
        wire, ended, descriptor=-1, loop=asyncio.get_running_loop(), clock=rig.clock, on_fault=faults.append
    )
    to_come = rig.send()
    lane.feed_eof()
    assert (to_come.result(), faults) == ("lane", ["LookupError"])


@pytest.mark.parametrize("moment", ["deadline", "reply"])
async def test_nobody_waits_for_ever_although_the_clock_fails(moment: str) -> None:

    class Failing(ManualClock):
        is_broken = False

        def monotonic(self) -> float:
            if self.is_broken:
                raise ArithmeticError
            return super().monotonic()

    clock, told, loop = Failing(), list[str](), asyncio.get_running_loop()
    wire: Any = Wire()
    lane = Lane(wire, None, descriptor=-1, loop=loop, clock=clock, on_fault=told.append)
    to_come = lane.send("GET", "/", b"", None, Preamble(HOST), b"", 1_000, True, clock.monotonic() + 1.0, None)
    clock.is_broken = True
    if moment == "reply":
        lane.feed_data(OK)
    else:
        lane._look_at_deadline()  # type: ignore[attr-defined]
    assert (to_come.result(), told, wire.is_gone) == ("lane", ["ArithmeticError"], True)


async def test_an_error_of_its_own_while_it_idles(rig: Rig, faults: list[str]) -> None:
    def fail() -> bool:
        raise AttributeError("is_closing")

    rig.wire.is_closing = fail  # type: ignore[method-assign]
    wire: Any = rig.wire
    lane = Lane(wire, None, descriptor=-1, loop=asyncio.get_running_loop(), clock=rig.clock, on_fault=faults.append)
    assert not lane.is_silent()
    assert (lane.is_dead, faults) == (True, ["AttributeError"])


async def test_whoever_waits_is_told_although_closing_fails(rig: Rig, faults: list[str]) -> None:
    def fail() -> None:
        raise LookupError

    rig.wire.abort = fail  # type: ignore[method-assign]
    to_come = rig.send()
    with pytest.raises(LookupError):
        rig.lane.feed_data(object())  # type: ignore[arg-type]
    assert (to_come.result(), faults) == ("lane", ["TypeError"])


def sender_of(rig: Rig) -> tuple[Sender, Berth]:
    berth = Berth()
    berth.opened_s = berth.idle_since_s = rig.clock.monotonic()
    berth.lane = rig.lane
    berths = Berths(places=2, reserve=0, retire_after_s=10.0, oldest_s=10.0, on_drop=lambda berth, is_due: None)
    berths.idle.append(berth)
    return Sender(berths, rig.preamble, rig.clock.monotonic, cancel=Verb.CANCEL, read=Verb.READ), berth


def request_to(path: Any) -> Request:
    return Request(Endpoint("order", "POST", "/order", verb=Verb.PLACE, signed=False), path)


async def test_an_error_of_its_own_before_writing_says_that_no_byte_has_left(rig: Rig) -> None:
    sender, _ = sender_of(rig)
    with pytest.raises(LaneFault, match=r"^TypeError$") as fault:
        sender.start(request_to(None), lambda request: Sealed(None, None), rig.clock.monotonic() + 1.0, None)
    assert not fault.value.may_have_left
    assert (fault.value.__cause__, fault.value.__context__, rig.wire.written) == (None, None, [])


async def test_an_error_of_its_own_after_writing_says_that_bytes_may_have_left(rig: Rig) -> None:
    def fail() -> None:
        raise LookupError

    rig.wire.abort = fail  # type: ignore[method-assign]
    rig.wire.fault = RuntimeError("half of it is gone")
    sender, _ = sender_of(rig)
    with pytest.raises(LaneFault, match=r"^LookupError$") as fault:
        sender.start(request_to("/order"), lambda request: Sealed(None, None), rig.clock.monotonic() + 1.0, None)
    assert fault.value.may_have_left
    assert (fault.value.__cause__, fault.value.__context__) == (None, None)


async def test_what_stamping_raises_is_no_error_of_the_lane(rig: Rig) -> None:
    def refuse(request: object) -> Sealed:
        raise NotSent("too late")

    sender, _ = sender_of(rig)
    with pytest.raises(NotSent, match="too late"):
        sender.start(request_to("/order"), refuse, rig.clock.monotonic() + 1.0, None)
    assert rig.lane.is_silent()
