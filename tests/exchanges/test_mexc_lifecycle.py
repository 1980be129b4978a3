"""The life of a client: opening, closing, where it may be used, its clock, its rules, its options."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import os
import ssl
import threading
import warnings
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from doubt_rig import found
from mexc_rig import (
    BTC_USDT,
    ORDER_PATH,
    RULES_PATH,
    TIME_PATH,
    connect,
    parameters,
    pass_time,
    resting,
    stand_still,
    until,
)

from spotlane import Credentials, OrderStatus, OutcomeUnknown, Side, Symbol, UsageError, open_exchange
from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    DecodeError,
    ExchangeUnavailable,
    NotSent,
    SpotlaneError,
    UnknownSymbol,
    WrongContext,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import Fault, ReplaceReply, Sandbox
from spotlane.sandbox.records import Listing
from spotlane.transport import ManualClock, shared_budget

NOVA = Listing(
    "NOVA", "USDT", tick=Decimal("0.01"), lot=Decimal("0.1"), opening_price=Decimal(10), full_name="Nova"
)  # fmt: skip
NOVA_USDT = Symbol("NOVA", "USDT")
ACCOUNT_PATH = "/api/v3/account"


def every_call(exchange: MexcPrivateRest) -> list[Callable[[], Awaitable[object]]]:
    return [
        exchange.get_account_balance,
        exchange.get_server_time_ms,
        exchange.get_open_orders,
        exchange.get_withdrawal_history,
        exchange.get_deposit_history,
        lambda: exchange.place_order(resting()),
        lambda: exchange.test_order(resting()),
        lambda: exchange.cancel_order(BTC_USDT, "1"),
        lambda: exchange.cancel_all_orders(BTC_USDT),
        lambda: exchange.get_order(BTC_USDT, "1"),
        lambda: exchange.get_order_history(BTC_USDT),
        lambda: exchange.get_trades(BTC_USDT),
        lambda: exchange.get_trading_fee(BTC_USDT),
        lambda: exchange.get_networks("USDT"),
        lambda: exchange.get_withdrawal_addresses("USDT"),
        lambda: exchange.get_deposit_addresses("USDT"),
        lambda: exchange.get_withdrawal_status("1"),
        lambda: exchange.cancel_withdrawal("1"),
    ]


async def test_a_client_is_used_between_open_and_close_only(venue: Sandbox) -> None:
    exchange = connect(venue)
    assert not exchange.status().is_open
    for call in every_call(exchange):
        with pytest.raises(WrongContext, match="not open: use `async with`"):
            await call()
    assert venue.requests.total == 0

    for _ in range(2):
        await exchange.open()
        assert exchange.status().is_open
        with pytest.raises(WrongContext, match="open already"):
            await exchange.open()
        assert await exchange.get_account_balance()
        await exchange.close()
        await exchange.close()
        assert not exchange.status().is_open
        await until(lambda: venue.connections_open == 0)
        with pytest.raises(WrongContext):
            await exchange.get_account_balance()


async def test_a_client_leaves_no_task_behind(venue: Sandbox) -> None:
    before = asyncio.all_tasks()
    async with connect(venue):
        assert asyncio.all_tasks() - before
    assert {task for task in asyncio.all_tasks() - before if "spotlane-" in task.get_name()} == set()


async def test_an_open_that_fails_leaves_the_client_closed(venue: Sandbox) -> None:
    exchange = connect(venue)
    await venue.down()
    with pytest.raises(NotSent, match="Connection refused"):
        await exchange.open()
    assert not exchange.status().is_open
    await venue.up()
    for fault, error in (
        (Fault.named("html-200", path=RULES_PATH), DecodeError),
        (Fault.named("gateway-error-refused", path=TIME_PATH, times=2), ExchangeUnavailable),
        (Fault(ReplaceReply(200, b'{"symbols":[]}', "application/json"), path=RULES_PATH), DecodeError),
    ):
        venue.faults.clear()
        venue.faults.add(fault)
        with pytest.raises(error):
            await exchange.open()
        assert not exchange.status().is_open
    venue.faults.clear()
    async with exchange:
        assert await exchange.get_account_balance()


async def test_another_event_loop_may_not_use_it(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    caught: list[type[BaseException]] = []

    async def use() -> None:
        for call in (*every_call(exchange), exchange.close):
            try:
                await call()
            except SpotlaneError as error:
                caught.append(type(error))

    thread = threading.Thread(target=lambda: asyncio.run(use()))
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    assert caught == [WrongContext] * (len(every_call(exchange)) + 1)
    assert venue.requests.total == 0
    assert await exchange.get_account_balance()


async def test_a_forked_process_may_not_use_it(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        refused = 0
        for call in every_call(exchange):
            try:
                call().__await__().__next__()
            except WrongContext:
                refused += 1
            except BaseException:
                os._exit(200)
        os._exit(refused)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == len(every_call(exchange))
    assert venue.requests.total == 0
    assert await exchange.get_account_balance()


async def test_closing_lets_calls_finish_for_a_while(venue: Sandbox) -> None:
    exchange = connect(venue)
    await exchange.open()
    venue.latency_s = 0.02
    placing = asyncio.create_task(exchange.place_order(resting()))
    await until(lambda: exchange.status().transport_status.connections.busy)
    await exchange.close(grace_s=5)
    assert (await placing).order_id == venue.ledger.orders()[0].order_id


async def test_closing_ends_calls_with_a_typed_error(venue: Sandbox) -> None:
    exchange = connect(venue, timeout_s=30)
    await exchange.open()
    venue.freeze()
    placing = asyncio.create_task(exchange.place_order(resting()))
    reading = asyncio.create_task(exchange.get_account_balance())
    await until(lambda: exchange.status().transport_status.connections.busy == 2)
    with pytest.raises(OutcomeUnknown, match="closed with 1 orders") as rest:
        await exchange.close()
    with pytest.raises(OutcomeUnknown) as unknown:
        await placing
    (entry,) = rest.value.unresolved
    assert entry.client_order_id == unknown.value.client_order_id
    with pytest.raises(SpotlaneError):
        await reading
    with pytest.raises(WrongContext):
        await unknown.value.resolve()
    assert not [task for task in asyncio.all_tasks() if "spotlane-" in task.get_name()]
    venue.thaw()


async def test_orders_that_were_in_doubt_at_the_end_are_looked_for_when_the_client_is_opened_again(
    venue: Sandbox,
) -> None:
    exchange = connect(venue)
    await exchange.open()
    venue.faults.add(Fault.named("delay-reply", "POST", ORDER_PATH, value=30))
    placing = asyncio.create_task(exchange.place_order(resting()))
    await until(venue.ledger.orders)
    with pytest.raises(OutcomeUnknown):
        await exchange.close()
    with pytest.raises(OutcomeUnknown) as unknown:
        await placing
    async with exchange:
        assert (await found(unknown.value)).order_id == venue.ledger.orders()[0].order_id
        assert exchange.unresolved() == ()


async def test_a_clock_that_steps_is_noticed(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    venue.clock.freeze()
    async with connect(venue, clock=clock) as exchange:
        await exchange._synchronise()
        assert exchange.status().clock_steps == 0
        venue.clock.advance(60_000)
        await exchange._synchronise()
        assert exchange.status().clock_steps == 1
        assert exchange._exchange_clock.now_ms() == pytest.approx(venue.clock.now_ms(), abs=2)
        # The wall clock of this machine is nobody's measure.
        clock.step_wall_clock(-3_600_000)
        await exchange._synchronise()
        assert exchange.status().clock_steps == 1
        await exchange.place_order(resting())
    assert caplog.text.count("was set or stood still") == 1


async def test_status_tells_the_state_of_the_client(venue: Sandbox) -> None:
    clock = ManualClock()
    venue.clock.freeze()
    async with connect(venue, clock=clock) as exchange:
        clock.advance(3)
        status = exchange.status()
        assert (status.exchange, status.is_open, status.transport) == ("mexc", True, "lane")
        assert (status.rules_age_s, status.rules_failures, status.clock_failures) == (3, 0, 0)
        assert status.clock_offset_ms == pytest.approx(venue.clock.now_ms() + 3_000 - clock.time_ms(), abs=1)
        assert status.clock_uncertainty_ms < 2
        assert status.transport_status.requests == status.transport_status.replies == 1
        assert status.transport_status.connections.idle == 1
        assert status.unknown_values == {}
    assert exchange.exchange == "mexc"


async def test_rules_are_fetched_anew_when_they_are_old(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        venue.engine.list_symbol(NOVA)
        wanted = resting(symbol=NOVA_USDT, quantity=Decimal(1), price=Decimal(5))
        with pytest.raises(UnknownSymbol):
            await exchange.place_order(wanted)
        assert venue.requests.count("GET", RULES_PATH) == 1

        pass_time(venue, clock, 3_601)
        await until(lambda: exchange.status().rules_age_s < 1)
        assert venue.requests.count("GET", RULES_PATH) == 2
        assert (await exchange.place_order(wanted)).symbol == NOVA_USDT


async def test_old_rules_stay_in_use_while_new_ones_can_not_be_had(
    venue: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        for failures, fault in enumerate(
            (
                Fault.named("gateway-error-refused", path=RULES_PATH),
                Fault.named("html-200", path=RULES_PATH),
                Fault(ReplaceReply(200, b'{"symbols":[]}', "application/json"), path=RULES_PATH),
                Fault.named("reset-before-read", path=RULES_PATH),
            ),
            start=1,
        ):
            venue.faults.add(fault)
            pass_time(venue, clock, 3_601 if failures == 1 else 5.1)
            await until(functools.partial(_has_failed, exchange, failures))
            assert exchange.status().rules_age_s > 3_600
        assert "refreshing the trading rules failed 4 times in a row, the last good ones stay in use" in caplog.text
        order = await exchange.place_order(resting())
        assert order.symbol == BTC_USDT

        pass_time(venue, clock, 5.1)
        await until(lambda: exchange.status().rules_failures == 0)
        assert exchange.status().rules_age_s < 1


async def test_the_clock_is_synchronised_in_the_background(venue: Sandbox) -> None:
    clock = ManualClock()
    venue.clock.freeze()
    async with connect(venue, clock=clock) as exchange:
        assert venue.requests.count("GET", TIME_PATH) == 1  # the one that warmed the connection
        venue.requests.clear()
        venue.clock.advance(31_000 + 700)
        clock.advance(31)
        await until(lambda: venue.requests.count("GET", TIME_PATH))
        expected_ms = pytest.approx(venue.clock.now_ms() - clock.time_ms(), abs=2)
        await until(lambda: exchange.status().clock_offset_ms == expected_ms)
        order = await exchange.place_order(resting())
        sent = parameters(venue.requests.find("POST", ORDER_PATH)[0])
        assert int(sent["timestamp"]) == pytest.approx(venue.clock.now_ms(), abs=2)
        assert int(sent["recvWindow"]) == 600
        assert order.created_ms == venue.clock.now_ms()


async def test_a_clock_that_can_not_be_read_is_counted(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        venue.faults.add(Fault.named("html-200", path=TIME_PATH, times=None))
        pass_time(venue, clock, 31)
        await until(lambda: exchange.status().clock_failures == 1)
        venue.faults.clear()
        pass_time(venue, clock, 6)
        await until(lambda: exchange.status().clock_failures == 0)


async def test_an_unknown_symbol_in_a_reply_refreshes_the_rules_once(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        venue.engine.list_symbol(NOVA)
        async with connect(venue) as other:
            order = await other.place_order(resting(symbol=NOVA_USDT, quantity=Decimal(1), price=Decimal(5)))
        venue.requests.clear()

        (found,) = await exchange.get_open_orders()
        assert (found.order_id, found.symbol) == (order.order_id, NOVA_USDT)
        assert venue.requests.count("GET", RULES_PATH) == 1
        assert venue.requests.count("GET", "/api/v3/openOrders") == 1
        assert len(await exchange.get_open_orders()) == 1
        assert venue.requests.count("GET", RULES_PATH) == 1


def _has_failed(exchange: MexcPrivateRest, times: int) -> bool:
    return exchange.status().rules_failures == times


@pytest.mark.parametrize("point", ["", "gateway-error-refused"])
async def test_a_symbol_that_stays_unknown_is_an_error(venue: Sandbox, exchange: MexcPrivateRest, point: str) -> None:
    row = b'[{"symbol":"GHOSTUSDT","orderId":"1","status":"NEW","executedQty":"0","type":"LIMIT","side":"BUY"}]'
    venue.faults.add(Fault(ReplaceReply(200, row, "application/json"), path="/api/v3/openOrders"))
    if point:
        venue.faults.add(Fault.named(point, path=RULES_PATH))
    with pytest.raises(DecodeError, match="GHOSTUSDT"):
        await exchange.get_open_orders()
    assert venue.requests.count("GET", RULES_PATH) == 1


async def test_a_state_that_no_table_knows_is_passed_on_and_counted(
    venue: Sandbox, exchange: MexcPrivateRest, caplog: pytest.LogCaptureFixture
) -> None:
    row = (
        b'{"symbol":"BTCUSDT","orderId":"7","clientOrderId":"c","price":"1","origQty":"2","executedQty":"0",'
        b'"status":"PENDING_MOON","type":"TRAILING","side":"BUY"}'
    )
    for _ in range(3):
        venue.faults.add(Fault(ReplaceReply(200, row, "application/json"), path=ORDER_PATH))
        order = await exchange.get_order(BTC_USDT, "7")
        assert (order.status, order.raw_status, order.raw_type) == (OrderStatus.UNKNOWN, "PENDING_MOON", "TRAILING")
        assert not order.is_done
    assert exchange.status().unknown_values == {("status", "PENDING_MOON"): 3, ("type", "TRAILING"): 3}
    assert caplog.text.count("PENDING_MOON") == 1


async def test_a_reply_about_another_order_is_not_believed(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    first, second = await exchange.place_order(resting()), await exchange.place_order(resting())
    await exchange.get_order(BTC_USDT, first.order_id)
    venue.faults.add(Fault.named("other-reply", "GET", ORDER_PATH))
    with pytest.raises(DecodeError, match="about another order"):
        await exchange.get_order(BTC_USDT, second.order_id)
    venue.faults.add(Fault.named("other-reply", "GET", ORDER_PATH))
    with pytest.raises(DecodeError, match="about another order"):
        await exchange.get_order(BTC_USDT, client_order_id=first.client_order_id)


def has_booked(venue: Sandbox, count: int) -> bool:
    return len(venue.ledger.orders()) == count


async def test_the_local_rate_budget_keeps_below_the_exchanges_limit() -> None:
    clock = ManualClock()
    async with Sandbox("mexc") as venue, connect(venue, enforce_limits=True, clock=clock) as exchange:
        stand_still(venue)
        venue.requests.clear()
        calls = [asyncio.create_task(exchange.place_order(resting())) for _ in range(30)]
        # A burst of six, of which two are kept for cancels; then one every 175 ms.
        for count in (4, 5, 6):
            await until(functools.partial(has_booked, venue, count))
            # Their replies, too, have to be read before the time goes on.
            await until(lambda: sum(call.done() and call.exception() is None for call in calls) == count)  # noqa: B023
            assert exchange.status().budget.limits["orders"].free == 0
            pass_time(venue, clock, 0.176)
        pass_time(venue, clock, 2.0)
        results = await asyncio.gather(*calls, return_exceptions=True)
        placed = [result for result in results if not isinstance(result, BaseException)]
        refused = [result for result in results if isinstance(result, BudgetExhausted)]
        # One whose turn came when it was too late to be stamped was not sent either.
        late = [result for result in results if isinstance(result, NotSent)]
        assert len(placed) + len(refused) + len(late) == 30
        assert len(refused) > 15
        assert all(result.retry_after_s >= 0 for result in refused)
        assert venue.requests.count("POST") == len(placed) == len(venue.ledger.orders()) >= 6
        assert venue.ledger.refused() == []
        assert exchange.status().transport_status.over_budget == len(refused)


async def test_clients_of_one_key_share_its_limits_unless_told_otherwise(venue: Sandbox) -> None:
    async with connect(venue, enforce_limits=True) as one, connect(venue, enforce_limits=True) as two:
        one._budget.note_retry_after(60.0)
        with pytest.raises(BudgetExhausted):
            await two.get_account_balance()
        assert (one.status().budget.is_shared, two.status().budget.alone_because) == (True, "")
        alone = MexcPrivateRest(venue.credentials, base_url=venue.url, connections=1, share_budget=False)
        async with alone:
            assert await alone.get_account_balance()
            assert alone.status().budget.alone_because == "share_budget is off"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"enforce_limits": False}, "the limits are not enforced"),
        ({"enforce_limits": True, "clock": ManualClock()}, "the client runs on a clock of its own"),
    ],
)
def test_what_is_not_shared_says_why(options: dict[str, Any], reason: str) -> None:
    exchange = MexcPrivateRest(Credentials("k" * 16, "s" * 16), **options)
    assert (exchange.status().budget.is_shared, exchange.status().budget.alone_because) == (False, reason)


def test_a_budget_that_can_not_be_shared_is_told_once_and_kept_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_budget, "_BOOT_ID", Path("/nowhere"))
    exchange = MexcPrivateRest(Credentials("k" * 16, "s" * 16))
    assert caplog.messages == [
        "other processes on this key are not seen by the rate budget: this system does not tell one boot from the next"
    ]
    status = exchange.status().budget
    assert (status.is_enforced, status.is_shared) == (True, False)
    assert "boot" in status.alone_because


async def test_what_becomes_of_an_exchange_that_is_down_is_in_the_status(venue: Sandbox) -> None:
    async with connect(venue) as exchange:
        await venue.down()
        for _ in range(5):
            with pytest.raises(NotSent):
                await exchange.place_order(resting())
        with pytest.raises(CircuitOpen, match=r"POST /api/v3/order was not sent.*\(orders\)"):
            await exchange.place_order(resting(client_order_id="own-1"))
        assert exchange.status().breakers["orders"].state == "open"
        assert exchange.status().breakers["reads"].state == "closed"
        await venue.up()
        await until(lambda: exchange.status().breakers["orders"].state == "probation")
        # A client id that was never sent may be used again.
        await exchange.place_order(resting(client_order_id="own-1"))
        assert exchange.status().breakers["orders"].state == "closed"
        assert len(venue.ledger.orders()) == 1


async def test_found_by_name_and_opened(venue: Sandbox) -> None:
    async with open_exchange("mexc", venue.credentials, base_url=venue.url, enforce_limits=False) as exchange:
        assert isinstance(exchange, MexcPrivateRest)
        assert (await exchange.place_order(resting())).exchange == "mexc"


async def test_over_tls() -> None:
    async with Sandbox("mexc", tls=True) as venue:
        assert venue.url.startswith("https://")
        async with connect(venue, ssl_context=venue.ssl_context) as exchange:
            order = await exchange.place_order(resting())
            assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
        with pytest.raises(NotSent, match="certificate can't be trusted"):
            await connect(venue).open()


async def test_a_lent_session_is_used_and_left_open(venue: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        async with connect(venue, session=session) as exchange:
            assert (await exchange.place_order(resting())).order_id == venue.ledger.orders()[0].order_id
        assert not session.closed
        async with session.get(f"{venue.url}{TIME_PATH}") as reply:
            assert reply.status == 200


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"base_url": "api.mexc.com"}, UsageError, "scheme, host and port"),
        ({"base_url": "http://api.mexc.com"}, UsageError, "use https://"),
        ({"base_url": "https://api.mexc.com/api"}, UsageError, "takes no path"),
        ({"timeout_s": 0}, UsageError, "timeout_s is from 0.05 to 60 seconds, was 0"),
        ({"timeout_s": float("nan")}, UsageError, "timeout_s"),
        ({"connections": 0}, UsageError, "connections is from 1 to max_connections"),
        ({"connections": 17}, UsageError, "was 17"),
        ({"transport": "carrier-pigeon"}, UsageError, "'carrier-pigeon'"),
        ({"withdrawals": True}, TypeError, "WithdrawalPolicy"),
        ({"time_out": 3}, TypeError, "time_out"),
    ],
)
def test_an_option_that_can_not_work(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        MexcPrivateRest(Credentials("mx0key", "secret"), **options)


def test_a_tls_context_that_does_not_verify_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(UsageError, match="must verify"):
        MexcPrivateRest(Credentials("mx0key", "secret"), ssl_context=context)


async def test_what_the_exchange_changes_shows_in_the_rules(venue: Sandbox) -> None:
    clock = ManualClock()
    async with connect(venue, clock=clock) as exchange:
        market = venue.engine.markets["BTC/USDT"]
        market.listing = dataclasses.replace(market.listing, sides=frozenset({Side.SELL}))
        pass_time(venue, clock, 3_601)
        await until(lambda: exchange.status().rules_age_s < 1)
        venue.requests.clear()
        with pytest.raises(UsageError, match="open to SELL on mexc now, was BUY"):
            await exchange.place_order(resting())
        assert venue.requests.count("POST") == 0
