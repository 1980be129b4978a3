"""What goes wrong between a client and MEXC, each with its own typed error, and never an order too many."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from decimal import Decimal

import pytest
from mexc_rig import BTC_USDT, ORDER_PATH, TIME_PATH, WITHDRAW_PATH, connect, resting, until

from spotlane import (
    Credentials,
    Order,
    OrderStatus,
    OutcomeUnknown,
    Side,
    WithdrawalPolicy,
    WithdrawalRequest,
    WithdrawalTarget,
)
from spotlane.errors import (
    AuthenticationError,
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
    TransportError,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import FAULT_POINTS, Fault, ReplaceReply, Sandbox
from spotlane.sandbox.keys import ApiKey

ACCOUNT_PATH = "/api/v3/account"
SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")

# What an order gets whose request meets each fault; "unknown" is OutcomeUnknown.
OUTCOMES = {
    "outage": "placed",
    "reset-mid-request": "unknown",
    "close-mid-request": "unknown",
    "reset-before-read": "unknown",
    "drop-request": "unknown",
    "reset-after-execution": "unknown",
    "close-after-execution": "unknown",
    "silent-after-execution": "unknown",
    "reset-on-accept": "placed",
    "silent-on-accept": "placed",
    "close-on-accept": "placed",
    "close-before-read": "unknown",
    "gateway-error-executed": "unknown",
    "gateway-error-refused": "unknown",
    "delay-reply": "unknown",
    "cut-status-line": "unknown",
    "status-line-only": "unknown",
    "cut-headers": "unknown",
    "cut-body": "unknown",
    "reset-mid-body": "unknown",
    "stall-mid-body": "unknown",
    "cut-chunked": "unknown",
    "cut-close-delimited": "unknown",
    "chunked": "placed",
    "close-delimited": "unknown",
    "duplicate-reply": "placed",
    "stray-408": "placed",
    "stray-bytes": "placed",
    "stale-keepalive": "unknown",
    "close-idle": "placed",
    "html-200": "unknown",
    "other-reply": "unknown",
    "gzip": "unknown",
    "oversize": "unknown",
    "drip": "unknown",
    "split": "placed",
    "rate-limited": "refused",
    "banned": "refused",
    "deliver-late": "unknown",
    "deliver-late-reset": "unknown",
    "answer-late": "placed",
    "interim": "placed",
    "clock-jump": "refused",
}
NEVER_EXECUTED = {
    "reset-mid-request", "close-mid-request", "reset-before-read", "drop-request", "close-before-read",
    "gateway-error-refused", "stale-keepalive",
}  # fmt: skip
LATE = {"deliver-late", "deliver-late-reset"}
# The cancel was executed, but no time was left to see it.
SLOW = {"silent-after-execution", "delay-reply", "stall-mid-body", "drip"}
VALUES = {"deliver-late": 0.1, "deliver-late-reset": 0.1, "answer-late": 0.1, "clock-jump": 10_000, "outage": 0.1}


def key_of(key: ApiKey) -> Credentials:
    return Credentials(key.api_key, key.api_secret)


def every_key(venue: Sandbox) -> dict[str, Credentials]:
    """Return credentials that are each wrong in one way."""
    dialect = venue.dialect
    now_ms = venue.clock.now_ms()
    return {
        "unknown": Credentials("mx0" + "0" * 15, venue.api_secret),
        "malformed": Credentials("not-a-key", venue.api_secret),
        "secret": Credentials(venue.api_key, venue.api_secret[::-1]),
        "expired": key_of(dialect.add_key(expires_ms=now_ms - 1)),
        "address": key_of(dialect.add_key(ip_allow_list=["203.0.113.7"])),
        "permission": key_of(dialect.add_key(permissions=["SPOT_ACCOUNT_READ", "SPOT_DEAL_READ"])),
        "symbol": key_of(dialect.add_key(symbols=["ETH/USDT"])),
    }


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
    async with connect(venue, key_of(key), timeout_s=0.3) as exchange:
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
        ("oversize=17", ReadFailed, "has .* bytes, more than"),
        ("gzip", ReadFailed, "is encoded, which was not asked for"),
        ("reset-after-execution", ReadFailed, "closed the connection before it had answered GET /api/v3/account"),
        ("silent-after-execution", ReadFailed, "has not answered GET /api/v3/account before the deadline"),
        ("drip", ReadFailed, "before the deadline"),
        ("rate-limited=7", RateLimited, "fewer requests"),
        ("banned=11", RateLimited, "stop all requests until the ban ends"),
    ],
)
async def test_a_read_that_fails(venue: Sandbox, fault: str, error: type[SpotlaneError], words: str) -> None:
    async with connect(venue, timeout_s=0.3) as exchange:
        venue.faults.add(f"{fault}:GET:{ACCOUNT_PATH}")
        aborted = exchange.status().transport_status.connections.aborted
        with pytest.raises(error, match=words) as failure:
            await exchange.get_account_balance()
        assert type(failure.value) is error
        assert venue.requests.count("GET", ACCOUNT_PATH) == 1
        if isinstance(failure.value, ReadFailed):
            assert failure.value.safe_to_retry
            assert exchange.status().transport_status.connections.aborted == aborted + 1
        if isinstance(failure.value, RateLimited):
            assert failure.value.retry_after_s == float(fault.partition("=")[2])
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
    async with connect(venue, timeout_s=0.2) as exchange:
        order = await exchange.place_order(resting())
        venue.freeze()
        with pytest.raises(ReadFailed, match="before the deadline"):
            await exchange.get_account_balance()
        with pytest.raises(OutcomeUnknown, match="before the deadline") as placing:
            await exchange.place_order(resting(price=Decimal(19_000)))
        with pytest.raises(OutcomeUnknown, match="before the deadline"):
            await exchange.cancel_order(BTC_USDT, order.order_id)
        venue.thaw()
        found = await _resolved(venue, placing.value)
        assert found is None or found.price == 19_000


async def _outcome_of(call: Awaitable[Order]) -> Order | SpotlaneError:
    try:
        return await call
    except SpotlaneError as error:
        return error


async def _resolved(venue: Sandbox, unknown: OutcomeUnknown) -> Order | None:
    """Check resolve() against the exchange's books and return what it found."""
    booked = venue.ledger.orders(unknown.client_order_id)
    if not booked:
        with pytest.raises(OutcomeUnknown, match="does not show"):
            await unknown.resolve()
        return None
    found: Order = await unknown.resolve()
    assert (found.order_id, found.client_order_id) == (booked[0].order_id, booked[0].client_order_id)
    return found


