"""Whether a withdrawal can arrive: address, memo, contract and amount against what chain and exchange say."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from spotlane.errors import (
    MaximumError,
    MinimumError,
    NotSupported,
    PrecisionError,
    UsageError,
    WithdrawalRefused,
)
from spotlane.safety.networks import NETWORKS, MemoNeed, same_contract
from spotlane.safety.refusals import told_as
from spotlane.safety.rules import check_step
from spotlane.safety.withdrawals.targets import EXACT, WithdrawalTarget
from spotlane.structs import AssetNetwork, WithdrawalReason, WithdrawalRequest

# More than any asset has, on either side of the point.
_MOST_DIGITS = 40


def check_memo(request: WithdrawalRequest, target: WithdrawalTarget, network: AssetNetwork) -> None:
    """Demand a memo where the exchange or the chain's custom does, refuse one where the chain has none.

    Raises UsageError. A target with no_memo answers the custom, never the exchange's own demand.
    """
    row = NETWORKS.get(network.canonical or "")
    where = f"{network.asset} on {network.network}"
    if not request.memo:
        by_custom = row is not None and row.memo is MemoNeed.EXPECTED and not target.no_memo
        if network.memo_required or by_custom:
            own = "" if network.memo_required else "; for an own wallet that needs none, list the target with no_memo"
            with told_as(WithdrawalReason.MEMO_MISSING):
                raise UsageError(f"{where} needs a memo (tag): without it the money does not arrive{own}")
    elif row is not None and row.memo is MemoNeed.NONE and not network.memo_required:
        with told_as(WithdrawalReason.MEMO_NOT_TAKEN):
            raise UsageError(f"{where} has no memo (tag), was {request.memo!r}: leave it out")


class AddressCheck(NamedTuple):
    """What is known of an address: whether its chain's rules were applied, whether a typo would have been seen."""

    is_checked: bool
    has_checksum: bool
    words: str


def check_address(request: WithdrawalRequest, network: AssetNetwork, *, demand_checksum: bool) -> AddressCheck:
    """Check an address by the rules of its chain, and return what is known of it then.

    Raises UsageError for an address that can't be, and WithdrawalRefused for one in which a typo would not be seen,
    where that is demanded.
    """
    from spotlane.safety import addresses  # only a client that withdraws needs it

    row = NETWORKS.get(network.canonical or "")
    if row is None or row.family is None:
        told = AddressCheck(False, False, f"not checked: no rules are known for addresses on {network.network}")
    else:
        try:
            checked = addresses.check_address(row.family, request.address, request.memo)
        except UsageError as misfit:
            # Its own reason is a sentence.
            is_others = bool(getattr(misfit, "fits", ()))
            reason = WithdrawalReason.OTHER_CHAINS_ADDRESS if is_others else WithdrawalReason.BAD_ADDRESS
            raise WithdrawalRefused(str(misfit), reason=reason) from misfit
        told = AddressCheck(checked.checked, checked.checksummed, checked.reason or "")
        if checked.checksummed:
            told = told._replace(words=f"its checksum fits ({row.family})")
        elif checked.checked:
            told = told._replace(words=f"its form fits, a typo would not be seen: {checked.reason}")
    if demand_checksum and not told.has_checksum:
        raise WithdrawalRefused(
            f"{request.address}: {told.words}; the policy demands an address with a checksum",
            reason=WithdrawalReason.NO_CHECKSUM,
        )
    return told


def check_network(network: AssetNetwork, target: WithdrawalTarget) -> None:
    """Refuse a network that is closed, or on which the exchange publishes another contract than the target's."""
    where = f"{network.asset} on {network.network}"
    if network.withdraw_enabled is False:
        with told_as(WithdrawalReason.NETWORK_CLOSED):
            raise NotSupported(f"withdrawals of {where} are closed on {network.exchange} now: choose another network")
    if target.contract is not None:
        published = network.contract_address
        if not published or not same_contract(target.contract, published):
            raise WithdrawalRefused(
                f"{where} is contract {published or '(none published)'} on {network.exchange}, the allow-list has "
                f"{target.contract}: it may be another token",
                reason=WithdrawalReason.WRONG_CONTRACT,
            )


def check_magnitude(amount: Decimal) -> None:
    """Refuse what is no sum of money, before it is written out or added to anything. Raises UsageError."""
    exponent = amount.as_tuple().exponent
    if amount <= 0:
        with told_as(WithdrawalReason.BELOW_MINIMUM):
            raise MinimumError(f"a withdrawal is of more than 0, was {amount}", field="amount", given=amount)
    if amount.adjusted() > _MOST_DIGITS:
        with told_as(WithdrawalReason.ABOVE_MAXIMUM):
            raise MaximumError(f"a withdrawal of {amount} is no sum of money", field="amount", given=amount)
    if isinstance(exponent, int) and exponent < -_MOST_DIGITS:
        with told_as(WithdrawalReason.TOO_PRECISE):
            raise PrecisionError(f"an amount has at most {_MOST_DIGITS} decimals", field="amount", given=amount)


def check_amount(network: AssetNetwork, amount: Decimal, *, fee_included: bool | None) -> None:
    """Check an amount against the network's minimum, maximum, step and fee. Raises UsageError."""
    where = f"{network.asset} on {network.network}"
    low, high = network.withdrawal_minimum, network.withdrawal_maximum
    if low is not None and amount < low:
        with told_as(WithdrawalReason.BELOW_MINIMUM):
            raise MinimumError(
                f"a withdrawal of {where} is at least {low:f}, was {amount:f}",
                field="amount",
                given=amount,
                nearest=low,
            )
    if high is not None and amount > high:
        with told_as(WithdrawalReason.ABOVE_MAXIMUM):
            raise MaximumError(
                f"a withdrawal of {where} is at most {high:f}, was {amount:f}",
                field="amount",
                given=amount,
                nearest=high,
            )
    if network.withdrawal_step:
        with told_as(WithdrawalReason.TOO_PRECISE):
            check_step("amount", amount, network.withdrawal_step, where, round_down=True)
    fee = network.withdrawal_fee
    if fee_included and fee is not None and amount <= fee:
        with told_as(WithdrawalReason.EATEN_BY_FEE):
            raise MinimumError(
                f"a withdrawal of {where} includes a fee of {fee:f}, so that nothing of {amount:f} would arrive",
                field="amount",
                given=amount,
            )


def debit_and_arrival(
    amount: Decimal, fee: Decimal | None, fee_included: bool | None
) -> tuple[Decimal, Decimal | None]:
    """Return what leaves the account and what arrives; None where that can't be told beforehand.

    Where the exchange's way with the fee is not known, the larger sum is taken to leave.
    """
    if fee is None:
        return amount, None
    if fee_included:
        return amount, EXACT.subtract(amount, fee)
    return EXACT.add(amount, fee), amount if fee_included is False else None
