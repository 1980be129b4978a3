"""What a bot may ask of an exchange about withdrawals."""

from __future__ import annotations

from typing import Protocol

from spotlane.structs import AssetName, WithdrawalPreview, WithdrawalRequest, WithdrawalResponse


class WithdrawalInterface(Protocol):
    """Withdrawals of one account.

    Raises what PrivateTradingInterface raises, and WithdrawalRefused by the local policy.
    """

    async def withdraw(self, request: WithdrawalRequest) -> WithdrawalResponse:
        """Ask the exchange to withdraw, once.

        Raises WithdrawalRefused when the local policy does not allow it, WithdrawalRejected when the exchange refuses,
        OutcomeUnknown when it may have been accepted although no usable reply came. It is never repeated.
        """
        ...

    async def preview_withdrawal(self, request: WithdrawalRequest) -> WithdrawalPreview:
        """Run every check of withdraw() but a second person's, and return what would be sent and what would arrive.

        Nothing is sent but reads. Raises WithdrawalRefused and its kin for whatever withdraw() would refuse.
        """
        ...

    async def get_withdrawal_status(self, withdrawal_id: str) -> WithdrawalResponse:
        """Return one withdrawal by the exchange's id. Raises UsageError when the exchange lists none."""
        ...

    async def get_withdrawal_history(
        self, asset: AssetName | None = None, limit: int = 100
    ) -> list[WithdrawalResponse]:
        """Return the newest withdrawals first, of one asset or of all, at most `limit`."""
        ...
