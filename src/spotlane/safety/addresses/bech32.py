"""Bech32 (BIP-173) and Bech32m (BIP-350): a prefix, the separator 1, data, six symbols of checksum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from spotlane.safety.addresses.bch import CHARSET, Code, bytes_of, refuse_mixed_case, symbols_of
from spotlane.safety.addresses.model import Fault, Reading

BECH32 = 1
BECH32M = 0x2BC830A3
_CODE = Code(6, (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3))
_MAX_LENGTH = 90


@dataclass(frozen=True, slots=True)
class Bech32Text:
    """A valid text: prefix in lower case, data as numbers from 0 to 31, and which of the two checksums it has."""

    prefix: str
    data: tuple[int, ...]
    constant: int


def prefix_of(address: str) -> str:
    """Return what stands before the last 1, in lower case."""
    return address.rpartition("1")[0].lower()


def decode(text: str, *, max_length: int = _MAX_LENGTH, constants: tuple[int, ...] = (BECH32, BECH32M)) -> Bech32Text:
    """Take a text apart. constants are the checksums that may fit. Raises Fault, with the place of a single typo."""
    for position, character in enumerate(text):
        if not 33 <= ord(character) <= 126:
            raise Fault(f"{character!r} is no Bech32 character", locate=partial(tuple, (position,)))
    refuse_mixed_case(text)
    if len(text) > max_length:
        raise Fault(f"{len(text)} characters, at most {max_length} are allowed")
    prefix = prefix_of(text)
    if not prefix:
        raise Fault("no prefix before a separator 1")
    values = symbols_of(text, len(prefix) + 1)
    if len(values) < _CODE.symbols:
        raise Fault("too short for a checksum")
    codes = [ord(character) for character in prefix]
    head = [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]
    remainder = _CODE.residue([*head, *values])
    if remainder not in (BECH32, BECH32M):
        raise Fault(
            "the checksum does not fit", locate=partial(_suspects, values, remainder, constants, len(prefix) + 1)
        )
    if remainder not in constants:
        raise Fault(f"its checksum is of {'Bech32' if remainder == BECH32 else 'Bech32m'}, the other one is due")
    return Bech32Text(prefix, tuple(values[: -_CODE.symbols]), remainder)


def _suspects(values: Sequence[int], remainder: int, constants: tuple[int, ...], offset: int) -> tuple[int, ...]:
    found = next(filter(None, (_CODE.suspects(values, remainder ^ constant) for constant in constants)), ())
    return tuple(offset + index for index in found)


def segwit_program(address: str) -> tuple[str, int, bytes]:
    """Return prefix, witness version and program of a segregated-witness address: BIP-141, 173, 350. Raises Fault."""
    # The order matters to the search for a typo alone: the version says which checksum is meant.
    is_version_0 = address[len(prefix_of(address)) + 1 :][:1].lower() == CHARSET[0]
    text = decode(address, constants=(BECH32, BECH32M) if is_version_0 else (BECH32M, BECH32))
    if not text.data:
        raise Fault("it holds nothing")
    version = text.data[0]
    if version > 16:
        raise Fault(f"witness version {version}, at most 16 is defined")
    if text.constant != (BECH32M if version else BECH32):
        due = "Bech32m" if version else "Bech32"
        raise Fault(f"the checksum of witness version {version} is {due}, this one has the other")
    program = bytes_of(text.data[1:])
    if not 2 <= len(program) <= 40:
        raise Fault(f"a witness program has 2 to 40 bytes, this one {len(program)}")
    if version == 0 and len(program) not in (20, 32):
        raise Fault(f"a program of witness version 0 has 20 or 32 bytes, this one {len(program)}")
    return text.prefix, version, program


@dataclass(frozen=True, slots=True)
class Segwit:
    """Segregated-witness addresses of a chain. refused: prefix -> why not.

    The standard calls every version up to 16, and any program of version 1, a valid address, for the sake of rules that
    may come. As long as there are none anybody can spend what is sent there, so only those pass that a rule protects:
    version 0, and version 1 of 32 bytes (BIP-341).
    """

    prefix: str
    refused: Mapping[str, str] = field(default_factory=dict)

    def claims(self, address: str) -> bool:
        """Claim what begins with the prefix, or with one that is refused; LTC1 begins addresses in Base58, too."""
        begins = tuple(f"{each}1" for each in (self.prefix, *self.refused))
        return address.startswith(begins) or (address == address.upper() and address.lower().startswith(begins))

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        begun = next((each for each in self.refused if address.lower().startswith(f"{each}1")), None)
        if begun is not None:
            raise Fault(self.refused[begun])
        prefix, version, program = segwit_program(address)
        if prefix != self.prefix:
            raise Fault(f"its prefix is {prefix!r}, not {self.prefix!r}")
        kind = {(0, 20): "P2WPKH", (0, 32): "P2WSH", (1, 32): "P2TR"}.get((version, len(program)))
        if kind is None:
            raise Fault(
                f"no rule protects a program of {len(program)} bytes of witness version {version}: "
                "anybody could spend what is sent there"
            )
        return Reading(kind, program)


@dataclass(frozen=True, slots=True)
class Bech32Account:
    """Accounts of the Cosmos SDK: a prefix for each chain, 20 bytes, or 32 for contracts and modules (ADR-28)."""

    prefix: str
    sizes: tuple[int, ...] = (20, 32)

    def claims(self, address: str) -> bool:
        """Claim everything: there is one format."""
        return True

    def read(self, address: str) -> Reading:
        """Take an address apart. Raises Fault."""
        text = decode(address, constants=(BECH32,))
        if text.prefix != self.prefix:
            if text.prefix in (f"{self.prefix}valoper", f"{self.prefix}valcons", f"{self.prefix}pub"):
                raise Fault(f"{text.prefix!r} is the prefix of a validator or a key, not of an account")
            raise Fault(f"its prefix is {text.prefix!r}, not {self.prefix!r}")
        payload = bytes_of(text.data)
        if len(payload) not in self.sizes:
            raise Fault(f"it holds {len(payload)} bytes, an account has {' or '.join(map(str, self.sizes))}")
        return Reading("account" if len(payload) == 20 else "contract or module", payload)
