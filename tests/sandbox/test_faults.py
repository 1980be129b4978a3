from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import FrozenInstanceError

import pytest
from server_rig import LOOPS, Rig, Wire, run, serving, until

from spotlane.errors import UsageError
from spotlane.sandbox import (
    FAULT_POINTS,
    DelayReply,
    DuplicateReply,
    EndAccept,
    Ending,
    Fault,
    FaultPlan,
    Sandbox,
    SwapReply,
    points_of,
    run_virtual,
)

PATH = "/api/v3/order"
Check = Callable[[Rig, Wire], Awaitable[None]]


def ended(executed: int, ending: str, part: Callable[[bytes], bool] = lambda received: received == b"") -> Check:
    """The connection ends after a part of the reply; the request was executed so many times."""

    async def check(rig: Rig, wire: Wire) -> None:
        received, how = await wire.rest()
        assert how == ending
        assert part(received), received
        assert len(rig.handled) == executed
        assert [entry.is_executed for entry in rig.server.requests] == [executed == 1]

    return check


def silent(executed: int, part: Callable[[bytes], bool] = lambda received: received == b"") -> Check:
    """The connection stays open and says no more, while another one is served."""

    async def check(rig: Rig, wire: Wire) -> None:
        await until(lambda: rig.server.requests.total and len(rig.handled) >= executed)
        reading = asyncio.ensure_future(wire.rest())
        other = await rig.connect()
        for _ in range(3):
            await other.ask("GET", "/other")
        assert not reading.done()
        assert len([request for request in rig.handled if request.path == PATH]) == executed
        await rig.server.down()
        received, _ = await reading
        assert part(received), received
        await other.close()

    return check


def replied(status: int, executed: int, *texts: bytes, **headers: str) -> Check:
    """A whole reply comes, and the connection serves the next request."""

    async def check(rig: Rig, wire: Wire) -> None:
        got_status, got_headers, body = await wire.reply()
        assert got_status == status
        assert all(text in body for text in texts)
        for name, value in headers.items():
            assert got_headers[name.replace("_", "-")] == value
        assert len(rig.handled) == executed
        await wire.ask("GET", "/next")

    return check


