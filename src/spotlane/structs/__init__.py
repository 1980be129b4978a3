"""The immutable structs and enums that every exchange speaks."""

from spotlane.structs.common import (
    AssetBalance,
    AssetNetwork,
    Deposit,
    DepositAddress,
    Order,
    OrderParams,
    SavedAddress,
    Symbol,
    Trade,
    TradingFee,
    WithdrawalRequest,
    WithdrawalResponse,
)
from spotlane.structs.enums import (
    DeadManState,
    OrderStatus,
    OrderType,
    OutcomeState,
    Side,
    TimeInForce,
    WithdrawalStatus,
)
from spotlane.structs.outcomes import Resolution, Unresolved
from spotlane.structs.types import AssetName, ExchangeName, TimestampMs
from spotlane.structs.withdrawal_reasons import WithdrawalReason
from spotlane.structs.withdrawals import WithdrawalPreview

__all__ = [
    "AssetBalance",
    "AssetName",
    "AssetNetwork",
    "DeadManState",
    "Deposit",
    "DepositAddress",
    "ExchangeName",
    "Order",
    "OrderParams",
    "OrderStatus",
    "OrderType",
    "OutcomeState",
    "Resolution",
    "SavedAddress",
    "Side",
    "Symbol",
    "TimeInForce",
    "TimestampMs",
    "Trade",
    "TradingFee",
    "Unresolved",
    "WithdrawalPreview",
    "WithdrawalReason",
    "WithdrawalRequest",
    "WithdrawalResponse",
    "WithdrawalStatus",
]
