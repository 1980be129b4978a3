"""The closed vocabularies of an order and of a withdrawal.

Members compare by identity and carry what follows from them, so that no other module keeps a list of "done" states.
"""

from __future__ import annotations

from enum import Enum
from typing import Self


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


class DeadManState(Enum):
    """What a dead-man switch would do now.

    ARMED: it fires when the signs of life stop. INTERRUPTED: its guardian was lost and no other stands yet, nobody
    watches. FIRED: it cancelled, or may have cancelled, every open order, and has to be armed again.
    """

    ARMED = "ARMED"
    INTERRUPTED = "INTERRUPTED"
    FIRED = "FIRED"


class _State(Enum):
    """States whose members say whether another can follow."""

    is_terminal: bool

    def __new__(cls, value: str, is_terminal: bool) -> Self:
        member = object.__new__(cls)
        member._value_ = value
        member.is_terminal = is_terminal
        return member


class OrderStatus(_State):
    """Where an order stands. UNKNOWN is a state that no table knows, or that a bare acknowledgement does not carry."""

    NEW = ("NEW", False)
    PARTIALLY_FILLED = ("PARTIALLY_FILLED", False)
    FILLED = ("FILLED", True)
    CANCELED = ("CANCELED", True)
    PARTIALLY_CANCELED = ("PARTIALLY_CANCELED", True)
    REJECTED = ("REJECTED", True)
    EXPIRED = ("EXPIRED", True)
    UNKNOWN = ("UNKNOWN", False)


class WithdrawalStatus(_State):
    """Where a withdrawal stands."""

    PENDING = ("PENDING", False)
    PROCESSING = ("PROCESSING", False)
    COMPLETED = ("COMPLETED", True)
    FAILED = ("FAILED", True)
    CANCELED = ("CANCELED", True)
    MANUAL_REVIEW = ("MANUAL_REVIEW", False)
    UNKNOWN = ("UNKNOWN", False)


class OutcomeState(_State):
    """What is known of a request that places an order.

    NOT_SENT: no byte left. ACCEPTED and REJECTED: the exchange's own word. AMBIGUOUS: it may have been executed.
    ADOPTED: found at the exchange afterwards. PROVEN_ABSENT: it does not exist and can't come to exist any more.
    UNKNOWN: looked for in vain for long, and to be counted as live until one of the two is shown.
    """

    NOT_SENT = ("NOT_SENT", True)
    ACCEPTED = ("ACCEPTED", True)
    REJECTED = ("REJECTED", True)
    AMBIGUOUS = ("AMBIGUOUS", False)
    ADOPTED = ("ADOPTED", True)
    PROVEN_ABSENT = ("PROVEN_ABSENT", True)
    UNKNOWN = ("UNKNOWN", False)
