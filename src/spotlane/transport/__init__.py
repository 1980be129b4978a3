"""Moving signed bytes: connections, deadlines, clocks, budgets. See docs/transport.md."""

from spotlane.transport.breaker import Breakers
from spotlane.transport.budget import Budget, thirds
from spotlane.transport.carrier import HttpCarrier
from spotlane.transport.channel import Channel
from spotlane.transport.clock import Clock, ManualClock, SystemClock, Timer
from spotlane.transport.deadline import DeadlineScope, wait_until
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
    Sending,
)
from spotlane.transport.retry import Retries
from spotlane.transport.shared_budget import Layout, NotShared, SharedFile
from spotlane.transport.stages import StageListener, Stages
from spotlane.transport.status import BreakerStatus, BudgetStatus, CarrierStatus, LimitStatus, TransportStatus
from spotlane.transport.urgency import RESOLVING, resolving

__all__ = [
    "LOSS_REASONS",
    "RESOLVING",
    "Authenticator",
    "BreakerStatus",
    "Breakers",
    "Budget",
    "BudgetStatus",
    "Carrier",
    "CarrierStatus",
    "Channel",
    "Clock",
    "DeadlineScope",
    "ExchangeClock",
    "HttpCarrier",
    "LaneCarrier",
    "Layout",
    "LimitStatus",
    "ManualClock",
    "MemoryCarrier",
    "NotShared",
    "PlainCarrier",
    "Reply",
    "ReplyLost",
    "Request",
    "Retries",
    "Seal",
    "Sealed",
    "Sending",
    "SharedFile",
    "StageListener",
    "Stages",
    "SystemClock",
    "Timer",
    "TransportStatus",
    "lane_difference",
    "resolving",
    "thirds",
    "wait_until",
]
