"""What stands between a call and money."""

from spotlane.safety.client_ids import ClientIds
from spotlane.safety.intents import Intent, Intents, fence
from spotlane.safety.outcome import Submission, submit
from spotlane.safety.replies import Judge, Refusal, Told, retry_after_s
from spotlane.safety.rules import RuleBook, SymbolRules, check_order, check_step
from spotlane.safety.withdrawals import WithdrawalPolicy, WithdrawalTarget, check_withdrawal, require_policy

__all__ = [
    "ClientIds",
    "Intent",
    "Intents",
    "Judge",
    "Refusal",
    "RuleBook",
    "Submission",
    "SymbolRules",
    "Told",
    "WithdrawalPolicy",
    "WithdrawalTarget",
    "check_order",
    "check_step",
    "check_withdrawal",
    "fence",
    "require_policy",
    "retry_after_s",
    "submit",
]
