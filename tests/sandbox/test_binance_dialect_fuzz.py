"""Nothing that can arrive breaks the Binance dialect, and nothing that is refused changes anything."""

from __future__ import annotations

import json

from binance_caller import START_MS, encode, make_caller, sign
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane.sandbox.http import HttpRequest

_ROUTES = sorted(make_caller().dialect.routes)
_NAMES = (
    "symbol", "symbols", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId",
    "origClientOrderId", "orderId", "fromId", "newOrderRespType", "selfTradePreventionMode", "cancelRestrictions",
    "strategyType", "timestamp", "recvWindow", "limit", "startTime", "endTime", "coin", "network", "address", "amount",
    "addressTag", "status", "offset", "idList", "withdrawOrderId", "walletType", "omitZeroBalances", "permissions",
)  # fmt: skip
_WORDS = (
    "BTCUSDT", "LUNCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "GTC", "FOK", "0.001", "20000",
    "61000", "5", "0", "-1", "1e5", "EXPIRE_BOTH", "USDT", "TRX", "XRP", "true", "[]", '["BTCUSDT"]', "9" * 20,
)  # fmt: skip
_VALUES = st.one_of(st.sampled_from([*_WORDS, str(START_MS), str(START_MS * 1000)]), st.text(max_size=12))


@settings(max_examples=150)
@given(st.sampled_from(_ROUTES), st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=9))
def test_signed_requests_get_json_and_keep_the_books_balanced(route: str, params: dict[str, str]) -> None:
    caller = make_caller()
    method, path = route.split()
    query = encode({"timestamp": START_MS, **params})
    reply = caller.raw(method, path, f"{query}&signature={sign(caller.api_secret, query)}")
    answer = json.loads(reply.body)
    assert reply.status in (200, 400)
    if reply.status == 400:
        assert isinstance(answer["code"], int)
        assert isinstance(answer["msg"], str)
        assert caller.engine.ledger.orders() == []
        assert caller.engine.wallet.withdrawals() == []
    assert all(caller.engine.accounts.total(asset) == 0 for asset in caller.engine.accounts.assets())


@settings(max_examples=150)
@given(st.sets(st.sampled_from(_NAMES)), st.data())
def test_orders_with_any_mixture_of_parameters(left_out: set[str], data: st.DataObject) -> None:
    caller = make_caller()
    order: dict[str, object] = {
        "symbol": "BTCUSDT",
        "side": data.draw(st.sampled_from(["BUY", "SELL"])),
        "type": data.draw(st.sampled_from(["LIMIT", "MARKET", "LIMIT_MAKER"])),
        "timeInForce": data.draw(st.sampled_from(["GTC", "IOC", "FOK"])),
        "quantity": data.draw(st.decimals("0.00001", "20", places=5)),
        "quoteOrderQty": "100",
        "price": data.draw(st.decimals("1", "90000", places=2)),
    }
    reply = caller.reply("POST", "order", **{name: order[name] for name in order if name not in left_out})
    assert (reply.status == 200) is (len(caller.engine.ledger.orders()) == 1)
    assert all(caller.engine.accounts.total(asset) == 0 for asset in caller.engine.accounts.assets())


@settings(max_examples=150)
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH"]),
    st.one_of(st.sampled_from([route.split()[1] for route in _ROUTES]), st.text(max_size=20)),
    st.text(max_size=60),
    st.dictionaries(st.sampled_from(["content-type", "x-mbx-apikey", "x-mbx-time-unit"]), st.text(max_size=20)),
    st.binary(max_size=60),
)
def test_arbitrary_requests_are_answered(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    reply = make_caller().dialect.handle(HttpRequest(method, path, query, headers, body, "::1"))
    assert reply.status in (200, 400, 401, 404)
    json.loads(reply.body)
