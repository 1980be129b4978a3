"""Binance's error codes and families: what each is, and what it proves."""

from __future__ import annotations

from decimal import Decimal

import pytest
from binance_rig import binance, connect, resting
from doubt_rig import doubt, doubtful

from spotlane import OutcomeUnknown
from spotlane.errors import (
    AuthenticationError,
    BudgetExhausted,
    ExchangeAPIError,
    ExchangeUnavailable,
    InsufficientBalance,
    IpNotAllowed,
    OrderNotFound,
    OrderRejected,
    PermissionDenied,
    RateLimited,
    TimestampRejected,
    TwoFactorRequired,
    WithdrawalRejected,
)
from spotlane.exchanges.binance import BinancePrivateRest, spec
from spotlane.exchanges.binance.errors import ERRORS, tell
from spotlane.safety import Judge, Refusal
from spotlane.sandbox import Fault, ReplaceReply
from spotlane.spec import Endpoint, Outcome
from spotlane.transport import Reply

_R, _A = Outcome.REJECTED, Outcome.AMBIGUOUS


def judge(body: bytes, status: int = 400, endpoint: Endpoint = spec.PLACE) -> Refusal:
    def read(_: bytes) -> object:
        raise AssertionError("an error is not read as a success")

    result = Judge("binance", ERRORS, tell).understand(endpoint, Reply(status, (), body), read)
    assert isinstance(result, Refusal)
    return result


def refusal(code: int, message: str = "told", status: int = 400) -> Refusal:
    return judge(b'{"code":%d,"msg":"%s"}' % (code, message.encode()), status)


@pytest.mark.parametrize(
    ("code", "message", "error", "outcome"),
    [
        (-2010, "Account has insufficient balance for requested action.", InsufficientBalance, _R),
        (-2010, "Duplicate order sent.", OrderRejected, _A),
        (-2010, "Order would immediately match and take.", OrderRejected, _R),
        (-2010, "Order would trigger immediately.", OrderRejected, _R),
        (-2010, "Market orders are not supported for this symbol.", OrderRejected, _R),
        (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity.", OrderRejected, _R),
        (-2010, "This symbol is not permitted for this account.", PermissionDenied, _R),
        (-2010, "This symbol is restricted for this account.", PermissionDenied, _R),
        (-2010, "This action is disabled on this account.", PermissionDenied, _R),
        (-2010, "This account may not place or cancel orders.", PermissionDenied, _R),
        (-2010, "Rest API trading is not enabled.", ExchangeUnavailable, _R),
        (-2010, "Filter failure: MAX_POSITION", OrderRejected, _R),
        (-2010, "Something that nobody has written down.", OrderRejected, _A),
        (-1010, "Something that nobody has written down.", OrderRejected, _A),
        (-1013, "Filter failure: PRICE_FILTER", OrderRejected, _R),
        (-1013, "Market is closed.", OrderRejected, _R),
        (-1013, "This symbol does not allow the specified self-trade prevention mode.", OrderRejected, _R),
        (-1013, "Something that nobody has written down.", OrderRejected, _R),
        (-2011, "Unknown order sent.", OrderNotFound, _R),
        (-2011, "Order was not canceled due to cancel restrictions.", OrderRejected, _A),
    ],
)
def test_families_are_told_apart_by_their_message(
    code: int, message: str, error: type[ExchangeAPIError], outcome: Outcome
) -> None:
    told = refusal(code, message)
    assert (type(told.error), told.outcome) == (error, outcome)
    assert (told.error.code, told.error.message) == (code, message)


@pytest.mark.parametrize(
    ("code", "error", "outcome"),
    [
        *((code, ExchangeUnavailable, _A) for code in (-1000, -1001, -1004, -1006, -1007, -1008, -3000, -4045)),
        (-1016, ExchangeUnavailable, _R),
        *((code, AuthenticationError, _R) for code in (-1022, -1099, -2008, -2014, -4004)),
        (-1002, PermissionDenied, _R),
        (-1021, TimestampRejected, _R),
        *((code, OrderNotFound, _R) for code in (-2013, -2026)),
        *((code, OrderRejected, _R) for code in (-1111, -1112, -1121)),
        *((code, InsufficientBalance, _R) for code in (-4026, -5002)),
        (-3001, TwoFactorRequired, _R),
        *((code, WithdrawalRejected, _R) for code in (-4035, -4106, -4021, -4022, -4018)),
        *((code, WithdrawalRejected, _A) for code in (-3007, -3029, -4027)),
        *((code, ExchangeAPIError, _R) for code in (-1100, -1102, -1106, -2039, -4047)),
        *((code, ExchangeAPIError, _A) for code in (-6001, -2021)),
    ],
)
def test_codes(code: int, error: type[ExchangeAPIError], outcome: Outcome) -> None:
    told = refusal(code)
    assert (type(told.error), told.outcome) == (error, outcome)


@pytest.mark.parametrize("code", [-2010, -1013, -1003, -2015, -1121])
def test_a_5xx_proves_nothing_whatever_its_code(code: int) -> None:
    assert refusal(code, "Market is closed.", status=503).outcome is _A


def test_one_code_for_key_address_and_permission_is_all_three() -> None:
    error = refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401).error
    for kind in (AuthenticationError, IpNotAllowed, PermissionDenied):
        assert isinstance(error, kind)
    assert "Enable Spot & Margin Trading" in str(error)
    assert not error.safe_to_retry


