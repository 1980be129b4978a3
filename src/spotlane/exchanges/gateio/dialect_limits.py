"""Request limits and the headers that tell about them."""

from __future__ import annotations

from enum import Enum

from spotlane.exchanges.gateio.dialect_call import GateioSettings, Refusal
from spotlane.sandbox.limits import Limit, SlidingWindow

_WALLET_LIMIT = Limit(80, 10_000)


class Bucket(Enum):
    """Which limit an endpoint is under: PLACE and CANCEL are each shared, of the others every endpoint has its own."""

    PUBLIC = "public"
    PLACE = "place"
    CANCEL = "cancel"
    ENDPOINT = "endpoint"
    TRANSFER = "transfer"
    ACCOUNT = "account"
    WITHDRAW = "withdraw"


class RateLimits:
    """The windows of one exchange."""

    def __init__(self, settings: GateioSettings) -> None:
        self._settings = settings
        self._limits = {
            Bucket.PUBLIC: settings.endpoint_limit,
            Bucket.PLACE: settings.place_limit,
            Bucket.CANCEL: settings.cancel_limit,
            Bucket.ENDPOINT: settings.endpoint_limit,
            Bucket.TRANSFER: _WALLET_LIMIT,
            Bucket.ACCOUNT: settings.account_limit,
            Bucket.WITHDRAW: settings.withdraw_limit,
        }
        self._windows: dict[str, SlidingWindow] = {}

    def take(self, bucket: Bucket, endpoint: str, owner: str, now_ms: int, headers: dict[str, str]) -> None:
        """Count one request and write the limit headers; refuse it where nothing is left."""
        limit = self._limits[bucket]
        shared = bucket in (Bucket.PLACE, Bucket.CANCEL)
        name = bucket.value if shared else f"{bucket.value} {endpoint}"
        window = self._windows.setdefault(name, SlidingWindow(limit))
        wait_ms = window.wait_ms(owner, 1, now_ms) if self._settings.rate_limits else 0
        if self._settings.rate_limits and not wait_ms:
            window.take(owner, 1, now_ms)
        reset_ms = now_ms + wait_ms
        reset = reset_ms if self._settings.reset_time_in_ms else -(-reset_ms // 1000)
        headers["X-Gate-RateLimit-Requests-Remain"] = str(window.remaining(owner, now_ms))
        headers["X-Gate-RateLimit-Limit"] = str(limit.weight)
        headers["X-Gate-RateLimit-Reset-Timestamp"] = str(reset)
        if not wait_ms:
            return
        if bucket is Bucket.WITHDRAW:
            raise Refusal("TOO_FAST", "Withdrawal frequency is too high, please try again later")
        text = "Request Rate limit Exceeded (211)" if shared else "Request Rate limit Exceeded"
        raise Refusal("TOO_MANY_REQUESTS", text, status=429)
