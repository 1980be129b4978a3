"""What is signed for Binance: the vectors of its documentation, and the bytes that arrive."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal

import pytest
from binance_rig import binance, resting

from spotlane import Credentials
from spotlane._core.encoding import encode_query
from spotlane.exchanges.binance import spec
from spotlane.exchanges.binance.auth import BinanceAuthenticator
from spotlane.exchanges.binance.wire_wallet import withdraw_query
from spotlane.structs import WithdrawalRequest
from spotlane.transport import Request

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ORDER = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
WITHDRAWAL = WithdrawalRequest(
    "XRP", Decimal(25), "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "XRP", "1234:ab/c", "wd-2026_01.A"
)


@pytest.mark.parametrize(
    ("query", "stamp_ms", "signature"),
    [
        (f"symbol=LTCBTC&{ORDER}", 1499827319559, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            encode_query([("symbol", "\uff11\uff12\uff13\uff14\uff15\uff16")]).decode() + f"&{ORDER}",
            1499827319559,
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
)
def test_signatures_of_the_documentation(query: str, stamp_ms: int, signature: str) -> None:
    request = Request.to(spec.PLACE, query.encode(), window_ms=5_000)
    signed = BinanceAuthenticator(Credentials(KEY, SECRET)).sign(request, stamp_ms)
    assert signed.target == (f"/api/v3/order?{query}&recvWindow=5000&timestamp={stamp_ms}&signature={signature}")
    assert signed.headers == {"X-MBX-APIKEY": KEY}


def test_reads_have_a_longer_window_than_orders() -> None:
    signed = BinanceAuthenticator(Credentials(KEY, SECRET)).sign(Request.to(spec.ACCOUNT), 1499827319559)
    assert signed.target.startswith("/api/v3/account?recvWindow=5000&timestamp=1499827319559&signature=")


def test_a_withdrawal_is_encoded_before_it_is_signed() -> None:
    query = withdraw_query(WITHDRAWAL)
    assert query == (
        b"coin=XRP&network=XRP&address=rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh&addressTag=1234%3Aab%2Fc&amount=25"
        b"&withdrawOrderId=wd-2026_01.A&walletType=0"
    )
    signed = BinanceAuthenticator(Credentials(KEY, SECRET)).sign(Request.to(spec.WITHDRAW, query), 1767225600123)
    payload, _, signature = signed.target.partition("?")[2].partition("&signature=")
    assert signature == hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


async def test_everything_is_in_the_query() -> None:
    async with binance() as (venue, exchange):
        order = await exchange.place_order(resting())
        await exchange.cancel_order(order.symbol, order.order_id)
        placed, cancelled = venue.requests
        assert (placed.body, cancelled.body) == (b"", b"")
        assert "&newOrderRespType=FULL&recvWindow=600&timestamp=" in placed.query
        assert cancelled.query.startswith(f"symbol=BTCUSDT&orderId={order.order_id}&recvWindow=5000&timestamp=")
