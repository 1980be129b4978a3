"""Every public function of the compiled modules, called well and called badly, for those who count references.

Needs neither pytest nor the transport, so that an interpreter built for debugging can run it.
"""

from __future__ import annotations

import copy
import errno
import os
from collections.abc import Callable, Iterable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

from spotlane._core import decoding, encoding, faults, forms, guards, records, signing
from spotlane._core.berths import Berth, Berths, Sender
from spotlane._core.circuits import Circuit
from spotlane._core.decoding import Decoder
from spotlane._core.echoes import Echo
from spotlane._core.header_auth import HeaderAuth
from spotlane._core.journal import Writer
from spotlane._core.json_encoding import JsonTemplate
from spotlane._core.lane import Lane, LaneFault, Preamble
from spotlane._core.order_check import OrderCheck, Shapes
from spotlane._core.replies import ReplyReader
from spotlane._core.secret import Secret, Vault, read_pair
from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.errors import UsageError
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol, TimeInForce


class Call(NamedTuple):
    """name is module.function or module.Class.method; fails says that it raises; note tells calls of one name apart."""

    name: str
    run: Callable[[], object]
    fails: bool = False
    note: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} {self.note}".strip()


def bound(function: Any, argument: object) -> Callable[[], object]:
    """Give the function a value that a loop goes on to change."""
    return lambda: function(argument)


def refuse_blank(name: str, value: str) -> None:
    if " " in value:
        raise UsageError(name)


class Row(Struct, kw_only=True):
    """A field of every kind."""

    __slots__ = ()

    symbol: Symbol = field(of=Symbol)
    name: str = field(of=str, check=refuse_blank)
    side: Side | None = field(of=Side, default=None)
    raw_side: str | None = field(of=str, default=None)
    price: Decimal | None = money(default=None)
    double: Decimal | None = money(default=None, derive=lambda row: row.price)
    time_ms: int | None = timestamp_ms(default=None)
    count: int | None = field(of=int, default=None)
    is_maker: bool | None = field(of=bool, default=None)
    secret: str | None = field(of=str, default=None, secret=True)


class MoreRow(Row, kw_only=True):
    __slots__ = ()

    more: str | None = field(of=str, default=None)


BTC = Symbol("BTC", "USDT")
SYMBOLS = {"BTCUSDT": BTC}
COLUMNS = (
    decoding.symbol("s"),
    decoding.text("n", "name"),
    decoding.choice("d", "side", {"BUY": Side.BUY}, unknown=None, raw="raw_side"),
    decoding.number("p", "price"),
    decoding.timestamp("t", "time_ms"),
    decoding.integer("c", "count"),
    decoding.flag("m", "is_maker"),
)
ROWS = Decoder(Row, "rows", columns=COLUMNS, within=("data", ..., "rows"))
ROW = Decoder(Row, "row", columns=COLUMNS)
STRICT = Decoder(
    Row, "strict", columns=(*COLUMNS[:2], decoding.choice("d", "side", {"BUY": Side.BUY}))
)  # fmt: skip
GOOD = b'{"s":"BTCUSDT","n":"a\\u00e4","d":"BUY","p":"1.50","t":17,"c":3,"m":true,"x":[1,{"y":null}]}'
# One reply for each way in which a reply can be wrong.
BAD = {
    "empty": b"", "cut": GOOD[:40], "not JSON": b"<html>", "trailing": GOOD + b"x",
    "repeated": GOOD[:-1] + b',"n":"b"}', "unknown symbol": GOOD.replace(b"BTCUSDT", b"DOGE"),
    "missing": b'{"s":"BTCUSDT"}',
    "lone surrogate": GOOD.replace(b"u00e4", b"ud83d"), "UTF-8": GOOD.replace(b"a\\u00e4", b"\xc3("),
    "number": GOOD.replace(b'"1.50"', b'"1.5x"'), "negative": GOOD.replace(b'"1.50"', b"-1"),
    "type": GOOD.replace(b"17", b"[]"), "range": GOOD.replace(b'"c":3', b'"c":' + b"9" * 19),
    "deep": GOOD.replace(b"[1,", b"[" * 70), "flag": GOOD.replace(b"true", b"tru"),
    "long": GOOD.replace(b"1.50", b"1" * 101), "exponent": GOOD.replace(b"1.50", b"1e1001"),
}  # fmt: skip
LIMIT = OrderParams(
    BTC, Side.BUY, OrderType.LIMIT, Decimal("0.0010"), Decimal("64999.98"), time_in_force=TimeInForce.GTC
)
CODEC = records.Codec(
    OrderParams, Symbol, sides=list(Side), order_types=list(OrderType), times=list(TimeInForce),
    states=list(OutcomeState), terminal=[OutcomeState.ACCEPTED],
)  # fmt: skip
_any: Any = None
_derive: Any = len


