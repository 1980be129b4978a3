"""What stands between a call and money."""

from typing import TYPE_CHECKING

from spotlane.safety.client_ids import ClientIds, epoch_of
from spotlane.safety.evidence import Evidence, Survey
from spotlane.safety.intents import REPLY_SHARE, Intent, Intents, fence
from spotlane.safety.journal import Journal, JournalStatus
from spotlane.safety.outcome import Submission, submit
from spotlane.safety.replies import Judge, Refusal, Told, retry_after_s
from spotlane.safety.resolver import Doubt, Resolver
from spotlane.safety.rules import RuleBook, SymbolRules, check_order, check_step

if TYPE_CHECKING:
    from spotlane.safety.withdrawals import (
        Approval,
        ApprovalRequest,
        OpenWithdrawal,
        WithdrawalCap,
        WithdrawalPolicy,
        WithdrawalsStatus,
        WithdrawalTarget,
    )

__all__ = [
    "REPLY_SHARE",
    "Approval",
    "ApprovalRequest",
    "ClientIds",
    "Doubt",
    "Evidence",
    "Intent",
    "Intents",
    "Journal",
    "JournalStatus",
    "Judge",
    "OpenWithdrawal",
    "Refusal",
    "Resolver",
    "RuleBook",
    "Submission",
    "Survey",
    "SymbolRules",
    "Told",
    "WithdrawalCap",
    "WithdrawalPolicy",
    "WithdrawalTarget",
    "WithdrawalsStatus",
    "check_order",
    "check_step",
    "epoch_of",
    "fence",
    "retry_after_s",
    "submit",
]

_OF_WITHDRAWALS = frozenset(name for name in __all__ if "Withdrawal" in name or "Approval" in name)


def __getattr__(name: str) -> object:
    # On demand: a client that only trades does not wait for it.
    if name in _OF_WITHDRAWALS:
        from spotlane.safety import withdrawals

        return getattr(withdrawals, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
