"""Who may call the Gate dialect, how often, and what the headers of a reply tell."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from gateio_caller import PAIR, PREFIX, START_MS, Caller, limit_order, make_caller, sign

from spotlane.exchanges.gateio import dialect_access
from spotlane.exchanges.gateio.dialect import GateioDialect
from spotlane.exchanges.gateio.dialect_call import GateioSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.keys import ApiKey
from spotlane.sandbox.limits import Limit

VECTORS = [
    (
        "GET", "/api/v4/futures/orders", "contract=BTC_USD&status=finished&limit=50", b"", "1541993715",
        "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6fb3faf24deff16790d726b66ac9f74526668b13bd010291"
        "99cc4fcc522418b8a",
    ),
    (
        "POST", "/api/v4/futures/orders", "",
        b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}', "1541993715",
        "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541fc4c2c14017581b4199a1418d54471c269c03a38d788d802"
        "e2c306c37636389f0",
    ),
    (
        "GET", "/api/v4/wallet/sub_account_transfers", "sub_uid=10001%2C10002&from=1700000000&to=1700086400", b"",
        "1700000000",
        "2a68ebb10a84da97e48cceb3392cf1f5a27a5e66f41da0fe3417352f76f97ed85b08df743417c9d6a51fa826f02ce992785ef0ae9fc0e8a"
        "897d0c314a332a230",
    ),
    (
        "GET", "/api/v4/spot/account_book", "currency_pair=BTC_USDT&type=a+b%2Bc%2Cd%2Fe", b"", "1700000000.25",
        "ce17b892f45ed42cecadb84c2064f08be63d041ba7b861813c43d4a5762d7ddc0723f1c45500d1d76bc6ddcc4ba7b5cd389cc3307a4a1af"
        "0323bc713b26b1d25",
    ),
    (
        "POST", "/api/v4/spot/orders", "",
        b'{"text":"t-abc-1.0_Z","currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy",'
        b'"amount":"0.001","price":"65000","time_in_force":"poc"}', "1700000000",
        "e34d48b2c4f99e2c40e43a3db4aac7c084e5cd456a98d31a625a6d4ac963ce4e1ea2436b866933bb7947f99a8352665f8eb4247606db0cb"
        "620802c29d2be6c9d",
    ),
    (
        "PATCH", "/api/v4/spot/orders/t-abc-1.0_Z", "currency_pair=BTC_USDT&account=spot",
        b'{"amount":"0.002","price":"64000.1"}', "1700000000",
        "b5e57efb15639dab5456df07fbfd860003efec813f3073f439d413ad9beebbff6e15180949405b8bda00a907e5c32ea39ea7e1260c860e5"
        "e5741411203bd1d65",
    ),
    (
        "DELETE", "/api/v4/spot/orders/12332324", "currency_pair=BTC_USDT", b"", "1700000000",
        "ec17c580a959d781ed252b0660a20e5c10a8a63c7553fa1b6c94593c2c769631daa6226dab6b790f476d0bbbba4ef575776709c5ed0350f"
        "38fccf37cbe1a612d",
    ),
]  # fmt: skip


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def signed(caller: Caller, query: str, signed_query: str, *, stamp: str | None = None) -> HttpReply:
    stamp = stamp or str(START_MS // 1000)
    signature = sign(caller.api_secret, "GET", f"{PREFIX}/spot/batch_fee", signed_query, b"", stamp)
    return caller.raw("GET", "/spot/batch_fee", query, key=caller.api_key, timestamp=stamp, sign=signature)


def label(reply: HttpReply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body).get("label", "")


@pytest.mark.parametrize(("method", "path", "query", "body", "stamp", "expected"), VECTORS)
def test_published_and_recomputed_vectors(
    method: str, path: str, query: str, body: bytes, stamp: str, expected: str
) -> None:
    request = HttpRequest(method, path, query, {}, body, "127.0.0.1")
    assert dialect_access.signature(request, "secret", stamp) == expected


@pytest.mark.parametrize(("number", "outcome"), [(4, "POC_FILL_IMMEDIATELY"), (5, "CLIENT_ID_NOT_FOUND")])
def test_vectors_pass_the_whole_dialect(caller: Caller, number: int, outcome: str) -> None:
    method, path, query, body, stamp, signature = VECTORS[number]
    caller.clock.advance(int(stamp) * 1000 - START_MS)
    caller.dialect.keys.add(ApiKey("vector", "secret", frozenset({"spot"})))
    headers = {"key": "vector", "timestamp": stamp, "sign": signature, "content-type": "application/json"}
    reply = caller.dialect.handle(HttpRequest(method, path, query, headers, body, "127.0.0.1"))
    assert json.loads(reply.body)["label"] == outcome


def test_the_query_is_signed_before_it_is_encoded(caller: Caller) -> None:
    plain = "currency_pairs=BTC_USDT,ETH_USDT"
    encoded = "currency_pairs=BTC_USDT%2CETH_USDT"
    assert signed(caller, encoded, plain).status == 200
    assert signed(caller, plain, plain).status == 200
    assert label(signed(caller, encoded, encoded)) == (401, "INVALID_SIGNATURE")
    assert label(signed(caller, encoded, plain + "&")) == (401, "INVALID_SIGNATURE")


def test_fractional_seconds_and_milliseconds(caller: Caller) -> None:
    query = "currency_pairs=BTC_USDT"
    assert signed(caller, query, query, stamp=f"{START_MS // 1000}.25").status == 200
    for stamp in (str(START_MS), "soon", "-1", "1e9", ""):
        reply = signed(caller, query, query, stamp=stamp or " ")
        assert label(reply) == (403, "REQUEST_EXPIRED"), stamp


@pytest.mark.parametrize(("shift_ms", "status"), [(60_000, 200), (-60_000, 200), (60_001, 403), (-60_001, 403)])
def test_timestamp_may_be_a_minute_off(caller: Caller, shift_ms: int, status: int) -> None:
    query = "currency_pairs=BTC_USDT"
    reply = signed(caller, query, query, stamp=str(Decimal(START_MS + shift_ms) / 1000))
    assert reply.status == status
    if status == 403:
        assert json.loads(reply.body) == {
            "label": "REQUEST_EXPIRED",
            "message": "gap between request Timestamp and server time exceeds 60",
        }


def test_missing_headers_are_named(caller: Caller) -> None:
    reply = caller.raw("GET", "/spot/accounts", key=caller.api_key, sign="x")
    assert reply.status == 401
    assert json.loads(reply.body)["message"] == "Missing required header: Timestamp"
    assert label(caller.raw("GET", "/spot/accounts")) == (401, "MISSING_REQUIRED_HEADER")


def test_time_is_checked_before_the_key_and_the_key_before_the_signature(caller: Caller) -> None:
    stranger = make_caller(seed=8)
    assert caller.with_key(ApiKey("nobody", "x", frozenset())).refused("GET", "/spot/accounts") == (
        401, "INVALID_KEY", "Invalid key provided",
    )  # fmt: skip
    stale = caller.raw("GET", "/spot/accounts", key="nobody", timestamp="1", sign="x")
    assert label(stale) == (403, "REQUEST_EXPIRED")
    wrong = caller.with_key(ApiKey(caller.api_key, stranger.api_secret, frozenset()))
    assert wrong.refused("GET", "/spot/accounts") == (401, "INVALID_SIGNATURE", "Signature mismatch")
    assert caller.raw("GET", "/spot/time").status == 200


def test_body_is_signed_as_sent_and_not_read_from_a_delete(caller: Caller) -> None:
    stamp = str(START_MS // 1000)
    body = json.dumps(limit_order()).encode()
    path = f"{PREFIX}/spot/orders"
    signature = sign(caller.api_secret, "POST", path, "", body, stamp)
    headers = {"key": caller.api_key, "timestamp": stamp, "sign": signature, "content_type": "application/json"}
    assert label(caller.raw("POST", "/spot/orders", "", body + b" ", **headers)) == (401, "INVALID_SIGNATURE")
    assert caller.raw("POST", "/spot/orders", "", body, **headers).status == 201
    headers["sign"] = sign(caller.api_secret, "DELETE", path, "", b"", stamp)
    cancelled = caller.raw("DELETE", "/spot/orders", "", b'{"side":"sell"}', **headers)
    assert len(json.loads(cancelled.body)) == 1


def test_expired_key_and_foreign_address(caller: Caller) -> None:
    expiring = caller.with_key(caller.dialect.add_key(expires_ms=START_MS + 1000))
    assert expiring.ok("GET", "/spot/accounts")
    caller.clock.advance(1000)
    assert expiring.label("GET", "/spot/accounts") == "INVALID_KEY"
    bound = caller.with_key(caller.dialect.add_key(ip_allow_list=["10.0.0.1"]))
    assert bound.refused("GET", "/spot/accounts") == (403, "FORBIDDEN", "Request IP not in whitelist: 127.0.0.1")
    assert caller.with_key(caller.dialect.add_key(ip_allow_list=["10.0.0.1"]), peer_ip="10.0.0.1").ok(
        "GET", "/spot/accounts"
    )


@pytest.mark.parametrize(
    ("permissions", "path", "outcome"),
    [
        (["wallet"], "/spot/accounts", "FORBIDDEN"),
        (["spot"], "/wallet/withdrawals", "FORBIDDEN"),
        (["spot:read"], "/spot/accounts", None),
        (["spot", "wallet"], "/account/detail", "FORBIDDEN"),
    ],
)
def test_groups(caller: Caller, permissions: list[str], path: str, outcome: str | None) -> None:
    reply = caller.with_key(caller.dialect.add_key(permissions=permissions)).reply("GET", path)
    assert (reply.status, json.loads(reply.body)["label"] if outcome else None) == (403 if outcome else 200, outcome)


def test_read_only_keys_change_nothing(caller: Caller) -> None:
    reader = caller.with_key(caller.dialect.add_key(permissions=["spot:read", "withdrawal:read", "wallet"]))
    assert reader.refused("POST", "/spot/orders", limit_order())[:2] == (403, "READ_ONLY")
    assert reader.label("DELETE", "/spot/orders", currency_pair=PAIR) == "READ_ONLY"
    assert reader.label("POST", "/withdrawals", {"currency": "USDT"}) == "READ_ONLY"
    assert caller.engine.ledger.orders() == []
    with pytest.raises(ValueError, match="futures"):
        caller.dialect.add_key(permissions=["futures"])


def test_keys_that_are_bound_to_pairs(caller: Caller) -> None:
    bound = caller.with_key(caller.dialect.add_key(symbols=["ETH/USDT"]))
    assert bound.refused("POST", "/spot/orders", limit_order())[:2] == (403, "FORBIDDEN")
    assert bound.ok("POST", "/spot/orders", limit_order(currency_pair="ETH_USDT", price="1000", amount="0.1"))
    assert bound.ok("GET", "/account/main_keys")["currency_pairs"] == ["ETH_USDT"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/spot/orders", limit_order()),
        ("POST", "/spot/batch_orders", [limit_order(text="t-1")]),
        ("PATCH", "/spot/orders/1", {"currency_pair": PAIR, "price": "1"}),
        ("POST", "/spot/amend_batch_orders", [{"order_id": "1", "currency_pair": PAIR, "price": "1"}]),
        ("DELETE", "/spot/orders/1", None),
        ("DELETE", "/spot/orders", None),
        ("POST", "/spot/cancel_batch_orders", [{"currency_pair": PAIR, "id": "1"}]),
    ],
)
def test_expiry_is_absolute_and_in_milliseconds(caller: Caller, method: str, path: str, body: object) -> None:
    resting = caller.limit("buy", "0.001", "20000")["id"]
    caller.headers = {"x-gate-exptime": str(START_MS - 1)}
    assert caller.refused(method, path, body)[:2] == (403, "REQUEST_EXPIRED")
    assert [order.order_id for order in caller.engine.ledger.live_orders()] == [resting]
    caller.headers = {"x-gate-exptime": str(START_MS)}
    reply = caller.reply(method, path, body)
    assert b"REQUEST_EXPIRED" not in reply.body
    caller.headers = {"x-gate-exptime": "soon"}
    assert caller.label(method, path, body) == "INVALID_PARAM_VALUE"


def test_expiry_means_nothing_to_reads(caller: Caller) -> None:
    caller.headers = {"x-gate-exptime": "1"}
    assert caller.ok("GET", "/spot/accounts")


def test_media_types(caller: Caller) -> None:
    caller.headers = {"content-type": "application/x-www-form-urlencoded"}
    assert caller.label("POST", "/spot/orders", limit_order()) == "INVALID_CONTENT_TYPE"
    caller.headers = {"content-type": "application/json; charset=utf-8", "accept": "application/json, text/plain"}
    assert caller.ok("POST", "/spot/orders", limit_order())
    caller.headers = {"accept": "text/html"}
    assert caller.label("GET", "/spot/accounts") == "NOT_ACCEPTABLE"


def test_paths(caller: Caller) -> None:
    assert caller.refused("GET", "/spot/nothing")[:2] == (404, "NOT_FOUND")
    assert caller.refused("PUT", "/spot/orders")[:2] == (405, "METHOD_NOT_ALLOWED")
    assert caller.refused("POST", "/spot/orders/1")[:2] == (405, "METHOD_NOT_ALLOWED")
    assert caller.refused("POST", "/spot/price_orders", {})[:2] == (400, "SANDBOX_NOT_SUPPORTED")
    assert caller.refused("POST", "/withdrawals/push", {})[:2] == (400, "SANDBOX_NOT_SUPPORTED")
    assert label(caller.dialect.handle(HttpRequest("GET", "/spot/time", "", {}, b"", "::1"))) == (404, "NOT_FOUND")


def test_error_text_member_is_a_setting() -> None:
    caller = make_caller(GateioSettings(error_text="detail"))
    assert json.loads(caller.raw("GET", "/spot/accounts").body) == {
        "label": "MISSING_REQUIRED_HEADER", "detail": "Missing required header: KEY",
    }  # fmt: skip


def test_trace_and_times_are_on_every_reply_and_limits_on_routed_ones(caller: Caller) -> None:
    routed, refused = caller.reply("GET", "/spot/accounts"), caller.raw("GET", "/spot/accounts")
    for reply in (routed, refused):
        assert reply.headers["X-In-Time"] == reply.headers["X-Out-Time"] == f"{START_MS}000"
        assert len(reply.headers["X-Gate-Trace-Id"]) == 32
    assert routed.headers["X-Gate-Trace-Id"] != refused.headers["X-Gate-Trace-Id"]
    assert set(routed.headers) - set(refused.headers) == {
        "X-Gate-RateLimit-Requests-Remain", "X-Gate-RateLimit-Limit", "X-Gate-RateLimit-Reset-Timestamp",
    }  # fmt: skip


def test_ten_placements_and_amendments_a_second_of_each_pair() -> None:
    caller = make_caller(GateioSettings())
    order_id = ""
    for number in range(9):
        reply = caller.reply("POST", "/spot/orders", limit_order())
        assert reply.headers["X-Gate-RateLimit-Requests-Remain"] == str(9 - number)
        assert reply.headers["X-Gate-RateLimit-Limit"] == "10"
        order_id = json.loads(reply.body)["id"]
    assert caller.ok("PATCH", f"/spot/orders/{order_id}", {"currency_pair": PAIR, "price": "21000"})
    limited = caller.reply("PATCH", f"/spot/orders/{order_id}", {"price": "22000"}, currency_pair=PAIR)
    assert limited.status == 429
    assert json.loads(limited.body) == {
        "label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (211)",
    }  # fmt: skip
    assert limited.headers["X-Gate-RateLimit-Requests-Remain"] == "0"
    assert limited.headers["X-Gate-RateLimit-Reset-Timestamp"] == str((START_MS + 1000) // 1000 + 1)
    eth = limit_order(currency_pair="ETH_USDT", price="1000", amount="0.1")
    assert caller.reply("POST", "/spot/orders", eth).status == 201
    assert caller.reply("DELETE", f"/spot/orders/{order_id}", currency_pair=PAIR).status == 200
    caller.clock.advance(1000)
    assert caller.reply("POST", "/spot/orders", limit_order()).status == 201


def test_refused_orders_count() -> None:
    caller = make_caller(GateioSettings(place_limit=Limit(2, 1000), reset_time_in_ms=True))
    assert caller.label("POST", "/spot/orders", limit_order(price="1")) == "INVALID_PARAM_VALUE"
    assert caller.label("POST", "/spot/orders", limit_order(amount="100")) == "BALANCE_NOT_ENOUGH"
    limited = caller.reply("POST", "/spot/orders", limit_order())
    assert limited.status == 429
    assert limited.headers["X-Gate-RateLimit-Reset-Timestamp"] == str(START_MS + 1000)


def test_each_item_of_a_batch_counts() -> None:
    caller = make_caller(GateioSettings())
    items = [limit_order(text=f"t-{number}") for number in range(6)]
    assert all(row["succeeded"] for row in caller.ok("POST", "/spot/batch_orders", items))
    rows = caller.ok("POST", "/spot/batch_orders", items)
    assert [row.get("label") for row in rows] == ["", "", "", "", "TOO_MANY_REQUESTS", "TOO_MANY_REQUESTS"]
    assert rows[5] == {
        "text": "t-5", "succeeded": False, "label": "TOO_MANY_REQUESTS",
        "message": "Request Rate limit Exceeded (211)",
    }  # fmt: skip


def test_cancels_share_a_bucket_and_other_endpoints_have_their_own() -> None:
    caller = make_caller(GateioSettings(cancel_limit=Limit(2, 1000), endpoint_limit=Limit(1, 10_000)))
    order_id = caller.limit("buy", "0.001", "20000")["id"]
    assert caller.ok("DELETE", "/spot/orders", currency_pair="ETH_USDT") == []
    items = [{"currency_pair": PAIR, "id": name} for name in (order_id, "1")]
    rows = caller.ok("POST", "/spot/cancel_batch_orders", items)
    assert [row["label"] for row in rows] == [None, "TOO_MANY_REQUESTS"]
    assert caller.reply("DELETE", f"/spot/orders/{order_id}", currency_pair=PAIR).status == 429
    assert caller.reply("GET", "/spot/accounts").status == 200
    assert caller.refused("GET", "/spot/accounts") == (429, "TOO_MANY_REQUESTS", "Request Rate limit Exceeded")
    assert caller.reply("GET", "/spot/open_orders").status == 200
    assert caller.raw("GET", "/spot/time").status == 200
    assert caller.raw("GET", "/spot/time").status == 429
    other = Caller(caller.dialect, caller.api_key, caller.api_secret, peer_ip="10.0.0.9")
    assert other.raw("GET", "/spot/time").status == 200


def test_equal_seeds_issue_equal_keys_of_the_usual_form() -> None:
    one, two = make_caller(seed=3), make_caller(seed=3)
    assert (one.api_key, one.api_secret) == (two.api_key, two.api_secret)
    assert (len(one.api_key), len(one.api_secret)) == (32, 64)
    assert one.api_key != make_caller(seed=4).api_key
    assert GateioDialect.name == "gateio"
