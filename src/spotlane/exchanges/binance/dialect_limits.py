"""Request and order limits in fixed windows of the clock, and the headers that tell about them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spotlane.exchanges.binance.dialect_call import BinanceSettings, Memory, Refusal
from spotlane.sandbox.limits import Bans
from spotlane.sandbox.records import OrderRecord

_SECOND_MS, _MINUTE_MS, _DAY_MS = 1_000, 60_000, 86_400_000


class Scope(Enum):
    """Whose weight an endpoint uses up: an address's for trading, or one of a wallet endpoint's own two."""

    TRADING = "trading"
    SAPI_IP = "sapi ip"
    SAPI_UID = "sapi uid"
    SAPI_UID_SECOND = "sapi uid second"


class FixedWindow:
    """Counts weight per owner; every count starts again at a whole multiple of the window."""

    def __init__(self, limit: int, window_ms: int) -> None:
        self.limit = limit
        self.window_ms = window_ms
        self._counts: dict[str, tuple[int, int]] = {}

    def used(self, owner: str, now_ms: int) -> int:
        """Return what the owner used of the present window."""
        window, count = self._counts.get(owner, (0, 0))
        return count if window == now_ms // self.window_ms else 0

    def wait_ms(self, owner: str, weight: int, now_ms: int) -> int:
        """Return how long until the weight fits, 0 where it fits now."""
        if self.used(owner, now_ms) + weight <= self.limit:
            return 0
        return self.window_ms - now_ms % self.window_ms

    def add(self, owner: str, weight: int, now_ms: int) -> None:
        """Count a weight; a negative one is given back, but never more than was used."""
        self._counts[owner] = (now_ms // self.window_ms, max(self.used(owner, now_ms) + weight, 0))


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request was charged; is_waived gives it back where the request succeeds."""

    window: FixedWindow
    owner: str
    weight: int
    is_waived: bool
    header: str


class RequestLimits:
    """The weights of one exchange."""

    def __init__(self, settings: BinanceSettings) -> None:
        self._settings = settings
        self._weights = FixedWindow(settings.weight_limit, _MINUTE_MS)
        self._requests = FixedWindow(settings.raw_request_limit, 5 * _MINUTE_MS)
        self._sapi: dict[tuple[Scope, str], FixedWindow] = {}
        self._bans = Bans(tolerance=settings.ban_after, window_ms=_MINUTE_MS, ban_ms=settings.ban_ms)

    def check_ban(self, peer_ip: str, now_ms: int) -> None:
        """Refuse a banned address with 418, and count the request of any other."""
        banned_ms = self._bans.remaining_ms(peer_ip, now_ms)
        if self._settings.rate_limits and banned_ms:
            text = f"Way too much request weight used; IP banned until {now_ms + banned_ms}."
            raise Refusal(-1003, text, status=418, retry_after_s=-(-banned_ms // 1000))
        self._take(Charge(self._requests, peer_ip, 1, False, ""), peer_ip, now_ms)

    def charge(
        self, scope: Scope, endpoint: str, owner: str, weight: int, peer_ip: str, now_ms: int, *, is_waived: bool
    ) -> Charge:
        """Count a request's weight, or refuse it with 429; an address that goes on is banned."""
        window, header = self._window(scope, endpoint)
        charge = Charge(window, owner, weight, is_waived, header)
        self._take(charge, peer_ip, now_ms)
        return charge

    def settle(self, charge: Charge, headers: dict[str, str], now_ms: int, *, is_success: bool) -> None:
        """Write the usage header, after giving back what a successful request does not cost."""
        if charge.is_waived and is_success:
            charge.window.add(charge.owner, -charge.weight, now_ms)
        used = str(charge.window.used(charge.owner, now_ms))
        headers[charge.header] = used
        if charge.window is self._weights:
            headers["x-mbx-used-weight"] = used

    def _take(self, charge: Charge, peer_ip: str, now_ms: int) -> None:
        wait_ms = charge.window.wait_ms(charge.owner, charge.weight, now_ms)
        if self._settings.rate_limits and wait_ms:
            self._bans.refuse(peer_ip, now_ms)
            text = f"Too much request weight used; current limit is {charge.window.limit} request weight per window."
            raise Refusal(-1003, text, status=429, retry_after_s=-(-wait_ms // 1000))
        charge.window.add(charge.owner, charge.weight, now_ms)

    def _window(self, scope: Scope, endpoint: str) -> tuple[FixedWindow, str]:
        if scope is Scope.TRADING:
            return self._weights, "x-mbx-used-weight-1m"
        settings = self._settings
        limit, window_ms, header = {
            Scope.SAPI_IP: (settings.sapi_ip_limit, _MINUTE_MS, "x-sapi-used-ip-weight-1m"),
            Scope.SAPI_UID: (settings.sapi_uid_limit, _MINUTE_MS, "x-sapi-used-uid-weight-1m"),
            Scope.SAPI_UID_SECOND: (settings.sapi_uid_limit, _SECOND_MS, "x-sapi-used-uid-weight-1s"),
        }[scope]
        return self._sapi.setdefault((scope, endpoint), FixedWindow(limit, window_ms)), header


class OrderLimits:
    """The unfilled orders of each account: counted when accepted, given back by their first fill alone."""

    def __init__(self, settings: BinanceSettings, memory: Memory) -> None:
        self._settings = settings
        self._memory = memory
        self._unfilled: dict[str, set[str]] = {}
        self.windows = {
            ("SECOND", 10): FixedWindow(settings.orders_per_10s, 10 * _SECOND_MS),
            ("DAY", 1): FixedWindow(settings.orders_per_day, _DAY_MS),
        }

    def check(self, account: str, now_ms: int) -> None:
        """Refuse an order for which there is no room with 429."""
        self.refund(account, now_ms)
        for (interval, number), window in self.windows.items():
            wait_ms = window.wait_ms(account, 1, now_ms)
            if self._settings.rate_limits and wait_ms:
                text = f"Too many new orders; current limit is {window.limit} orders per {number} {interval}."
                raise Refusal(-1015, text, status=429, retry_after_s=-(-wait_ms // 1000))

    def add(self, order: OrderRecord, headers: dict[str, str], now_ms: int) -> None:
        """Count an accepted order and write the usage headers."""
        account = order.request.account
        self._memory.orders.setdefault(account, {})[order.order_id] = order
        self._unfilled.setdefault(account, set()).add(order.order_id)
        for window in self.windows.values():
            window.add(account, 1, now_ms)
        self.refund(account, now_ms)
        for (interval, number), window in self.windows.items():
            headers[f"x-mbx-order-count-{number}{interval[0].lower()}"] = str(window.used(account, now_ms))

    def used(self, account: str, now_ms: int) -> dict[tuple[str, int], int]:
        """Return the unfilled orders of each window."""
        self.refund(account, now_ms)
        return {name: window.used(account, now_ms) for name, window in self.windows.items()}

    def refund(self, account: str, now_ms: int) -> None:
        """Give back what fills have given back by now, and forget orders that are done."""
        orders = self._memory.orders.get(account, {})
        unfilled = self._unfilled.get(account, set())
        for order_id, order in list(orders.items()):
            if order.fills and order_id in unfilled:
                unfilled.discard(order_id)
                refund = self._settings.maker_refund if order.fills[0].is_maker else 1
                for window in self.windows.values():
                    window.add(account, -refund, now_ms)
            if not order.is_open:
                del orders[order_id]
                unfilled.discard(order_id)
