"""The dead-man switch: what cancels every order when the bot is gone."""

from spotlane.safety.dead_man.countdown import Countdown
from spotlane.safety.dead_man.process import BEAT, OFF, GuardianProcess, Said
from spotlane.safety.dead_man.status import DeadManStatus

__all__ = ["BEAT", "OFF", "Countdown", "DeadManStatus", "GuardianProcess", "Said"]