def _row(**changes: Any) -> Row:
    told: dict[str, Any] = {"symbol": BTC, "name": "x", "price": Decimal("1.5"), "time_ms": 5, "secret": "s"}
    return Row(**(told | changes))


def _structs() -> Iterable[Call]:
    row, made = _row(), ROW.one(GOOD, SYMBOLS)
    yield Call("structs.Struct", _row)
    yield Call("structs.Struct", lambda: _row(price=1.5), True, "float")
    yield Call("structs.Struct", lambda: _row(price=Decimal("NaN")), True, "NaN")
    yield Call("structs.Struct", lambda: _row(name="a b"), True, "check")
    yield Call("structs.Struct", lambda: _row(nobody=1), True, "unknown name")
    yield Call("structs.Struct", lambda: Row(), True, "missing")  # type: ignore[call-arg]
    yield Call("slots._Struct", lambda: (made.price, made.time_ms, made.double, made.symbol, made.count), note="access")
    yield Call("slots._Struct", lambda: (row == made, row != made, hash(row), repr(row)), note="compare")
    yield Call("slots._Struct", lambda: (copy.copy(row), copy.deepcopy(row), row.__reduce__()), note="copy")
    yield Call("slots._Struct", lambda: setattr(row, "name", "y"), True, "assignment")
    yield Call("slots._Struct.replace", lambda: row.replace(price=Decimal(3)))
    yield Call("slots._Struct.replace", lambda: row.replace(price="x"), True)
    yield Call("slots._Struct.upcast", lambda: MoreRow(symbol=BTC, name="y", more="z").upcast(Row, count=1))
    yield Call("slots._Struct.upcast", lambda: row.upcast(OrderParams), True)
    yield Call("slots._Struct.to_dict", lambda: made.to_dict())
    yield Call("slots._Struct.scaled", lambda: (row.scaled("price"), LIMIT.scaled("stop_price")))
    yield Call("slots._Struct.scaled", lambda: row.scaled("name"), True)
    yield Call("structs.field", lambda: field(of=str, default=None))
    yield Call("structs.field", lambda: field(of="str"), True)  # type: ignore[arg-type]
    yield Call("structs.money", lambda: money(signed=True))
    yield Call("structs.money", lambda: money(derive=_derive), True)
    yield Call("structs.timestamp_ms", lambda: timestamp_ms(default=None))
    yield Call("decimals", lambda: ROW.one(GOOD.replace(b"1.50", b"1E-30"), SYMBOLS).price, note="exponent")
    yield Call("decimals", lambda: ROW.one(GOOD.replace(b"1.50", b"7" * 40), SYMBOLS).price, note="long")