def whole(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200 OK\r\n") and json.loads(body)["count"] == 1


def half_body(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return 0 < len(body) < length


async def outage(rig: Rig, wire: Wire) -> None:
    assert (await wire.reply())[0] == 200
    assert (await wire.rest())[0] == b""
    await until(lambda: rig.server.is_listening)
    again = await rig.connect()
    assert (await again.ask())["count"] == 2
    await again.close()


async def delayed(rig: Rig, wire: Wire) -> None:
    await until(lambda: rig.handled)
    assert json.loads((await wire.reply())[2])["count"] == 1
    await wire.ask("GET", "/next")


async def chunked(rig: Rig, wire: Wire) -> None:
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"content-length" not in head.lower()
    body = b""
    while size := int(await wire.reader.readuntil(b"\r\n"), 16):
        body += (await wire.reader.readexactly(size + 2))[:-2]
    assert await wire.reader.readexactly(2) == b"\r\n"
    assert json.loads(body)["count"] == 1
    await wire.ask("GET", "/next")


def cut_in_a_chunk(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    size, _, data = body.partition(b"\r\n")
    return b"Transfer-Encoding: chunked" in head and len(data) == int(size, 16) and not data.endswith(b"\r\n")


def without_length(is_whole: bool) -> Callable[[bytes], bool]:
    def check(received: bytes) -> bool:
        head, _, body = received.partition(b"\r\n\r\n")
        closes = b"content-length" not in head.lower() and b"Connection: close" in head
        return closes and body.startswith(b'{"count": 1') and body.endswith(b"}") is is_whole

    return check


async def duplicated(rig: Rig, wire: Wire) -> None:
    first, second = await wire.reply(), await wire.reply()
    assert first == second
    assert first[0] == 200
    assert len(rig.handled) == 1
    await wire.ask("GET", "/next")


async def stray_408(rig: Rig, wire: Wire) -> None:
    assert (await wire.reply())[0] == 200
    received, ending = await wire.rest()
    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert ending == "finish"


async def stray_bytes(rig: Rig, wire: Wire) -> None:
    assert (await wire.reply())[0] == 200
    assert await wire.reader.readexactly(12) == b"\x15\x03\x03\x00\x02unasked"
    await wire.ask("GET", "/next")


async def stale(rig: Rig, wire: Wire) -> None:
    assert (await wire.reply())[0] == 200
    wire.send()
    assert await wire.rest() == (b"", "finish")
    assert len(rig.handled) == 1


async def closed_idle(rig: Rig, wire: Wire) -> None:
    assert (await wire.reply())[0] == 200
    assert await wire.rest() == (b"", "finish")


async def swapped(rig: Rig, wire: Wire) -> None:
    assert json.loads((await wire.reply())[2])["count"] == 1
    assert (await wire.ask())["count"] == 1
    assert len(rig.handled) == 2
    assert (await wire.ask())["count"] == 3


async def gzipped(rig: Rig, wire: Wire) -> None:
    status, headers, body = await wire.reply()
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(body))["count"] == 1


async def oversize(rig: Rig, wire: Wire) -> None:
    status, _, body = await wire.reply()
    assert status == 200
    assert len(body) > 1 << 20
    assert json.loads(body)["count"] == 1


async def in_pieces(rig: Rig, wire: Wire) -> None:
    pieces: list[bytes] = []
    while not b"".join(pieces).endswith(b"}"):
        pieces.append(await wire.reader.read(1 << 16))
    assert len(pieces) > 1
    assert whole(b"".join(pieces))
    await wire.ask("GET", "/next")


async def interim(rig: Rig, wire: Wire) -> None:
    assert (await wire.reply())[0] == 103
    assert (await wire.reply())[0] == 200
    await wire.ask("GET", "/next")


def delivered_late(ending: str | None) -> Check:
    async def check(rig: Rig, wire: Wire) -> None:
        assert rig.handled == []
        if ending:
            assert await wire.rest() == (b"", ending)
        await until(lambda: rig.handled)
        assert rig.handled[0].peer_ip == "127.0.0.1"
        assert rig.server.requests[0].is_executed

    return check


async def answered_late(rig: Rig, wire: Wire) -> None:
    assert json.loads((await wire.reply())[2])["count"] == 1
    await wire.ask("GET", "/next")


async def clock_jumped(rig: Rig, wire: Wire) -> None:
    assert json.loads((await wire.reply())[2])["clock_ms"] == -5_000


EXPECTED: dict[str, tuple[str, Check]] = {
    "outage": ("outage=0.02", outage),
    "reset-mid-request": ("reset-mid-request", ended(0, "reset")),
    "close-mid-request": ("close-mid-request", ended(0, "finish")),
    "reset-before-read": ("reset-before-read", ended(0, "reset")),
    "drop-request": ("drop-request", silent(0)),
    "reset-after-execution": ("reset-after-execution", ended(1, "reset")),
    "close-after-execution": ("close-after-execution", ended(1, "finish")),
    "silent-after-execution": ("silent-after-execution", silent(1)),
    "close-before-read": ("close-before-read", ended(0, "finish")),
    "gateway-error-executed": ("gateway-error-executed=504", replied(504, 1, b"<html>", content_type="text/html")),
    "gateway-error-refused": ("gateway-error-refused", replied(503, 0, b"<html>", content_type="text/html")),
    "delay-reply": ("delay-reply=0.02", delayed),
    "cut-status-line": ("cut-status-line", ended(1, "finish", lambda received: received == b"HTTP/1.1")),
    "status-line-only": ("status-line-only", ended(1, "finish", lambda received: received == b"HTTP/1.1 200 OK\r\n")),
    "cut-headers": (
        "cut-headers",
        ended(1, "reset", lambda received: received.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\n\r\n" not in received),
    ),
    "cut-body": ("cut-body", ended(1, "finish", half_body)),
    "reset-mid-body": ("reset-mid-body", ended(1, "reset", half_body)),
    "stall-mid-body": ("stall-mid-body", silent(1, half_body)),
    "cut-chunked": ("cut-chunked", ended(1, "finish", cut_in_a_chunk)),
    "cut-close-delimited": ("cut-close-delimited", ended(1, "finish", without_length(False))),
    "chunked": ("chunked", chunked),
    "close-delimited": ("close-delimited", ended(1, "finish", without_length(True))),
    "duplicate-reply": ("duplicate-reply", duplicated),
    "stray-408": ("stray-408=0.005", stray_408),
    "stray-bytes": ("stray-bytes=0.005", stray_bytes),
    "stale-keepalive": ("stale-keepalive", stale),
    "close-idle": ("close-idle=0.005", closed_idle),
    "html-200": ("html-200", replied(200, 1, b"<html>", content_type="text/html")),
    "other-reply": ("other-reply", swapped),
    "gzip": ("gzip", gzipped),
    "oversize": ("oversize=1", oversize),
    "drip": ("drip=0.0002", in_pieces),
    "split": ("split", in_pieces),
    "rate-limited": ("rate-limited=3", replied(429, 0, retry_after="3")),
    "banned": ("banned", replied(418, 0, retry_after="10")),
    "deliver-soon": ("deliver-soon=0.02", delivered_late(None)),
    "deliver-late": ("deliver-late=0.02", delivered_late(None)),
    "deliver-late-reset": ("deliver-late-reset=0.02", delivered_late("reset")),
    "answer-late": ("answer-late=0.02", answered_late),
    "interim": ("interim", interim),
    "clock-jump": ("clock-jump=-5000", clock_jumped),
    "clock-jump-back": ("clock-jump-back", clock_jumped),
}
ACCEPTING = {"reset-on-accept": "reset", "close-on-accept": "finish"}


def test_every_named_fault_is_shown_on_the_wire() -> None:
    assert EXPECTED.keys() | ACCEPTING.keys() | {"silent-on-accept", "slow-on-accept"} == FAULT_POINTS.keys()


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("loop", LOOPS)
def test_fault_on_the_wire(loop: str, tls: bool, name: str) -> None:
    text, check = EXPECTED[name]

    async def scenario() -> None:
        async with serving(f"{text}:POST:{PATH}", tls=tls) as rig:
            wire = await rig.connect()
            wire.send()
            await check(rig, wire)
            assert [(hit.fault.name, hit.method, hit.path) for hit in rig.faults.hits] == [(name, "POST", PATH)]
            assert rig.faults.armed == ()
            assert rig.server.errors == []
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_outage_refuses_connections_while_it_lasts(loop: str) -> None:
    async def scenario() -> None:
        async with serving(f"outage=3600:POST:{PATH}") as rig:
            wire = await rig.connect()
            await wire.ask()
            assert (await wire.rest())[0] == b""
            with pytest.raises(ConnectionRefusedError):
                await rig.connect()
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_delayed_reply_holds_up_nobody_else(loop: str) -> None:
    async def scenario() -> None:
        async with serving(f"delay-reply=3600:POST:{PATH}") as rig:
            wire, other = await rig.connect(), await rig.connect()
            wire.send()
            await until(lambda: rig.handled)
            reading = asyncio.ensure_future(wire.reader.read(1))
            assert (await other.ask("GET", "/other"))["count"] == 2
            assert not reading.done()
            for used in (wire, other):
                await used.close()
            await asyncio.wait({reading})

    run(loop, scenario())


@pytest.mark.parametrize("name", ACCEPTING)
@pytest.mark.parametrize("loop", LOOPS)
def test_fault_on_accepting(loop: str, name: str) -> None:
    async def scenario() -> None:
        async with serving(f"{name}:*:*:2") as rig:
            first = await rig.connect()
            await first.ask()
            second = await rig.connect()
            assert await second.rest() == (b"", ACCEPTING[name])
            third = await rig.connect()
            assert (await third.ask())["count"] == 2
            assert [hit.connection for hit in rig.faults.hits] == [2]
            for wire in (first, second, third):
                await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_accepting_faults_come_before_tls(loop: str) -> None:
    async def scenario() -> None:
        async with serving("reset-on-accept", tls=True) as rig:
            with pytest.raises(ConnectionError):
                await rig.connect()
            wire = await rig.connect()
            await wire.ask()
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_slowness_on_accepting(loop: str) -> None:
    async def scenario() -> None:
        async with serving("slow-on-accept=3600", "slow-on-accept=0.01") as rig:
            kept_waiting = await rig.connect()
            kept_waiting.send()
            late = await rig.connect()
            assert (await late.ask())["count"] == 1
            assert len(rig.handled) == 1
            await rig.server.down()
            assert await kept_waiting.rest() in ((b"", "finish"), (b"", "reset"))
            await kept_waiting.close()
            await late.close()

    run(loop, scenario())


def test_successes_and_refusals_are_swapped_apart() -> None:
    async def main() -> None:
        async with Sandbox("mexc") as venue:
            session, path = venue.client_options["session"], "/api/v3/time"
            good, bad = "application/json", "text/plain"

            async def status(content_type: str) -> int:
                async with session.get(venue.url + path, headers={"Content-Type": content_type}) as reply:
                    return int(reply.status)

            for refusals, told in ((False, 200), (True, 400)):
                assert [await status(kind) for kind in (good, bad)] == [200, 400]
                venue.faults.add(Fault(SwapReply(refusals), "GET", path, times=None))
                assert [await status(kind) for kind in (good, bad)] == [told, told]
                venue.faults.clear()

    run_virtual(main)


def test_a_swap_of_refusals_waits_for_one() -> None:
    plan = FaultPlan()
    plan.add(Fault(SwapReply(refusals=True), times=None))
    assert plan.for_request(1, "GET", "/", has_previous=True) is None
    assert plan.for_request(1, "GET", "/", has_refusal=True) is not None


def test_a_percentage_is_a_probability() -> None:
    for text, probability in (("10%", 0.1), ("0.5%", 0.005), ("100%", 1.0)):
        fault = Fault.parse(f"gzip:POST:/api/*:{text}")
        assert (fault.times, fault.nth) == (None, 1)
        assert fault.probability == pytest.approx(probability)
    for text in ("0%", "101%"):
        with pytest.raises(UsageError, match="probability must be"):
            Fault.parse(f"gzip:*:*:{text}")
    with pytest.raises(UsageError, match="or a percentage, was '%'"):
        Fault.parse("gzip:*:*:%")


def test_every_point_of_the_matrix_has_its_faults() -> None:
    codes = list(dict.fromkeys(point.code for point in FAULT_POINTS.values()))
    assert codes == [f"F{number}" for number in range(23)]
    assert [point.name for point in points_of("f11")] == ["cut-status-line", "status-line-only", "cut-headers"]
    assert points_of("F99") == ()


@pytest.mark.parametrize("loop", LOOPS)
def test_silence_on_accepting(loop: str) -> None:
    async def scenario() -> None:
        async with serving("silent-on-accept") as rig:
            wire = await rig.connect()
            wire.send()
            reading = asyncio.ensure_future(wire.rest())
            other = await rig.connect()
            assert (await other.ask())["count"] == 1
            assert not reading.done()
            await rig.server.down()
            await reading
            assert len(rig.handled) == 1
            for used in (wire, other):
                await used.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_mid_request_fault_acts_before_the_request_is_whole(loop: str) -> None:
    async def scenario() -> None:
        async with serving(f"reset-mid-request:POST:{PATH}") as rig:
            wire = await rig.connect()
            wire.writer.write(f"POST {PATH}?a=1 HTTP/1.1\r\nHost".encode())
            assert await wire.rest() == (b"", "reset")
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_late_delivery_outlives_its_client_but_not_the_server(loop: str) -> None:
    async def scenario() -> Rig:
        async with serving(f"answer-late=0.02:POST:{PATH}", f"deliver-late=3600:GET:{PATH}") as rig:
            leaving, waiting = await rig.connect(), await rig.connect()
            leaving.send()
            waiting.send("GET")
            await until(lambda: rig.server.requests.total == 2)
            await leaving.close()
            await until(lambda: rig.handled)
        await waiting.close()
        return rig

    assert [request.method for request in run(loop, scenario()).handled] == ["POST"]


@pytest.mark.parametrize("loop", LOOPS)
def test_late_delivery_finds_the_server_down(loop: str) -> None:
    async def scenario() -> None:
        async with serving(f"deliver-late-reset=0.05:POST:{PATH}") as rig:
            wire = await rig.connect()
            wire.send()
            # Sooner than the delivery in the order of the loop's timers, whatever the machine does meanwhile.
            await until(lambda: rig.faults.hits)
            await rig.server.down()
            over = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.1, over.set_result, None)
            await over
            rig.server.listen()
            other = await rig.connect()
            assert (await other.ask())["count"] == 1
            for used in (wire, other):
                await used.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_client_leaves_in_the_middle_of_a_drip(loop: str) -> None:
    async def scenario() -> None:
        async with serving("drip=0.01", "duplicate-reply") as rig:
            wire = await rig.connect()
            wire.send()
            await wire.reader.readexactly(3)
            await wire.close()
            await until(lambda: not rig.server.connections)
            other = await rig.connect()
            other.send()
            assert (await other.reply())[0] == (await other.reply())[0] == 200
            await other.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_fault_hits_its_own_among_pipelined_requests(loop: str) -> None:
    async def scenario() -> None:
        async with serving("gzip:GET:/2") as rig:
            wire = await rig.connect()
            for number in range(4):
                wire.send("GET", f"/{number}")
            codings = [(await wire.reply())[1].get("content-encoding") for _ in range(4)]
            assert codings == [None, None, "gzip", None]
            await wire.close()

    run(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_faults_are_added_and_cleared_while_running(loop: str) -> None:
    async def scenario() -> None:
        async with serving() as rig:
            wire = await rig.connect()
            await wire.ask()
            rig.faults.add(Fault.named("F16", "POST", PATH, times=None), "html-200:GET:/api/*:2")
            for method, target, status_type in (
                ("POST", PATH, "text/html"),
                ("POST", PATH, "text/html"),
                ("POST", PATH + "/test", "application/json"),
                ("GET", PATH, "application/json"),
                ("GET", "/api/v3/account", "text/html"),
                ("GET", PATH, "application/json"),
            ):
                wire.send(method, target)
                assert (await wire.reply())[1]["content-type"] == status_type
            assert len(rig.faults.armed) == 1
            rig.faults.clear()
            await wire.ask()
            assert len(rig.faults.hits) == 3
            await wire.close()

    run(loop, scenario())


def hits(plan: FaultPlan, count: int) -> list[int]:
    return [number for number in range(count) if plan.for_request(1, "POST", PATH) is not None]


def test_probability_is_drawn_from_the_seed_alone() -> None:
    def plan(seed: int, *more: Fault) -> FaultPlan:
        made = FaultPlan(seed)
        made.add(Fault.named("gzip", "POST", PATH, times=None, probability=0.3), *more)
        return made

    first = hits(plan(7), 2_000)
    assert first == hits(plan(7, Fault.named("drip", "GET", probability=0.5)), 2_000)
    assert first != hits(plan(8), 2_000)
    assert 500 < len(first) < 700


def test_two_faults_of_one_plan_draw_differently() -> None:
    plan = FaultPlan(7)
    for name in ("gzip", "drip"):
        plan.add(Fault.named(name, times=None, probability=0.5))
    chosen = {fault and fault.name for fault in (plan.for_request(1, "GET", "/") for _ in range(200))}
    # With equal draws the second would only ever be due together with the first, which goes before it.
    assert chosen == {"gzip", "drip", None}


def test_nth_and_times_count_from_when_the_fault_was_added() -> None:
    plan = FaultPlan()
    assert hits(plan, 3) == []
    plan.add(Fault(DuplicateReply(), nth=3, times=2))
    assert hits(plan, 10) == [2, 3]
    assert plan.armed == ()


def test_one_fault_hits_a_request_and_the_other_waits_its_turn() -> None:
    plan = FaultPlan()
    plan.add("gzip", "drip")
    chosen = [plan.for_request(1, "GET", "/") for _ in range(3)]
    assert [fault and fault.name for fault in chosen] == ["gzip", "drip", None]


def test_nothing_is_added_when_one_of_several_is_wrong() -> None:
    plan = FaultPlan()
    with pytest.raises(UsageError):
        plan.add("gzip", "grip")
    assert plan.armed == ()


def test_text_form() -> None:
    assert Fault.parse("delay-reply=3:post:/api/v3/order:2") == Fault(
        DelayReply(3.0), "POST", "/api/v3/order", nth=2, name="delay-reply"
    )
    assert Fault.parse("F2") == Fault(EndAccept(Ending.RESET), name="reset-on-accept")
    assert Fault.parse("f13:*:*:*").times is None
    assert Fault.parse("drip::/a").matches("GET", "/a")


def test_fault_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Fault.parse("gzip").nth = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reset-after-executon", "did you mean 'reset-after-execution'?"),
        ("F99", "no fault named 'F99'"),
        ("gzip=1", "takes no value"),
        ("drip=slow", "'slow' is no number"),
        ("drip=-1", "seconds must be at least 0"),
        ("drip=nan", "nan is no finite number"),
        ("clock-jump=inf", "inf is no finite number"),
        ("gateway-error-refused=200", "status must be at least 500"),
        ("gzip:GET:api", "path must begin with '/'"),
        ("gzip:GET:/:0", "nth counts from 1"),
        ("gzip:GET:/:-1", "nth must be a number"),
        ("gzip:GET:/:1:2", "expected point"),
        ("silent-on-accept:GET:/", "neither method nor path"),
    ],
)
def test_bad_fault_texts(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("?", r"\?").replace("[", r"\[")):
        Fault.parse(text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"times": 0}, "times must be"), ({"probability": 0.0}, "probability"), ({"probability": 1.5}, "probability")],
)
def test_bad_fault_arguments(arguments: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Fault.named("gzip", **arguments)  # type: ignore[arg-type]
