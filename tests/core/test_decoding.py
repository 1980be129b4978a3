"""The decoder's contract, one reply at a time."""

from __future__ import annotations

import contextlib
import gc
import sys
from decimal import Decimal
from typing import Any

import pytest

from spotlane._core import decoding
from spotlane._core.decoding import Decoder, UnknownWireSymbol
from spotlane.errors import DecodeError
from spotlane.structs import AssetBalance, Order, OrderStatus, OrderType, Side, Symbol, TimeInForce, Trade, TradingFee

BTC = Symbol("BTC", "USDT")
SYMBOLS = {"BTCUSDT": BTC, "ZANOUSDT": Symbol("ZANO", "USDT")}
ORDER = Decoder(
    Order,
    "order",
    columns=(
        decoding.symbol("symbol"),
        decoding.text("orderId", "order_id"),
        decoding.text("clientOrderId", "client_order_id"),
        decoding.number("price", "price"),
        decoding.number("origQty", "quantity"),
        decoding.number("executedQty", "filled_quantity"),
        decoding.number("cummulativeQuoteQty", "filled_quote_quantity"),
        decoding.choice(
            "status",
            "status",
            {"NEW": OrderStatus.NEW, "FILLED": OrderStatus.FILLED},
            unknown=OrderStatus.UNKNOWN,
            raw="raw_status",
        ),
        decoding.choice(
            "type",
            ("order_type", "time_in_force"),
            {"LIMIT": (OrderType.LIMIT, TimeInForce.GTC), "MARKET": (OrderType.MARKET, None)},
            unknown=(OrderType.OTHER, None),
            raw="raw_type",
        ),
        decoding.choice("side", "side", {"BUY": Side.BUY, "SELL": Side.SELL}),
        decoding.timestamp("time", "created_ms"),
        decoding.timestamp("updateTime", "updated_ms"),
    ),
    constants={"exchange": "mexc"},
    required=("order_id",),
)
CAPTURED = (
    b'{"symbol":"ZANOUSDT","orderId":"C02__593034730388221952036","orderListId":-1,"clientOrderId":"11","price":"17.341",'
    b'\n "origQty":"0.11","executedQty":"0.11","cummulativeQuoteQty":"1.90751","status":"FILLED","stpMode":"",'
    b'"timeInForce":null,"type":"LIMIT","side":"SELL","stopPrice":null,"icebergQty":null,"time":1757172734000,'
    b'"updateTime":1757177392000,"isWorking":true,"origQuoteOrderQty":"1.90751"}'
)
BALANCE = Decoder(
    AssetBalance,
    "account",
    columns=(
        decoding.text("asset", "asset"),
        decoding.number("free", "available"),
        decoding.number("locked", "locked"),
    ),
    within=("balances",),
)


def row(**members: str) -> bytes:
    base = {"symbol": '"BTCUSDT"', "orderId": '"1"', "side": '"BUY"'} | members
    return ("{" + ",".join(f'"{key}":{value}' for key, value in base.items()) + "}").encode()


def refusal(data: bytes, *, many: bool = False) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        ORDER.many(data, SYMBOLS) if many else ORDER.one(data, SYMBOLS)
    return caught.value


def test_a_captured_order() -> None:
    order = ORDER.one(CAPTURED, SYMBOLS)
    assert order == Order(
        exchange="mexc",
        symbol=Symbol("ZANO", "USDT"),
        order_id="C02__593034730388221952036",
        client_order_id="11",
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        status=OrderStatus.FILLED,
        price=Decimal("17.341"),
        quantity=Decimal("0.11"),
        filled_quantity=Decimal("0.11"),
        filled_quote_quantity=Decimal("1.90751"),
        created_ms=1757172734000,
        updated_ms=1757177392000,
        raw_status="FILLED",
        raw_type="LIMIT",
    )
    assert order.average_price == Decimal("17.341")
    assert order.quote_quantity is None


