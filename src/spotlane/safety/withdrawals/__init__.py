"""The withdrawal policy: allow-list, caps, cool-down, second person, and the ledger that remembers."""

from spotlane.safety.withdrawals.approvals import Approval, ApprovalRequest
from spotlane.safety.withdrawals.guard import Allowance, OpenWithdrawal, Plan, WithdrawalGuard, WithdrawalsStatus
from spotlane.safety.withdrawals.ledger import Entry, LedgerOwner
from spotlane.safety.withdrawals.policy import WithdrawalPolicy
from spotlane.safety.withdrawals.targets import WithdrawalCap, WithdrawalTarget

__all__ = [
    "Allowance",
    "Approval",
    "ApprovalRequest",
    "Entry",
    "LedgerOwner",
    "OpenWithdrawal",
    "Plan",
    "WithdrawalCap",
    "WithdrawalGuard",
    "WithdrawalPolicy",
    "WithdrawalTarget",
    "WithdrawalsStatus",
]