def _decoding() -> Iterable[Call]:
    grouped = b'{"data":[{"rows":[' + GOOD + b"," + GOOD + b']},{"rows":[]}]}'
    yield Call("decoding.Decoder.one", lambda: ROW.one(GOOD, SYMBOLS))
    yield Call("decoding.Decoder.many", lambda: ROWS.many(grouped, SYMBOLS))
    yield Call("decoding.Decoder.one", lambda: ROW.one(GOOD.replace(b"BUY", b"X"), SYMBOLS, on_unknown=max), note="new")
    for what, data in BAD.items():
        yield Call("decoding.Decoder.one", bound(lambda data: ROW.one(data, SYMBOLS), data), True, what)
        late = b'{"data":[{"rows":[' + GOOD + b"," + data + b"]}]}"
        yield Call("decoding.Decoder.many", bound(lambda late: ROWS.many(late, SYMBOLS), late), True, what)
    yield Call("decoding.Decoder.one", lambda: ROW.one(GOOD), True, "no mapping")
    yield Call("decoding.Decoder.one", lambda: ROW.one(GOOD, {"BTCUSDT": 5}), True, "odd mapping")  # type: ignore[dict-item]
    yield Call("decoding.Decoder.one", lambda: ROW.one("x"), True, "str")  # type: ignore[arg-type]
    yield Call("decoding.Decoder.one", lambda: STRICT.one(GOOD.replace(b"BUY", b"X"), SYMBOLS), True, "refused word")
    raising = lambda key, word: 1 // 0  # noqa: E731
    new = GOOD.replace(b"BUY", b"X")
    yield Call("decoding.Decoder.one", lambda: ROW.one(new, SYMBOLS, on_unknown=raising), True, "on_unknown raises")
    yield Call("decoding.Decoder.many", lambda: ROWS.many(b'{"data":[{}]}', SYMBOLS), True, "no member")
    yield Call("decoding.Decoder.one", lambda: ROWS.one(grouped, SYMBOLS), True, "many")
    yield Call("decoding.Decoder.key_of", lambda: ROW.key_of("price"))
    yield Call("decoding.Decoder.key_of", lambda: ROW.key_of("nobody"), True)
    yield Call("decoding.Decoder", lambda: Decoder(Row, "row", columns=COLUMNS, constants={"count": 1}), True, "twice")
    yield Call("decoding.Decoder", lambda: Decoder(Row, "row", columns=COLUMNS[:2], constants={"count": 1}))
    yield Call("decoding.Decoder", lambda: Decoder(Row, "row", columns=COLUMNS[2:]), True, "required")
    yield Call("decoding.Decoder", lambda: (Decoder[Row], repr(ROW)), note="type and repr")
    yield Call("faults.UnknownWireSymbol", lambda: faults.UnknownWireSymbol("x", unknown_symbol="y", excerpt="z"))
    yield Call("columns.text", lambda: repr(decoding.text("k", "f")))
    yield Call("columns.number", lambda: decoding.number("k", "f", where=("side", Side.BUY)))
    yield Call("columns.integer", lambda: decoding.integer("k", "f"))
    yield Call("columns.timestamp", lambda: decoding.timestamp("k", "f", unit="s"))
    yield Call("columns.timestamp", lambda: decoding.timestamp("k", "f", unit="h"), True)  # type: ignore[arg-type]
    yield Call("columns.choice", lambda: decoding.choice("k", ("f", "g"), {"a": (1, 2)}, unknown=(3, 4), raw="r"))
    yield Call("columns.choice", lambda: decoding.choice("k", ("f", "g"), {"a": (1,)}), True)
    yield Call("columns.flag", lambda: decoding.flag("k", "f", 1, 2))
    yield Call("columns.symbol", lambda: decoding.symbol("k"))
    echo = Echo(ROW, OrderParams, ("side",), taken=())
    sent, told = OrderParams(BTC, Side.SELL, OrderType.MARKET, Decimal(1)), ROW.one(GOOD, SYMBOLS)
    yield Call("echoes.Echo.settle", lambda: echo.settle(told, LIMIT))
    yield Call("echoes.Echo.settle", lambda: echo.settle(told, sent), True)
    yield Call("echoes.Echo", lambda: Echo(ROW, OrderParams, ("side",)))
    yield Call("echoes.Echo", lambda: Echo(ROW, OrderParams, ("nobody",)), True)


