"""What goes wrong between a client and MEXC, each with its own typed error, and never an order too many."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from doubt_rig import Reports, doubt, doubtful
from mexc_rig import (
    BTC_USDT,
    ORDER_PATH,
    TIME_PATH,
    WITHDRAW_PATH,
    connect,
    every_key,
    key_of,
    resting,
    until,
)

from spotlane import (
    OrderStatus,
    OutcomeUnknown,
)
from spotlane.errors import (
    AuthenticationError,
    CircuitOpen,
    DecodeError,
    ExchangeAPIError,
    ExchangeUnavailable,
    IpNotAllowed,
    NotSent,
    OrderRejected,
    PermissionDenied,
    RateLimited,
    ReadFailed,
    SpotlaneError,
    TimestampRejected,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.structs import OutcomeState
from spotlane.testing.loop_clock import LoopClock
from spotlane.transport import ReplyLost

ACCOUNT_PATH = "/api/v3/account"
SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")


@pytest.mark.parametrize(
    ("key", "error", "code", "remedy"),
    [
        ("unknown", AuthenticationError, 10072, "check the key and the secret"),
        ("malformed", AuthenticationError, 700001, "check the key and the secret"),
        ("secret", AuthenticationError, 700002, "check the key and the secret"),
        ("expired", AuthenticationError, 700002, "expires after 90 days"),
        ("address", IpNotAllowed, 700006, "add this machine's public address"),
        ("permission", PermissionDenied, 700007, "this call needs SPOT_DEAL_WRITE"),
        ("symbol", OrderRejected, 70011, "not open to the API"),
    ],
)
async def test_a_key_that_may_not_trade(
    venue: Sandbox, key: str, error: type[ExchangeAPIError], code: int, remedy: str
) -> None:
    async with connect(venue, every_key(venue)[key]) as exchange:
        with pytest.raises(error, match=remedy) as refusal:
            await exchange.place_order(resting())
        assert (refusal.value.code, refusal.value.exchange, refusal.value.http_status) == (code, "mexc", 400)
        assert not refusal.value.safe_to_retry
        if key not in ("permission", "symbol"):
            with pytest.raises(error):
                await exchange.get_account_balance()
            with pytest.raises(error):
                await exchange.cancel_order(BTC_USDT, "C02__1")
    assert venue.ledger.orders() == []
    assert venue.requests.count("POST") == 1


async def test_a_permission_that_a_read_lacks_is_named(venue: Sandbox) -> None:
    key = venue.dialect.add_key(permissions=["SPOT_DEAL_WRITE"])
    async with connect(venue, key_of(key), timeout_s=0.3, clock=LoopClock(venue)) as exchange:
        with pytest.raises(PermissionDenied, match="SPOT_ACCOUNT_READ"):
            await exchange.get_account_balance()
        with pytest.raises(PermissionDenied, match="SPOT_DEAL_READ"):
            await exchange.get_open_orders()
        with pytest.raises(PermissionDenied, match="SPOT_WITHDRAW_READ"):
            await exchange.get_networks("USDT")
        # The cancel was executed, but its result can't be read.
        order = await exchange.place_order(resting())
        with pytest.raises(OutcomeUnknown, match="SPOT_DEAL_READ") as unknown:
            await exchange.cancel_order(BTC_USDT, order.order_id)
        assert isinstance(unknown.value.__cause__, PermissionDenied)
        assert venue.ledger.order(order.order_id).status is OrderStatus.CANCELED


@pytest.mark.parametrize("offset_ms", [-2_000, 2_000, -3_600_000, 86_400_000])
async def test_a_clock_that_is_off_before_opening_does_no_harm(venue: Sandbox, offset_ms: int) -> None:
    venue.clock.offset_ms = offset_ms
    async with connect(venue) as exchange:
        order = await exchange.place_order(resting())
        assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
        assert exchange.status().clock_offset_ms == pytest.approx(offset_ms, abs=500)


@pytest.mark.parametrize("step_ms", [-2_000, 10_000])
async def test_a_clock_that_is_set_while_trading(venue: Sandbox, exchange: MexcPrivateRest, step_ms: int) -> None:
    order = await exchange.place_order(resting())

    venue.clock.offset_ms += step_ms
    with pytest.raises(TimestampRejected, match="being synchronised anew") as refusal:
        await exchange.place_order(resting())
    assert refusal.value.code == 700003
    assert refusal.value.safe_to_retry
    assert len(venue.ledger.orders()) == 1
    await until(lambda: abs(exchange.status().clock_offset_ms - step_ms) < 500)
    await exchange.place_order(resting())

    # Reads and cancels mend it themselves: what was refused was not executed.
    venue.clock.offset_ms += step_ms
    assert await exchange.get_account_balance()
    venue.clock.offset_ms += step_ms
    assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
    assert len(venue.ledger.orders()) == 2


async def test_a_clock_that_can_not_be_mended_ends_the_read(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    venue.faults.add(Fault(ReplaceReply(200, b'{"serverTime":1000}', "application/json"), "GET", TIME_PATH, times=None))
    venue.clock.offset_ms += 60_000
    with pytest.raises(TimestampRejected):
        await exchange.get_account_balance()
    assert venue.requests.count("GET", ACCOUNT_PATH) == 2


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("html-200", DecodeError, "account: .*near"),
        ("gateway-error-refused=503", ExchangeUnavailable, "HTTP 503.*not this exchange's JSON"),
        ("cut-body", ReadFailed, "GET /api/v3/account is incomplete"),
        ("cut-status-line", ReadFailed, "GET /api/v3/account"),
        ("oversize=17", ReadFailed, "has (.* bytes, )?more than"),
        ("gzip", ReadFailed, "is encoded, which was not asked for"),
        ("reset-after-execution", ReadFailed, "closed the connection before it had answered GET /api/v3/account"),
        ("silent-after-execution", ReadFailed, "has not answered GET /api/v3/account before the deadline"),
        ("drip", ReadFailed, "before the deadline"),
        ("rate-limited=7", RateLimited, "fewer requests"),
        ("banned=11", RateLimited, "stop all requests until the ban ends"),
    ],
)
async def test_a_read_that_fails(venue: Sandbox, fault: str, error: type[SpotlaneError], words: str) -> None:
    async with connect(venue, timeout_s=0.3, clock=LoopClock(venue)) as exchange:
        venue.faults.add(f"{fault}:GET:{ACCOUNT_PATH}:*")
        aborted = exchange.status().transport_status.connections.aborted
        with pytest.raises(error, match=words) as failure:
            await exchange.get_account_balance()
        assert type(failure.value) is error
        attempts = venue.requests.count("GET", ACCOUNT_PATH)
        assert (attempts > 1) is (error in (ReadFailed, ExchangeUnavailable))
        venue.faults.clear()
        if isinstance(failure.value, ReadFailed):
            assert failure.value.safe_to_retry
            assert exchange.status().transport_status.connections.aborted == aborted + attempts
        if isinstance(failure.value, RateLimited):
            assert failure.value.retry_after_s == float(fault.partition("=")[2])
        await until(lambda: exchange.status().breakers["reads"].state != "open")
        assert (await exchange.get_account_balance())["USDT"].available == 100_000


async def test_an_error_in_a_successful_reply_is_an_error(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    told = ReplaceReply(200, b'{"code":"700006","message":"no"}', "application/json")
    calls: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        (ACCOUNT_PATH, exchange.get_account_balance),
        ("/api/v3/openOrders", exchange.get_open_orders),
        (ORDER_PATH, lambda: exchange.get_order(BTC_USDT, "1")),
        (ORDER_PATH, lambda: exchange.place_order(resting())),
        (ORDER_PATH, lambda: exchange.cancel_order(BTC_USDT, "1")),
        ("/api/v3/order/test", lambda: exchange.test_order(resting())),
        ("/api/v3/allOrders", lambda: exchange.get_order_history(BTC_USDT)),
        ("/api/v3/myTrades", lambda: exchange.get_trades(BTC_USDT)),
        ("/api/v3/tradeFee", lambda: exchange.get_trading_fee(BTC_USDT)),
        (TIME_PATH, exchange.get_server_time_ms),
        ("/api/v3/capital/config/getall", lambda: exchange.get_networks("USDT")),
        ("/api/v3/capital/withdraw/address", lambda: exchange.get_withdrawal_addresses("USDT")),
        ("/api/v3/capital/withdraw/history", exchange.get_withdrawal_history),
        ("/api/v3/capital/deposit/hisrec", exchange.get_deposit_history),
        ("/api/v3/capital/deposit/address", lambda: exchange.get_deposit_addresses("USDT")),
        (WITHDRAW_PATH, lambda: exchange.cancel_withdrawal("1")),
        ("/api/v3/openOrders", lambda: exchange.cancel_all_orders(BTC_USDT)),
    ]
    for path, call in calls:
        venue.faults.add(Fault(told, path=path))
        with pytest.raises(IpNotAllowed, match=r"answered 700006 \(HTTP 200\): no"):
            await call()
    assert venue.faults.armed == ()


async def test_an_exchange_that_is_down_and_comes_back(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    order = await exchange.place_order(resting())
    await venue.down()
    where = venue.url.removeprefix("http://")
    with pytest.raises(NotSent, match=f"GET /api/v3/account was not sent to {where}: Connection refused"):
        await exchange.get_account_balance()
    with pytest.raises(NotSent, match="POST /api/v3/order was not sent"):
        await exchange.place_order(resting())
    with pytest.raises(NotSent, match="DELETE /api/v3/order was not sent"):
        await exchange.cancel_order(BTC_USDT, order.order_id)
    await venue.up()
    assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
    assert len(venue.ledger.orders()) == 1


async def test_an_exchange_that_is_silent(venue: Sandbox) -> None:
    reports = Reports()
    options = doubtful(MexcPrivateRest.spec, reports, timeout_s=0.6, venue=venue)
    clock = options["clock"]
    async with connect(venue, **options) as exchange:
        order = await exchange.place_order(resting())
        venue.freeze()
        begun_s = clock.monotonic()
        with pytest.raises(ReadFailed, match="before the deadline"):
            await exchange.get_account_balance()
        unknown = await doubt(exchange, resting(price=Decimal(19_000)))
        assert "before the deadline" in str(unknown)
        # Whether it ends at its deadline or is not read because every read before it failed, it was sent.
        with pytest.raises(OutcomeUnknown) as uncertain:
            await exchange.cancel_order(BTC_USDT, order.order_id)
        assert uncertain.value.order_id == order.order_id
        assert isinstance(uncertain.value.__cause__, (CircuitOpen, ReplyLost, ReadFailed))
        # By the tests' clock, which a machine that stalls does not move on: each call has ended at its deadline.
        assert clock.monotonic() - begun_s <= 3 * 0.6 + 0.1
        assert exchange.status().unresolved == 1
        venue.thaw()
        await until(lambda: reports)
        assert exchange.unresolved() == ()
        # Whether the request was read in time is the exchange's affair.
        booked = venue.ledger.orders(unknown.client_order_id)
        (told,) = reports
        assert told.client_order_id == unknown.client_order_id
        assert told.state is (OutcomeState.ADOPTED if booked else OutcomeState.PROVEN_ABSENT)
        assert (told.order and told.order.order_id) == (booked[0].order_id if booked else None)


async def test_ten_reads_at_once_while_one_hangs(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.3, clock=LoopClock(venue)) as exchange:
        venue.faults.add(Fault.named("silent-after-execution", "GET", ACCOUNT_PATH))
        results = await asyncio.gather(*(exchange.get_account_balance() for _ in range(10)), return_exceptions=True)
        assert [type(result) for result in results].count(dict) == 10
        assert venue.requests.count("GET", ACCOUNT_PATH) == 11
