"""The closed vocabularies of an order and of a withdrawal.

Members compare by identity and carry what follows from them, so that no other module keeps a list of "done" states.
"""

from __future__ import annotations

from enum import Enum


class Side(Enum):
    """Which way an order or a trade goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(Enum):
    """What kind of order it is. OTHER is a type that no table knows; the raw text is kept beside it."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LIMIT = "STOP_LIMIT"
    STOP_MARKET = "STOP_MARKET"
    OTHER = "OTHER"


class TimeInForce(Enum):
    """How long an order may rest: until cancelled, not at all, or only as a whole and at once."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(Enum):
    """Where an order stands. UNKNOWN is a state that no table knows, or that a bare acknowledgement does not carry."""

    is_terminal: bool

    def __new__(cls, value: str, is_terminal: bool) -> OrderStatus:
        member = object.__new__(cls)
        member._value_ = value
        member.is_terminal = is_terminal
        return member

    NEW = ("NEW", False)
    PARTIALLY_FILLED = ("PARTIALLY_FILLED", False)
    FILLED = ("FILLED", True)
    CANCELED = ("CANCELED", True)
    PARTIALLY_CANCELED = ("PARTIALLY_CANCELED", True)
    REJECTED = ("REJECTED", True)
    EXPIRED = ("EXPIRED", True)
    UNKNOWN = ("UNKNOWN", False)


class WithdrawalStatus(Enum):
    """Where a withdrawal stands."""

    is_terminal: bool

    def __new__(cls, value: str, is_terminal: bool) -> WithdrawalStatus:
        member = object.__new__(cls)
        member._value_ = value
        member.is_terminal = is_terminal
        return member

    PENDING = ("PENDING", False)
    PROCESSING = ("PROCESSING", False)
    COMPLETED = ("COMPLETED", True)
    FAILED = ("FAILED", True)
    CANCELED = ("CANCELED", True)
    MANUAL_REVIEW = ("MANUAL_REVIEW", False)
    UNKNOWN = ("UNKNOWN", False)