@pytest.mark.parametrize(
    ("code", "message", "limits"),
    [
        (-1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", ("orders_10s",)),
        (-1015, "Too many new orders; current limit is 160000 orders per 1 DAY.", ("orders_day",)),
        (-1015, "Too many new orders.", ("orders_10s",)),
        (-1003, "Way too much request weight used; IP banned until 1499827319559.", ()),
        (-1003, "Too much request weight used; current limit is 6000.", spec.SHARED_LIMITS),
        (-12014, "More than 1 request in 3 seconds", spec.SHARED_LIMITS),
    ],
)
def test_limits_name_what_has_to_wait(code: int, message: str, limits: tuple[str, ...]) -> None:
    told = refusal(code, message, 429)
    assert (type(told.error), told.outcome, told.limits) == (RateLimited, _R, limits)


@pytest.mark.parametrize(
    ("body", "status", "code", "error", "outcome"),
    [
        (b'{"msg":"verify first","success":false}', 400, None, ExchangeAPIError, _A),
        (b'{"code":1,"msg":"System is under maintenance."}', 400, 1, ExchangeUnavailable, _R),
        (b'{"status":"FAIL","code":"400002","errorMessage":"signature"}', 400, 400002, ExchangeAPIError, _A),
        (b"<html>blocked</html>", 403, None, ExchangeUnavailable, _A),
        (b"", 418, None, RateLimited, _R),
        (b'{"code":429,"msg":"too many"}', 429, 429, RateLimited, _R),
        (b"", 504, None, ExchangeUnavailable, _A),
    ],
)
def test_other_shapes(
    body: bytes, status: int, code: int | None, error: type[ExchangeAPIError], outcome: Outcome
) -> None:
    told = judge(body, status)
    assert (type(told.error), told.error.code, told.outcome) == (error, code, outcome)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"code":200}', b'{"code":"000000","success":true}', b"x", b'{"id":"1"}']
)
def test_what_is_no_error(body: bytes) -> None:
    assert tell(body) is None


async def test_too_many_orders_stop_placing_and_not_cancelling() -> None:
    reply = b'{"code":-1015,"msg":"Too many new orders; current limit is 50 orders per 10 SECOND."}'
    async with binance({"enforce_limits": True}) as (venue, exchange):
        order = await exchange.place_order(resting())
        venue.faults.add(
            Fault(ReplaceReply(429, reply, "application/json", (("Retry-After", "9"),), executed=False), "POST")
        )
        with pytest.raises(RateLimited) as refused:
            await exchange.place_order(resting())
        assert refused.value.retry_after_s == 9
        with pytest.raises(BudgetExhausted, match="orders_10s"):
            await exchange.place_order(resting())
        assert (await exchange.cancel_order(order.symbol, order.order_id)).is_done
        assert await exchange.get_open_orders() == []


async def test_a_duplicate_client_id_is_not_taken_for_a_rejection() -> None:
    async with binance() as (venue, exchange), connect(venue) as other:
        own = exchange.new_client_order_id()
        placed = await exchange.place_order(resting(client_order_id=own))
        assert (await other.place_order(resting(client_order_id=own))).order_id == placed.order_id
        assert venue.requests.count("POST") == 2
        assert len(venue.ledger.orders()) == 1


async def test_an_order_that_has_the_client_id_and_is_another_is_not_adopted() -> None:
    async with binance() as (venue, exchange), connect(venue, **doubtful(BinancePrivateRest.spec)) as other:
        own = exchange.new_client_order_id()
        placed = await exchange.place_order(resting(client_order_id=own))
        unknown = await doubt(other, resting(client_order_id=own, price=Decimal(21_000)))
        assert isinstance(unknown.__cause__, OrderRejected)
        (entry,) = other.unresolved()
        assert f"order '{placed.order_id}' has its client id and is another" in entry.doubt
        # Nothing that the exchange can say proves that there is no second one: it ends in the hands of the caller.
        with pytest.raises(OutcomeUnknown) as rest:
            await other.close()
        assert [each.client_order_id for each in rest.value.unresolved] == [own]
