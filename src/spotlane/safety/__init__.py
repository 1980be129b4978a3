"""What stands between a call and money."""

from spotlane.safety.client_ids import ClientIds, epoch_of
from spotlane.safety.evidence import Evidence, Survey
from spotlane.safety.intents import REPLY_SHARE, Intent, Intents, fence
from spotlane.safety.journal import Journal, JournalStatus
from spotlane.safety.outcome import Submission, submit
from spotlane.safety.replies import Judge, Refusal, Told, retry_after_s
from spotlane.safety.resolver import Doubt, Resolver
from spotlane.safety.rules import RuleBook, SymbolRules, check_order, check_step
from spotlane.safety.withdrawals import WithdrawalPolicy, WithdrawalTarget, check_withdrawal, require_policy

__all__ = [
    "REPLY_SHARE",
    "ClientIds",
    "Doubt",
    "Evidence",
    "Intent",
    "Intents",
    "Journal",
    "JournalStatus",
    "Judge",
    "Refusal",
    "Resolver",
    "RuleBook",
    "Submission",
    "Survey",
    "SymbolRules",
    "Told",
    "WithdrawalPolicy",
    "WithdrawalTarget",
    "check_order",
    "check_step",
    "check_withdrawal",
    "epoch_of",
    "fence",
    "require_policy",
    "retry_after_s",
    "submit",
]
