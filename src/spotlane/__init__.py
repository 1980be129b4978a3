"""A private spot-trading client for latency-sensitive bots; start with open_exchange or an exchange's own class."""

from typing import TYPE_CHECKING

from spotlane import _logging as _logging
from spotlane import errors
from spotlane._version import __version__
from spotlane.credentials import Credentials, Secret
from spotlane.errors import ExchangeAPIError, OutcomeUnknown, SpotlaneError, TransportError, UsageError
from spotlane.hardening import Hardening, harden_process
from spotlane.interfaces import PrivateSpotRest, PrivateTradingInterface, WithdrawalInterface
from spotlane.registry import exchange_names, open_exchange
from spotlane.structs import (
    AssetBalance,
    DeadManState,
    Order,
    OrderParams,
    OrderStatus,
    OrderType,
    OutcomeState,
    Resolution,
    Side,
    Symbol,
    TimeInForce,
    Trade,
    Unresolved,
    WithdrawalPreview,
    WithdrawalRequest,
    WithdrawalResponse,
    WithdrawalStatus,
)

if TYPE_CHECKING:
    from spotlane.safety import Approval, ApprovalRequest, WithdrawalCap, WithdrawalPolicy, WithdrawalTarget

__all__ = [
    "Approval",
    "ApprovalRequest",
    "AssetBalance",
    "Credentials",
    "DeadManState",
    "ExchangeAPIError",
    "Hardening",
    "Order",
    "OrderParams",
    "OrderStatus",
    "OrderType",
    "OutcomeState",
    "OutcomeUnknown",
    "PrivateSpotRest",
    "PrivateTradingInterface",
    "Resolution",
    "Secret",
    "Side",
    "SpotlaneError",
    "Symbol",
    "TimeInForce",
    "Trade",
    "TransportError",
    "Unresolved",
    "UsageError",
    "WithdrawalCap",
    "WithdrawalInterface",
    "WithdrawalPolicy",
    "WithdrawalPreview",
    "WithdrawalRequest",
    "WithdrawalResponse",
    "WithdrawalStatus",
    "WithdrawalTarget",
    "__version__",
    "errors",
    "exchange_names",
    "harden_process",
    "open_exchange",
]


def __getattr__(name: str) -> object:
    # On demand, because it brings the transport and so aiohttp: what only trades structs does not wait for it.
    if name in ("Approval", "ApprovalRequest", "WithdrawalCap", "WithdrawalPolicy", "WithdrawalTarget"):
        from spotlane import safety

        return getattr(safety, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
