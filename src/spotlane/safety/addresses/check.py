"""The check of one address, and of the memo beside it."""

from __future__ import annotations

import re
from functools import partial

from spotlane.errors import AddressError
from spotlane.safety.addresses.families import FAMILIES
from spotlane.safety.addresses.model import CheckedAddress, Family, Fault, Format, MemoFault, MemoForm, MemoUse, Reading
from spotlane.safety.addresses.private_keys import private_shape
from spotlane.safety.addresses.shapes import Shape

_MAX_LENGTH = 128
_STELLAR_TEXT_BYTES = 28
_MAX_TAG = (1 << 32) - 1
_SHOWN_MEMO = 40


def check_address(family: str, address: str, memo: str | None = None) -> CheckedAddress:
    """Check an address by the rules of its family of chains, a name of FAMILIES, and the memo with it.

    A family that is not there gives checked=False and the reason: nothing was checked, and nothing is wrong. Raises
    AddressError for an address or a memo that can't be right: wrong checksum, length or alphabet, another chain's or
    a test network's address, one that nobody owns (all bytes zero), a memo that the chain can't carry or that differs
    from the tag inside the address. Raises TypeError for anything but text.

    This is a guard against typos. It can't know whose address it is: that is what the allow-list is for.
    """
    _require_text(family, address, memo)
    row = FAMILIES.get(family)
    if row is None:
        reason = f"not checked: no rules for addresses of {family!r}"
        return CheckedAddress(family, address, memo, checked=False, checksummed=False, reason=reason)
    try:
        _refuse_foreign_characters(address)
        reading = _read(row, address)
        effective = _memo(row, reading, memo)
    except Fault as fault:
        refusal = _refusal(family, row, address, fault)
    else:
        return CheckedAddress(
            family,
            address,
            effective,
            checked=True,
            checksummed=reading.checksummed,
            kind=reading.kind,
            reason=reading.note,
            memo_missing=effective is None and row.memo is MemoUse.EXPECTED and not reading.holds_tag,
        )
    # Outside the handler, so that the parser's own error, which may quote a private key, is not chained to it.
    raise refusal


def _require_text(family: str, address: str, memo: str | None) -> None:
    for name, value in (("family", family), ("address", address)):
        if not isinstance(value, str):
            raise TypeError(f"{name} is text, was {type(value).__name__}")
    if memo is not None and not isinstance(memo, str):
        raise TypeError(f"memo is text or None, was {type(memo).__name__}")


def _refuse_foreign_characters(address: str) -> None:
    """Raise Fault for what can't stand in any address and is hard to see: spaces, look-alikes, invisible characters."""
    if not address:
        raise Fault("it is empty")
    if len(address) > _MAX_LENGTH:
        raise Fault(f"{len(address)} characters, no address has more than {_MAX_LENGTH}")
    for position, character in enumerate(address):
        if not "!" <= character <= "~":
            raise Fault(f"U+{ord(character):04X} stands in no address", locate=partial(tuple, (position,)))


def _read(row: Family, address: str) -> Reading:
    reading = _format_of(row, address).read(address)
    if not any(reading.payload):
        raise Fault("all its bytes are zero: nobody owns it, and what is sent there is lost")
    return reading


def _format_of(row: Family, address: str) -> Format:
    return next((each for each in row.formats if each.claims(address)), row.formats[-1])


def _memo(row: Family, reading: Reading, memo: str | None) -> str | None:
    """Return the memo that goes with an address, given or inside. Raises MemoFault where it can't be right."""
    if memo is not None:
        _check_memo(row, memo)
    if not reading.holds_tag or memo is None:
        return reading.tag if reading.holds_tag else memo
    if reading.tag is None:
        raise MemoFault(f"memo {_short(memo)} was given, and the address says that there is none")
    if memo.isascii() and memo.isdecimal() and int(memo) == int(reading.tag):
        return reading.tag
    raise MemoFault(f"memo {_short(memo)} was given, and {reading.tag} stands inside the address")


def _check_memo(row: Family, memo: str) -> None:
    if row.memo is MemoUse.NONE:
        raise MemoFault(f"memo {_short(memo)} was given, and a transfer on this chain can't carry one")
    if not memo or memo != memo.strip() or not memo.isprintable():
        raise MemoFault(f"memo {_short(memo)} is empty, begins or ends with a space or holds what can't be printed")
    if row.memo_form is MemoForm.UINT32 and not (re.fullmatch("[0-9]{1,10}", memo) and int(memo) <= _MAX_TAG):
        raise MemoFault(f"memo {_short(memo)} is no destination tag: a number from 0 to {_MAX_TAG}")
    fits_stellar = len(memo.encode()) <= _STELLAR_TEXT_BYTES or re.fullmatch("[0-9a-fA-F]{64}", memo)
    if row.memo_form is MemoForm.STELLAR and not fits_stellar:
        raise MemoFault(
            f"memo {_short(memo)} has more than {_STELLAR_TEXT_BYTES} bytes and is no hash of 64 hex digits"
        )


def _short(memo: str) -> str:
    return repr(memo) if len(memo) <= _SHOWN_MEMO else f"{memo[:_SHOWN_MEMO]!r}..."


def _refusal(family: str, row: Family, address: str, fault: Fault) -> AddressError:
    """Return the error for an address, which is not shown where it may be a private key."""
    if isinstance(fault, MemoFault):
        return AddressError(
            f"{address!r} of {family}: {fault.reason}", family=family, address=address, reason=fault.reason
        )
    secret = private_shape(address, hex_is_public=any(isinstance(each, Shape) and each.hex for each in row.formats))
    if secret is not None or len(address) > _MAX_LENGTH:
        reason = fault.reason if secret is None else f"it looks like {secret}, which nobody else may see"
        return AddressError(f"no address of {family}: {reason}", family=family, address=None, reason=reason)
    positions = fault.locate()
    readings = {name: _reading_of(other, address) for name, other in FAMILIES.items() if name != family}
    sure = tuple(name for name, reading in readings.items() if reading is not None and reading.checksummed)
    fits = sure or tuple(name for name, reading in readings.items() if reading is not None)
    told = f"{address!r} is no address of {family}: {fault.reason}"
    if sure:
        told += f"; it is an address of {' or '.join(sure)}"
    elif fault.nearest is not None:
        told += f"; with every digit right it is {fault.nearest}"
    elif fits:
        told += f"; it has the form of an address of {' or '.join(fits)}"
    elif positions:
        told += f"; look at {' and '.join(f'character {at + 1} ({address[at]!r})' for at in positions)}"
    return AddressError(
        told,
        family=family,
        address=address,
        reason=fault.reason,
        nearest=fault.nearest,
        positions=positions,
        fits=fits,
    )


def _reading_of(row: Family, address: str) -> Reading | None:
    try:
        return _read(row, address)
    except Fault:
        return None