def test_an_acknowledgement_gets_the_defaults() -> None:
    order = ORDER.one(row(), SYMBOLS)
    assert order.status is OrderStatus.UNKNOWN
    assert order.order_type is OrderType.OTHER
    assert order.raw_status is None
    assert order.price is None


@pytest.mark.parametrize(
    "spelling",
    ["0", "0.00", "0E-18", "1e-08", "1E+3", "17.3410", "0.000000000674", "0.003000000000000000",
     "17.341000000000000000", "1234567890123456789012345678901234567890",
     "0.1234567890123456789012345678901234567890", "999999999999999999", "1000000000000000000",
     "1e-1000", "1e1000", "-0", "-0.00"],
)  # fmt: skip
@pytest.mark.parametrize("quoted", [True, False])
def test_decimals_are_exact(spelling: str, quoted: bool) -> None:
    order = ORDER.one(row(price=f'"{spelling}"' if quoted else spelling), SYMBOLS)
    assert order.price is not None
    assert order.price.as_tuple() == Decimal(spelling).as_tuple()
    assert order.price is order.price
    digits = Decimal(spelling).as_tuple()
    assert order.scaled("price") == (int("".join(map(str, digits.digits))), digits.exponent)


@pytest.mark.parametrize("absent", ["null", '""'])
def test_null_and_the_empty_string_are_none(absent: str) -> None:
    order = ORDER.one(row(price=absent, clientOrderId=absent, updateTime=absent, status=absent), SYMBOLS)
    assert (order.price, order.client_order_id, order.updated_ms) == (None, None, None)
    assert order.status is OrderStatus.UNKNOWN


def test_zero_is_none_where_the_column_says_so() -> None:
    column = decoding.number("price", "amount", zero_is_none=True)
    assert repr(column) == "<column 'price' -> amount>"
    table = Decoder(
        TradingFee,
        "fee",
        columns=(decoding.number("m", "maker"), decoding.number("t", "taker")),
        constants={"exchange": "mexc", "symbol": BTC},
        within=("data",),
    )
    fee = table.one(b'{"data":{"m":-0.000100000000000000,"t":0E-18},"code":0,"msg":"success"}')
    assert fee.maker == Decimal("-0.0001")
    assert fee.taker.as_tuple() == Decimal("0E-18").as_tuple()


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"price": '"1.2.3"'}, "price"),
        ({"price": "01"}, "price"),
        ({"price": '"NaN"'}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": '"0x1F"'}, "price"),
        ({"price": '"+1"'}, "price"),
        ({"price": '"-1"'}, "price"),
        ({"price": '"1e1001"'}, "price"),
        ({"price": '"' + "1" * 101 + '"'}, "price"),
        ({"price": "true"}, "price"),
        ({"price": "[1]"}, "price"),
        ({"orderId": "1.5"}, "orderId"),
        ({"orderId": "{}"}, "orderId"),
        ({"orderId": "null"}, "orderId"),
        ({"orderId": '"\\ud800"'}, "orderId"),
        ({"orderId": '"a\x07"'}, "orderId"),
        ({"side": '"HOLD"'}, "side"),
        ({"side": "null"}, "side"),
        ({"time": "1e30"}, "time"),
        ({"time": "-5"}, "time"),
        ({"time": '"soon"'}, "time"),
        ({"later": "[" * 64 + "]" * 64}, "later"),
        ({"later": "nul"}, "later"),
        ({"later": "Infinity"}, "later"),
        ({"price": '"1","price":"1"'}, "price"),
        ({"price": '"1","pric\\u0065":"1"'}, "pric\\u0065"),
    ],
)
def test_refusals_name_the_member(members: dict[str, str], field: str) -> None:
    error = refusal(row(**members))
    assert error.field == field
    assert error.endpoint == "order"
    rows = b"[" + row() + b"," + row(**members) + b"]"
    assert refusal(rows, many=True).field == f"[1].{field}"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"<html>", b"[]", b"null", CAPTURED[:-1], CAPTURED + b"}", CAPTURED + b"\x00"]
)
def test_what_is_no_reply(data: bytes) -> None:
    refusal(data)


