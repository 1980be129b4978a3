"""Moving signed bytes: connections, deadlines, clocks, budgets. See docs/transport.md."""

from spotlane.transport.budget import Budget
from spotlane.transport.carrier import HttpCarrier
from spotlane.transport.channel import Channel
from spotlane.transport.clock import Clock, ManualClock, SystemClock, Timer
from spotlane.transport.exchange_clock import ExchangeClock
from spotlane.transport.lane import LaneCarrier, lane_difference
from spotlane.transport.memory import MemoryCarrier
from spotlane.transport.plain import PlainCarrier
from spotlane.transport.request import (
    LOSS_REASONS,
    Authenticator,
    Carrier,
    Reply,
    ReplyLost,
    Request,
    Seal,
    Sealed,
)
from spotlane.transport.stages import StageListener, Stages
from spotlane.transport.status import CarrierStatus, TransportStatus

__all__ = [
    "LOSS_REASONS",
    "Authenticator",
    "Budget",
    "Carrier",
    "CarrierStatus",
    "Channel",
    "Clock",
    "ExchangeClock",
    "HttpCarrier",
    "LaneCarrier",
    "ManualClock",
    "MemoryCarrier",
    "PlainCarrier",
    "Reply",
    "ReplyLost",
    "Request",
    "Seal",
    "Sealed",
    "StageListener",
    "Stages",
    "SystemClock",
    "Timer",
    "TransportStatus",
    "lane_difference",
]
