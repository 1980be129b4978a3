"""What check_address says: of every family, of the memo, of what is no address."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from base64 import urlsafe_b64encode
from binascii import crc32
from collections.abc import Iterator
from typing import Any

import pytest

from spotlane.errors import AddressError, UsageError
from spotlane.safety.addresses import FAMILIES, CheckedAddress, MemoForm, MemoUse, check_address
from spotlane.safety.addresses.base32 import encode as base32_encode
from spotlane.safety.addresses.base58 import RIPPLE, check_encode, encode
from spotlane.safety.addresses.crc16 import crc16
from spotlane.safety.addresses.keccak import keccak_256

EXAMPLES = [(family, address) for family, row in FAMILIES.items() for address in row.examples]
EVM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
TRON = "TQHgMpVzWkhSsRB4BzZgmV8uW4cFL8eaBr"
X_ADDRESS, X_ADDRESS_WITHOUT_TAG = (
    "XVLhHMPHU98es4dbozjVtdWzVrDjtV8zpDURx7DzBCkrQE7",
    "XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXb",
)
CLASSIC = "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"
STELLAR = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"
MUXED = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK"
WITHOUT_CHECKSUM = {"solana", "near", "aptos", "sui"}


def refusal(family: str, address: str, memo: str | None = None) -> AddressError:
    with pytest.raises(AddressError) as caught:
        check_address(family, address, memo)
    assert caught.value.family == family
    return caught.value


@pytest.mark.parametrize(("family", "address"), EXAMPLES)
def test_the_examples_of_every_family_pass(family: str, address: str) -> None:
    checked = check_address(family, address)
    assert (checked.family, checked.address, checked.checked) == (family, address, True)
    assert checked.checksummed == (family not in WITHOUT_CHECKSUM and checked.kind != "raw")
    assert checked.checksummed or checked.reason
    assert checked.kind


def test_every_family_has_an_example_of_each_of_its_formats() -> None:
    for family, row in FAMILIES.items():
        meant = [next(each for each in row.formats if each.claims(address)) for address in row.examples]
        assert set(map(id, meant)) == set(map(id, row.formats)), family


def test_base58_that_begins_like_bech32_is_base58() -> None:
    assert check_address("litecoin", "LTC1G1bqqyn5Ko8dBnk4eNDBkhRKVCq7sB").kind == "P2PKH"
    upper = FAMILIES["litecoin"].examples[2].upper()
    assert check_address("litecoin", upper).kind == "P2WPKH"


def test_bitcoin_cash_takes_script_hashes_of_32_bytes() -> None:
    address = "bitcoincash:pvqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0jqme8efvj7"
    assert check_address("bitcoin-cash", address).kind == "P2SH32"


@pytest.mark.parametrize(("family", "address"), EXAMPLES)
def test_no_other_family_takes_the_address(family: str, address: str) -> None:
    shared: dict[str, set[str]] = {"aptos": {"sui"}, "sui": {"aptos"}, "bitcoin": {"bitcoin-cash"}}
    if address.startswith("1B"):
        shared["bitcoin-cash"] = {"bitcoin"}
    for other in FAMILIES:
        if other != family and not (other in shared.get(family, ()) and not address.startswith("bc1")):
            told = refusal(other, address)
            assert family in told.fits or told.address is None, told


def test_an_unknown_family_is_said_to_be_unchecked() -> None:
    checked = check_address("no-such-chain", "whatever it is", "7")
    assert checked == CheckedAddress(
        "no-such-chain",
        "whatever it is",
        "7",
        checked=False,
        checksummed=False,
        reason="not checked: no rules for addresses of 'no-such-chain'",
    )


@pytest.mark.parametrize("arguments", [(None, EVM), ("evm", None), ("evm", EVM.encode()), ("xrp", CLASSIC, 7)])
def test_only_text_is_taken(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="is text"):
        check_address(*arguments)


def test_the_error_is_the_callers_mistake_and_hides_no_other() -> None:
    error = refusal("evm", TRON)
    assert isinstance(error, UsageError)
    assert not error.safe_to_retry
    assert (error.__cause__, error.__context__) == (None, None)
    assert str(error) == f"{TRON!r} is no address of evm: it does not begin with 0x; it is an address of tron"
    assert (error.address, error.fits, error.reason) == (TRON, ("tron",), "it does not begin with 0x")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "it is empty"),
        (EVM[2:], "0x is missing before its 40 hex digits"),
        ("0X" + EVM[2:], "it begins with 0X, not 0x"),
        (EVM[:-1], "0x and 40 hex digits are due, after 0x stand 39 characters"),
        (EVM + "0", "0x and 40 hex digits are due, after 0x stand 41 characters"),
        (EVM[:-1] + "g", "0x and 40 hex digits are due, after 0x stand 40 characters, not all of them hex digits"),
        ("0x" + "0" * 40, "all its bytes are zero: nobody owns it, and what is sent there is lost"),
        ("x" * 129, "129 characters, no address has more than 128"),
    ],
)
def test_evm_refusals(address: str, reason: str) -> None:
    assert refusal("evm", address).reason == reason


def test_a_wrong_case_is_told_with_the_right_one() -> None:
    for wrong in (EVM[:-1] + "D", EVM[:2] + EVM[2:].swapcase()):
        error = refusal("evm", wrong)
        assert error.nearest == EVM
        assert str(error).endswith(f"with every digit right it is {EVM}")


def test_one_case_only_is_no_checksum() -> None:
    for address in (EVM.lower(), "0x" + EVM[2:].upper()):
        checked = check_address("evm", address)
        assert (checked.checked, checked.checksummed) == (True, False)
        assert checked.reason == "its letters are all of one case: no EIP-55 checksum"
    digits = check_address("evm", "0x" + "12" * 20)
    assert (digits.checksummed, digits.reason) == (False, "it has no letters, whose case would be the checksum")


@pytest.mark.parametrize(
    ("address", "code_point", "position"),
    [
        (" " + EVM, "U+0020", 0),
        (EVM + "\n", "U+000A", 42),
        (EVM[:5] + "\u200b" + EVM[5:], "U+200B", 5),
        (EVM.replace("A", "\u0410", 1), "U+0410", 4),
        (EVM[:-1] + "\uff44", "U+FF44", 41),
    ],
)
def test_what_is_hard_to_see_is_named_and_placed(address: str, code_point: str, position: int) -> None:
    error = refusal("evm", address)
    assert (error.reason, error.positions) == (f"{code_point} stands in no address", (position,))
    assert f"character {position + 1} (" in str(error)


@pytest.mark.parametrize(
    ("family", "address"),
    [
        ("bitcoin", "1111111111111111111114oLvT2"),
        ("xrp", "rrrrrrrrrrrrrrrrrrrrrhoLvTp"),
        ("tron", "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"),
        ("stellar", "GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWHF"),
        ("algorand", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY5HFKQ"),
        ("solana", "1" * 32),
        ("ton", "0:" + "0" * 64),
        ("sui", "0x" + "0" * 64),
    ],
)
def test_the_address_of_nobody_is_refused(family: str, address: str) -> None:
    assert "nobody owns it" in refusal(family, address).reason


@pytest.mark.parametrize(
    ("family", "address", "reason"),
    [
        ("litecoin", check_encode(b"\x05" + bytes(range(20))), "the old form of P2SH"),
        ("litecoin", "ltcmweb1" + "q" * 20, "a confidential address"),
        ("tron", check_encode(b"\xa0" + bytes(range(20))), "a test network"),
        ("tron", check_encode(b"\x41" + bytes(range(19))), "it holds 19 bytes, 20 are due (account)"),
        ("tron", "419d1015e669c2df831003c5c54ceb48da613d9979", "'0' is no Base58 character"),
        ("dogecoin", check_encode(b"\x71" + bytes(range(20))), "a test network"),
        ("cosmos", "cosmosvaloper1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc56kct20", "validator or a key"),
        ("cosmos", "osmo1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5helwsw", "its prefix is 'osmo', not 'cosmos'"),
        ("bitcoin-cash", "bitcoincash:Qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "upper and lower case are mixed"),
        ("bitcoin-cash", "bitcoincash:zqqsyqcyq5rqwzqfpg9scrgwpugpzysnzsve2tmffa", "none that plain coins are sent to"),
        (
            "bitcoin-cash",
            "bitcoincash:qvqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0jqjyfd3c20",
            "none that plain coins are sent to",
        ),
        ("near", EVM.lower(), "64 hex digits in lower case, or a name with a dot"),
        ("near", "alice", "64 hex digits in lower case, or a name with a dot"),
        ("near", "alice..near", "64 hex digits in lower case, or a name with a dot"),
        ("near", f"{'a' * 60}.near", "64 hex digits in lower case, or a name with a dot"),
        ("aptos", "0x1", "0x and 64 hex digits"),
        ("solana", TRON, "it holds 25 bytes, an account has 32"),
        ("cardano", "Ae2tdPwUPEZAjhVuMmy6zy5idrkADZJrgQcwXMsankYem2GfaNZsAYTbHmR", "checksum|Byron"),
        ("algorand", "A" * 57, "58 characters are due, these are 57"),
        ("ton", "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrH/", "two alphabets of Base64 are mixed"),
        ("polkadot", "1", "it holds 1 bytes"),
    ],
)
def test_refusals(family: str, address: str, reason: str) -> None:
    assert any(each in refusal(family, address).reason for each in reason.split("|"))


def strkey(version: int, payload: bytes) -> str:
    content = bytes([version]) + payload
    return base32_encode(content + crc16(content).to_bytes(2, "little"))


def friendly(flags: int, workchain: int) -> str:
    content = bytes([flags, workchain & 255]) + bytes(range(32))
    return urlsafe_b64encode(content + crc16(content).to_bytes(2, "big")).decode()


def x_address(flags: int, tag: bytes) -> str:
    return check_encode(b"\x05\x44" + bytes(range(20)) + bytes([flags]) + tag, RIPPLE)


def byron(attributes: bytes, *, checksum: int | None = None) -> str:
    inner = b"\x83\x58\x1c" + bytes(range(28)) + attributes + b"\x00"
    number = crc32(inner) if checksum is None else checksum
    return encode(b"\x82\xd8\x18\x58" + bytes([len(inner)]) + inner + b"\x1a" + number.to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("family", "address", "reason"),
    [
        ("cosmos", "cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5z56fjcee", "it holds 21 bytes, an account has 20 or 32"),
        ("bitcoin-cash", "bitcoincash:sqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs63vn7kcm", "the reserved bit"),
        (
            "bitcoin-cash",
            "bitcoincash:qyqsyqcyq5rqwzqfpg9scrgwpugpzysnzsy2usjetw",
            "it holds 20 bytes, its version byte says 24",
        ),
        (
            "cardano",
            "addr1vqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qa7qr8m",
            "its header is that of a test network",
        ),
        (
            "cardano",
            "addr1vyqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qavsj8ap",
            "its header type 6 and its 29 bytes do not fit",
        ),
        (
            "cardano",
            "addr1gyqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8ypqgps5zwf8c",
            "its header type 4 and its 31 bytes do not fit",
        ),
        (
            "cardano",
            "addr1uyqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8q87xjmu",
            "its header type 14 and its 28 bytes do not fit",
        ),
        ("cardano", byron(b"\xa1\x02\x45\x1a\x41\x70\xcb\x17"), "an address of a test network"),
        ("cardano", byron(b"\xa0", checksum=7), "the checksum does not fit"),
        ("cardano", byron(b"\x40"), "its content is not that of an address"),
        ("stellar", strkey(15 << 3, bytes(32) + b"\0\0\0\x05" + b"12345" + b"\0\1\0"), "its length and its padding"),
        ("stellar", strkey(15 << 3, bytes(32) + b"\0\0\0\x05" + b"12345" + bytes(3)), "no payment can be sent to"),
        ("xrp", x_address(0, b"\1" + bytes(7)), "flags 0x00 with tag bytes 0100000000000000 are not defined"),
        ("xrp", x_address(1, bytes(4) + b"\1" + bytes(3)), "flags 0x01 with tag bytes 0000000001000000 are not"),
        ("xrp", x_address(4, bytes(8)), "flags 0x04 with tag bytes 0000000000000000 are not defined"),
        ("xrp", x_address(1, bytes(9)), "its version byte 0x05 is none of this chain"),
        ("ton", friendly(0x12, 0), "its flags 0x12 are not those of an address"),
        ("ton", friendly(0x91, 0), "test networks only"),
        ("ton", friendly(0x11, 1), "workchain 1 does not exist"),
    ],
)
def test_a_right_checksum_over_a_wrong_content_is_refused(family: str, address: str, reason: str) -> None:
    assert reason in refusal(family, address).reason


def test_what_the_wrong_contents_are_made_with_makes_right_ones() -> None:
    right = {
        "cardano": ("addr1gyqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8ypqgpsgx384a4", byron(b"\xa0")),
        "stellar": (strkey(6 << 3, bytes(range(32))),),
        "ton": (friendly(0x11, 0), friendly(0x51, -1)),
        "xrp": (x_address(0, bytes(8)), x_address(1, b"\1" + bytes(7))),
    }
    for family, addresses in right.items():
        for address in addresses:
            assert check_address(family, address).checksummed


SECRETS = {
    "a secret seed of a Stellar account": "SBCVMMCBEDB64TVJZFYJOJAERZC4YVVUOE6SYR2Y76CBTENGUSGWRRVO",
    "a seed of an XRP account": "sn3nxiW7v8KXzPzAqzyHXbSSKNuN9",
    "an extended private key": "xprv9s21ZrQH143K3" + "Q" * 95,
    "a key pair of a Solana account": "5" * 88,
    "the words of a recovery phrase": "abandon " * 11 + "about",
    "a private key in hex": "0x" + "1f" * 32,
    "a private key": "ed25519:" + "3" * 87,
    "a secret key of a Tezos account": "edsk" + "3" * 50,
    "a private key of a Sui account": "suiprivkey1" + "q" * 59,
}


@pytest.mark.parametrize(("name", "secret"), SECRETS.items())
@pytest.mark.parametrize("family", ["evm", "bitcoin", "stellar", "xrp", "solana", "tezos", "ton"])
def test_what_looks_like_a_private_key_is_not_shown(family: str, name: str, secret: str) -> None:
    for given in (secret, f" {secret}\n", secret[:-1] + "x", f"{secret[:20]}0{secret[21:]}"):
        error = refusal(family, given)
        assert error.address is None
        assert error.positions == ()
        assert secret[12:-12] not in f"{error!s} {error!r} {vars(error)}"
    assert f"it looks like {name}" in refusal(family, secret).reason


def test_hex_of_32_bytes_is_shown_where_it_is_the_form_of_an_address() -> None:
    short = "0x" + "1f" * 31
    assert refusal("sui", short).address == short
    assert refusal("evm", short).address is None


@pytest.mark.parametrize(("family", "address"), EXAMPLES)
def test_an_address_with_a_typo_is_no_private_key(family: str, address: str) -> None:
    for given in (address[:-1] + "!", f"{address[:5]}?{address[6:]}", address[:-1]):
        if given[-1] in "!?" or family not in WITHOUT_CHECKSUM:
            assert refusal(family, given).address == given


def test_a_text_of_any_length_is_refused_and_not_shown() -> None:
    for given in ("1" * 100_000, "word " * 20_000, "\0" * 10_000):
        error = refusal("bitcoin", given)
        assert error.address is None
        assert len(str(error)) < 200


def memos() -> Iterator[tuple[str, str, str, str | None]]:
    """Give family, address, memo, and the word for what is wrong, or None."""
    yield "evm", EVM, "1", "can't carry one"
    yield "tron", TRON, "", "can't carry one"
    yield "xrp", CLASSIC, "0", None
    yield "xrp", CLASSIC, str((1 << 32) - 1), None
    for wrong in (str(1 << 32), "-1", "1.0", "0x10", "x", " 1", "", "1" * 5_000, "\u0661"):
        yield "xrp", CLASSIC, wrong, "no destination tag|is empty"
    yield "xrp", X_ADDRESS, "2", None
    yield "xrp", X_ADDRESS, "3", "2 stands inside the address"
    yield "xrp", X_ADDRESS_WITHOUT_TAG, "3", "the address says that there is none"
    yield "stellar", STELLAR, "x" * 28, None
    yield "stellar", STELLAR, "\u00e9" * 15, "more than 28 bytes"
    yield "stellar", STELLAR, "ab" * 32, None
    yield "stellar", STELLAR, "x" * 64, "more than 28 bytes"
    yield "stellar", MUXED, "9223372036854775808", None
    yield "stellar", MUXED, "1", "9223372036854775808 stands inside the address"
    yield "stellar", MUXED, "hello", "9223372036854775808 stands inside the address"
    for wrong in ("", " a", "a\n", "a\u200bb"):
        yield "cosmos", FAMILIES["cosmos"].examples[0], wrong, "is empty, begins or ends with a space"
    yield "cosmos", FAMILIES["cosmos"].examples[0], "100 200", None


@pytest.mark.parametrize(("family", "address", "memo", "wrong"), list(memos()))
def test_the_memo(family: str, address: str, memo: str, wrong: str | None) -> None:
    if wrong is None:
        checked = check_address(family, address, memo)
        assert (checked.memo, checked.memo_missing) == (memo, False)
    else:
        error = refusal(family, address, memo)
        assert any(each in error.reason for each in wrong.split("|"))
        assert error.address == address
        assert "is no address" not in str(error)


def test_a_long_memo_is_shown_by_its_beginning() -> None:
    error = refusal("xrp", CLASSIC, "7" * 5_000)
    assert error.reason.startswith(f"memo {'7' * 40!r}... is no destination tag")
    assert len(str(error)) < 200


def test_a_memo_that_exchanges_expect_is_missed_but_not_demanded() -> None:
    for family, row in FAMILIES.items():
        checked = check_address(family, row.examples[0])
        assert checked.memo is None or row.memo_form is not MemoForm.TEXT
        if checked.memo is None:
            assert checked.memo_missing == (row.memo is MemoUse.EXPECTED), family
    assert not check_address("xrp", X_ADDRESS_WITHOUT_TAG).memo_missing
    assert check_address("xrp", X_ADDRESS).memo == "2"


def test_a_python_without_the_hash_says_that_the_checksum_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    address = FAMILIES["algorand"].examples[0]
    monkeypatch.setattr(hashlib, "algorithms_available", frozenset({"sha256"}))
    checked = check_address("algorand", address)
    assert (checked.checked, checked.checksummed) == (True, False)
    assert "SHA-512/256" in (checked.reason or "")


def test_keccak_is_sha3_but_for_the_padding() -> None:
    for length in [*range(300), 1_000]:
        content = bytes(each * 7 & 255 for each in range(length))
        assert keccak_256(content, domain=0x06) == hashlib.sha3_256(content).digest()
    # The hash of nothing, which every Ethereum client has as a constant.
    assert keccak_256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_crc16_is_that_of_xmodem() -> None:
    assert crc16(b"123456789") == 0x31C3


def test_importing_spotlane_loads_none_of_it() -> None:
    program = "import sys, spotlane; print([name for name in sys.modules if 'safety.addresses' in name])"
    finished = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == "[]"
