"""The contracts that every exchange implements."""

from spotlane.interfaces.spot import PrivateSpotRest
from spotlane.interfaces.trading import PrivateTradingInterface
from spotlane.interfaces.withdrawal import WithdrawalInterface

__all__ = ["PrivateSpotRest", "PrivateTradingInterface", "WithdrawalInterface"]
