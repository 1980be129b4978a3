"""What a checksum sees: every single wrong character, every swap of neighbours."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from spotlane.errors import AddressError
from spotlane.safety.addresses import FAMILIES, check_address
from spotlane.safety.addresses.base58 import BITCOIN, check_encode, encode
from spotlane.safety.addresses.bech32 import Bech32Account
from spotlane.safety.addresses.bech32 import decode as bech32_decode
from spotlane.safety.addresses.evm import eip55
from spotlane.safety.addresses.model import Fault, Reading
from spotlane.safety.addresses.ton import TonRaw

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/-_:. "
# One chain of the Cosmos SDK stands for all, which have one format. EIP-55 and SS58 see less and have their own tests.
COSMOS = {name for name, row in FAMILIES.items() if isinstance(row.formats[0], Bech32Account)} - {"cosmos"}
LEFT_OUT = {"evm", "polkadot", "kusama", "bittensor", "solana", "near", "aptos", "sui", *COSMOS}
CHECKSUMMED = [
    (family, address)
    for family, row in FAMILIES.items()
    for address in row.examples
    if family not in LEFT_OUT and not isinstance(next(each for each in row.formats if each.claims(address)), TonRaw)
]


def read(family: str, address: str) -> Reading | None:
    """Return what the family's formats find in an address, without the search for words that an error takes."""
    row = FAMILIES[family]
    try:
        return next((each for each in row.formats if each.claims(address)), row.formats[-1]).read(address)
    except Fault:
        return None


def substitutions(address: str, letters: str = LETTERS) -> Iterator[str]:
    for position, own in enumerate(address):
        for letter in letters:
            if letter != own:
                yield address[:position] + letter + address[position + 1 :]


def swaps(address: str) -> Iterator[str]:
    for position in range(len(address) - 1):
        first, second = address[position], address[position + 1]
        if first != second:
            yield address[:position] + second + first + address[position + 2 :]


@pytest.mark.parametrize(("family", "address"), CHECKSUMMED)
def test_every_wrong_character_and_every_swap_is_seen(family: str, address: str) -> None:
    assert read(family, address) is not None
    passed = [typo for typo in (*substitutions(address), *swaps(address)) if read(family, typo) is not None]
    if family == "ton":
        # + and - are one digit of Base64 in its two alphabets: not a typo, but the same bytes.
        passed = [typo for typo in passed if read(family, typo) != read(family, address)]
    assert passed == []


@pytest.mark.parametrize(("family", "address"), CHECKSUMMED)
def test_a_lost_or_doubled_character_is_seen(family: str, address: str) -> None:
    lost = [address[:position] + address[position + 1 :] for position in range(len(address))]
    doubled = [address[:position] + address[position:][:1] + address[position:] for position in range(len(address))]
    assert [typo for typo in (*lost, *doubled) if read(family, typo) is not None] == []


@pytest.mark.parametrize("family", ["polkadot", "kusama", "bittensor"])
def test_sixteen_bits_of_ss58_let_one_typo_in_65536_pass(family: str) -> None:
    address = FAMILIES[family].examples[0]
    typos = [*substitutions(address, BITCOIN), *swaps(address)]
    assert len(typos) > 2_500
    assert sum(read(family, typo) is not None for typo in typos) <= 1


def test_eip55_lets_few_wrong_digits_pass_and_no_wrong_case() -> None:
    drawn = random.Random(55)
    total = passed = 0
    for _ in range(4):
        address = eip55("0x" + drawn.randbytes(20).hex())
        wrong_case = [f"{address[:at]}{address[at].swapcase()}{address[at + 1 :]}" for at in range(2, 42)]
        assert all(read("evm", typo) is None for typo in wrong_case if typo != address)
        typos = [*substitutions("x" + address[2:], "0123456789abcdefABCDEF"), *swaps(address[1:])]
        readings = [read("evm", f"0{typo}") for typo in typos if typo.startswith("x")]
        total += len(readings)
        passed += sum(reading is not None and reading.checksummed for reading in readings)
    assert total > 3_000
    assert passed / total < 0.004


def located(family: str, address: str) -> tuple[int, ...]:
    with pytest.raises(AddressError) as caught:
        check_address(family, address)
    return caught.value.positions


@pytest.mark.parametrize(
    ("family", "letters"),
    [
        ("cosmos", "qpzry9x8gf2tvdw0s3jn54khce6mua7l"),
        ("bitcoin", "qpzry9x8gf2tvdw0s3jn54khce6mua7l"),
        ("bitcoin-cash", "qpzry9x8gf2tvdw0s3jn54khce6mua7l"),
        ("tron", BITCOIN),
    ],
)
def test_the_place_of_a_single_typo_is_told(family: str, letters: str) -> None:
    drawn = random.Random(family)
    addresses = list(FAMILIES[family].examples[:2])
    for _ in range(12):
        address = drawn.choice(addresses)
        start = max(address.find("1"), address.find(":")) + 1 if family != "tron" else 1
        position = drawn.randrange(start, len(address) - 1)
        other = drawn.choice(letters.replace(address[position], ""))
        assert located(family, f"{address[:position]}{other}{address[position + 1 :]}") == (position,)
        first, second = address[position], address[position + 1]
        if first != second:
            swapped = f"{address[:position]}{second}{first}{address[position + 2 :]}"
            assert located(family, swapped) == (position, position + 1)


def test_more_than_one_typo_is_not_placed() -> None:
    address = FAMILIES["cosmos"].examples[0]
    assert located("cosmos", address[:10] + "qq" + address[12:20] + "q" + address[21:]) == ()


def test_a_prefix_is_under_the_checksum() -> None:
    content = bech32_decode(FAMILIES["osmosis"].examples[0]).data
    assert content == bech32_decode(FAMILIES["cosmos"].examples[0]).data
    moved = "cosmos1" + FAMILIES["osmosis"].examples[0].partition("1")[2]
    assert read("cosmos", moved) is None


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_a_right_checksum_over_a_wrong_length_is_refused(size: int) -> None:
    drawn = random.Random(size)
    for family, version in (("bitcoin", b"\0"), ("tron", b"\x41"), ("dogecoin", b"\x1e")):
        assert read(family, check_encode(version + drawn.randbytes(size))) is None
    assert size == 32 or read("solana", encode(b"\x01" + drawn.randbytes(size)[1:])) is None
