"""A simulated exchange on a real TCP port, for tests, demonstrations and bots under development."""

from spotlane.sandbox.actions import (
    AfterReply,
    ClockJump,
    Coding,
    Cut,
    DelayAccept,
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
from spotlane.sandbox.fault_points import FAULT_POINTS, FaultPoint, points_of
from spotlane.sandbox.faults import Fault, FaultHit, FaultPlan
from spotlane.sandbox.outages import OUTAGES, OutageKind
from spotlane.sandbox.request_log import ReceivedRequest
from spotlane.sandbox.sandbox import Sandbox
from spotlane.sandbox.virtual import VirtualClock, run_virtual

__all__ = [
    "FAULT_POINTS",
    "OUTAGES",
    "AfterReply",
    "ClockJump",
    "Coding",
    "Cut",
    "DelayAccept",
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
    "OutageKind",
    "PadReply",
    "ReceivedRequest",
    "ReplaceReply",
    "Sandbox",
    "SwapReply",
    "VirtualClock",
    "points_of",
    "run_virtual",
]