def test_every_fault_point_has_its_expected_outcome() -> None:
    assert OUTCOMES.keys() == FAULT_POINTS.keys()


@pytest.mark.parametrize("point", list(OUTCOMES))
async def test_an_order_meets_a_fault(venue: Sandbox, point: str) -> None:
    async with connect(venue, timeout_s=0.5) as exchange:
        earlier = await exchange.place_order(resting())
        fault = Fault.named(point, value=VALUES.get(point)) if point.endswith("-on-accept") else Fault.named(
            point, "POST", ORDER_PATH, value=VALUES.get(point)
        )  # fmt: skip
        venue.faults.add(fault)
        result = await _outcome_of(exchange.place_order(resting(client_order_id="under-test")))
        kinds = {Order: "placed", OutcomeUnknown: "unknown", RateLimited: "refused", TimestampRejected: "refused"}
        outcome = kinds[type(result)]
        assert outcome == OUTCOMES[point]
        assert bool(venue.faults.hits) is not point.endswith("-on-accept")
        venue.faults.clear()

        if point == "outage":
            await until(lambda: not _listening(venue)())
        if point in LATE:
            await until(lambda: venue.ledger.orders("under-test"))
        booked = venue.ledger.orders("under-test")
        assert len(booked) == (outcome != "refused" and point not in NEVER_EXECUTED)
        assert sum("under-test" in request.query for request in venue.requests) <= 1
        if isinstance(result, Order):
            assert result.order_id == booked[0].order_id != earlier.order_id
        if isinstance(result, OutcomeUnknown):
            assert result.client_order_id == "under-test"
            assert not result.safe_to_retry
            await _resolved(venue, result)

        # Whatever the connection still holds is not taken for the reply to the next order.
        await until(_listening(venue))
        if point == "clock-jump":
            await exchange.get_account_balance()
        following = await exchange.place_order(resting(quantity=Decimal("0.002")))
        assert venue.ledger.orders(following.client_order_id)[0].order_id == following.order_id
        assert venue.ledger.order(following.order_id).quantity == Decimal("0.002")


