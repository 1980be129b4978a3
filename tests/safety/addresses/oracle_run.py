"""Generated addresses, valid and corrupted, judged by bip_utils too: `make addresses`.

bip_utils is the oracle of tests alone, never a dependency of the package. Where it is known to differ from a standard,
a row of DIFFERENCES says so with the standard's word; a verdict that differs for any other reason fails the run. Of an
EVM address the checksum is compared: the oracle knows no address without one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from random import Random
from typing import Any

from spotlane.errors import AddressError
from spotlane.safety.addresses import FAMILIES, CheckedAddress, check_address
from spotlane.safety.addresses.base58 import BITCOIN
from spotlane.safety.addresses.base58 import decode as base58_decode

ADDRESSES = 100_000
# Neither is needed for anything but this run, so nothing here asks for their types.
bip: Any = import_module("bip_utils")
pytoniq: Any = import_module("pytoniq_core")

LETTERS = BITCOIN + "0OIl+/-_:"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Writing:
    """One way to write addresses that the oracle knows: how to make one from random bytes, and its verdict."""

    family: str
    make: Callable[[Random], str]
    takes: Callable[[str], Any]


def secp256k1(drawn: Random) -> Any:
    return bip.Secp256k1PrivateKey.FromBytes(b"\x01" + drawn.randbytes(31)).PublicKey()


def ed25519(drawn: Random) -> Any:
    return bip.Ed25519PrivateKey.FromBytes(drawn.randbytes(32)).PublicKey()


def coder(family: str, name: str, key: Callable[[Random], Any], **settings: Any) -> Writing:
    """Return the writing that a pair of encoder and decoder of the oracle makes."""
    encoder, decoder = getattr(bip, f"{name}AddrEncoder"), getattr(bip, f"{name}AddrDecoder")
    return Writing(
        family,
        lambda drawn: str(encoder.EncodeKey(key(drawn), **settings)),
        lambda address: decoder.DecodeAddr(address, **settings),
    )


def base58_hashes(family: str, *versions: bytes) -> list[Writing]:
    """Return the writings of 20 random bytes behind each of some version bytes."""

    def writing(leading: bytes) -> Writing:
        return Writing(
            family,
            lambda drawn: str(bip.Base58Encoder.CheckEncode(leading + drawn.randbytes(20))),
            lambda address: bip.P2PKHAddrDecoder.DecodeAddr(address, net_ver=leading),
        )

    return [writing(leading) for leading in versions]


def segwit(family: str, prefix: str, number: int, size: int) -> Writing:
    """Return the writing of a witness program of random bytes."""

    def takes(address: str) -> None:
        found, program = bip.SegwitBech32Decoder.Decode(prefix, address)
        if (found, len(program)) not in ((0, 20), (0, 32), (1, 32)):
            raise ValueError("no program that a rule protects")

    return Writing(
        family, lambda drawn: str(bip.SegwitBech32Encoder.Encode(prefix, number, drawn.randbytes(size))), takes
    )


def cash(kind: bytes) -> Writing:
    """Return the writing of a CashAddr hash of 20 random bytes."""

    def takes(address: str) -> None:
        prefix = "BITCOINCASH:" if address == address.upper() else "bitcoincash:"
        text = address if ":" in address else prefix + address
        found, payload = bip.BchBech32Decoder.Decode("bitcoincash", text)
        if found not in (b"\x00", b"\x08") or len(payload) != 20:
            raise ValueError("no hash of 20 bytes")

    return Writing(
        "bitcoin-cash",
        lambda drawn: str(bip.BchBech32Encoder.Encode("bitcoincash", kind, drawn.randbytes(20)))[
            drawn.choice((0, len("bitcoincash:"))) :
        ],
        takes,
    )


def cosmos(family: str, prefix: str, size: int = 20) -> Writing:
    """Return the writing of accounts of a chain of the Cosmos SDK."""

    def takes(address: str) -> None:
        if len(bip.Bech32Decoder.Decode(prefix, address)) not in (20, 32):
            raise ValueError("no account")

    return Writing(family, lambda drawn: str(bip.Bech32Encoder.Encode(prefix, drawn.randbytes(size))), takes)


def ton(is_bounceable: bool) -> Writing:
    """Return the writing of TON's addresses; the decoder is that of pytoniq_core, which bip_utils uses for them."""

    def takes(address: str) -> None:
        if len(address) != 48 or pytoniq.Address(address).is_test_only:
            raise ValueError("no address of the main network")

    def make(drawn: Random) -> str:
        content = (drawn.choice((0, 0, 0, -1)), drawn.randbytes(32))
        return str(pytoniq.Address(content).to_str(is_bounceable=is_bounceable))

    return Writing("ton", make, takes)