def _encoding() -> Iterable[Call]:
    query, body = encoding.QueryTemplate(("a", "ä")), JsonTemplate(("a", "ä"))
    bad: dict[str, Any] = {"float": 1.5, "NaN": Decimal("NaN"), "surrogate": "\ud800", "huge": Decimal("1E+10000")}
    many = "x" * 1500
    yield Call("encoding.quote", lambda: encoding.quote("a b/ä"))
    yield Call("encoding.quote", lambda: encoding.quote("\udfff"), True)
    yield Call("encoding.plain", lambda: (encoding.plain(Decimal("1E+30")), encoding.plain(-(10**30))))
    yield Call("encoding.encode_query", lambda: encoding.encode_query([("a", many), ("b", None), ("c", True)]))
    yield Call("encoding.encode_query", lambda: encoding.encode_query([("a", many), (_any, 1)]), True, "name")
    yield Call("encoding.encode_query", lambda: encoding.encode_query([("a", 1), (1, 2, 3)]), True, "pair")  # type: ignore[list-item]
    yield Call("encoding.QueryTemplate.fill", lambda: query.fill(many, Decimal("-0.5E-9")))
    yield Call("json_encoding.JsonTemplate.fill", lambda: body.fill(many + '"\\\n', Decimal("1.5")))
    for what, value in bad.items():
        yield Call(
            "encoding.encode_query", bound(lambda value: encoding.encode_query([("a", value)]), value), True, what
        )
        yield Call("encoding.QueryTemplate.fill", bound(lambda value: query.fill(many, value), value), True, what)
        yield Call("json_encoding.JsonTemplate.fill", bound(lambda value: body.fill(many, value), value), True, what)
        if what != "surrogate":
            yield Call("encoding.plain", bound(lambda value: encoding.plain(value), value), True, what)
    yield Call("encoding.QueryTemplate.fill", lambda: query.fill("a"), True, "too few")
    yield Call("json_encoding.JsonTemplate.fill", lambda: body.fill("a"), True, "too few")
    yield Call("encoding.QueryTemplate", lambda: copy.copy(encoding.QueryTemplate(("a", "b"))).names)
    yield Call("encoding.QueryTemplate", lambda: encoding.QueryTemplate((1,)), True)  # type: ignore[arg-type]
    yield Call("json_encoding.JsonTemplate", lambda: copy.copy(JsonTemplate(("a", "b"))).names)
    yield Call("json_encoding.JsonTemplate", lambda: JsonTemplate(("a", "a")), True)
    yield from _forms(many)


def _forms(many: str) -> Iterable[Call]:
    parts = (
        forms.given("s"), forms.word("d", "side", {Side.BUY: "buy"}), forms.amount("q", "quantity", "quote_quantity"),
        forms.text("p", "self_trade_prevention"), forms.constant("a", "spot"),
    )  # fmt: skip
    sell = OrderParams(BTC, Side.SELL, OrderType.MARKET, Decimal(1))
    long = LIMIT.replace(self_trade_prevention=many)
    for make in (forms.query_form, forms.json_form):
        form = make(OrderParams, *parts)
        name = f"forms.{make.__name__}"
        yield Call(name, bound(lambda make: make(OrderParams, *parts), make))
        yield Call(name, bound(lambda make: make(OrderParams, *parts, parts[0]), make), True)
        yield Call("forms.Form.fill", bound(lambda form: (form.fill(long, "x"), repr(form)), form), note=name)
        yield Call("forms.Form.fill", bound(lambda form: form.fill(sell, "x"), form), True, f"word {name}")
        yield Call("forms.Form.fill", bound(lambda form: form.fill(long, "\ud800"), form), True, f"surrogate {name}")
        yield Call("forms.Form.fill", bound(lambda form: form.fill(long, 5), form), True, f"type {name}")
        yield Call("forms.Form.fill", bound(lambda form: form.fill(_any, "x"), form), True, f"None {name}")
    yield Call("forms.Form", lambda: forms.Form(OrderParams, parts, True))
    yield Call("forms.given", lambda: repr(forms.given("s")))
    yield Call("forms.constant", lambda: forms.constant("a", "b"))
    yield Call("forms.constant", lambda: forms.constant("a", _any), True)
    yield Call("forms.text", lambda: forms.text("a", "b"))
    yield Call("forms.amount", lambda: forms.amount("a", "b", "c"))
    yield Call("forms.word", lambda: forms.word("a", ("b", "c"), {}))
    yield Call("forms.word", lambda: forms.word("a", tuple("bcdefghijklmnop"), {}), True)


