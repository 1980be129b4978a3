"""Sending what must not be sent twice, over a carrier without sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from spotlane import OutcomeUnknown
from spotlane.errors import (
    BudgetExhausted,
    DecodeError,
    ExchangeAPIError,
    ExchangeUnavailable,
    InsufficientBalance,
    NotSent,
    SpotlaneError,
)
from spotlane.exchanges.mexc import spec
from spotlane.exchanges.mexc.errors import ERRORS, tell
from spotlane.safety import Judge, Refusal, Submission, submit
from spotlane.spec import Bucket, Endpoint, Verb
from spotlane.transport import Budget, Channel, ExchangeClock, ManualClock, MemoryCarrier, Reply, ReplyLost, Request

ORDER = Endpoint("order", "POST", "/order", verb=Verb.PLACE, signed=False, costs={"orders": 1})
Answer = Callable[[], Reply]


class Desk:
    """An exchange in memory that counts, and what is needed to submit to it."""

    def __init__(self, answer: Answer, *, bucket: Bucket | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self.noticed: list[Refusal] = []
        self.clock = ManualClock()
        self._answer = answer
        self._channel = Channel(
            MemoryCarrier(self._handle, clock=self.clock),
            clock=self.clock,
            exchange_clock=ExchangeClock(self.clock),
            authenticator=None,
            budget=Budget([bucket or Bucket("orders", 100, 1_000)], clock=self.clock),
        )

    async def _handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.asked.append((method, target))
        return self._answer()

    async def submit(
        self,
        request: Request | None = None,
        *,
        what: str = "order",
        order_id: str | None = None,
        look_up: Callable[[], Awaitable[object]] | None = None,
    ) -> str:
        async def nothing() -> object:
            return "found"

        await self._channel.open()
        return await submit(
            self._channel,
            Judge("mexc", ERRORS, tell),
            request or Request(ORDER, ORDER.path),
            _read,
            Submission(what, "id-1", order_id, look_up or nothing),
            deadline=self.clock.monotonic() + 2,
            notice=lambda _, refusal: self.noticed.append(refusal),
        )


def _read(body: bytes) -> str:
    if not body.startswith(b"ok"):
        raise DecodeError("not ok", excerpt=body.decode())
    return body.decode()


def answering(status: int, body: bytes) -> Answer:
    return lambda: Reply(status, (), body)


def losing(reason: str) -> Answer:
    def lose() -> Reply:
        raise ReplyLost("the reply is lost", reason=reason)

    return lose


async def test_a_success_is_returned() -> None:
    desk = Desk(answering(200, b"ok, placed"))
    assert await desk.submit() == "ok, placed"
    assert desk.asked == [("POST", "/order")]
    assert desk.noticed == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (losing("deadline"), ReplyLost),
        (losing("truncated"), ReplyLost),
        (answering(200, b"<html>"), DecodeError),
        (answering(200, b""), DecodeError),
        (answering(502, b"<html>"), ExchangeUnavailable),
        (answering(502, b'{"code":30004,"msg":"a gateway"}'), InsufficientBalance),
        (answering(400, b'{"code":20002,"msg":"system error"}'), ExchangeUnavailable),
        (answering(400, b'{"code":31337,"msg":"who knows"}'), ExchangeAPIError),
        (answering(302, b""), ExchangeAPIError),
    ],
)
async def test_a_doubt_is_never_a_refusal(answer: Answer, cause: type[SpotlaneError]) -> None:
    desk = Desk(answer)
    with pytest.raises(OutcomeUnknown, match="it is not known whether the order with client id 'id-1'") as unknown:
        await desk.submit()
    assert len(desk.asked) == 1
    assert type(unknown.value.__cause__) is cause
    assert unknown.value.__cause__ is not None
    assert str(unknown.value.__cause__) in str(unknown.value)
    assert (unknown.value.client_order_id, unknown.value.order_id) == ("id-1", None)
    assert not unknown.value.safe_to_retry
    assert await unknown.value.resolve() == "found"
    assert len(desk.noticed) == (cause is not ReplyLost and cause is not DecodeError)


async def test_a_refusal_that_proves_itself_is_raised_and_noticed() -> None:
    desk = Desk(answering(400, b'{"code":30004,"msg":"poor"}'))
    with pytest.raises(InsufficientBalance) as refusal:
        await desk.submit()
    assert [noticed.error for noticed in desk.noticed] == [refusal.value]
    assert refusal.value.__cause__ is None
    assert len(desk.asked) == 1


async def test_nothing_is_sent_after_its_time() -> None:
    desk = Desk(answering(200, b"ok"))
    late = Request(ORDER, ORDER.path, not_after_ms=desk.clock.time_ms() - 1)
    with pytest.raises(NotSent, match="it was to leave by"):
        await desk.submit(late)
    assert desk.asked == []


async def test_nothing_is_sent_over_the_budget() -> None:
    desk = Desk(answering(200, b"ok"), bucket=Bucket("orders", 1, 60_000))
    assert await desk.submit() == "ok"
    with pytest.raises(BudgetExhausted) as exhausted:
        await desk.submit()
    assert exhausted.value.retry_after_s == pytest.approx(60)
    assert len(desk.asked) == 1


async def test_the_ids_that_are_known_are_named() -> None:
    desk = Desk(losing("deadline"))
    with pytest.raises(OutcomeUnknown, match="whether the withdrawal with client id 'id-1' and id '7' was") as unknown:
        await desk.submit(what="withdrawal", order_id="7")
    assert unknown.value.order_id == "7"


async def test_an_outcome_that_stays_unknown_stays_so() -> None:
    async def still() -> object:
        raise OutcomeUnknown("still not there", client_order_id="id-1", resolver=still)

    desk = Desk(losing("disconnected"))
    with pytest.raises(OutcomeUnknown) as unknown:
        await desk.submit(look_up=still)
    with pytest.raises(OutcomeUnknown, match="still not there") as again:
        await unknown.value.resolve()
    with pytest.raises(OutcomeUnknown, match="still not there"):
        await again.value.resolve()
    assert len(desk.asked) == 1


async def test_without_a_way_to_look_it_up_resolve_says_where_to_look() -> None:
    with pytest.raises(OutcomeUnknown, match="check the exchange's own records") as unknown:
        await OutcomeUnknown("lost", order_id="7").resolve()
    assert unknown.value.order_id == "7"


def test_only_what_can_not_execute_twice_may_be_repeated() -> None:
    endpoints = [value for value in vars(spec).values() if isinstance(value, Endpoint)]
    once = {endpoint.name for endpoint in endpoints if not endpoint.verb.is_replayable}
    assert once == {"order", "cancel openOrders", "capital/withdraw"}
    assert {endpoint.name for endpoint in endpoints if endpoint.verb is Verb.CANCEL} == {
        "cancel order",
        "cancel capital/withdraw",
    }
    for endpoint in endpoints:
        assert (endpoint.verb is Verb.READ) == (endpoint.method == "GET" or endpoint.name == "order/test")
