"""What a withdrawal would do, told before it is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from spotlane._core.structs import Struct, field, money, timestamp_ms
from spotlane.structs.types import AssetName, ExchangeName, TimestampMs


class WithdrawalPreview(Struct, kw_only=True):
    """A withdrawal that would be sent now, and what would arrive; str() prints it for a person.

    amount is what is asked for, debit what leaves the account, fee the exchange's; fee and arriving are None where the
    exchange tells no fee beforehand. address_check says how far the address could be checked. cap_per_transfer and
    cap_left (of 24 hours, before this one) are None without such a cap, first_seen_ms without a ledger. Times are the
    exchange's.
    """

    __slots__ = ()

    exchange: ExchangeName = field(of=str)
    asset: AssetName = field(of=str)
    amount: Decimal = money()
    fee: Decimal | None = money(default=None)
    debit: Decimal = money()
    arriving: Decimal | None = money(default=None)
    network: str = field(of=str)
    canonical: str | None = field(of=str, default=None)
    address: str = field(of=str)
    memo: str | None = field(of=str, default=None)
    label: str = field(of=str, default="")
    address_check: str = field(of=str)
    cap_per_transfer: Decimal | None = money(default=None)
    cap_left: Decimal | None = money(default=None, signed=True)
    first_seen_ms: TimestampMs | None = timestamp_ms(default=None)
    approval_needed: bool = field(of=bool)
    time_ms: TimestampMs = timestamp_ms()

    def __str__(self) -> str:
        asset = self.asset
        rows = {
            "sent": f"{self.debit:f} {asset} by {self.exchange}, {_moment(self.time_ms)}",
            "fee": "not told beforehand" if self.fee is None else f"{self.fee:f} {asset}",
            "arrives": "not known" if self.arriving is None else f"{self.arriving:f} {asset}",
            "network": self.network
            + (f" ({self.canonical})" if self.canonical else ", which has no canonical name here"),
            "address": self.address + (f" ({self.label})" if self.label else ""),
            "memo": self.memo if self.memo is not None else "none",
            "checked": self.address_check,
            "caps": f"{_cap(self.cap_per_transfer, asset)} a transfer, {_cap(self.cap_left, asset)} left in 24 h",
            "listed": "no ledger"
            if self.first_seen_ms is None
            else f"since {_moment(self.first_seen_ms)}, cooled down",
            "approval": "by a second person, asked for when it is sent" if self.approval_needed else "none needed",
        }
        return "\n".join(f"{name:<9}{text}" for name, text in rows.items())


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _cap(amount: Decimal | None, asset: str) -> str:
    return "no cap" if amount is None else f"{amount:f} {asset}"