def _signing() -> Iterable[Call]:
    signer = signing.Hmac("sha256", b"key")
    query = signing.QueryAuth(signer=signer, api_key="k", api_key_header="X-K")
    header = HeaderAuth(signer=signing.Hmac("sha512", b"key"), api_key="k", expiry_header="X-E")
    long = b"a=" + b"1" * 2000
    yield Call("signing.kernels", lambda: signing.kernels("sha512"))
    yield Call("signing.kernels", lambda: signing.kernels("md5"), True)  # type: ignore[arg-type]
    yield Call("signing.sha512_hex", lambda: signing.sha512_hex(b"x"))
    yield Call("signing.Hmac", lambda: signing.Hmac("sha512", bytearray(300)))
    yield Call("signing.Hmac", lambda: signing.Hmac("sha256", b"", kernel="none"), True, "kernel")
    yield Call("signing.Hmac", lambda: signing.Hmac("sha256", "key"), True, "type")  # type: ignore[arg-type]
    yield Call("signing.Hmac", lambda: copy.copy(signer), True, "copy")
    yield Call("signing.Hmac.hexdigest", lambda: signer.hexdigest(b"x"))
    yield Call("signing.Hmac.hexdigest", lambda: signer.hexdigest(_any), True)
    yield Call("signing.Hmac.digest", lambda: signer.digest(b"x"))
    yield Call("signing.QueryAuth", lambda: signing.QueryAuth(signer=signer, api_key="k", api_key_header="K"))
    yield Call("signing.QueryAuth", lambda: signing.QueryAuth(signer=signer, api_key="\n", api_key_header="K"), True)
    yield Call("signing.QueryAuth.sign", lambda: query.sign("/p", long, 1, 2))
    yield Call("signing.QueryAuth.sign", lambda: query.sign("p", long, 1, 2), True, "path")
    yield Call("signing.QueryAuth.sign", lambda: query.sign("/p", b"\n", 1, 2), True, "query")
    yield Call("signing.QueryAuth.sign", lambda: query.sign("/p", long, -1, 2), True, "stamp")
    yield Call("signing.QueryAuth.sign", lambda: query.sign("/p", long, 1, 1 << 80), True, "window")
    yield Call("header_auth.HeaderAuth", lambda: HeaderAuth(signer=signer, api_key="k", headers={"A": "b"}))
    yield Call("header_auth.HeaderAuth", lambda: HeaderAuth(signer=signer, api_key="k", api_key_header="SIGN"), True)
    yield Call("header_auth.HeaderAuth.sign", lambda: header.sign("POST", b"/p", long, b"body", 5, 6))
    yield Call("header_auth.HeaderAuth.sign", lambda: header.sign("post", "/p", long, b"", 5, 6), True, "method")
    yield Call("header_auth.HeaderAuth.sign", lambda: header.sign("POST", "/p", b"%", b"", 5, 6), True, "query")
    yield Call("header_auth.HeaderAuth.sign", lambda: header.sign("POST", "/p", long, _any, 5, 6), True, "body")
    signed = header.sign("GET", "/p", b"", b"", 1, 2)
    yield Call("signing.Signed", lambda: (signed.target, signed.headers, signed.header_lines, repr(signed)))
    yield Call("signing.Signed", lambda: copy.copy(signed), True)
    yield Call("signing.Signed", lambda: signing.Signed(), True, "made")


class _Silent(Berth):
    def __init__(self) -> None:
        self.lane = None

    def is_silent(self) -> bool:
        return True


class _World:
    """Transport, loop, clock, timer and future of a lane."""

    outcome: Any = None

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def write(self, data: bytes) -> None:
        if self.fails:
            raise OSError(errno.EPIPE, "gone")

    def create_future(self) -> _World:
        return self

    def call_later(self, delay_s: float, callback: object) -> _World:
        return self

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None: ...

    def cancel(self) -> None: ...

    def monotonic(self) -> float:
        return 1.0

    def done(self) -> bool:
        return False

    def set_result(self, outcome: object) -> None: ...


def _lane(fails: bool = False) -> Lane:
    world: Any = _World(fails)
    return Lane(world, None, descriptor=-1, loop=world, clock=world)


def _exchange(reply: bytes, fails: bool = False, method: str = "GET") -> None:
    lane = _lane(fails)
    lane.send(method, "/", b"a=1", None, PREAMBLE, b"", 10, False, 5.0, None)
    lane.feed_data(reply)
    lane.feed_eof()
    lane.abort()