def _listening(venue: Sandbox) -> Callable[[], bool]:
    return lambda: venue._server.is_listening


@pytest.mark.parametrize("point", [point for point in OUTCOMES if not point.endswith("-on-accept")])
async def test_a_cancel_meets_a_fault_and_is_sent_once(venue: Sandbox, point: str) -> None:
    async with connect(venue, timeout_s=0.5) as exchange:
        first = await exchange.place_order(resting())
        await exchange.cancel_order(BTC_USDT, first.order_id)
        order = await exchange.place_order(resting())
        venue.requests.clear()
        venue.faults.add(Fault.named(point, "DELETE", ORDER_PATH, value=VALUES.get(point)))
        result = await _outcome_of(exchange.cancel_order(BTC_USDT, order.order_id))
        if isinstance(result, Order):
            assert (result.order_id, result.status) == (order.order_id, OrderStatus.CANCELED)
            assert venue.ledger.order(order.order_id).status is OrderStatus.CANCELED
        elif isinstance(result, OutcomeUnknown):
            assert result.order_id == order.order_id
            assert point in NEVER_EXECUTED | LATE | SLOW
        else:
            assert isinstance(result, RateLimited)
            assert point in ("rate-limited", "banned")
        assert venue.faults.hits
        # A refused timestamp proves that nothing was executed: that alone is sent anew.
        assert venue.requests.count("DELETE") == (2 if point == "clock-jump" else 1)


