"""The valid and invalid test vectors of the standards, all of them."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from address_vectors import vectors

from spotlane.errors import AddressError
from spotlane.safety.addresses import bech32, cashaddr, check_address, stellar
from spotlane.safety.addresses.base58 import RIPPLE, check_decode, check_encode, decode, encode
from spotlane.safety.addresses.bch import bytes_of
from spotlane.safety.addresses.families import FAMILIES
from spotlane.safety.addresses.model import Fault
from spotlane.safety.addresses.ss58 import ss58

BIP_173, BIP_350 = vectors("bip173"), vectors("bip350")
BITCOIN, LITECOIN, CASHADDR = vectors("bitcoin"), vectors("litecoin"), vectors("cashaddr")
XRP, SEP_23, TON, CIP_19, SS58 = vectors("xrp"), vectors("sep23"), vectors("ton"), vectors("cip19"), vectors("ss58")


def payload_of(family: str, address: str) -> tuple[str, bytes]:
    row = FAMILIES[family]
    reading = next(each for each in row.formats if each.claims(address)).read(address)
    return reading.kind, reading.payload


def script_of(version: int, program: bytes) -> str:
    return (bytes([version and version + 0x50, len(program)]) + program).hex()


@pytest.mark.parametrize(("content", "text"), vectors("base58")["pairs"].items())
def test_base58(content: str, text: str) -> None:
    assert decode(text) == bytes.fromhex(content)
    assert encode(bytes.fromhex(content)) == text


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        *((text, bech32.BECH32) for text in BIP_173["bech32_valid"]),
        *((text, bech32.BECH32M) for text in BIP_350["bech32m_valid"]),
    ],
)
def test_valid_bech32(text: str, constant: int) -> None:
    other = bech32.BECH32 ^ bech32.BECH32M ^ constant
    assert bech32.decode(text, constants=(constant,)).prefix == text.rpartition("1")[0].lower()
    with pytest.raises(Fault, match="the other one is due"):
        bech32.decode(text, constants=(other,))


@pytest.mark.parametrize(
    ("text", "constant", "reason"),
    [
        *((text, bech32.BECH32, reason) for text, reason in BIP_173["bech32_invalid"].items()),
        *((text, bech32.BECH32M, reason) for text, reason in BIP_350["bech32m_invalid"].items()),
    ],
)
def test_invalid_bech32(text: str, constant: int, reason: str) -> None:
    with pytest.raises(Fault) as caught:
        bech32.decode(text, constants=(constant,))
    assert caught.value.reason == reason


@pytest.mark.parametrize(("address", "script"), BIP_350["segwit_valid"].items())
def test_valid_segwit(address: str, script: str) -> None:
    prefix, version, program = bech32.segwit_program(address)
    assert (prefix, script_of(version, program)) == (address[:2].lower(), script)


@pytest.mark.parametrize(("address", "script"), BIP_173["segwit_valid"].items())
def test_the_old_checksum_is_refused_from_version_1_on(address: str, script: str) -> None:
    if script.startswith("00"):
        _, version, program = bech32.segwit_program(address)
        assert script_of(version, program) == script
    else:
        with pytest.raises(Fault, match=r"checksum of witness version \d+ is Bech32m"):
            bech32.segwit_program(address)


@pytest.mark.parametrize(
    ("address", "reason"), [*BIP_173["segwit_invalid"].items(), *BIP_350["segwit_invalid"].items()]
)
def test_invalid_segwit(address: str, reason: str | None) -> None:
    if reason is None:
        assert bech32.segwit_program(address)[0] not in ("bc", "tb")
    else:
        with pytest.raises(Fault) as caught:
            bech32.segwit_program(address)
        assert caught.value.reason == reason
    with pytest.raises(AddressError):
        check_address("bitcoin", address)


@pytest.mark.parametrize(("address", "script"), BIP_350["segwit_valid"].items())
def test_bitcoin_takes_of_them_what_a_rule_protects(address: str, script: str) -> None:
    if address.startswith("tb1"):
        with pytest.raises(AddressError, match="test network"):
            check_address("bitcoin", address)
    elif script.startswith(("0014", "0020", "5120")):
        assert check_address("bitcoin", address).checksummed
    else:
        with pytest.raises(AddressError, match="anybody could spend"):
            check_address("bitcoin", address)


@pytest.mark.parametrize(("address", "kind", "content"), [(key, *row) for key, row in BITCOIN["valid"].items()])
def test_bitcoin_valid(address: str, kind: str, content: str) -> None:
    assert payload_of("bitcoin", address) == (kind, bytes.fromhex(content))
    assert check_address("bitcoin", address).checksummed
    if address.startswith("bc1"):
        assert check_address("bitcoin", address.upper()).kind == kind


@pytest.mark.parametrize("address", BITCOIN["test_networks"])
def test_bitcoin_refuses_test_networks(address: str) -> None:
    with pytest.raises(AddressError, match="test network"):
        check_address("bitcoin", address)


@pytest.mark.parametrize("address", BITCOIN["unprotected"])
def test_bitcoin_refuses_witness_versions_to_come(address: str) -> None:
    bech32.segwit_program(address)
    with pytest.raises(AddressError, match="anybody could spend"):
        check_address("bitcoin", address)


@pytest.mark.parametrize("address", BITCOIN["invalid"])
def test_bitcoin_invalid(address: str) -> None:
    with pytest.raises(AddressError):
        check_address("bitcoin", address)


@pytest.mark.parametrize("text", [*BITCOIN["private_keys"], *LITECOIN["private_keys"]])
def test_private_keys_are_neither_taken_nor_shown(text: str) -> None:
    for family in ("bitcoin", "litecoin", "evm"):
        with pytest.raises(AddressError, match="private key in wallet import format") as caught:
            check_address(family, text)
        assert text not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize(("address", "script", "network"), [(key, *row) for key, row in LITECOIN["valid"].items()])
def test_litecoin_valid(address: str, script: str, network: str) -> None:
    if network != "main":
        with pytest.raises(AddressError, match="test network"):
            check_address("litecoin", address)
    elif script.startswith("52"):
        with pytest.raises(AddressError, match="anybody could spend"):
            check_address("litecoin", address)
    else:
        assert check_address("litecoin", address).checksummed
        assert payload_of("litecoin", address)[1].hex() in script


@pytest.mark.parametrize("address", LITECOIN["invalid"])
def test_litecoin_invalid(address: str) -> None:
    with pytest.raises(AddressError):
        check_address("litecoin", address)


@pytest.mark.parametrize("text", CASHADDR["checksums"])
def test_cashaddr_checksums(text: str) -> None:
    prefix, _, rest = text.partition(":")
    cashaddr.symbols(prefix, rest)
    with pytest.raises(Fault, match="checksum does not fit"):
        cashaddr.symbols(f"{prefix}x", rest)


@pytest.mark.parametrize(("address", "family", "content"), [(key, *row) for key, row in CASHADDR["valid"].items()])
def test_cashaddr_valid(address: str, family: int, content: str) -> None:
    prefix, _, rest = address.partition(":")
    assert cashaddr.decode(prefix, rest) == (family, bytes.fromhex(content))
    if prefix == "bitcoincash" and len(content) == 40:
        assert check_address("bitcoin-cash", address).checksummed
    else:
        with pytest.raises(AddressError, match=r"test network|its prefix|none that plain coins"):
            check_address("bitcoin-cash", address)


@pytest.mark.parametrize(("legacy", "address"), CASHADDR["legacy"].items())
def test_both_forms_of_bitcoin_cash_name_one_script(legacy: str, address: str) -> None:
    content = payload_of("bitcoin-cash", legacy)[1]
    for spelling in (address, address.upper(), address.partition(":")[2]):
        assert payload_of("bitcoin-cash", spelling)[1] == content
        assert check_address("bitcoin-cash", spelling).reason is None
    assert "Bitcoin's addresses look the same" in (check_address("bitcoin-cash", legacy).reason or "")


@pytest.mark.parametrize("address", vectors("eip55")["valid"])
def test_eip55_valid(address: str) -> None:
    assert check_address("evm", address).checksummed
    lower = check_address("evm", address.lower())
    assert lower.checked
    assert lower.checksummed == (address == address.lower())


@pytest.mark.parametrize(("address", "tag", "content"), [(key, *row) for key, row in XRP["main"].items()])
def test_xls5_main_network(address: str, tag: str | None, content: str) -> None:
    assert check_decode(address, RIPPLE).hex() == f"05{content}"
    assert check_address("xrp", address).memo == tag
    assert check_encode(b"\0" + payload_of("xrp", address)[1], RIPPLE) == "rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf"


@pytest.mark.parametrize(("address", "tag", "content"), [(key, *row) for key, row in XRP["test"].items()])
def test_xls5_test_network(address: str, tag: str | None, content: str) -> None:
    assert check_decode(address, RIPPLE).hex() == f"04{content}"
    with pytest.raises(AddressError, match="test network"):
        check_address("xrp", address)


@pytest.mark.parametrize(("account", "tag", "address", "test_address"), XRP["codec"])
def test_the_codec_of_xrpl(account: str, tag: str | None, address: str, test_address: str) -> None:
    checked = check_address("xrp", address)
    assert (checked.memo, checked.memo_missing) == (tag, False)
    assert payload_of("xrp", address)[1] == payload_of("xrp", account)[1]
    assert check_address("xrp", account).memo_missing
    with pytest.raises(AddressError, match="test network"):
        check_address("xrp", test_address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        *zip(XRP["invalid"], ["checksum does not fit", "version byte|prefix", "64 bits"], strict=True),
        *((address, "not defined") for address in XRP["extended"]),
    ],
)
def test_xrp_invalid(address: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        check_address("xrp", address)


@pytest.mark.parametrize(("text", "number"), SEP_23["valid"].items())
def test_sep23_valid(text: str, number: str | None) -> None:
    stellar.strkey(text)
    if text.startswith(("G", "M")):
        assert check_address("stellar", text).memo == number
        assert payload_of("stellar", text)[1] == payload_of("stellar", next(iter(SEP_23["valid"])))[1]
    else:
        with pytest.raises(AddressError, match="no payment can be sent to"):
            check_address("stellar", text)


@pytest.mark.parametrize(("text", "reason"), SEP_23["invalid"].items())
def test_sep23_invalid(text: str, reason: str) -> None:
    with pytest.raises(Fault) as caught:
        stellar.strkey(text)
    assert caught.value.reason == reason
    with pytest.raises(AddressError):
        check_address("stellar", text)


@pytest.mark.parametrize(("address", "content", "kind"), [(key, *row[1:]) for key, row in TON["valid"].items()])
def test_ton_valid(address: str, content: str, kind: str) -> None:
    assert payload_of("ton", address) == (kind, bytes.fromhex(content))
    checked = check_address("ton", address)
    assert (checked.checked, checked.checksummed) == (True, kind != "raw")


@pytest.mark.parametrize("address", TON["test_networks"])
def test_ton_refuses_test_networks(address: str) -> None:
    with pytest.raises(AddressError, match="test networks only"):
        check_address("ton", address)


@pytest.mark.parametrize("address", TON["invalid"])
def test_ton_invalid(address: str) -> None:
    with pytest.raises(AddressError):
        check_address("ton", address)


@pytest.mark.parametrize(("address", "network", "header"), [(key, *row) for key, row in CIP_19["valid"].items()])
def test_cip19(address: str, network: str, header: int) -> None:
    if network == "mainnet" and header < 8:
        assert check_address("cardano", address).checksummed
    else:
        with pytest.raises(AddressError, match=r"test network|stake address"):
            check_address("cardano", address)


@pytest.mark.parametrize(("address", "prefix", "key"), [(text, *row) for text, row in SS58["valid"].items()])
def test_ss58(address: str, prefix: int, key: str) -> None:
    assert ss58(address) == (prefix, bytes.fromhex(key))
    for family, due in (("polkadot", 0), ("kusama", 2), ("bittensor", 42)):
        if prefix == due:
            assert check_address(family, address).checksummed
        else:
            with pytest.raises(AddressError, match=f"prefix {prefix} is that of a"):
                check_address(family, address)


def test_one_key_has_an_address_for_each_substrate_chain() -> None:
    read = {address: ss58(address) for address in SS58["one_key"]}
    assert {address: prefix for address, (prefix, _) in read.items()} == SS58["one_key"]
    assert len({key for _, key in read.values()}) == 1


def test_wide_prefixes_of_ss58_are_put_together() -> None:
    for prefix in (64, 255, 256, 7391, 16_383):
        head = bytes([(prefix & 0xFC) >> 2 | 0x40, prefix >> 8 | (prefix & 3) << 6]) + bytes(range(32))
        assert ss58(encode(head + blake2b(b"SS58PRE" + head).digest()[:2])) == (prefix, bytes(range(32)))


def test_groups_of_five_bits_make_whole_bytes() -> None:
    assert bytes_of([31, 28]) == b"\xff"
    with pytest.raises(Fault, match="padding is not zero"):
        bytes_of([31, 29])
    with pytest.raises(Fault, match="more than 4 bits"):
        bytes_of([31, 28, 0])