@pytest.mark.parametrize("piece", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf4\x90\x80\x80"])
@pytest.mark.parametrize("member", ["orderId", "skipped"])
def test_invalid_utf8_anywhere(piece: bytes, member: str) -> None:
    error = refusal(row(**{member: '"?"'}).replace(b"?", piece))
    assert error.field == member
    assert "UTF-8" in str(error)


def test_every_truncation_is_refused() -> None:
    for length in range(len(CAPTURED)):
        refusal(CAPTURED[:length])


def test_rows_inside_an_envelope() -> None:
    data = b'{"canTrade":true,"balances":[{"asset":"MX","free":"3","locked":"0","extra":"3"}],"permissions":["SPOT"]}'
    assert BALANCE.many(data) == [AssetBalance("MX", Decimal(3), Decimal(0))]
    assert BALANCE.many(b'{"balances":[]}') == []
    for faulty, field in (
        (b'{"balances":[{"asset":"MX","free":"x"}]}', "balances[0].free"),
        (b'{"balances":[{"asset":"MX","free":"1"}]}', "balances[0].locked"),
        (b'{"balances":null}', "balances"),
        (b'{"balances":{}}', "balances"),
        (b'{"other":[]}', "balances"),
        (b'{"balances":[],"balances":[]}', "balances"),
        (b'{"other":01,"balances":[]}', "other"),
    ):
        with pytest.raises(DecodeError) as caught:
            BALANCE.many(faulty)
        assert caught.value.field == field


def test_unknown_words_are_kept_and_reported() -> None:
    reported: list[tuple[str, str]] = []
    data = b"[" + row(status='"FROZEN"', type='"OC\\u004f"') + b"]"
    order = ORDER.many(data, SYMBOLS, on_unknown=lambda key, word: reported.append((key, word)))[0]
    assert order.status is OrderStatus.UNKNOWN
    assert not order.is_done
    assert (order.raw_status, order.raw_type) == ("FROZEN", "OCO")
    assert reported == [("status", "FROZEN"), ("type", "OCO")]


def test_an_error_from_on_unknown_is_passed_on() -> None:
    def stop(key: str, word: str) -> None:
        raise RuntimeError(word)

    with pytest.raises(RuntimeError, match="FROZEN"):
        ORDER.one(row(status='"FROZEN"'), SYMBOLS, on_unknown=stop)


def test_an_unknown_symbol_says_which() -> None:
    with pytest.raises(UnknownWireSymbol) as caught:
        ORDER.many(b"[" + row() + b"," + row(symbol='"NEWUSDT"') + b"]", SYMBOLS)
    assert caught.value.unknown_symbol == "NEWUSDT"
    assert caught.value.field == "[1].symbol"
    with pytest.raises(TypeError, match="mapping"):
        ORDER.one(row())
    broken: Any = {"BTCUSDT": "BTC/USDT"}
    with pytest.raises(TypeError, match="no symbol"):
        ORDER.one(row(), broken)


def test_symbols_of_rows_do_not_mix() -> None:
    data = b"[" + b",".join(row(symbol=f'"{name}"') for name in ("BTCUSDT", "ZANOUSDT", "ZANOUSDT", "BTCUSDT")) + b"]"
    assert [order.symbol.base for order in ORDER.many(data, SYMBOLS)] == ["BTC", "ZANO", "ZANO", "BTC"]


@pytest.mark.parametrize(
    ("unit", "wire", "milliseconds"),
    [
        ("ms", "1691702924010", 1691702924010),
        ("ms", '"1691702924010.071000"', 1691702924010),
        ("ms", "1.7E12", 1700000000000),
        ("s", '"1691015713"', 1691015713000),
        ("s", "1691015713.2479", 1691015713247),
        ("us", "1691015713247999", 1691015713247),
        ("ms", "0", 0),
    ],
)
def test_times_become_whole_milliseconds(unit: Any, wire: str, milliseconds: int) -> None:
    columns = (
        decoding.text("id", "trade_id"), decoding.number("p", "price"), decoding.number("q", "quantity"),
        decoding.timestamp("t", "time_ms", unit=unit), decoding.flag("buyer", "side", Side.BUY, Side.SELL),
        decoding.flag("maker", "is_maker"),
    )  # fmt: skip
    table = Decoder(Trade, "trade", columns=columns, constants={"exchange": "mexc", "symbol": BTC})
    trade = table.one(f'{{"id":7,"p":"1","q":"2","t":{wire},"buyer":false,"maker":null}}'.encode())
    assert (trade.trade_id, trade.time_ms, trade.side, trade.is_maker) == ("7", milliseconds, Side.SELL, None)


def test_excerpts_are_short_and_hold_no_secret() -> None:
    secret = "0123456789abcdefABCDEF0123456789abcdef"
    for data in (row(orderId=f'"{secret}', x="1"), row(side=f'"{secret}"'), f'{{"{secret}":?}}'.encode()):
        error = refusal(data)
        assert len(error.excerpt) <= 60
        for text in (str(error), repr(error), error.excerpt, error.field or ""):
            assert not any(secret[start : start + 8] in text for start in range(len(secret) - 8))


def test_the_reply_is_not_kept_and_nothing_leaks() -> None:
    data = b"[" + b",".join([CAPTURED] * 50 + [row(price='"12345678901234567890"', status='"ODD"')]) + b"]"
    faulty = data[:-1] + b",{]"
    held = sys.getrefcount(data)
    orders = ORDER.many(data, SYMBOLS)
    assert sys.getrefcount(data) == held
    assert not any(gc.is_tracked(order) for order in orders)
    del orders
    shared = (OrderStatus.FILLED, Side.SELL, SYMBOLS["ZANOUSDT"], None, data, faulty)

    def counts() -> list[int]:
        for _ in range(20):
            ORDER.many(data, SYMBOLS)
            with contextlib.suppress(DecodeError):
                ORDER.many(faulty, SYMBOLS)
        gc.collect()
        return [sys.getrefcount(each) for each in shared]

    counts()
    assert counts() == pytest.approx(counts(), abs=5)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ((decoding.text("a", "nothing"),), {}, "no field 'nothing'"),
        ((decoding.text("a", "price"),), {}, "does not fit"),
        ((decoding.number("a", "order_id"),), {}, "does not fit"),
        ((decoding.choice("a", "side", {"B": OrderType.LIMIT}),), {}, "does not fit"),
        ((decoding.text("a", "order_id"), decoding.text("a", "client_order_id")), {}, "declared twice"),
        ((decoding.text("a", "order_id"), decoding.text("b", "order_id")), {}, "filled by"),
        ((decoding.text("a", "exchange"),), {"constants": {"exchange": "mexc"}}, "filled by"),
        ((decoding.text('a"b', "order_id"),), {}, "escape"),
        ((), {}, "nothing fills exchange"),
    ],
)
def test_tables_that_can_not_work(columns: Any, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Decoder(Order, "order", columns=columns, **options)


MARKET = ("order_type", OrderType.MARKET)
SIZED = Decoder(
    Order,
    "order",
    columns=(
        decoding.number("price", "price", unless=MARKET),
        decoding.symbol("symbol"),
        decoding.text("orderId", "order_id"),
        decoding.choice("side", "side", {"BUY": Side.BUY}),
        decoding.choice("type", "order_type", {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}),
        decoding.number("quote", "quote_quantity", where=MARKET),
        decoding.choice(
            "tif", "time_in_force", {"GTC": TimeInForce.GTC}, unknown=None, raw="raw_type", where=MARKET, unless=MARKET
        ),
        decoding.choice("state", "status", {"N": OrderStatus.NEW}, raw="raw_status", unless=MARKET),
    ),
    constants={"exchange": "mexc"},
)


@pytest.mark.parametrize("turned", [False, True])
def test_a_column_may_depend_on_another_field(turned: bool) -> None:
    def sized(kind: str) -> Order:
        members = {"price": '"12345678901234567890.5"', "quote": '"2"', "tif": '"GTC"', "state": '"N"', "type": kind}
        return SIZED.one(row(**(dict(reversed(members.items())) if turned else members)), SYMBOLS)

    limit, market, unknown = sized('"LIMIT"'), sized('"MARKET"'), sized("null")
    assert (limit.price, limit.quote_quantity) == (Decimal("12345678901234567890.5"), None)
    assert (market.price, market.quote_quantity) == (None, Decimal(2))
    assert (unknown.price, unknown.quote_quantity) == (limit.price, None)
    # Where no row can have both, none has it.
    assert [(order.time_in_force, order.raw_type) for order in (limit, market)] == [(None, None)] * 2
    # What does not count is as if it were absent: the default stands, and the word is not kept.
    assert [(order.status, order.raw_status) for order in (limit, market)] == [
        (OrderStatus.NEW, "N"),
        (OrderStatus.UNKNOWN, None),
    ]


def test_a_value_that_does_not_count_is_read_strictly_all_the_same() -> None:
    for faulty in ('"1.2.3"', "[]", '"-1"'):
        with pytest.raises(DecodeError) as caught:
            SIZED.one(row(type='"MARKET"', price=faulty), SYMBOLS)
        assert caught.value.field == "price"


@pytest.mark.parametrize(
    "condition", [("nothing", Side.BUY), ("side", OrderType.LIMIT), ("order_id", "1"), ("side", None), ("side",)]
)
def test_conditions_that_can_not_be(condition: Any) -> None:
    for options in ({"where": condition}, {"unless": condition}):
        with pytest.raises((TypeError, ValueError)):
            Decoder(
                Order,
                "order",
                columns=(
                    decoding.number("p", "price", **options),
                    decoding.text("i", "order_id"),
                    decoding.choice("s", "side", {"B": Side.BUY}),
                ),
                constants={"exchange": "mexc", "symbol": BTC},
            )


GROUPED = Decoder(
    AssetBalance,
    "accounts",
    columns=(
        decoding.text("asset", "asset"),
        decoding.number("free", "available"),
        decoding.number("locked", "locked"),
    ),
    within=("data", ..., "balances"),
)


def test_rows_inside_every_element_of_an_array() -> None:
    def balance(asset: str) -> bytes:
        return b'{"asset":"%s","free":"3","locked":"0"}' % asset.encode()

    data = b'{"data": [{"x":[1],"balances":[%s,%s]} , {"balances":[]},{"balances":[%s]}],"code":0}'
    found = GROUPED.many(data % (balance("A"), balance("B"), balance("C")))
    assert found == [AssetBalance(asset, Decimal(3), Decimal(0)) for asset in "ABC"]
    assert GROUPED.many(b'{"data":[]}') == []
    for faulty, field in (
        (b'{"data":{}}', "data"),
        (b'{"data":[1]}', "data[]"),
        (b'{"data":[{}]}', "data[].balances"),
        (b'{"data":[{"balances":[]},{"balances":{}}]}', "data[].balances"),
        (b'{"data":[{"balances":[{"asset":"A","free":"x"}]}]}', "data[].balances[0].free"),
        (b'{"data":[{"balances":[]},]}', "data[]"),
        (b'{"data":[{"balances":[]}', "data[]"),
    ):
        with pytest.raises(DecodeError) as caught:
            GROUPED.many(faulty)
        assert caught.value.field == field, faulty
    with pytest.raises(TypeError, match="many rows"):
        GROUPED.one(b'{"data":[]}')


def test_choices_need_a_value_for_each_field() -> None:
    with pytest.raises(ValueError, match="one value to each"):
        decoding.choice("type", ("order_type", "time_in_force"), {"LIMIT": (OrderType.LIMIT,)})


def test_only_bytes_are_read() -> None:
    for data in ("{}", bytearray(b"{}"), None):
        with pytest.raises(TypeError):
            ORDER.one(data, SYMBOLS)  # type: ignore[arg-type]
