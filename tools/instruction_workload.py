"""What tools/instruction_counts.py counts: each row's calls, between marks that callgrind sees.

usage: instruction_workload.py SOURCE, where SOURCE is the src/ folder that spotlane has to come from
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import random
import sys
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn
from unittest import mock

import spotlane
from spotlane import OrderParams, OrderType, Side, Symbol

Run = Callable[[int], object]

BTC_USDT = Symbol("BTC", "USDT")
SYMBOLS = {"BTCUSDT": BTC_USDT}
KEY = b"45d0b3c26f2644f19bfb98b07741b2f5"
STAMP_MS = 1_700_000_000_250
WINDOW_MS = 2_000
LISTED = 1_000
# At this pace the rate budget of MEXC has room for every order, and no connection idles for too long.
ORDER_EVERY_S = 0.2


class Row(NamedTuple):
    """One thing that is counted: over `calls` calls and over twice as many.

    prepare imports what it needs, so that a tree without it lacks this row and no other, and returns what makes a given
    number of calls.
    """

    name: str
    calls: int
    prepare: Callable[[ExitStack], Run]


def sign_mexc_query(stack: ExitStack) -> Run:
    """Stamp and sign a query string, as MEXC wants it."""
    from spotlane._core.signing import Hmac, QueryAuth

    auth = QueryAuth(signer=Hmac("sha256", KEY), api_key="mx0aBYs33eIilxBWC5", api_key_header="X-MEXC-APIKEY")
    query = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.0002&price=64999.98&newClientOrderId=k1_00Zx-9"
    return _each(partial(auth.sign, "/api/v3/order", query, STAMP_MS, WINDOW_MS))


def sign_gate_headers(stack: ExitStack) -> Run:
    """Hash a body and sign the headers, as Gate wants it."""
    from spotlane._core.header_auth import HeaderAuth
    from spotlane._core.signing import Hmac

    auth = HeaderAuth(signer=Hmac("sha512", KEY), api_key="key", headers={"Content-Type": "application/json"})
    body = (
        b'{"text":"t-abc-1.0_Z","currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy",'
        b'"amount":"0.001","price":"65000","time_in_force":"poc"}'
    )
    return _each(partial(auth.sign, "POST", "/api/v4/spot/orders", b"", body, STAMP_MS, None))


def encode_query(stack: ExitStack) -> Run:
    """Encode an order as a query string."""
    from spotlane._core.encoding import QueryTemplate

    template = QueryTemplate(("symbol", "side", "type", "quantity", "price", "newClientOrderId"))
    return _each(partial(template.fill, "BTCUSDT", "BUY", "LIMIT", Decimal("0.0002"), Decimal("64999.98"), "k1_00Zx-9"))


def encode_json(stack: ExitStack) -> Run:
    """Encode an order as a JSON body."""
    from spotlane._core.json_encoding import JsonTemplate

    template = JsonTemplate(("text", "currency_pair", "type", "account", "side", "amount", "price", "time_in_force"))
    amounts = (Decimal("0.001"), Decimal(65_000))
    return _each(partial(template.fill, "t-abc-1.0_Z", "BTC_USDT", "limit", "spot", "buy", *amounts, "poc"))


def decode_order(stack: ExitStack) -> Run:
    """Decode one order and read all of its amounts."""
    from spotlane.exchanges.mexc import wire

    body, symbols = _dumped(_orders(1)[0]), SYMBOLS

    def decode() -> None:
        order = wire.read_order(body, symbols, _unknown)
        order.price, order.quantity, order.filled_quantity, order.filled_quote_quantity  # noqa: B018

    return _each(decode)


def decode_orders(stack: ExitStack) -> Run:
    """Decode many orders, reading none of their amounts."""
    from spotlane.exchanges.mexc import wire

    return _each(partial(wire.read_orders, _dumped(_orders(LISTED)), SYMBOLS, _unknown))


def decode_balances(stack: ExitStack) -> Run:
    """Decode many balances and read all of their amounts."""
    from spotlane.exchanges.mexc import wire

    body = _dumped({"canTrade": True, "accountType": "SPOT", "balances": _balances(LISTED), "permissions": ["SPOT"]})

    def decode() -> None:
        for balance in wire.BALANCES.many(body):
            balance.available, balance.locked  # noqa: B018

    return _each(decode)


def decode_trades(stack: ExitStack) -> Run:
    """Decode many trades and read all of their amounts."""
    from spotlane.exchanges.mexc import wire

    body, symbols = _dumped(_trades(LISTED)), SYMBOLS

    def decode() -> None:
        for trade in wire.TRADE.many(body, symbols):
            trade.price, trade.quantity, trade.quote_quantity, trade.fee  # noqa: B018

    return _each(decode)


def take_budget(stack: ExitStack) -> Run:
    """Take the costs of one order from a rate budget that has room."""
    from spotlane.exchanges.mexc import spec as mexc
    from spotlane.spec import Bucket
    from spotlane.transport import Budget, ManualClock

    roomy = [Bucket(name, limit=10**8, window_ms=1_000) for name in mexc.PLACE.costs]
    try_take: Callable[..., bool] = Budget(roomy, clock=ManualClock()).try_take
    # A base may want the costs where others take the endpoint.
    if "costs" in inspect.signature(try_take).parameters:
        take = partial(try_take, mexc.PLACE.costs, verb=mexc.PLACE.verb, endpoint=mexc.PLACE.name)
    else:
        take = partial(try_take, mexc.PLACE)
    if not take():
        raise AssertionError("a budget with room for everything refused an order")
    return _each(take)


def open_intent(stack: ExitStack) -> Run:
    """Check an order against the trading rules and give it an id and a last moment."""
    from spotlane.exchanges.mexc import spec as mexc
    from spotlane.safety import Intents, RuleBook, SymbolRules
    from spotlane.safety.client_ids import ClientIds

    rules = SymbolRules(
        symbol=BTC_USDT,
        wire="BTCUSDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.000001"),
        minimum_quantity=Decimal("0.000001"),
        minimum_notional=Decimal(1),
        maximum_notional=Decimal(5_000_000),
    )
    intents = Intents(mexc.SPEC, ClientIds(mexc.SPEC.client_ids))
    book = RuleBook("mexc", [rules])
    return _each(partial(intents.open, _order(), book, now_ms=STAMP_MS, deadline=1_002.0, timeout_s=2.0))


def place_order(stack: ExitStack) -> Run:
    """Place an order with a client over canned answers, by the way that a client takes if it isn't told otherwise."""
    from aiohttp import ClientSession
    from canned_exchange import URL, TimerlessClock, canned_session

    from spotlane import Credentials
    from spotlane.exchanges._options import Options
    from spotlane.exchanges.mexc import MexcPrivateRest

    loop = stack.enter_context(asyncio.Runner())
    clock = TimerlessClock()

    async def connect() -> tuple[MexcPrivateRest, ClientSession]:
        session = canned_session(clock)
        client = MexcPrivateRest(
            Credentials("mx0aBYs33eIilxBWC5", KEY.decode()),
            base_url=URL, session=session, clock=clock, connections=1,
        )  # fmt: skip
        await client.open()
        return client, session

    client, session = loop.run(connect())
    if client.status().transport != Options().transport:
        raise AssertionError(f"the client does not go the way that it goes by default, but {client.status().transport}")

    async def disconnect() -> None:
        await client.close()
        await session.close()

    stack.callback(lambda: loop.run(disconnect()))

    async def place(count: int) -> None:
        for _ in range(count):
            await client.place_order(_order())
            clock.advance(ORDER_EVERY_S)

    return lambda count: loop.run(place(count))


