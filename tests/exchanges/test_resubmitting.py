"""An order that is proven absent: placed again where that is still wanted, and nowhere else; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from mexc_rig import BTC_USDT, ORDER_PATH, resting

from spotlane import Order
from spotlane.errors import CircuitOpen, NotPlaced, OutcomeUnknown, SpotlaneError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, ReceivedRequest, Sandbox, run_virtual
from spotlane.spec import Horizons

TIMEOUT_S = 5.0
# Sixty percent of the time.
REPLY_S = 3.0
# Proven absent after 2.2 seconds, so that there is time for another attempt.
SOON = Horizons(validity_ms=1_500, skew_ms=20, processing_ms=50, visibility_ms=500, spacing_ms=50)
# After 3.9 seconds: within the call, too late for another attempt's reply.
LATE = SOON._replace(visibility_ms=2_200)

Play = Callable[[MexcPrivateRest, Sandbox], Awaitable[Any]]


def after_a_lost_order(play: Play, **options: Any) -> tuple[Any, list[ReceivedRequest]]:
    """Return what a play returned or raised whose first order never reaches the exchange, and every order sent."""

    async def main() -> tuple[Any, list[ReceivedRequest]]:
        async with Sandbox("mexc", rate_limits=False) as venue:
            settings = {"timeout_s": TIMEOUT_S, "horizons": SOON, "enforce_limits": False, **options}
            async with MexcPrivateRest(venue.credentials, **settings, **venue.client_options) as exchange:
                venue.faults.add(Fault.named("reset-before-read", "POST", ORDER_PATH))
                try:
                    ending = await play(exchange, venue)
                except SpotlaneError as error:
                    ending = error
                assert exchange.unresolved() == ()
                return ending, [request for request in venue.requests if request.method == "POST"]

    return run_virtual(main)


async def place(exchange: MexcPrivateRest, venue: Sandbox) -> Order:
    return await exchange.place_order(resting())


def test_it_is_placed_again_so_that_it_can_not_be_executed_after_the_reply_is_given_up() -> None:
    begun_ms: list[int] = []

    async def note_and_place(exchange: MexcPrivateRest, venue: Sandbox) -> Order:
        begun_ms.append(venue.clock.now_ms())
        return await place(exchange, venue)

    order, sent = after_a_lost_order(note_and_place, resubmit=True)
    assert isinstance(order, Order)
    first, second = (dict(parse_qsl(request.query)) for request in sent)
    assert first["newClientOrderId"] != second["newClientOrderId"] == order.client_order_id
    for request in (first, second):
        assert int(request["timestamp"]) + int(request["recvWindow"]) <= begun_ms[0] + REPLY_S * 1_000
    assert int(second["recvWindow"]) < int(first["recvWindow"])


@pytest.mark.parametrize(
    "options", [{"resubmit": False}, {"resubmit": True, "horizons": LATE}], ids=["not-asked-for", "too-late"]
)
def test_it_is_not_placed_again(options: dict[str, Any]) -> None:
    ending, sent = after_a_lost_order(place, **options)
    assert type(ending) is NotPlaced
    assert len(sent) == 1


def test_one_that_is_to_be_cancelled_is_not_placed_again() -> None:
    async def place_and_cancel(exchange: MexcPrivateRest, venue: Sandbox) -> list[object]:
        name = exchange.new_client_order_id()
        placing = asyncio.create_task(exchange.place_order(resting(client_order_id=name)))
        while not exchange.unresolved():  # noqa: ASYNC110 - a doubt comes about without an event
            await asyncio.sleep(0.01)
        cancelling = exchange.cancel_order(BTC_USDT, client_order_id=name)
        endings = await asyncio.gather(placing, cancelling, return_exceptions=True)
        assert venue.ledger.orders() == []
        return list(endings)

    endings, sent = after_a_lost_order(place_and_cancel, resubmit=True)
    assert [type(ending) for ending in endings] == [NotPlaced, NotPlaced]
    assert len(sent) == 1


def test_doubts_end_although_an_exchange_that_failed_is_on_probation_still() -> None:
    """While placing fails nothing is proven: what is held back may be executed late. After that the silence counts."""

    async def fail_and_recover(exchange: MexcPrivateRest, venue: Sandbox) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        venue.faults.clear()
        venue.faults.add(Fault.named("gateway-error-refused", "POST", ORDER_PATH, times=None))
        unknown: list[OutcomeUnknown] = []
        # Several times as long as it takes to prove an absence otherwise.
        while loop.time() < begun_s + 20:
            try:
                await place(exchange, venue)
            except OutcomeUnknown as error:
                unknown.append(error)
            except CircuitOpen:
                await asyncio.sleep(0.2)
        assert len(exchange.unresolved()) == len(unknown) > 5
        venue.faults.clear()
        async with asyncio.timeout(60):
            while exchange.unresolved():  # noqa: ASYNC110 - they end without an event
                await asyncio.sleep(0.05)
        assert exchange.status().breakers["orders"].state == "probation"
        for doubt in unknown:
            with pytest.raises(NotPlaced):
                await doubt.resolve()

    ending, _ = after_a_lost_order(fail_and_recover, timeout_s=0.5, horizons=SOON._replace(processing_ms=3_000))
    assert ending is None
