"""The channel: budget, stamp, the last moment, and what each loss becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from raw_server import API_KEY, SigningAuthenticator, order, read, until_equal

from spotlane.errors import BudgetExhausted, NotSent, ReadFailed, UsageError
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import (
    Budget,
    Channel,
    ExchangeClock,
    ManualClock,
    MemoryCarrier,
    Reply,
    ReplyLost,
    Request,
)


class Rig:
    """A channel over a handler in memory that notes what it is sent."""

    def __init__(self, *, has_credentials: bool = True) -> None:
        self.clock = ManualClock()
        self.exchange_clock = ExchangeClock(self.clock)
        self.sent: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.budget = Budget((Bucket("orders", 10, 1_000),), clock=self.clock)
        self.channel = Channel(
            MemoryCarrier(self.handle, clock=self.clock),
            clock=self.clock,
            exchange_clock=self.exchange_clock,
            authenticator=SigningAuthenticator() if has_credentials else None,
            budget=self.budget,
            timeout_s=2.0,
        )

    async def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.sent.append((method, target, headers, body))
        if self.fault is not None:
            raise self.fault
        await self.gate.wait()
        return Reply(200, (), b"{}")


async def opened(*, has_credentials: bool = True) -> Rig:
    rig = Rig(has_credentials=has_credentials)
    await rig.channel.open()
    return rig


async def test_request_is_stamped_with_the_exchanges_time_and_signed() -> None:
    rig = await opened()
    rig.exchange_clock.add_sample(1_800_000_000_000, rig.clock.monotonic(), rig.clock.monotonic())
    reply = await rig.channel.send(order(query=b"symbol=BTCUSDT", body=b"x"))
    ((method, target, headers, body),) = rig.sent
    assert reply.stamp_ms == 1_800_000_000_000
    assert (method, body) == ("POST", b"x")
    assert target.startswith("/order?symbol=BTCUSDT&timestamp=1800000000000&signature=")
    assert headers == {"X-MEXC-APIKEY": API_KEY}


async def test_public_request_is_neither_stamped_nor_signed() -> None:
    rig = await opened(has_credentials=False)
    reply = await rig.channel.send(order("/time", method="GET", verb=Verb.READ, signed=False))
    assert (reply.stamp_ms, rig.sent) == (None, [("GET", "/time", {}, b"")])


async def test_private_request_without_credentials_is_refused() -> None:
    rig = await opened(has_credentials=False)
    with pytest.raises(UsageError, match="needs credentials"):
        await rig.channel.send(order())
    assert rig.sent == []


@pytest.mark.parametrize(("late_ms", "is_sent"), [(0, True), (1, False)])
async def test_request_is_not_stamped_after_its_last_moment(late_ms: int, is_sent: bool) -> None:
    rig = await opened()
    last = rig.clock.time_ms()
    rig.clock.advance(late_ms / 1_000)
    if is_sent:
        await rig.channel.send(order(not_after_ms=last))
    else:
        with pytest.raises(NotSent, match=f"leave by {last} and it is {last + 1}"):
            await rig.channel.send(order(not_after_ms=last))
        assert rig.channel.status().not_sent == 1
    assert bool(rig.sent) is is_sent


@pytest.mark.parametrize("verb", list(Verb))
async def test_lost_reply_is_a_failed_read_and_stays_lost_for_all_else(verb: Verb) -> None:
    rig = await opened()
    rig.fault = ReplyLost("half a reply", reason="truncated")
    with pytest.raises(ReadFailed if verb is Verb.READ else ReplyLost, match="half a reply") as caught:
        await rig.channel.send(order(verb=verb))
    assert caught.value.safe_to_retry is (verb is Verb.READ)
    assert caught.value.__context__ is None
    assert rig.channel.status().replies_lost == {"truncated": 1}


async def test_deadline_is_the_timeout_unless_one_is_given() -> None:
    rig = await opened()
    rig.gate.clear()
    for given_s, waits_s in ((None, 2.0), (0.5, 0.5)):
        deadline = None if given_s is None else rig.clock.monotonic() + given_s
        count = len(rig.sent) + 1
        sending = asyncio.create_task(rig.channel.send(order(), deadline=deadline))
        await until_equal(lambda: len(rig.sent), count)
        rig.clock.advance(waits_s - 0.01)
        await asyncio.sleep(0)
        assert not sending.done()
        rig.clock.advance(0.02)
        with pytest.raises(ReplyLost) as caught:
            await sending
        assert caught.value.reason == "deadline"
    assert rig.channel.status().replies_lost == {"deadline": 2}


async def test_budget_is_asked_first_and_its_refusal_is_counted() -> None:
    rig = await opened()
    endpoint = Endpoint("order", "POST", "/order", verb=Verb.PLACE, costs={"orders": 2})
    await rig.channel.send(Request(endpoint, "/order"))
    with pytest.raises(BudgetExhausted):
        await rig.channel.send(Request(endpoint, "/order"), deadline=rig.clock.monotonic() + 0.1)
    assert len(rig.sent) == 1
    assert rig.channel.status().over_budget == 1
    waiting = asyncio.create_task(rig.channel.send(Request(endpoint, "/order")))
    await asyncio.sleep(0)
    stamp = rig.clock.time_ms()
    rig.clock.advance(1.0)
    reply = await waiting
    assert reply.stamp_ms is not None
    assert reply.stamp_ms > stamp


async def test_status_counts_every_request_once() -> None:
    rig = await opened()
    await rig.channel.send(read())
    await rig.channel.close()
    with pytest.raises(NotSent, match="not open"):
        await rig.channel.send(read())
    status = rig.channel.status()
    assert (status.requests, status.replies, status.not_sent, status.over_budget) == (2, 1, 1, 0)


async def test_memory_carrier_caps_replies_and_passes_errors_of_its_handler_on() -> None:
    rig = await opened()
    with pytest.raises(ReadFailed, match="too long"):
        await rig.channel.send(read(max_reply_bytes=1))
    rig.fault = TimeoutError("the handler's own")
    with pytest.raises(TimeoutError, match="the handler's own"):
        await rig.channel.send(read())
    assert rig.channel.status().connections.busy == 0


async def test_budget_is_not_waited_for_beyond_the_last_moment_of_stamping() -> None:
    rig = await opened()
    rig.exchange_clock.add_sample(1_800_000_000_000, rig.clock.monotonic(), rig.clock.monotonic())
    endpoint = Endpoint("order", "POST", "/order", verb=Verb.PLACE, costs={"orders": 10})
    request = Request.to(endpoint, not_after_ms=1_800_000_000_500)
    await rig.channel.send(request, deadline=rig.clock.monotonic() + 2)
    with pytest.raises(BudgetExhausted):
        await rig.channel.send(request, deadline=rig.clock.monotonic() + 2)
    assert len(rig.sent) == 1
