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
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce, WithdrawalStatus
from spotlane.structs.types import AssetName, ExchangeName, TimestampMs

__all__ = [
    "AssetBalance",
    "AssetName",
    "AssetNetwork",
    "Deposit",
    "DepositAddress",
    "ExchangeName",
    "Order",
    "OrderParams",
    "OrderStatus",
    "OrderType",
    "SavedAddress",
    "Side",
    "Symbol",
    "TimeInForce",
    "TimestampMs",
    "Trade",
    "TradingFee",
    "WithdrawalRequest",
    "WithdrawalResponse",
    "WithdrawalStatus",
]
