"""A simulated exchange on a real TCP port, for tests, demonstrations and bots under development."""

from spotlane.sandbox.actions import (
    AfterReply,
    ClockJump,
    Coding,
    Cut,
    DelayReply,
    DeliverLate,
    DripReply,
    DuplicateReply,
    EncodeReply,
    EndAccept,
    Ending,
    EndReply,
    EndRequest,
    InterimReply,
    OutageAfterReply,
    PadReply,
    ReplaceReply,
    SwapReply,
)
from spotlane.sandbox.fault_points import FAULT_POINTS, FaultPoint
from spotlane.sandbox.faults import Fault, FaultHit, FaultPlan
from spotlane.sandbox.request_log import ReceivedRequest
from spotlane.sandbox.sandbox import Sandbox

__all__ = [
    "FAULT_POINTS",
    "AfterReply",
    "ClockJump",
    "Coding",
    "Cut",
    "DelayReply",
    "DeliverLate",
    "DripReply",
    "DuplicateReply",
    "EncodeReply",
    "EndAccept",
    "EndReply",
    "EndRequest",
    "Ending",
    "Fault",
    "FaultHit",
    "FaultPlan",
    "FaultPoint",
    "InterimReply",
    "OutageAfterReply",
    "PadReply",
    "ReceivedRequest",
    "ReplaceReply",
    "Sandbox",
    "SwapReply",
]