PREAMBLE = Preamble({"Host": "h"})
REPLIES = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: 5\r\n\r\n{}", "cut": b"HTTP/1.1 200 OK\r\nConte",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    "malformed": b"HTTP/1.1 200 OK\r\n:\r\n\r\n", "oversize": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
    "encoded": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", "upgrade": b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n",
    "none": b"SSH-2.0", "two": b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
}  # fmt: skip


def _read(reply: bytes) -> None:
    reader = ReplyReader()
    reader.start(10, True)
    for at in range(len(reply)):
        reader.read(reply[at : at + 1])
    reader.finish(True)
    _ = reader.body, reader.fields, reader.fault, reader.keepalive
    reader.close()


class _Request:
    """A request, its endpoint, and what seals it."""

    method, path, query, body, max_reply_bytes, verb = "GET", "/p", b"", b"", 10, 2

    @property
    def endpoint(self) -> _Request:
        return self


def _lanes() -> Iterable[Call]:
    for what, reply in REPLIES.items():
        yield Call("replies.ReplyReader", bound(lambda reply: _read(reply), reply), note=what)
        yield Call("lane.Lane", bound(lambda reply: _exchange(reply), reply), note=what)
    yield Call("lane.Lane", lambda: _exchange(b"", fails=True), note="write fails")
    yield Call("lane.Lane", lambda: _exchange(b"", method="\ud800"), True, "surrogate")
    yield Call("lane.Lane", lambda: (_lane().is_silent(), _lane().keepalive))
    yield Call("lane.LaneFault", lambda: LaneFault("broken", True))
    yield Call("lane.Preamble", lambda: Preamble({"Host": "h"}))
    yield Call("lane.Preamble", lambda: Preamble({"Host": "ä"}), True)
    yield from _berths()


