"""Several orders in one call, over TCP: what becomes of one is its own affair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from doubt_rig import Reports, doubtful
from mexc_rig import ORDER_PATH, connect, resting, until

from spotlane import Order, OrderParams, OutcomeUnknown, SpotlaneError
from spotlane.errors import (
    BudgetExhausted,
    InsufficientBalance,
    NotPlaced,
    NotSent,
    PrecisionError,
    UnknownSymbol,
    UsageError,
    WrongContext,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.exchanges.mexc.spec import SPEC
from spotlane.sandbox import Fault, Sandbox
from spotlane.structs import OutcomeState, Symbol


@pytest.fixture
async def venue() -> AsyncIterator[Sandbox]:
    async with Sandbox("mexc", rate_limits=False) as running:
        yield running


@pytest.fixture
def reports() -> Reports:
    return Reports()


def legs_of(client: MexcPrivateRest, count: int) -> list[OrderParams]:
    """Return so many orders that differ, with client ids."""
    return [
        resting(price=Decimal(20_000 + step), client_order_id=client.new_client_order_id()) for step in range(count)
    ]


def strike(venue: Sandbox, point: str, **how: Any) -> None:
    venue.faults.add(Fault.named(point, "POST", ORDER_PATH, **how))


def expect_placed(venue: Sandbox, leg: OrderParams, ending: Order | SpotlaneError) -> None:
    """Check an order that was returned for a leg against the exchange's books."""
    assert isinstance(ending, Order), ending
    (booked,) = venue.ledger.orders(leg.client_order_id)
    assert (ending.order_id, ending.client_order_id) == (booked.order_id, leg.client_order_id)
    assert (ending.price, booked.price) == (leg.price, leg.price)


async def test_orders_are_returned_in_the_order_given(venue: Sandbox) -> None:
    async with connect(venue, connections=3) as exchange:
        legs = legs_of(exchange, 8)
        endings = await exchange.place_orders(legs)
        assert len(endings) == len(legs)
        for leg, ending in zip(legs, endings, strict=True):
            expect_placed(venue, leg, ending)
        assert (exchange.unresolved(), venue.requests.count("POST")) == ((), 8)
        assert await exchange.place_orders(()) == []


async def test_orders_without_an_id_get_one_each(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        endings = await exchange.place_orders([resting(), resting(), resting()])
        names = {ending.client_order_id for ending in endings if isinstance(ending, Order)}
        assert len(names) == 3
        assert names == {order.client_order_id for order in venue.ledger.orders()}


async def test_what_becomes_of_one_changes_nothing_for_the_others(venue: Sandbox, reports: Reports) -> None:
    """A reply is lost, an order never arrives, one is refused; the others are placed."""
    async with connect(venue, connections=6, **doubtful(SPEC, reports, venue=venue)) as exchange:
        strike(venue, "reset-after-execution", nth=2)
        strike(venue, "reset-before-read", nth=4)
        legs = legs_of(exchange, 6)
        legs[3] = legs[3].replace(quantity=Decimal(60))
        endings = await exchange.place_orders(legs)
        kinds = [type(ending) for ending in endings]
        assert len(venue.faults.hits) == 2
        assert sum(kind in (OutcomeUnknown, NotPlaced) for kind in kinds) >= 1
        for leg, ending in zip(legs, endings, strict=True):
            booked = venue.ledger.orders(leg.client_order_id)
            if isinstance(ending, OutcomeUnknown):
                assert (ending.client_order_id, booked) == (leg.client_order_id, [])
                assert leg.client_order_id in {each.client_order_id for each in exchange.unresolved()}
                with pytest.raises(NotPlaced):
                    await ending.resolve()
            elif isinstance(ending, NotPlaced | InsufficientBalance):
                assert booked == []
            else:
                expect_placed(venue, leg, ending)
        # Where the lost request was the one to be refused, there is one refusal less.
        assert kinds.count(Order) >= 4
        assert venue.requests.count("POST") == 6
        await until(lambda: not exchange.unresolved())


async def test_orders_that_are_not_sent_are_safe_to_repeat(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.3) as exchange:
        legs = legs_of(exchange, 3)
        await venue.down()
        endings = await exchange.place_orders(legs)
        assert [type(ending) for ending in endings] == [NotSent] * 3
        await venue.up()
        exchange._breakers.circuits.clear()
        for leg, ending in zip(legs, await exchange.place_orders(legs), strict=True):
            expect_placed(venue, leg, ending)


async def test_they_share_the_rate_budget(venue: Sandbox) -> None:
    async with connect(venue, enforce_limits=True, share_budget=False, timeout_s=0.2) as exchange:
        legs = legs_of(exchange, 40)
        endings = await exchange.place_orders(legs)
        placed = [each for each in endings if isinstance(each, Order)]
        assert 0 < len(placed) < 40
        assert {type(each) for each in endings} == {Order, BudgetExhausted}
        assert venue.requests.count("POST") == len(placed) == len(venue.ledger.orders())


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (
            {"price": Decimal("20000.001")},
            PrecisionError,
            "nothing was sent, for order 2 of 3 can't be placed: BTC/USDT",
        ),
        ({"symbol": Symbol("NO", "USDT")}, UnknownSymbol, "order 2 of 3"),
        ({"client_order_id": "no such letters: \u00e9"}, UsageError, "order 2 of 3 can't be placed: client_order_id"),
    ],
)
async def test_one_that_can_not_be_placed_keeps_all_from_being_sent(
    venue: Sandbox, change: dict[str, object], kind: type[UsageError], words: str
) -> None:
    async with connect(venue) as exchange:
        legs = legs_of(exchange, 3)
        with pytest.raises(kind, match=words) as refused:
            await exchange.place_orders([legs[0], legs[1].replace(**change), legs[2]])
        assert type(refused.value) is kind
        if isinstance(refused.value, PrecisionError):
            assert refused.value.nearest == Decimal(20_000)
        assert venue.requests.count("POST") == 0
        # Their ids were not used up.
        for leg, ending in zip(legs, await exchange.place_orders(legs), strict=True):
            expect_placed(venue, leg, ending)