def writings() -> list[Writing]:
    """Return every way that is compared."""
    tezos = [
        coder("tezos", "Xtz", ed25519, prefix=prefix)
        for prefix in (bip.XtzAddrPrefixes.TZ1, bip.XtzAddrPrefixes.TZ2, bip.XtzAddrPrefixes.TZ3)
    ]
    return [
        coder("evm", "Eth", secp256k1),
        *base58_hashes("bitcoin", b"\x00", b"\x05"),
        segwit("bitcoin", "bc", 0, 20),
        segwit("bitcoin", "bc", 0, 32),
        segwit("bitcoin", "bc", 1, 32),
        *base58_hashes("litecoin", b"\x30", b"\x32"),
        segwit("litecoin", "ltc", 0, 20),
        *base58_hashes("dogecoin", b"\x1e", b"\x16"),
        *base58_hashes("dash", b"\x4c", b"\x10"),
        cash(b"\x00"),
        cash(b"\x08"),
        *base58_hashes("bitcoin-cash", b"\x00", b"\x05"),
        coder("tron", "Trx", secp256k1),
        coder("xrp", "Xrp", secp256k1),
        coder("solana", "Sol", ed25519),
        coder("stellar", "Xlm", ed25519, addr_type=bip.XlmAddrTypes.PUB_KEY),
        ton(True),
        ton(False),
        coder("polkadot", "SubstrateEd25519", ed25519, ss58_format=0),
        coder("kusama", "SubstrateEd25519", ed25519, ss58_format=2),
        coder("bittensor", "SubstrateEd25519", ed25519, ss58_format=42),
        coder("algorand", "Algo", ed25519),
        *tezos,
        coder("near", "Near", ed25519),
        coder("aptos", "Aptos", ed25519),
        coder("sui", "Sui", ed25519),
        Writing(
            "cardano",
            lambda drawn: str(bip.AdaShelleyAddrEncoder.EncodeKey(ed25519(drawn), pub_skey=ed25519(drawn))),
            bip.AdaShelleyAddrDecoder.DecodeAddr,
        ),
        Writing(
            "cardano",
            lambda drawn: str(bip.AdaByronIcarusAddrEncoder.EncodeKey(ed25519(drawn), chain_code=drawn.randbytes(32))),
            bip.AdaByronAddrDecoder.DecodeAddr,
        ),
        coder("injective", "Inj", secp256k1),
        *(
            cosmos(name, prefix)
            for name, prefix in (("cosmos", "cosmos"), ("osmosis", "osmo"), ("celestia", "celestia"))
        ),
        *(cosmos(name, prefix, 32) for name, prefix in (("sei", "sei"), ("dydx", "dydx"), ("kava", "kava"))),
    ]


def corrupt(drawn: Random, address: str) -> str:
    """Return an address with something wrong: one character or two, a case, a length, its beginning."""
    at = drawn.randrange(len(address))
    after = address[at + 1 :]
    match drawn.randrange(10):
        case 0 | 1 | 2:
            return address[:at] + drawn.choice(LETTERS) + after
        case 3 | 4:
            return address[:at] + after[:1] + address[at] + after[1:]
        case 5:
            return address[:at] + after
        case 6:
            return address[:at] + drawn.choice(LETTERS) + address[at:]
        case 7:
            return address[:at] + address[at].swapcase() + after
        case 8:
            return address.lower() if drawn.random() < 0.5 else address.upper()
        case _:
            other = drawn.randrange(len(address))
            return "".join(drawn.choice(LETTERS) if place in (at, other) else own for place, own in enumerate(address))


@dataclass(frozen=True, slots=True)
class Difference:
    """A verdict of the oracle that is not the standard's: where it is seen, and the standard's word."""

    name: str
    word: str
    applies: Callable[[str, str, bool, CheckedAddress | None], bool]


def _is_off_the_curve(payload: bytes) -> bool:
    return not bip.Ed25519PublicKey.IsValidBytes(payload)