def _berths() -> Iterable[Call]:
    berth = _Silent()

    def hold() -> Berths:
        return Berths(places=2, reserve=0, retire_after_s=9.0, oldest_s=9.0, on_drop=lambda each, due: None)

    def turn() -> None:
        berths = hold()
        berths.idle.append(berth)
        _ = berths.has_place(False), berths.is_open_to(True), berths.is_due(berth, 0.0), berths.free, berths.busy
        berths.enter()
        berths.put_back(berths.pick(0.0), 1.0)
        berths.pick(1e9)
        berths.enter()
        berths.leave()

    def send(fails: bool) -> object:
        sender = Sender(hold(), PREAMBLE, lambda: 1.0, cancel=1, read=2)
        berth.lane = _lane()
        seal: Any = (lambda request: 1 // 0) if fails else (lambda request: (None, None))
        request: Any = _Request()
        return sender.start(request, seal, 5.0, None) or sender.write(berth, request, seal, 5.0, None)

    yield Call("berths.Berth", _Silent)
    yield Call("berths.Berths", turn)
    yield Call("berths.Sender", lambda: send(False))
    yield Call("berths.Sender", lambda: send(True), True)


def _guards() -> Iterable[Call]:
    slots: Any = guards.Slots(2)
    gate: Any = guards.Gate(unit_s=1.0, burst=5, reserve=1, slots=slots, index=1)
    claim = guards.Claim([(gate, 2)], 0)
    meter = guards.Meter(gate, "X-Used", limit=5, window_ms=1000, is_left=False, is_aligned=True)
    circuit: Any = Circuit(in_row=3, least=5)
    fields = [(b"x-used", b"3"), (b"X-Other", b"y")]
    yield Call("guards.Slots", lambda: guards.Slots(2, bytearray(2 * guards.Slots.SIZE + 64)))
    yield Call("guards.Slots", lambda: guards.Slots(2, b""), True)
    yield Call("guards.Slots.block", lambda: (slots.block(0.0), slots.is_idle(1.0), slots.count, slots.is_shared))
    yield Call("guards.Gate", lambda: guards.Gate(unit_s=1.0, burst=5, reserve=1))
    yield Call("guards.Gate", lambda: guards.Gate(unit_s=0.0, burst=0, reserve=9, slots=slots, index=7), True)
    yield Call(
        "guards.Gate",
        lambda: (
            gate.ready_s(1, 0), gate.is_ready(1, 0, 1.0), gate.expected_s(1, 0, 1.0), gate.free_units(0, 1.0),
            gate.blocked_until_s(), gate.block(0.0), gate.fill(0.0, 0), gate.enter(1, 0), gate.leave(1, 0),
            gate.waiters,
        ),
        note="all",
    )  # fmt: skip
    yield Call("guards.Claim", lambda: guards.Claim([(gate, 1)], 2))
    yield Call("guards.Claim", lambda: guards.Claim([gate], 2), True)
    yield Call("guards.Claim.try_take", lambda: (claim.try_take(1.0), claim.try_take(9.0, in_turn=True)))
    endpoint: Any = SimpleNamespace(name="e")
    toll = guards.Toll(endpoint, claim)
    till: Any = guards.Till(lambda: 1.0, True)
    till._tolls["e", ""] = toll
    yield Call("guards.Toll", lambda: guards.Toll(endpoint, claim))
    yield Call("guards.Toll", lambda: guards.Toll(endpoint, None), True)  # type: ignore[arg-type]
    yield Call("guards.Till", lambda: guards.Till(lambda: 1.0, False).try_take(endpoint))
    yield Call("guards.Till.try_take", lambda: till.try_take(endpoint))
    yield Call("guards.Till.try_take", lambda: till.try_take(SimpleNamespace(name="f")), True)
    yield Call("guards.Meter", lambda: guards.Meter(gate, "X", limit=5, window_ms=9, is_left=True, is_aligned=False))
    yield Call("guards.Meter.read", lambda: meter.read(fields, 1.0, 0, 999))
    yield Call("guards.Meter.read", lambda: meter.read([(b"x-used", b"many")], 1.0, 0, 999), note="no number")
    yield Call("circuits.Circuit", lambda: Circuit(in_row=3, least=5))
    yield Call(
        "circuits.Circuit",
        lambda: (circuit.succeed(1.0), circuit.fail(2.0), circuit.recant(2.0), circuit.admits(), circuit.close()),
        note="all",
    )
    allowed = [(OrderType.LIMIT, Side.BUY, TimeInForce.GTC, ("quantity", "price"))]
    none = (None, None, None)

    def check() -> object:
        shapes = Shapes(OrderParams, allowed=allowed, market=OrderType.MARKET, ignored=("client_order_id",))
        made = OrderCheck(
            shapes, sides=tuple(Side), order_types=tuple(OrderType), price=(Decimal("0.01"), None, Decimal("0.01")),
            quantity=none, market_quantity=none, notional=none, quote_quantity=none,
        )  # fmt: skip
        return made.passes(LIMIT)

    yield Call("order_check", check)
    yield Call("order_check.Shapes", lambda: Shapes(OrderParams, allowed=[(1,)], market=None), True)  # type: ignore[list-item]


def _secrets() -> Iterable[Call]:
    secret: Any = Secret("k" * 32)

    def through_pipe(read: Callable[[int], object], content: bytes | None) -> object:
        source, sink = os.pipe()
        try:
            if content is None:
                secret.send(sink)
            else:
                os.write(sink, content)
            os.close(sink)
            return read(source)
        finally:
            os.close(source)

    yield Call("secret.Secret", lambda: Secret(b"k" * 32).wipe())
    yield Call("secret.Secret", lambda: Secret(bytearray(b"k" * 32)), note="overwritten")
    yield Call("secret.Secret", lambda: Secret(""), True)
    yield Call("secret.Secret", lambda: Secret(7), True, "no text")  # type: ignore[arg-type]
    yield Call("secret.Secret.read", lambda: through_pipe(Secret.read, b"k" * 32))
    yield Call("secret.Secret.read", lambda: through_pipe(Secret.read, b"k\0k"), True)
    yield Call("secret.Secret.receive", lambda: through_pipe(Secret.receive, None))
    yield Call("secret.Secret.receive", lambda: through_pipe(Secret.receive, b"\0"), True)
    yield Call("secret.Secret.protection", lambda: (secret.protection, secret.is_wiped))
    yield Call("secret.Secret.__eq__", lambda: secret == secret, True)
    yield Call("secret.Secret.__reduce__", lambda: copy.copy(secret), True)
    yield Call("secret.Vault", Vault, True)
    yield Call("secret.read_pair", lambda: through_pipe(read_pair, b"api_key = k\napi_secret = s\n"))
    for what, content in (
        ("no sign", b"api_key"),
        ("one", b"api_key = k\n"),
        ("odd", b"x = y\n"),
        ("long", b"#" * 4000),
    ):
        yield Call("secret.read_pair", bound(lambda content: through_pipe(read_pair, content), content), True, what)


class _File:
    """A file in memory whose disk may be full."""

    def __init__(self) -> None:
        self.data = b""
        self.is_full = False

    def write(self, fd: int, data: bytes) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "full")
        self.data += data
        return len(data)

    def truncate(self, fd: int, size: int) -> None:
        self.data = self.data[:size]


