"""Who may call the Binance dialect, with which parameters."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from binance_caller import START_MS, Caller, encode, error_of, limit_order, make_caller, sign

from spotlane.exchanges.binance.dialect import ALL_PERMISSIONS, BinanceDialect
from spotlane.exchanges.binance.dialect_call import BinanceSettings
from spotlane.exchanges.binance.dialect_wallet import READING, TRADING, WITHDRAWALS
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.engine import Engine
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey

SAMPLE_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SAMPLE_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
D1 = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
PUBLIC = ("ping", "time", "exchangeInfo")
BAD_SIGNATURE, BAD_KEY = -1022, -2015


def sample_caller(now_ms: int, *, strict: bool = True) -> Caller:
    engine = Engine(clock=SandboxClock(start_ms=now_ms, frozen=True), settings=BinanceDialect.engine_settings)
    dialect = BinanceDialect(engine, BinanceSettings(rate_limits=False, strict_encoding=strict))
    dialect.keys.add(ApiKey(SAMPLE_KEY, SAMPLE_SECRET, ALL_PERMISSIONS))
    return Caller(dialect, SAMPLE_KEY, SAMPLE_SECRET)


def code_of(reply: HttpReply) -> int:
    return error_of(reply)[0]


def signed(caller: Caller, query: str) -> str:
    return f"{query}&signature={sign(caller.api_secret, query)}"


@pytest.mark.parametrize(
    ("method", "path", "payload", "signature", "beyond"),
    [
        ("POST", "order", D1, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71", -1121),
        (
            "POST",
            "order",
            D1.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"),
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
            -1121,
        ),
        (
            "GET",
            "account",
            "timestamp=1499827319559",
            "2222d49722f6af5da13f6da6bfc0d7de19ca2815ebc98bbc49e4942268472f3f",
            None,
        ),
        (
            "POST",
            "order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.00021&price=64999.98&newClientOrderId=k1_00Zx-9"
            "&newOrderRespType=RESULT&recvWindow=1500.125&timestamp=1767225600123456",
            "c2a554c2759b9696dc05130df9663d63170b46cbc0ffb117a30eac92c77a6d50",
            -2010,
        ),
        (
            "POST",
            "order",
            "symbol=%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456&side=SELL&type=MARKET&quoteOrderQty=12.5"
            "&timestamp=1767225600123",
            "d1bd1fb9c5ee0209b9628ca1076090dc6e95cdc7c1da03cbbe83dec91b4ae57a",
            -1121,
        ),
        (
            "POST",
            "/sapi/v1/capital/withdraw/apply",
            "coin=XRP&network=XRP&address=rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh&addressTag=1234%3Aab%2Fc&amount=25"
            "&withdrawOrderId=wd-2026_01.A&name=Zo%C3%AB%27s%20cold%20%2B%2050%25%20~%2A%28%CE%B2%29&walletType=0"
            "&recvWindow=5000&timestamp=1767225600123",
            "14b5b9754b1d2839a5f167a99d93379b606bc4f803ba896704d48899c44d27d6",
            -4008,
        ),
    ],
)
def test_published_vectors_pass_and_any_change_does_not(
    method: str, path: str, payload: str, signature: str, beyond: int | None
) -> None:
    caller = sample_caller(1499827319559 if "1499827319559" in payload else 1767225600123)

    def outcome(query: str) -> int | None:
        reply = caller.raw(method, path, query)
        return None if reply.status == 200 else code_of(reply)

    # Beyond the signature stands what the exchange says about the content.
    assert outcome(f"{payload}&signature={signature}") == beyond
    assert outcome(f"{payload}&signature={signature.upper()}") == beyond
    assert outcome(f"signature={signature}&{payload}") == beyond
    last = "0" if signature[-1] != "0" else "1"
    assert outcome(f"{payload}&signature={signature[:-1]}{last}") == BAD_SIGNATURE
    assert outcome(f"{payload}&extra=1&signature={signature}") == BAD_SIGNATURE


def test_query_and_body_are_signed_without_separator() -> None:
    caller = sample_caller(1499827319559)
    query, body = D1.split("&quantity")
    body = f"quantity{body}"
    signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    assert code_of(caller.raw("POST", "order", query, f"{body}&signature={signature}".encode())) == -1121
    assert code_of(caller.raw("POST", "order", f"{query}&signature={signature}", body.encode())) == -1121
    assert code_of(caller.raw("POST", "order", f"{query}&signature={signature}", f"&{body}".encode())) == BAD_SIGNATURE


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        # Raw UTF-8, a plus for a space, lower-case hex, characters left raw: each signed over the bytes as sent.
        (D1.replace("LTCBTC", "\uff11\uff12\uff13\uff14\uff15\uff16"),
         "ca2cdfbf21d2e2958de492c7f2dd1f059dd2ed4d4459d26a5ec7928db50c8d4f"),
        ("note=a+b&timestamp=1499827319559", None),
        ("note=%c3%ab&timestamp=1499827319559", None),
        ("note=(a)&timestamp=1499827319559", None),
        ("note=a@b&timestamp=1499827319559", None),
        ("note=%7E&timestamp=1499827319559", None),
    ],
)  # fmt: skip
def test_values_must_be_encoded_before_they_are_signed(payload: str, signature: str | None) -> None:
    signature = signature or sign(SAMPLE_SECRET, payload)
    for strict in (True, False):
        caller = sample_caller(1499827319559, strict=strict)
        code = code_of(caller.raw("POST", "order", f"{payload}&signature={signature}"))
        assert (code == BAD_SIGNATURE) is strict


def test_the_body_is_read_as_a_form_and_the_query_wins(caller: Caller) -> None:
    query = encode({"symbol": "BTCUSDT"})
    body = encode({"symbol": "NOSUCH", "timestamp": START_MS})
    signature = sign(caller.api_secret, query + body)
    assert code_of(caller.raw("DELETE", "openOrders", f"{query}&signature={signature}", body.encode())) == -2011
    caller.headers = {"content-type": "application/json"}
    assert code_of(caller.raw("DELETE", "openOrders", f"{query}&signature={signature}", body.encode())) == -1102


def test_a_get_s_body_is_not_read(caller: Caller) -> None:
    body = encode({"timestamp": START_MS})
    reply = caller.raw("GET", "account", f"signature={sign(caller.api_secret, body)}", body.encode())
    assert error_of(reply) == (
        -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    )  # fmt: skip


@pytest.fixture
def caller() -> Caller:
    return make_caller()


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (999, None, None),
        (1000, None, -1021),
        (2000, "60000", -1021),
        (-5000, None, None),
        (-5001, None, -1021),
        (-2000, "1000", -1021),
        (-2000, "1999.999", -1021),
        (-2000, "2000.001", None),
        (-60_000, "60000", None),
        (0, "60000.001", -1102),
        (0, "60001", -1102),
        (0, "1.0001", -1102),
        (0, "-1", -1102),
        (0, "", -1105),
    ],
)
def test_timestamp_and_window(caller: Caller, unit: int, offset_ms: int, window: str | None, code: int | None) -> None:
    params: dict[str, object] = {"timestamp": (START_MS + offset_ms) * unit}
    if window is not None:
        params["recvWindow"] = window
    reply = caller.reply("GET", "account", **params)
    assert (None if reply.status == 200 else code_of(reply)) == code


def test_a_late_order_is_not_executed(caller: Caller) -> None:
    assert caller.code("POST", "order", **limit_order(recvWindow=1000, timestamp=START_MS - 1001)) == -1021
    assert caller.engine.ledger.orders() == []


@pytest.mark.parametrize("query", ["", "recvWindow=5000", "timestamp="])
def test_a_missing_timestamp_is_named(caller: Caller, query: str) -> None:
    code, text = error_of(caller.raw("GET", "account", signed(caller, query)))
    assert (code, "'timestamp'" in text) == (-1102, True)
    code, text = error_of(caller.raw("GET", "account", f"timestamp={START_MS}"))
    assert (code, "'signature'" in text) == (-1102, True)


@pytest.mark.parametrize("stamp", ["now", "1.5", "-1", "1e12"])
def test_a_malformed_timestamp(caller: Caller, stamp: str) -> None:
    assert caller.code("GET", "account", timestamp=stamp) == -1100


def test_wrong_keys(caller: Caller) -> None:
    for key in ("", "short", "*" * 64):
        reply = replace(caller, api_key=key).reply("GET", "account")
        assert (reply.status, error_of(reply)) == (401, (-2014, "API-key format invalid."))
    reply = replace(caller, api_key="x" * 64).reply("GET", "account")
    assert (reply.status, error_of(reply)) == (401, (BAD_KEY, "Invalid API-key, IP, or permissions for action."))
    assert replace(caller, api_secret="0" * 64).code("GET", "account") == BAD_SIGNATURE
    chosen = make_caller(BinanceSettings(rate_limits=False, unknown_key_code=-2008))
    assert code_of(replace(chosen, api_key="x" * 64).reply("GET", "account")) == -2008


def test_expired_and_revoked_keys(caller: Caller) -> None:
    key = caller.dialect.add_key(expires_ms=START_MS + 10)
    other = caller.with_key(key)
    other.ok("GET", "account")
    caller.clock.advance(10)
    assert code_of(other.reply("GET", "account")) == BAD_KEY
    caller.dialect.keys.revoke(caller.api_key)
    assert code_of(caller.reply("GET", "account")) == BAD_KEY


def test_address_list(caller: Caller) -> None:
    key = caller.dialect.add_key(ip_allow_list=["10.0.0.1"])
    assert code_of(caller.with_key(key).reply("GET", "account")) == BAD_KEY
    caller.with_key(key, peer_ip="10.0.0.1").ok("GET", "account")


@pytest.mark.parametrize("route", sorted(make_caller().dialect.routes))
def test_every_private_endpoint_needs_its_own_permission(route: str) -> None:
    caller = make_caller()
    method, path = route.split()
    needed = caller.dialect.routes[route].permission
    if needed is None:
        assert path.rpartition("/")[2] in PUBLIC
        return
    without = caller.with_key(caller.dialect.add_key(permissions=ALL_PERMISSIONS - {needed}))
    assert code_of(without.reply(method, path)) == BAD_KEY
    with_it = caller.with_key(caller.dialect.add_key(permissions=[needed]))
    reply = with_it.reply(method, path)
    assert reply.status == 200 or code_of(reply) == -1102


def test_the_neutral_words_cover_every_permission(caller: Caller) -> None:
    words = BinanceDialect.permission_words
    assert words == {"read": {READING}, "trade": {TRADING}, "withdraw": {WITHDRAWALS}}
    with pytest.raises(ValueError, match="enableEverything"):
        caller.dialect.add_key(permissions=["enableEverything"])


def test_a_key_that_is_open_for_some_symbols(caller: Caller) -> None:
    limited = caller.with_key(caller.dialect.add_key(symbols=["ETH/USDT"]))
    assert code_of(limited.reply("POST", "order", **limit_order())) == BAD_KEY
    limited.ok("POST", "order", **limit_order(symbol="ETHUSDT", price="1000", quantity="0.01"))


def test_withdrawals_can_be_tied_to_a_list_of_addresses() -> None:
    caller = make_caller(BinanceSettings(rate_limits=False, withdrawals_need_ip_list=True))
    path = "/sapi/v1/capital/withdraw/apply"
    assert code_of(caller.reply("POST", path)) == BAD_KEY
    listed = caller.with_key(caller.dialect.add_key(ip_allow_list=["127.0.0.1"]))
    assert listed.code("POST", path) == -1102


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("symbol=BTCUSDT&symbol=BTCUSDT", -1101),
        ("symbol=BTCUSDT&nonsense=1", -1104),
        ("symbol=BTCUSDT&Symbol=BTCUSDT", -1104),
        ("symbol=", -1105),
        ("symbol=%FF", -1100),
        ("symbol", -1105),
    ],
)
def test_parameters_that_nobody_reads_are_errors(caller: Caller, query: str, code: int) -> None:
    reply = caller.raw("GET", "openOrders", signed(caller, f"{query}&timestamp={START_MS}"))
    assert code_of(reply) == code


def test_counts_of_unread_parameters_are_told(caller: Caller) -> None:
    _, text = caller.refused("GET", "account", nonsense=1)
    assert text == "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."
    assert error_of(caller.raw("GET", "time", "symbol=BTCUSDT")) == (
        -1101, "Too many parameters; expected '0' and received '1'.",
    )  # fmt: skip


def test_wallet_endpoints_ignore_what_they_do_not_know(caller: Caller) -> None:
    caller.ok("GET", "/sapi/v1/capital/withdraw/history", nonsense=1)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_endpoints_need_no_key(caller: Caller, path: str) -> None:
    request = HttpRequest("GET", f"/api/v3/{path}", "", {}, b"", "127.0.0.1")
    assert caller.dialect.handle(request).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "nothing"), ("PUT", "order"), ("POST", "account")])
def test_an_unknown_path_is_json_too(caller: Caller, method: str, path: str) -> None:
    reply = caller.reply(method, path)
    assert (reply.status, code_of(reply)) == (404, 404)


@pytest.mark.parametrize(
    ("query", "body"),
    [("%ff=%fe", b""), ("a=%zz&&==&=&timestamp=", b"\xff\xfe"), ("symbol=%F0%9F", b""), ("\udcff=1", b"\x00")],
)
def test_garbage_is_refused_and_never_crashes(caller: Caller, query: str, body: bytes) -> None:
    for method, path in (("GET", "account"), ("POST", "order"), ("DELETE", "order")):
        for more in ("", f"&signature=\udcff&timestamp={START_MS}"):
            reply = caller.raw(method, path, query + more, body)
            assert (reply.status, code_of(reply) < 0) == (400, True)


def test_signed_garbage_is_refused_too(caller: Caller) -> None:
    query = f"note=\udcff&timestamp={START_MS}"
    message = query.encode("utf-8", "surrogateescape")
    signature = hmac.new(caller.api_secret.encode(), message, hashlib.sha256).hexdigest()
    assert code_of(caller.raw("GET", "account", f"{query}&signature={signature}")) == BAD_SIGNATURE


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond"])
def test_times_in_microseconds(caller: Caller, unit: str) -> None:
    caller.headers = {"x-mbx-time-unit": unit}
    assert caller.ok_public("time") == {"serverTime": START_MS * 1000}
    order = caller.limit("BUY", "0.001", "20000")
    assert (order["transactTime"], order["workingTime"]) == (START_MS * 1000, START_MS * 1000)
    row = caller.order(order["orderId"])
    assert (row["time"], row["updateTime"]) == (START_MS * 1000, START_MS * 1000)
    caller.clock.advance(3)
    caller.engine.trade_against(str(order["orderId"]), Decimal("0.0005"))
    row = caller.order(order["orderId"])
    assert (row["time"], row["updateTime"]) == (START_MS * 1000, (START_MS + 3) * 1000)
    assert caller.ok("GET", "myTrades", symbol="BTCUSDT")[0]["time"] == (START_MS + 3) * 1000
    rows = caller.ok("GET", "allOrders", symbol="BTCUSDT", startTime=START_MS * 1000, endTime=(START_MS + 5) * 1000)
    assert [each["orderId"] for each in rows] == [order["orderId"]]


def test_a_time_unit_that_does_not_exist(caller: Caller) -> None:
    caller.headers = {"x-mbx-time-unit": "FORTNIGHT"}
    assert code_of(caller.raw("GET", "time")) == -1194


def test_refusals_stand_in_the_ledger(caller: Caller) -> None:
    caller.code("POST", "order", **limit_order(price="0.001"))
    (event,) = caller.engine.ledger.refused()
    assert (event.account, event.data["code"], event.data["path"]) == ("trader", -1013, "/api/v3/order")
    assert json.dumps(dict(event.data))
