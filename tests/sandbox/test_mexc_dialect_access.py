"""Who may call the MEXC dialect, and how often."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mexc_caller import START_MS, Caller, encode, make_caller, sign

from spotlane.exchanges.mexc.dialect import ALL_PERMISSIONS, ROUTES, MexcDialect
from spotlane.exchanges.mexc.dialect_call import MexcSettings
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey
from spotlane.sandbox.limits import Limit

SAMPLE_SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
SAMPLE_KEY = "mx0aBYs33eIilxBWC5"


def code_of(reply: HttpReply) -> int:
    code = json.loads(reply.body)["code"]
    assert isinstance(code, int)
    return code


def signed(caller: Caller, query: str) -> str:
    return f"{query}&signature={sign(caller.api_secret, query)}"


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def sample_caller(now_ms: int) -> Caller:
    engine = Engine(clock=SandboxClock(start_ms=now_ms, frozen=True))
    dialect = MexcDialect(engine, MexcSettings(rate_limits=False))
    dialect.keys.add(ApiKey(SAMPLE_KEY, SAMPLE_SECRET, ALL_PERMISSIONS))
    engine.credit("USDT", 1000)
    return Caller(dialect, SAMPLE_KEY, SAMPLE_SECRET)


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        ("timestamp=1644489390087", "09b4b5a40aeec864d2caa60f2e6a740b61dc423d76c5615c00fd72681f52a094"),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
        ),
        (
            "symbol=BTCUSDT%2CMXUSDT&recvWindow=5000&timestamp=1644489390087",
            "4e65c8c510185ec443988aae78fbed02d255536ab80a62b6294cd97163d98de6",
        ),
        (
            "coin=XRP&netWork=XRP&address=rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh&memo=1234%3Aab%2Fc&amount=10.5"
            "&remark=caf%C3%A9%20%2B%2050%25%20%CE%B2&recvWindow=5000&timestamp=1644489390087",
            "299301c2bc88a9618c87da171c82e82147ef7902c306742e5a01a770574dc8a1",
        ),
    ],
)
def test_published_vectors_pass_and_any_change_does_not(message: str, signature: str) -> None:
    caller = sample_caller(1644489390087)
    assert caller.raw("GET", "account", f"{message}&signature={signature}").status == 200
    last = "0" if signature[-1] != "0" else "1"
    assert code_of(caller.raw("GET", "account", f"{message}&signature={signature[:-1]}{last}")) == 700002
    assert code_of(caller.raw("GET", "account", f"{message}&extra=1&signature={signature}")) == 700002
    assert code_of(caller.raw("GET", "account", f"{message}&signature={signature.upper()}")) == 700002


def test_query_and_body_are_signed_without_separator() -> None:
    caller = sample_caller(1644489390087)
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT"
    body = "quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
    signature = "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592"
    reply = caller.raw("POST", "order", query, f"{body}&signature={signature}".encode())
    assert json.loads(reply.body)["price"] == "11"
    assert caller.raw("POST", "order", f"{query}&signature={signature}", body.encode()).status == 200
    assert len(caller.engine.ledger.orders()) == 2


def test_the_signature_may_stand_anywhere(caller: Caller) -> None:
    query = f"timestamp={START_MS}&recvWindow=5000"
    signature = sign(caller.api_secret, query)
    assert caller.raw("GET", "account", f"signature={signature}&{query}").status == 200
    assert caller.raw("GET", "account", f"timestamp={START_MS}&signature={signature}&recvWindow=5000").status == 200


def test_the_querys_value_wins_over_the_bodys_and_a_gets_body_is_not_read(caller: Caller) -> None:
    query, body = "symbol=BTCUSDT", f"symbol=NOSUCH&timestamp={START_MS}"
    signature = sign(caller.api_secret, query + body)
    reply = caller.raw("DELETE", "openOrders", f"{query}&signature={signature}", body.encode())
    assert (reply.status, reply.body) == (200, b"[]")
    assert code_of(caller.raw("GET", "openOrders", f"{query}&signature={signature}", body.encode())) == 700004


@pytest.mark.parametrize(
    ("value", "passes_loosely"),
    [("a%2cb", True), ("a,b", True), ("a+b", True), ("%7E", True), ("a%2Cb", False), ("a%20b", False), ("~", False)],
)
def test_encoding_must_be_the_one_that_everybody_agrees_on(value: str, passes_loosely: bool) -> None:
    query = f"note={value}&timestamp={START_MS}"
    strict, loose = make_caller(), make_caller(MexcSettings(rate_limits=False, strict_encoding=False))
    reply = strict.raw("GET", "account", signed(strict, query))
    assert (reply.status == 400) is passes_loosely
    assert reply.status == 200 or code_of(reply) == 700002
    assert loose.raw("GET", "account", signed(loose, query)).status == 200


@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (999, None, None),
        (1000, None, 700003),
        (2000, 59_999, 700003),
        (-5000, None, None),
        (-5001, None, 700003),
        (-2000, 1000, 700003),
        (-59_999, 59_999, None),
        (0, 60_000, 700005),
    ],
)
def test_timestamp_and_window(caller: Caller, offset_ms: int, window: int | None, code: int | None) -> None:
    params: dict[str, object] = {"timestamp": START_MS + offset_ms}
    if window is not None:
        params["recvWindow"] = window
    reply = caller.reply("GET", "account", **params)
    assert (code_of(reply) if reply.status == 400 else None) == code


def test_late_order_is_not_executed(caller: Caller) -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "20000"}
    assert caller.code("POST", "order", **params, recvWindow=1000, timestamp=START_MS - 1001) == 700003
    assert caller.engine.ledger.orders() == []


@pytest.mark.parametrize("name", ["timestamp", "signature"])
def test_missing_mandatory_parameter_is_named(caller: Caller, name: str) -> None:
    query = "recvWindow=5000" if name == "timestamp" else f"timestamp={START_MS}"
    reply = caller.raw("GET", "account", signed(caller, query) if name == "timestamp" else query)
    assert code_of(reply) == 700004
    assert name in json.loads(reply.body)["msg"]


def test_wrong_keys(caller: Caller) -> None:
    assert replace(caller, api_key="mx0Nobody").code("GET", "account") == 10072
    assert replace(caller, api_key="key").code("GET", "account") == 700001
    assert replace(caller, api_key="").code("GET", "account") == 400
    assert replace(caller, api_secret="0" * 32).code("GET", "account") == 700002


def test_expired_and_revoked_keys(caller: Caller) -> None:
    key = caller.dialect.add_key(expires_ms=START_MS + 10)
    other = caller.with_key(key)
    other.ok("GET", "account")
    caller.clock.advance(10)
    assert other.code("GET", "account") == 700002
    caller.dialect.keys.revoke(key.api_key)
    assert other.code("GET", "account") == 10072
    chosen = make_caller(MexcSettings(rate_limits=False, expired_key_code=402))
    assert chosen.with_key(chosen.dialect.add_key(expires_ms=0)).code("GET", "account") == 402


def test_address_list(caller: Caller) -> None:
    key = caller.dialect.add_key(ip_allow_list=["10.0.0.1"])
    assert caller.with_key(key).code("GET", "account") == 700006
    caller.with_key(key, peer_ip="10.0.0.1").ok("GET", "account")


@pytest.mark.parametrize("route", [route for route in ROUTES if ROUTES[route].permission is not None])
def test_every_private_endpoint_needs_its_own_permission(route: str) -> None:
    caller = make_caller()
    method, path = route.split()
    needed = ROUTES[route].permission
    without = caller.with_key(caller.dialect.add_key(permissions=ALL_PERMISSIONS - {needed}))
    assert without.code(method, path.removeprefix("/api/v3/")) == 700007
    with_it = caller.with_key(caller.dialect.add_key(permissions=[str(needed)]))
    reply = with_it.reply(method, path.removeprefix("/api/v3/"))
    assert reply.status == 200 or code_of(reply) == 700004


def test_permission_that_does_not_exist(caller: Caller) -> None:
    with pytest.raises(ValueError, match="SPOT_EVERYTHING"):
        caller.dialect.add_key(permissions=["SPOT_EVERYTHING"])


def test_trade_only_key_may_not_see_fills_or_coins(caller: Caller) -> None:
    trader = caller.with_key(caller.dialect.add_key(permissions=["SPOT_DEAL_READ", "SPOT_DEAL_WRITE"]))
    trader.limit("BUY", "0.001", "20000")
    assert trader.code("GET", "myTrades", symbol="BTCUSDT") == 700007
    assert trader.code("GET", "capital/config/getall") == 700007


@pytest.mark.parametrize(
    ("content_type", "is_fine"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        (None, True),
        ("application/x-www-form-urlencoded", False),
        ("text/plain", False),
    ],
)
@pytest.mark.parametrize("path", ["account", "time"])
def test_content_type(caller: Caller, content_type: str | None, is_fine: bool, path: str) -> None:
    caller.headers = {} if content_type is None else {"content-type": content_type}
    reply = caller.reply("GET", path)
    assert (reply.status == 200) is is_fine
    assert is_fine or code_of(reply) == 700013


def test_public_endpoints_need_no_key(caller: Caller) -> None:
    for path in ("ping", "time", "exchangeInfo", "defaultSymbols", "symbol/offline"):
        request = HttpRequest("GET", f"/api/v3/{path}", "", {}, b"", "127.0.0.1")
        assert caller.dialect.handle(request).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "nothing"), ("PUT", "order"), ("POST", "account")])
def test_unknown_path_is_json_too(caller: Caller, method: str, path: str) -> None:
    reply = caller.reply(method, path)
    assert (reply.status, code_of(reply)) == (404, 404)


@pytest.mark.parametrize(
    ("query", "body"),
    [("%ff=%fe", b""), ("a=%zz&&==&=&timestamp=", b"\xff\xfe"), ("symbol=%F0%9F", b""), ("\udcff=1", b"\x00")],
)
def test_garbage_is_refused_and_never_crashes(caller: Caller, query: str, body: bytes) -> None:
    for method, path in (("GET", "account"), ("POST", "order"), ("DELETE", "order")):
        assert caller.raw(method, path, query, body).status == 400
        assert caller.raw(method, path, f"{query}&signature=\udcff&timestamp={START_MS}", body).status == 400


def test_duplicate_names_count_once(caller: Caller) -> None:
    query = f"symbol=BTCUSDT&symbol=NOSUCH&timestamp={START_MS}"
    assert caller.raw("GET", "openOrders", signed(caller, query)).status == 200


def limited_caller(**changes: object) -> Caller:
    return make_caller(replace(MexcSettings(), **changes))  # type: ignore[arg-type]


def test_placing_and_cancelling_share_twelve_a_second() -> None:
    caller = limited_caller()
    for number in range(6):
        caller.limit("BUY", "0.001", "20000", newClientOrderId=f"c{number}")
        caller.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId=f"c{number}")
        caller.clock.advance(50)
    reply = caller.reply("DELETE", "openOrders", symbol="BTCUSDT")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
    assert code_of(reply) == 429
    caller.ok("GET", "openOrders")
    caller.ok("POST", "order/test", symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="1", price="20000")
    caller.clock.advance(699)
    assert caller.reply("DELETE", "openOrders", symbol="BTCUSDT").status == 429
    caller.clock.advance(1)
    caller.ok("DELETE", "openOrders", symbol="BTCUSDT")


def test_order_limit_counts_an_account_and_not_a_key() -> None:
    caller = limited_caller(order_limit=Limit(1, 1000))
    caller.ok("DELETE", "openOrders", symbol="BTCUSDT")
    second_key = caller.with_key(caller.dialect.add_key())
    assert second_key.reply("DELETE", "openOrders", symbol="BTCUSDT").status == 429
    stranger = caller.with_key(caller.dialect.add_key(account="other"))
    stranger.ok("DELETE", "openOrders", symbol="BTCUSDT")


def test_weight_is_counted_by_address() -> None:
    caller = limited_caller(ip_limit=Limit(25, 10_000))
    caller.ok("GET", "account")
    caller.ok("GET", "account")
    reply = caller.reply("GET", "account")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "10")
    caller.ok("GET", "openOrders")
    assert replace(caller, peer_ip="10.1.1.1").reply("GET", "account").status == 200
    caller.clock.advance(10_000)
    caller.ok("GET", "account")


def test_unauthenticated_requests_count_too() -> None:
    caller = limited_caller(ip_limit=Limit(2, 10_000))
    nobody = replace(caller, api_key="mx0Nobody")
    assert nobody.code("GET", "uid") == 10072
    assert nobody.code("GET", "uid") == 10072
    assert caller.reply("GET", "uid").status == 429


def test_batches_are_two_a_second() -> None:
    caller = limited_caller()
    orders = '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.001","price":"20000"}]'
    statuses = [caller.reply("POST", "batchOrders", batchOrders=orders).status for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_going_on_after_429_is_a_ban() -> None:
    caller = limited_caller(ip_limit=Limit(1, 10_000), ban_after=3)
    statuses = [caller.reply("GET", "uid").status for _ in range(6)]
    assert statuses == [200, 429, 429, 429, 429, 418]
    banned = caller.raw("GET", "time", "")
    assert (banned.status, banned.headers["Retry-After"]) == (418, "120")
    caller.clock.advance(119_999)
    assert caller.reply("GET", "uid").status == 418
    caller.clock.advance(1)
    caller.ok("GET", "uid")


def test_refused_requests_are_in_the_ledger_and_hold_no_secret(caller: Caller) -> None:
    caller.code("GET", "order", symbol="BTCUSDT", orderId="C02__1")
    event = caller.engine.ledger.refused()[-1]
    assert dict(event.data) == {
        "method": "GET", "path": "/api/v3/order", "code": -2013, "message": "Order does not exist."
    }  # fmt: skip
    assert caller.api_secret not in repr(caller.dialect.keys.find(caller.api_key))


def test_equal_seeds_issue_equal_keys() -> None:
    first, same, other = make_caller(seed=1), make_caller(seed=1), make_caller(seed=2)
    assert (first.api_key, first.api_secret) == (same.api_key, same.api_secret)
    assert first.api_secret != other.api_secret
    assert first.api_key.startswith("mx0")
    assert encode({"a": "b c"}) == "a=b%20c"