async def test_a_reply_that_belongs_to_an_earlier_order_is_not_believed(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        earlier = await exchange.place_order(resting())
        venue.faults.add(Fault.named("other-reply", "POST", ORDER_PATH))
        # The same symbol, side, price and quantity.
        with pytest.raises(OutcomeUnknown, match="was acknowledged before") as unknown:
            await exchange.place_order(resting())
        assert (await unknown.value.resolve()).order_id != earlier.order_id


async def test_cancelling_all_orders_with_a_lost_reply(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    await exchange.place_order(resting())
    venue.faults.add(Fault.named("reset-before-read", "DELETE", "/api/v3/openOrders"))
    with pytest.raises(OutcomeUnknown, match="cancelling of all orders of BTC/USDT") as unknown:
        await exchange.cancel_all_orders(BTC_USDT)
    assert len(await unknown.value.resolve()) == 1
    assert venue.requests.count("DELETE") == 1


async def test_an_ambiguous_refusal_is_an_unknown_outcome(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    for status, body, kind in (
        (400, b'{"code":20002,"msg":"system error"}', ExchangeUnavailable),
        (400, b'{"code":424242,"msg":"a new code"}', ExchangeAPIError),
        (504, b'{"code":30004,"msg":"insufficient, says a gateway"}', ExchangeAPIError),
        (404, b"<html>nothing here</html>", ExchangeAPIError),
    ):
        venue.faults.add(Fault(ReplaceReply(status, body, "application/json"), "POST", ORDER_PATH))
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.place_order(resting())
        assert isinstance(unknown.value.__cause__, kind)
        assert (await unknown.value.resolve()).status is OrderStatus.NEW


async def test_looking_an_outcome_up_never_looks_like_a_refusal(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    venue.faults.add(Fault.named("reset-after-execution", "POST", ORDER_PATH))
    with pytest.raises(OutcomeUnknown) as unknown:
        await exchange.place_order(resting())
    for point in ("rate-limited", "gateway-error-refused", "html-200", "reset-before-read"):
        venue.faults.add(Fault.named(point, "GET", ORDER_PATH))
        with pytest.raises(OutcomeUnknown):
            await unknown.value.resolve()
    assert (await unknown.value.resolve()).status is OrderStatus.NEW


def _frames(error: BaseException) -> Iterator[str]:
    """Give the message of an error and of all behind it, and the local variables of the client's own frames."""
    told: traceback.TracebackException | None = traceback.TracebackException.from_exception(error, capture_locals=True)
    waiting = [told]
    while waiting:
        told = waiting.pop()
        if told is None:
            continue
        waiting += [told.__cause__, told.__context__]
        yield "".join(told.format_exception_only())
        for frame in told.stack:
            if "/spotlane/" in frame.filename and "/sandbox/" not in frame.filename:
                yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"


async def _failures(venue: Sandbox, keys: Iterable[Credentials]) -> list[SpotlaneError]:
    """Fail in as many ways as there are."""
    failures: list[SpotlaneError] = []

    async def attempt(call: Awaitable[object]) -> None:
        try:
            await call
        except SpotlaneError as error:
            failures.append(error)

    for credentials in keys:
        async with connect(venue, credentials) as exchange:
            await attempt(exchange.place_order(resting()))
            await attempt(exchange.get_account_balance())
    target = WithdrawalTarget("USDT", "TRX", "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm")
    async with connect(venue, timeout_s=0.1, withdrawals=WithdrawalPolicy([target])) as exchange:
        for point in OUTCOMES:
            for method in ("POST", "DELETE", "GET"):
                venue.faults.add(Fault.named(point) if point.endswith("-on-accept") else Fault.named(point, method))
                if method == "POST":
                    await attempt(exchange.place_order(resting(side=Side.SELL, price=Decimal(90_000))))
                elif method == "DELETE":
                    await attempt(exchange.cancel_order(BTC_USDT, "C02__1"))
                else:
                    await attempt(exchange.get_open_orders())
                venue.faults.clear()
                await until(_listening(venue))
        venue.faults.add(Fault.named("html-200", "POST", WITHDRAW_PATH))
        await attempt(exchange.withdraw(WithdrawalRequest("USDT", Decimal(10), target.address, "TRX")))
        await venue.down()
        await attempt(exchange.place_order(resting()))
        failures.append(DecodeError(repr(exchange.status()) + repr(exchange)))
    return failures


async def test_no_error_and_no_log_line_holds_a_secret(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = every_key(venue).values()
    secrets = {venue.api_secret, *(key._secret.decode() for key in keys)}
    assert len(secrets) == 6

    failures = await _failures(venue, keys)

    assert len(failures) > 80
    texts = [text for error in failures for text in (*_frames(error), repr(error), str(error), repr(error.args))]
    assert sum("_client.py" in text for text in texts) > 80
    for text in (*texts, *(record.getMessage() for record in caplog.records), caplog.text):
        assert not SIGNATURE.search(text), text
        assert not any(secret in text for secret in secrets), text


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "body",
    [
        b'{"code":1,"msg":"GET /api/v3/account?timestamp=1&signature=%b"}' % (b"ab" * 32),
        b"<a href='/api/v3/account?timestamp=1&signature=%b'>here</a>" % (b"ab" * 32),
        b'{"balances":"%b"}' % (b"ab" * 32),
    ],
)
async def test_a_signature_that_a_reply_repeats_is_not_passed_on(
    venue: Sandbox, exchange: MexcPrivateRest, status: int, body: bytes
) -> None:
    venue.faults.add(Fault(ReplaceReply(status, body, "application/json"), path=ACCOUNT_PATH))
    with pytest.raises((DecodeError, ExchangeAPIError)) as failure:
        await exchange.get_account_balance()
    error: BaseException | None = failure.value
    while error is not None:
        assert "ab" * 16 not in f"{error} {error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__


async def test_an_order_that_arrives_after_its_window_is_not_executed(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.2) as exchange:
        venue.faults.add(Fault.named("deliver-late-reset", "POST", ORDER_PATH, value=0.25))
        with pytest.raises(OutcomeUnknown):
            await exchange.place_order(resting())
        await until(venue.ledger.refused)
        (refused,) = venue.ledger.refused()
        assert (refused.data["path"], refused.data["code"]) == (ORDER_PATH, 700003)
        assert venue.ledger.orders() == []


async def test_errors_of_the_transport_lead_to_nothing_of_aiohttp(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.1) as exchange:
        for point in ("reset-before-read", "cut-body", "cut-status-line", "drop-request"):
            venue.faults.add(Fault.named(point, "GET", ACCOUNT_PATH))
            with pytest.raises(TransportError) as failure:
                await exchange.get_account_balance()
            assert failure.value.__context__ is None
            assert failure.value.__cause__ is None


async def test_ten_reads_at_once_while_one_hangs(venue: Sandbox) -> None:
    async with connect(venue, timeout_s=0.3) as exchange:
        venue.faults.add(Fault.named("silent-after-execution", "GET", ACCOUNT_PATH))
        results = await asyncio.gather(*(exchange.get_account_balance() for _ in range(10)), return_exceptions=True)
        assert [type(result) for result in results].count(ReadFailed) == 1
        assert [type(result) for result in results].count(dict) == 9
