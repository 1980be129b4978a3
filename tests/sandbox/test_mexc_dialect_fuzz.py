"""Nothing that can arrive breaks the MEXC dialect, and nothing that is refused changes anything."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from mexc_caller import START_MS, encode, make_caller, sign

from spotlane.exchanges.mexc.dialect import ROUTES
from spotlane.sandbox.http import HttpRequest

_NAMES = (
    "symbol", "symbols", "side", "type", "quantity", "quoteOrderQty", "price", "newClientOrderId",
    "origClientOrderId", "orderId", "stpMode", "timestamp", "recvWindow", "limit", "startTime", "endTime",
    "batchOrders", "coin", "netWork", "network", "address", "amount", "memo", "remark", "id", "status", "page",
    "withdrawOrderId", "mxDeductEnable",
)  # fmt: skip
_WORDS = (
    "BTCUSDT", "MXUSDT", "BUY", "SELL", "LIMIT", "MARKET", "FILL_OR_KILL", "0.001", "20000", "61000", "5", "0",
    "-1", "1e5", "cancel_both", "USDT", "TRX", "XRP", "true", "[]",
)  # fmt: skip
_VALUES = st.one_of(st.sampled_from([*_WORDS, '[{"symbol":"BTCUSDT"}]', str(START_MS), "9" * 18]), st.text(max_size=12))


@settings(max_examples=150)
@given(st.sampled_from(sorted(ROUTES)), st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=9))
def test_signed_requests_get_json_and_keep_the_books_balanced(route: str, params: dict[str, str]) -> None:
    caller = make_caller()
    method, path = route.split()
    query = encode({"timestamp": START_MS, **params})
    query = f"{query}&signature={sign(caller.api_secret, query)}"
    headers = {"x-mexc-apikey": caller.api_key}
    reply = caller.dialect.handle(HttpRequest(method, path, query, headers, b"", "::1"))
    answer = json.loads(reply.body)
    assert reply.status in (200, 400)
    if reply.status == 400:
        assert isinstance(answer["code"], int)
        assert isinstance(answer["msg"], str)
        assert caller.engine.ledger.orders() == []
        assert caller.engine.wallet.withdrawals() == []
    assert all(caller.engine.accounts.total(asset) == 0 for asset in caller.engine.accounts.assets())


@settings(max_examples=150)
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH"]),
    st.one_of(st.sampled_from([route.split()[1] for route in ROUTES]), st.text(max_size=20)),
    st.text(max_size=60),
    st.dictionaries(st.sampled_from(["content-type", "x-mexc-apikey"]), st.text(max_size=20)),
    st.binary(max_size=60),
)
def test_arbitrary_requests_are_answered(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    reply = make_caller().dialect.handle(HttpRequest(method, path, query, headers, body, "::1"))
    assert reply.status in (200, 400, 404)
    json.loads(reply.body)
