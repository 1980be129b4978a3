"""How Gate's requests are signed, and when they expire."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from doubt_rig import doubt, doubtful, expect_absent
from gateio_rig import (
    BTC_USDT,
    ORDERS_PATH,
    TIME_PATH,
    gate,
    overhear,
    resting,
    signature_of,
    until,
)

from spotlane import (
    Credentials,
    OrderParams,
    OrderStatus,
    OrderType,
    Side,
    UsageError,
)
from spotlane.errors import OrderNotFound, TimestampRejected
from spotlane.exchanges.gateio import GateioPrivateRest, spec, wire
from spotlane.exchanges.gateio.auth import GateioAuthenticator
from spotlane.sandbox import Fault
from spotlane.spec import Endpoint
from spotlane.transport import Request


def header(request: Request, stamp_ms: int, name: str) -> str | None:
    authenticator = GateioAuthenticator(Credentials("key", "secret"))
    lines = authenticator.sign(request, stamp_ms).header_lines.decode().split("\r\n")
    return dict(line.split(": ", 1) for line in lines if line).get(name)


def test_the_published_vectors() -> None:
    body = (
        b'{"text":"t-abc-1.0_Z","currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy",'
        b'"amount":"0.001","price":"65000","time_in_force":"poc"}'
    )
    params = OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT_MAKER, quantity=Decimal("0.001"), price=Decimal(65_000))
    assert wire.place_body("BTC_USDT", params, "t-abc-1.0_Z") == body
    placing = Request.to(spec.PLACE, body=body, window_ms=1_500)
    assert header(placing, 1_700_000_000_000, "SIGN") == (
        "e34d48b2c4f99e2c40e43a3db4aac7c084e5cd456a98d31a625a6d4ac963ce4e"
        "1ea2436b866933bb7947f99a8352665f8eb4247606db0cb620802c29d2be6c9d"
    )
    assert header(placing, 1_700_000_000_000, "Timestamp") == "1700000000"
    assert header(placing, 1_700_000_000_000, "X-Gate-Exptime") == "1700000001500"
    comma = Endpoint("transfers", "GET", "/api/v4/wallet/sub_account_transfers")
    listing = Request.to(comma, b"sub_uid=10001%2C10002&from=1700000000&to=1700086400")
    assert header(listing, 1_700_000_000_000, "SIGN") == (
        "2a68ebb10a84da97e48cceb3392cf1f5a27a5e66f41da0fe3417352f76f97ed8"
        "5b08df743417c9d6a51fa826f02ce992785ef0ae9fc0e8a897d0c314a332a230"
    )
    assert header(listing, 1_700_000_000_000, "X-Gate-Exptime") is None
    assert header(listing, 1_700_000_000_250, "Timestamp") == "1700000000.25"
    cancelling = Request.to(spec.CANCEL, b"currency_pair=BTC_USDT", suffix="12332324")
    assert header(cancelling, 1_700_000_000_000, "SIGN") == (
        "ec17c580a959d781ed252b0660a20e5c10a8a63c7553fa1b6c94593c2c769631"
        "daa6226dab6b790f476d0bbbba4ef575776709c5ed0350f38fccf37cbe1a612d"
    )


async def test_a_request_is_signed_as_it_arrives() -> None:
    async with gate() as (venue, exchange):
        heard = overhear(venue)
        order = await exchange.place_order(resting())
        await exchange.get_order(BTC_USDT, order.order_id)
        await exchange.get_trades(BTC_USDT)
        await exchange.cancel_order(BTC_USDT, order.order_id)
        # A query with a comma and a blank: sent encoded, signed as it is meant.
        with pytest.raises(UsageError, match="lists no withdrawal 'w1,2 3'"):
            await exchange.get_withdrawal_status("w1,2 3")
        assert heard[-1].query == "withdraw_id=w1%2C2%203"
        # In the path it is signed as it is sent.
        with pytest.raises(OrderNotFound):
            await exchange.get_order(BTC_USDT, "1,2 3")
        assert heard[-1].path == f"{ORDERS_PATH}/1%2C2%203"

        for request in heard:
            assert request.headers["key"] == venue.api_key
            assert request.headers["sign"] == signature_of(request, venue.api_secret)
        placing = heard[0]
        assert placing.headers["content-type"] == "application/json"
        assert json.loads(placing.body)["text"] == order.client_order_id
        assert placing.query == ""


async def test_placing_and_cancelling_expire() -> None:
    async with gate() as (venue, exchange):
        heard = overhear(venue)
        first = await exchange.place_order(resting())
        await exchange.place_order(resting())
        await exchange.cancel_order(BTC_USDT, first.order_id)
        await exchange.cancel_all_orders(BTC_USDT)
        await exchange.get_open_orders()

        windows: dict[tuple[str, str], Decimal | None] = {}
        for request in heard:
            expiry = request.headers.get("x-gate-exptime")
            stamp_ms = Decimal(request.headers["timestamp"]) * 1_000
            windows.setdefault((request.method, request.path), None if expiry is None else int(expiry) - stamp_ms)
        reads = {request for request in windows if request[0] == "GET"}
        assert all(windows.pop(request) is None for request in reads)
        # Half of the time for the reply for what must not come late, which is all of a call's two seconds but for an
        # order, which is looked for in the rest; a cancel by id can't do harm twice.
        cancel_all = windows.pop(("DELETE", ORDERS_PATH))
        assert cancel_all is not None
        assert 900 <= cancel_all <= 1_000
        assert windows == {
            ("POST", ORDERS_PATH): 600,
            ("DELETE", f"{ORDERS_PATH}/{first.order_id}"): 1_500,
        }


async def test_an_order_that_comes_too_late_is_refused_and_typed() -> None:
    async with gate() as (venue, exchange):
        # Two seconds are no reason to refuse a timestamp here, but they are past the expiry.
        venue.faults.add(Fault.named("clock-jump", "POST", ORDERS_PATH, value=2_000))
        with pytest.raises(TimestampRejected, match="REQUEST_EXPIRED") as refusal:
            await exchange.place_order(resting())
        assert refusal.value.safe_to_retry
        assert venue.ledger.orders() == []

        await until(lambda: exchange.status().clock_offset_ms > 1_500)
        order = await exchange.place_order(resting())
        venue.requests.clear()
        venue.faults.add(Fault.named("clock-jump", "DELETE", value=2_000))
        assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
        # It was proven that the first had done nothing.
        assert venue.requests.count("DELETE") == 2
        assert venue.requests.count("GET", TIME_PATH) >= 1


async def test_an_order_that_is_held_up_on_its_way_is_never_executed() -> None:
    async with gate(doubtful(GateioPrivateRest.spec)) as (venue, exchange):
        venue.faults.add(Fault.named("deliver-late-reset", "POST", ORDERS_PATH, value=0.95))
        unknown = await doubt(exchange, resting())
        await expect_absent(exchange, unknown)
        await until(lambda: "REQUEST_EXPIRED" in [event.data["code"] for event in venue.ledger.refused()])
        assert venue.ledger.orders() == []