DIFFERENCES = (
    Difference(
        "Solana: bytes off the curve refused",
        "solana.com, program derived addresses: off the curve on purpose, and accounts like any other",
        lambda family, address, told, own: (
            family == "solana" and not told and own is not None and _is_off_the_curve(base58_decode(address))
        ),
    ),
    Difference(
        "NEAR: bytes off the curve refused",
        "docs.near.org, account id: 64 hex digits in lower case, no more is asked",
        lambda family, address, told, own: (
            family == "near" and not told and own is not None and _is_off_the_curve(bytes.fromhex(address))
        ),
    ),
    Difference(
        "NEAR: upper-case hex taken",
        "docs.near.org, account id: lower-case letters only",
        lambda family, address, told, own: family == "near" and told and own is None and address != address.lower(),
    ),
    Difference(
        "Algorand: bits left over in the last character taken",
        "RFC 4648 section 3.5: they are zero, or one address had four spellings",
        lambda family, address, told, own: (
            family == "algorand" and told and own is None and len(address) == 58 and address[-1] not in "AEIMQUY4"
        ),
    ),
    Difference(
        "Aptos: leading zeros left out taken",
        "AIP-40: 64 digits but for the special addresses 0x0 to 0xf",
        lambda family, address, told, own: family == "aptos" and told and own is None and len(address) < 66,
    ),
)


@dataclass(slots=True)
class Count:
    """What was compared in one family."""

    valid: int = 0
    corrupted: int = 0
    passed: int = 0


def judge(family: str, address: str, known: list[Writing]) -> tuple[bool, CheckedAddress | None]:
    """Return the oracle's verdict, and what the package finds, or None where it refuses."""
    told = False
    for writing in known:
        try:
            writing.takes(address)
        except Exception:
            # The oracle refuses with whatever its decoder runs into.
            continue
        told = True
        break
    try:
        return told, check_address(family, address)
    except AddressError:
        return told, None


def run(number: int, seed: int) -> int:
    """Compare so many addresses, print the figures and return the number of verdicts that nothing explains."""
    drawn = Random(seed)
    ways = writings()
    by_family: dict[str, list[Writing]] = {}
    for way in ways:
        by_family.setdefault(way.family, []).append(way)
    counts = {family: Count() for family in by_family}
    explained: Counter[str] = Counter()
    unexplained: list[str] = []
    for index in range(number):
        way = ways[index % len(ways)]
        address = way.make(drawn)
        family, count = way.family, counts[way.family]
        if index // len(ways) % 2:
            corrupted = corrupt(drawn, address)
            count.corrupted += corrupted != address
            count.valid += corrupted == address
            address = corrupted
        elif drawn.random() < 0.1:
            family = drawn.choice(list(counts))
            count = counts[family]
            count.corrupted += 1
        else:
            count.valid += 1
        told, own = judge(family, address, by_family[family])
        count.passed += own is not None
        if told != (own is not None and (own.checksummed or family != "evm")):
            reason = next((each.name for each in DIFFERENCES if each.applies(family, address, told, own)), None)
            if reason is None:
                unexplained.append(f"{family}: {address!r}: the oracle {'takes' if told else 'refuses'} it")
            else:
                explained[reason] += 1
    show(counts, explained, unexplained)
    return len(unexplained)


def show(counts: dict[str, Count], explained: Counter[str], unexplained: list[str]) -> None:
    """Print what was compared and what differs."""
    print(f"{'family':<16}{'valid':>9}{'corrupted':>11}{'passed here':>13}")
    for family, count in counts.items():
        print(f"{family:<16}{count.valid:>9,}{count.corrupted:>11,}{count.passed:>13,}")
    total = sum(count.valid + count.corrupted for count in counts.values())
    print(f"\n{total:,} addresses of {len(counts)} families, of {len(FAMILIES)} that are known here")
    agreed = total - explained.total() - len(unexplained)
    print(f"{agreed:,} verdicts agree, {explained.total():,} differ for known reasons")
    for each in DIFFERENCES:
        print(f"  {explained[each.name]:>7,}  {each.name}. {each.word}")
    print(f"{len(unexplained)} differ for no known reason")
    for line in unexplained[:_SHOWN]:
        print(f"  {line}")


def main() -> None:
    """Run, and exit with 1 where a verdict is not explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=ADDRESSES)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    begun = time.monotonic()
    print(f"bip_utils {version('bip_utils')}, seed {chosen.seed}\n")
    unexplained = run(chosen.addresses, chosen.seed)
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(unexplained > 0)


if __name__ == "__main__":
    main()