# One thing of each size that comes from a pool: 16 bytes, 32, and so on to 512; how many of the largest fill an arena.
_BLOCKS: tuple[Callable[[], object], ...] = (
    object,
    partial(float, "0.5"),
    *(partial(bytes, size - sys.getsizeof(b"")) for size in range(48, 513, 16)),
)
_ARENA_BLOCKS = 1_900

# A call of a list is a thousand rows long: fewer of them count as much.
ROWS = (
    Row("sign-mexc-query", 1_000, sign_mexc_query),
    Row("sign-gate-headers", 1_000, sign_gate_headers),
    Row("encode-query", 1_000, encode_query),
    Row("encode-json", 1_000, encode_json),
    Row("decode-order", 1_000, decode_order),
    Row("decode-1000-orders", 10, decode_orders),
    Row("decode-1000-balances", 10, decode_balances),
    Row("decode-1000-trades", 10, decode_trades),
    Row("take-budget", 1_000, take_budget),
    Row("open-intent", 1_000, open_intent),
    Row("place-order", 1_000, place_order),
)


def _each(call: Callable[[], object]) -> Run:
    def run(count: int) -> None:
        for _ in range(count):
            call()

    return run


def _order() -> OrderParams:
    return OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT, Decimal("0.001"), Decimal(20_000))


