"""What Gate's refusals and silences become: one typed error each, and never a wrong word about an order."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from doubt_rig import doubt, doubtful, expect_absent
from gateio_rig import (
    ACCOUNTS_PATH,
    BTC_USDT,
    ETH_USDT,
    ORDERS_PATH,
    TIME_PATH,
    connect,
    fault,
    gate,
    resting,
)

from spotlane import Credentials, Order, OrderStatus
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
    SymbolNotTradable,
    TimestampRejected,
    WithdrawalRejected,
)
from spotlane.exchanges.gateio import GateioPrivateRest
from spotlane.exchanges.gateio.errors import ERRORS, tell
from spotlane.safety import Told
from spotlane.sandbox import Fault, ReplaceReply
from spotlane.sandbox.limits import Limit

# What the documentation's labels mean for a request that places an order: the error, and whether it proves that there
# is no order.
REJECTED: dict[type[ExchangeAPIError], tuple[str, ...]] = {
    AuthenticationError: (
        "INVALID_KEY", "INVALID_SIGNATURE", "INVALID_CREDENTIALS", "AUTHENTICATION_FAILED", "MISSING_REQUIRED_HEADER",
    ),
    TimestampRejected: ("REQUEST_EXPIRED",),
    IpNotAllowed: ("IP_FORBIDDEN",),
    PermissionDenied: ("FORBIDDEN", "READ_ONLY", "ACCOUNT_LOCKED", "SUB_ACCOUNT_LOCKED", "ACCOUNT_EXCEPTION"),
    RateLimited: ("TOO_MANY_REQUESTS", "TOO_FAST"),
    OrderRejected: (
        "INVALID_CURRENCY", "INVALID_CURRENCY_PAIR", "INVALID_PRECISION", "AMOUNT_TOO_LITTLE", "QUANTITY_NOT_ENOUGH",
        "AMOUNT_TOO_MUCH", "PRICE_THRESHOLD_EXCEEDED", "TRADE_RESTRICTED", "MARGIN_NOT_SUPPORTED",
        "ORDER_BOOK_NOT_FOUND", "POC_FILL_IMMEDIATELY", "FOK_NOT_FILL", "NO_CHANGE", "TOO_MANY_CURRENCY_PAIRS",
        "TOO_MANY_ORDERS", "MIXED_ACCOUNT_TYPE", "AUTO_TRIGGER_PRICE_LESS_LAST", "AUTO_TRIGGER_PRICE_GREATE_LAST",
    ),
    InsufficientBalance: (
        "BALANCE_NOT_ENOUGH", "MARGIN_BALANCE_NOT_ENOUGH", "INITIAL_MARGIN_TOO_LOW", "AUTO_BORROW_TOO_MUCH",
        "USER_LOAN_EXCEEDED", "NO_MATCHED_LOAN", "FUTURES_BALANCE_NOT_ENOUGH", "INSUFFICIENT_AVAILABLE",
    ),
    OrderNotFound: ("ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_CLOSED", "ORDER_CANCELLED"),
    WithdrawalRejected: (
        "ADDRESS_NOT_USED", "WITHDRAWAL_OVER_LIMIT", "API_WITHDRAW_DISABLED", "INVALID_WITHDRAW_ID",
        "INVALID_WITHDRAW_CANCEL_STATUS", "SUB_ACCOUNT_NOT_FOUND", "MARGIN_BALANCE_EXCEPTION",
        "CROSS_ACCOUNT_NOT_FOUND", "USER_NOT_FOUND",
    ),
    ExchangeAPIError: (
        "INVALID_PARAM_VALUE", "INVALID_PROTOCOL", "INVALID_ARGUMENT", "INVALID_REQUEST_BODY", "MISSING_REQUIRED_PARAM",
        "BAD_REQUEST", "INVALID_CONTENT_TYPE", "NOT_ACCEPTABLE", "NOT_FOUND", "METHOD_NOT_ALLOWED",
        "INVALID_CLIENT_ORDER_ID", "LOAN_NOT_FOUND", "LOAN_RECORD_NOT_FOUND", "REPAY_TOO_MUCH", "NOT_MERGEABLE",
        "NO_MERGEABLE_ORDERS",
    ),
}  # fmt: skip
AMBIGUOUS: dict[type[ExchangeAPIError], tuple[str, ...]] = {
    OrderRejected: ("REPEATED_CREATION", "REPEAT_REQUEST"),
    WithdrawalRejected: (
        "ORDER_EXISTS", "DUPLICATE_REQUEST", "MARGIN_TRANSFER_FAILED", "SUB_ACCOUNT_TRANSFER_FAILED",
    ),
    ExchangeUnavailable: (
        "FAILED_RETRIEVE_ASSETS", "SERVER_ERROR", "INTERNAL", "INTERNAL_SERVER_ERROR", "TOO_BUSY", "SERVER_TIMEOUT",
    ),
    ExchangeAPIError: ("CANCEL_FAIL",),
}  # fmt: skip
STATUSES: dict[type[ExchangeAPIError], int] = {
    AuthenticationError: 401, TimestampRejected: 403, IpNotAllowed: 403, PermissionDenied: 403, OrderNotFound: 404,
    ExchangeUnavailable: 500,
}  # fmt: skip


def test_the_table_has_every_label_and_no_other() -> None:
    expected = [label for rows in (REJECTED, AMBIGUOUS) for labels in rows.values() for label in labels]
    assert len(expected) == len(set(expected))
    assert set(expected) == set(ERRORS.rows)


@pytest.mark.parametrize("kind", list(REJECTED), ids=lambda kind: kind.__name__)
async def test_labels_that_prove_that_there_is_no_order(kind: type[ExchangeAPIError]) -> None:
    async with gate() as (venue, exchange):
        for label in REJECTED[kind]:
            venue.faults.add(fault(label, "POST", ORDERS_PATH, status=STATUSES.get(kind, 400), message="as told"))
            with pytest.raises(ExchangeAPIError, match=f"answered {label} .*as told") as refusal:
                await exchange.place_order(resting())
            assert (type(refusal.value), refusal.value.code) == (kind, label)
            assert refusal.value.http_status == STATUSES.get(kind, 400)
        assert venue.ledger.orders() == []
        assert venue.faults.armed == ()


@pytest.mark.parametrize("kind", list(AMBIGUOUS), ids=lambda kind: kind.__name__)
async def test_labels_that_leave_open_whether_there_is_an_order(kind: type[ExchangeAPIError]) -> None:
    async with gate(doubtful(GateioPrivateRest.spec)) as (venue, exchange):
        for label in AMBIGUOUS[kind]:
            venue.faults.add(fault(label, "POST", ORDERS_PATH, status=STATUSES.get(kind, 400)))
        doubts = await asyncio.gather(*(doubt(exchange, resting()) for _ in AMBIGUOUS[kind]))
        assert {type(each.__cause__) for each in doubts} == {kind}
        told = [str(each.__cause__.code) for each in doubts if isinstance(each.__cause__, ExchangeAPIError)]
        assert sorted(told) == sorted(AMBIGUOUS[kind])
        assert len(exchange.unresolved()) == len(doubts)
        for each in doubts:
            await expect_absent(exchange, each)
        assert venue.requests.count("POST") == len(doubts)


@pytest.mark.parametrize(
    ("label", "message", "kind", "words"),
    [
        ("FORBIDDEN", "Request IP not in whitelist: 192.0.2.7", IpNotAllowed, r"192\.0\.2\.7"),
        ("FORBIDDEN", "Request API key does not have spot permission", PermissionDenied, r"spot \(read-write\)"),
        ("INVALID_PARAM_VALUE", "Your order size 1 USDT is too small. The minimum is 3 USDT", OrderRejected, "3 USDT"),
        ("INVALID_PARAM_VALUE", "BTC_USDT is untradable now", OrderRejected, "untradable"),
        ("INVALID_PARAM_VALUE", "Trading of this currency pair is disabled", OrderRejected, "disabled"),
        ("INVALID_PARAM_VALUE", "invalid argument: status", ExchangeAPIError, "please report"),
        ("INVALID_PARAM_VALUE", "Error: only used addresses or verified addresses are allowed for api withdrawal",
         WithdrawalRejected, "save and verify"),
        ("INVALID_PARAM_VALUE", "Invalid amount or below minimum amount limit", WithdrawalRejected, "below minimum"),
        ("METHOD_NOT_ALLOWED", "Cancel order too fast, please try again later", RateLimited, "too fast"),
        ("METHOD_NOT_ALLOWED", "GET is not allowed here", ExchangeAPIError, "please report"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("member", ["message", "detail"])
async def test_labels_with_several_meanings_are_told_apart_by_their_text(
    label: str, message: str, kind: type[ExchangeAPIError], words: str, member: str
) -> None:
    async with gate() as (venue, exchange):
        venue.faults.add(fault(label, "POST", ORDERS_PATH, message=message, text=member))
        with pytest.raises(kind, match=words) as refusal:
            await exchange.place_order(resting())
        assert type(refusal.value) is kind


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"message":"no","label":"TOO_BUSY"}', Told("TOO_BUSY", "no")),
        (b'{"label":"TOO_BUSY","message":"","detail":"why"}', Told("TOO_BUSY", "why")),
        (b'{"label":"TOO_BUSY","message":null}', Told("TOO_BUSY", "")),
        (b'{"label":"TOO_BUSY","message":{"a":1}}', Told("TOO_BUSY", "")),
        (b'{"label":""}', None),
        (b'{"label":7,"message":"x"}', None),
        (b'{"message":"x"}', None),
        (b'[{"label":"TOO_BUSY"}]', None),
        (b"<html></html>", None),
        (b"", None),
        (b'{"label":"TOO_BUSY"', None),
    ],
)
def test_what_an_error_body_tells(body: bytes, told: Told | None) -> None:
    assert tell(body) == told


@pytest.mark.parametrize(
    ("status", "kind", "is_proof"),
    [
        (400, ExchangeAPIError, False),
        (401, AuthenticationError, True),
        (403, PermissionDenied, True),
        (404, ExchangeAPIError, False),
        (429, RateLimited, True),
        (500, ExchangeUnavailable, False),
        (502, ExchangeUnavailable, False),
        (504, ExchangeUnavailable, False),
    ],
)
@pytest.mark.parametrize("body", [b"<html>a gateway</html>", b"", b'{"code":1}'])
async def test_replies_without_a_label(status: int, kind: type[ExchangeAPIError], is_proof: bool, body: bytes) -> None:
    async with gate(doubtful(GateioPrivateRest.spec)) as (venue, exchange):
        venue.faults.add(Fault(ReplaceReply(status, body, executed=False), "POST", ORDERS_PATH))
        if is_proof:
            with pytest.raises(kind) as refusal:
                await exchange.place_order(resting())
            assert type(refusal.value) is kind
        else:
            unknown = await doubt(exchange, resting())
            assert type(unknown.__cause__) is kind
            await expect_absent(exchange, unknown)
        assert exchange.unresolved() == ()


async def test_a_label_that_no_table_knows_proves_nothing() -> None:
    async with gate(doubtful(GateioPrivateRest.spec)) as (venue, exchange):
        # A gateway's 5xx says nothing about what happened behind it, whatever label stands in it.
        for label, status in (("A_LABEL_OF_NEXT_YEAR", 400), ("BALANCE_NOT_ENOUGH", 503)):
            venue.faults.add(fault(label, "POST", ORDERS_PATH, status=status))
            unknown = await doubt(exchange, resting())
            assert label in str(unknown)
            await expect_absent(exchange, unknown)
        venue.faults.add(fault("A_LABEL_OF_NEXT_YEAR", "GET", ACCOUNTS_PATH))
        with pytest.raises(ExchangeAPIError, match="A_LABEL_OF_NEXT_YEAR"):
            await exchange.get_account_balance()


async def test_keys_that_are_wrong_in_one_way_each() -> None:
    async with gate() as (venue, _):
        add_key = venue.dialect.add_key

        def key(**what: Any) -> Credentials:
            made = add_key(**what)
            return Credentials(made.api_key, made.api_secret)

        wrong: list[tuple[Credentials, type[ExchangeAPIError], str, str]] = [
            (Credentials("0" * 32, venue.api_secret), AuthenticationError, "INVALID_KEY", "testnet keys differ"),
            (Credentials(venue.api_key, venue.api_secret[::-1]), AuthenticationError, "INVALID_SIGNATURE", "secret"),
            (key(expires_ms=venue.clock.now_ms() - 1), AuthenticationError, "INVALID_KEY", "Invalid key"),
            (key(ip_allow_list=["203.0.113.7"]), IpNotAllowed, "FORBIDDEN", r"127\.0\.0\.1"),
            (key(permissions=["wallet"]), PermissionDenied, "FORBIDDEN", r"the key group spot \(read-write\)"),
            (key(permissions=["spot:read"]), PermissionDenied, "READ_ONLY", r"the key group spot \(read-write\)"),
            (key(symbols=["ETH/USDT"]), PermissionDenied, "FORBIDDEN", "BTC_USDT"),
        ]
        for credentials, kind, label, words in wrong:
            async with connect(venue, credentials) as exchange:
                with pytest.raises(kind, match=words) as refusal:
                    await exchange.place_order(resting())
                assert refusal.value.code == label
        assert venue.ledger.orders() == []
        # A read-only key reads.
        async with connect(venue, wrong[5][0]) as reader:
            assert (await reader.get_account_balance())["USDT"].total == 100_000
            with pytest.raises(PermissionDenied, match="the key group wallet"):
                await reader.get_trading_fee(BTC_USDT)


async def test_a_pair_that_is_closed_is_not_asked_for() -> None:
    async with gate() as (venue, exchange):
        for base, words in (("FTT", "untradable"), ("EOS", "open to SELL")):
            with pytest.raises(SymbolNotTradable, match=words):
                await exchange.place_order(
                    resting(symbol=BTC_USDT.replace(base=base), quantity=Decimal(100), price=Decimal("0.5"))
                )
        assert venue.requests.total == 0


async def test_a_stale_timestamp_is_mended_once() -> None:
    async with gate() as (venue, exchange):
        venue.clock.advance(61_000)
        assert (await exchange.get_account_balance())["BTC"].total == 10
        assert [event.data["code"] for event in venue.ledger.refused()] == ["REQUEST_EXPIRED"]
        assert exchange.status().clock_offset_ms > 60_000

        venue.requests.clear()
        stubborn = fault("REQUEST_EXPIRED", "GET", ACCOUNTS_PATH, status=403)
        venue.faults.add(Fault(stubborn.action, "GET", ACCOUNTS_PATH, times=None))
        with pytest.raises(TimestampRejected, match="synchronised anew"):
            await exchange.get_account_balance()
        assert venue.requests.count("GET", ACCOUNTS_PATH) == 2
        assert venue.requests.count("GET", TIME_PATH) >= 1


@pytest.mark.parametrize("in_ms", [False, True])
async def test_placing_is_limited_for_each_pair(in_ms: bool) -> None:
    async with gate(rate_limits=True, reset_time_in_ms=in_ms) as (venue, exchange):
        venue.clock.freeze()
        # Ahead of the client's clock, which runs on: an acknowledgement must not be older than its order.
        venue.clock.advance(100)
        for _ in range(10):
            await exchange.place_order(resting())
        with pytest.raises(RateLimited, match="TOO_MANY_REQUESTS") as refusal:
            await exchange.place_order(resting())
        assert refusal.value.http_status == 429
        assert refusal.value.safe_to_retry
        # The window is a second; told in whole seconds, it is rounded up.
        assert refusal.value.retry_after_s is not None
        assert 0.9 <= refusal.value.retry_after_s <= (1.2 if in_ms else 2.2)
        assert len(venue.ledger.orders()) == 10
        await exchange.place_order(resting(symbol=ETH_USDT, price=Decimal(1_000), quantity=Decimal("0.1")))


async def test_a_refusal_for_one_limit_leaves_the_others_open() -> None:
    settings = {"rate_limits": True, "place_limit": Limit(1, 60_000)}
    async with gate({"enforce_limits": True}, **settings) as (venue, exchange):
        order = await exchange.place_order(resting())
        with pytest.raises(RateLimited):
            await exchange.place_order(resting())
        with pytest.raises(BudgetExhausted, match="place") as exhausted:
            await exchange.place_order(resting())
        assert exhausted.value.retry_after_s > 50
        assert venue.requests.count("POST") == 2
        # Another pair, reads and above all cancels go on.
        await exchange.place_order(resting(symbol=ETH_USDT, price=Decimal(1_000), quantity=Decimal("0.1")))
        assert (await exchange.get_order(BTC_USDT, order.order_id)).status is OrderStatus.NEW
        assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED


async def test_reads_are_limited_for_each_endpoint() -> None:
    settings = {"rate_limits": True, "endpoint_limit": Limit(20, 60_000)}
    async with gate({"enforce_limits": True}, **settings) as (_, exchange):
        for _ in range(20):
            await exchange.get_account_balance()
        with pytest.raises(RateLimited) as refusal:
            await exchange.get_account_balance()
        assert refusal.value.retry_after_s is not None
        assert refusal.value.retry_after_s > 50
        with pytest.raises(BudgetExhausted):
            await exchange.get_account_balance()
        assert await exchange.get_open_orders() == []


async def test_the_local_budget_is_one_for_each_pair() -> None:
    async with gate({"enforce_limits": True, "timeout_s": 0.3}, rate_limits=True) as (venue, exchange):
        eth = resting(symbol=ETH_USDT, price=Decimal(1_000), quantity=Decimal("0.1"))
        results = await asyncio.gather(
            *(exchange.place_order(params) for params in [resting()] * 20 + [eth] * 5), return_exceptions=True
        )
        assert {type(result) for result in results[:20]} == {Order, BudgetExhausted}
        assert {type(result) for result in results[20:]} == {Order}
        assert venue.ledger.refused() == []
