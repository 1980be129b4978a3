"""Addresses of chains, checked by the checksum inside them: a guard against typos, not a list of whom to pay."""

from spotlane.safety.addresses.check import check_address
from spotlane.safety.addresses.families import FAMILIES
from spotlane.safety.addresses.model import CheckedAddress, Family, MemoForm, MemoUse

__all__ = ["FAMILIES", "CheckedAddress", "Family", "MemoForm", "MemoUse", "check_address"]