def _unknown(field: str, text: str) -> NoReturn:
    raise AssertionError(f"the tables lack {field}={text!r}")


def _dumped(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _orders(count: int) -> list[dict[str, object]]:
    draw = random.Random(17)
    return [
        {
            "symbol": "BTCUSDT", "orderId": f"C02__{593034730388221952036 + index}", "orderListId": -1,
            "clientOrderId": f"s{draw.getrandbits(96):024x}", "price": f"{draw.randint(10**6, 10**7) / 100:.2f}",
            "origQty": f"{draw.randint(1, 10**6) / 1000:.4f}", "executedQty": f"{draw.randint(0, 10**6) / 1000:.4f}",
            "cummulativeQuoteQty": f"{draw.randint(0, 10**9) / 1000:.6f}",
            "status": draw.choice(["NEW", "PARTIALLY_FILLED"]), "stpMode": "", "timeInForce": None,
            "type": draw.choice(["LIMIT", "LIMIT_MAKER"]), "side": draw.choice(["BUY", "SELL"]), "stopPrice": None,
            "icebergQty": None, "time": STAMP_MS + index, "updateTime": STAMP_MS + 7 * index, "isWorking": True,
        }
        for index in range(count)
    ]  # fmt: skip


def _balances(count: int) -> list[dict[str, object]]:
    draw = random.Random(18)
    return [
        {"asset": f"A{index}", "free": f"{draw.randint(0, 10**12) / 10**8:.8f}", "locked": f"0.{index}"}
        for index in range(count)
    ]


def _trades(count: int) -> list[dict[str, object]]:
    draw = random.Random(19)
    return [
        {
            "symbol": "BTCUSDT", "id": f"{565809460614950913 + index}X1", "orderId": f"C02__{565809460614950 + index}",
            "orderListId": -1, "price": f"{draw.randint(10**6, 10**7) / 100:.2f}",
            "qty": f"{draw.randint(1, 10**6) / 10**4:.4f}", "quoteQty": f"{draw.randint(1, 10**9) / 1000:.6f}",
            "commission": f"{draw.randint(1, 10**6) / 10**8:.8f}", "commissionAsset": "USDT",
            "time": STAMP_MS + index, "isBuyer": draw.random() < 0.5, "isMaker": False, "isBestMatch": True,
            "isSelfTrade": False, "clientOrderId": None,
        }
        for index in range(count)
    ]  # fmt: skip


def _make_room(kept: list[object]) -> None:
    """Leave the interpreter's allocator pools with free blocks for every size.

    Else it is chance whether a row's blocks come from a pool that is full without them, at 30 instructions each time.
    """
    for make in _BLOCKS:
        blocks = [make() for _ in range(1_000)]
        del blocks[::2]
        kept.append(blocks)


def _keep_arenas(kept: list[object]) -> None:
    """Leave the allocator arenas that are never empty, so that none is given back and taken anew in a count."""
    kept.append([_BLOCKS[-1]() for _ in range(8 * _ARENA_BLOCKS)][::_ARENA_BLOCKS])


def _mark() -> None:
    # callgrind is told to start a new account at the C library's function of this name, which nothing else here calls.
    os.getppid()


def _count(row: Row, kept: list[object]) -> str | None:
    """Make a row's calls between marks; return what this tree lacks for it, or None. kept outlives the counts."""
    with ExitStack() as stack:
        try:
            run = row.prepare(stack)
            # The interpreter adapts to what runs often: it is through with that before the counting starts.
            run(max(2, row.calls // 5))
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        _make_room(kept)
        _mark()
        run(row.calls)
        _mark()
        run(2 * row.calls)
        _mark()
    return None


def main(source: str) -> None:
    """Make every row's calls and print, a line of JSON each, what was made and what could not be."""
    imported = Path(spotlane.__file__).resolve()
    if not imported.is_relative_to(Path(source).resolve()):
        sys.exit(f"spotlane was imported from {imported}, not from {source}")
    gc.disable()
    kept: list[object] = []
    _keep_arenas(kept)
    # Random bits would make every run's identifiers, and so its hash tables, its own.
    with mock.patch.object(os, "urandom", bytes):
        for row in ROWS:
            print(json.dumps({"name": row.name, "calls": row.calls, "missing": _count(row, kept)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