async def test_an_id_is_used_once_in_a_batch_and_in_all(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        for name in (exchange.new_client_order_id(), "an-id-of-my-own"):
            leg = resting(client_order_id=name)
            with pytest.raises(UsageError, match=f"order 3 of 3 .*{name}' is that of order 1, too"):
                await exchange.place_orders([leg, resting(), leg])
            assert venue.ledger.orders(name) == []
            await exchange.place_orders([leg])
            with pytest.raises(UsageError, match=r"order 2 of 2 .* was used before"):
                await exchange.place_orders([resting(), leg])
            assert len(venue.ledger.orders(name)) == 1
        assert venue.requests.count("POST") == 2


async def test_what_is_no_order_is_told_by_its_number(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        with pytest.raises(TypeError, match=r"order 2 of 2 .* takes an OrderParams, was str"):
            await exchange.place_orders([resting(), "BTC/USDT"])  # type: ignore[list-item]
        assert venue.requests.count("POST") == 0
    with pytest.raises(WrongContext):
        await exchange.place_orders([resting()])


async def test_a_cancellation_at_every_turn_loses_no_order(venue: Sandbox, reports: Reports) -> None:
    """It ends at once; what was sent is in doubt and told, whether it had been answered or not; nothing follows."""
    sent: set[int] = set()
    answered = 0
    async with connect(venue, connections=2, max_connections=3, **doubtful(SPEC, reports, venue=venue)) as exchange:
        for turns in range(60):
            reports.clear()
            venue.requests.clear()
            legs = legs_of(exchange, 5)
            # The first is answered long before the others.
            strike(venue, "delay-reply", value=0.05, nth=2, times=4)
            call = asyncio.create_task(exchange.place_orders(legs))
            for _ in range(turns):
                await asyncio.sleep(0)
            if call.done():
                break
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            names = {leg.client_order_id for leg in legs}
            in_doubt = {each.client_order_id for each in exchange.unresolved()}
            answered += sum("was placed, and the call" in each.doubt for each in exchange.unresolved())
            venue.faults.clear()
            await until(lambda: not exchange.unresolved())
            assert {each.client_order_id for each in reports} == in_doubt <= names
            for leg in legs:
                booked = venue.ledger.orders(leg.client_order_id)
                wanted = OutcomeState.ADOPTED if booked else OutcomeState.PROVEN_ABSENT
                assert reports.of(leg.client_order_id).states == ([wanted] if leg.client_order_id in in_doubt else [])
                assert len(booked) <= (leg.client_order_id in in_doubt)
            sent.add(len(in_doubt))
            # Of the others no byte left, so their ids can be used.
            rest = [leg for leg in legs if leg.client_order_id not in in_doubt]
            for leg, ending in zip(rest, await exchange.place_orders(rest), strict=True):
                expect_placed(venue, leg, ending)
    assert {0, 3} <= sent
    assert answered


async def test_an_error_that_should_not_be_hides_no_order(
    venue: Sandbox, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(venue, connections=3, **doubtful(SPEC, reports, venue=venue)) as exchange:
        legs = legs_of(exchange, 3)
        place_request = exchange._place_request

        def fail(intent: object) -> object:
            if intent.client_order_id == legs[1].client_order_id:  # type: ignore[attr-defined]
                raise ZeroDivisionError
            return place_request(intent)  # type: ignore[arg-type]

        monkeypatch.setattr(exchange, "_place_request", fail)
        with pytest.raises(ZeroDivisionError):
            await exchange.place_orders(legs)
        assert [each.client_order_id for each in exchange.unresolved()] == [
            legs[0].client_order_id,
            legs[2].client_order_id,
        ]
        await until(lambda: not exchange.unresolved())
        assert [each.state for each in reports] == [OutcomeState.ADOPTED] * 2