def _filled() -> tuple[_File, Writer]:
    file = _File()
    writer = Writer(CODEC, -1, "x", size_bytes=0, sequence=0, epoch=1, write=file.write, truncate=file.truncate)
    writer.append_epoch(1, 5)
    writer.append_intent("a", LIMIT, 1, 2, 3)
    writer.append_intent("b", LIMIT.replace(price=Decimal(10**30)), 1, 2, 3)
    writer.note("a", OutcomeState.ACCEPTED, "7", 4)
    writer.flush()
    return file, writer


def _full() -> None:
    file, writer = _filled()
    file.is_full = True
    writer.append_intent("c", LIMIT, 1, 2, 3)


def _journal() -> Iterable[Call]:
    data = _filled()[0].data
    second = records.Scan(CODEC, data, 0).open["b"]
    intent = records.record_at(data, second)
    yield Call("journal.Writer", _filled)
    yield Call("journal.Writer", _full, True, "full")
    yield Call("journal.Writer", lambda: _filled()[1].append_intent("\ud800", LIMIT, 1, 2, 3), True, "surrogate")
    yield Call("journal.Writer", lambda: _filled()[1].note("a", "no state", None, 1), note="no state")
    yield Call("journal.Writer", lambda: _filled()[1].carry(intent), note="carry")
    yield Call("journal.Writer", lambda: _filled()[1].fail("reason"), note="fail")
    yield Call("journal.Writer", lambda: _filled()[1].leave_to_parent(), note="fork")
    yield Call("records.Codec", lambda: records.Codec(Row, Symbol, sides=(), order_types=(), times=(), states=(),
                                                      terminal=()), True)  # fmt: skip
    yield Call("records.Scan", lambda: records.Scan(CODEC, data, 0).open)
    yield Call("records.Scan", lambda: records.Scan(CODEC, data[second:], 0).trouble, note="trouble")
    yield Call("records.find_record", lambda: (records.find_record(data, 1), records.find_record(b"x", 0)))
    yield Call("records.record_at", lambda: records.record_at(data, second))
    yield Call("records.record_at", lambda: records.record_at(data, 1), True)
    yield Call("records.read_intent", lambda: records.read_intent(CODEC, intent))
    for at in (29, 40, 60, len(intent) - 6):
        damaged = intent[:at] + b"\xff\xff" + intent[at + 2 :]
        yield Call("records.read_intent", bound(lambda damaged: _tolerant(damaged), damaged), note=f"damaged at {at}")
    yield Call("records.read_intent", lambda: records.read_intent(CODEC, intent[:40]), True, "cut")


def _tolerant(record: bytes) -> None:
    try:
        records.read_intent(CODEC, record)
    except (ValueError, TypeError):
        return


def calls() -> list[Call]:
    """Return every call, in a fixed order."""
    parts = (_structs, _decoding, _encoding, _signing, _secrets, _lanes, _guards, _journal)
    return [call for part in parts for call in part()]


def perform(call: Call) -> None:
    """Make a call; raise AssertionError where it fails and should not, or the other way round."""
    try:
        call.run()
    except Exception as error:
        if not call.fails:
            raise AssertionError(f"{call.label} fails") from error
        return
    if call.fails:
        raise AssertionError(f"{call.label} does not fail")
