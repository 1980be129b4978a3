"""The families of addresses: how each is written, what memo its chains know. docs/addresses.md has the sources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spotlane.safety.addresses.algorand import Algorand
from spotlane.safety.addresses.base58 import RIPPLE, Base58Check
from spotlane.safety.addresses.bech32 import Bech32Account, Segwit
from spotlane.safety.addresses.cardano import Byron, Shelley
from spotlane.safety.addresses.cashaddr import CashAddr
from spotlane.safety.addresses.evm import Evm
from spotlane.safety.addresses.model import Family, MemoForm, MemoUse
from spotlane.safety.addresses.shapes import Shape, Solana
from spotlane.safety.addresses.ss58 import Ss58
from spotlane.safety.addresses.stellar import Strkey
from spotlane.safety.addresses.ton import TonFriendly, TonRaw
from spotlane.safety.addresses.xrp import XAddress

_TEST = "an address of a test network"
_MWEB = "a confidential address (MWEB), which no exchange's transfer reaches by this network"
_OLD_LITECOIN_P2SH = "the old form of P2SH, which Bitcoin's addresses share: the new form of the same begins with M"
_HEX_32 = "0x[0-9a-fA-F]{64}"
_NEAR_DUE = "64 hex digits in lower case, or a name with a dot like alice.near,"
# Names without a dot belong to registrars; what looks like an address of Ethereum has none either.
_NEAR_NAME = r"(?=.{2,64}$)[a-z0-9]+([-_][a-z0-9]+)*(\.[a-z0-9]+([-_][a-z0-9]+)*)+"
_CASH_KINDS = {(0, 20): "P2PKH", (1, 20): "P2SH", (1, 32): "P2SH32"}

# Prefixes: bech32_prefix in each chain.json of github.com/cosmos/chain-registry. The examples hold the bytes 1 to 20.
_COSMOS = {
    "akash": ("akash", "akash1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5jepelx"),
    "axelar": ("axelar", "axelar1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5mv6kda"),
    "babylon": ("bbn", "bbn1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5gua0e9"),
    "celestia": ("celestia", "celestia1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5wgawu3"),
    "coreum": ("core", "core1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5vv59p8"),
    "cosmos": ("cosmos", "cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu"),
    "cronos-pos": ("cro", "cro1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc58ey86d"),
    "dydx": ("dydx", "dydx1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5kmz6xt"),
    "dymension": ("dym", "dym1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5dlqcrj"),
    "fetch": ("fetch", "fetch1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5vl96yt"),
    "initia": ("init", "init1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc535vdd7"),
    "injective": ("inj", "inj1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc54tm65y"),
    "juno": ("juno", "juno1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5fs09pq"),
    "kava": ("kava", "kava1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5rhcrsm"),
    "mantra": ("mantra", "mantra1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc55fx69x"),
    "neutron": ("neutron", "neutron1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5ma9uum"),
    "noble": ("noble", "noble1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5hpek7j"),
    "osmosis": ("osmo", "osmo1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5helwsw"),
    "saga": ("saga", "saga1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5p34vp6"),
    "secret": ("secret", "secret1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5a8chmq"),
    "sei": ("sei", "sei1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5jwagqa"),
    "stride": ("stride", "stride1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5ufvzjs"),
    "terra": ("terra", "terra1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5exk7yu"),
    "thorchain": ("thor", "thor1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5e949nr"),
    "xpla": ("xpla", "xpla1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5p95zd0"),
    "zetachain": ("zeta", "zeta1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5fxztuv"),
}


def _cosmos(prefix: str, example: str) -> Family:
    return Family((Bech32Account(prefix),), (example,), MemoUse.EXPECTED)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "evm": Family((Evm(),), ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",)),
        "bitcoin": Family(
            (
                Segwit("bc", {"tb": _TEST, "bcrt": _TEST}),
                Base58Check({b"\x00": "P2PKH", b"\x05": "P2SH"}, {b"\x6f": _TEST, b"\xc4": _TEST}),
            ),
            (
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo",
                "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm",
            ),
        ),
        "bitcoin-cash": Family(
            (
                CashAddr("bitcoincash", _CASH_KINDS),
                Base58Check(
                    {b"\x00": "legacy P2PKH", b"\x05": "legacy P2SH"},
                    {b"\x6f": _TEST, b"\xc4": _TEST},
                    note="the legacy form: Bitcoin's addresses look the same",
                ),
            ),
            (
                "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
                "ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
                "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu",
            ),
        ),
        "litecoin": Family(
            (
                Segwit("ltc", {"tltc": _TEST, "rltc": _TEST, "ltcmweb": _MWEB, "tmweb": _TEST}),
                Base58Check(
                    {b"\x30": "P2PKH", b"\x32": "P2SH"},
                    {b"\x6f": _TEST, b"\x3a": _TEST, b"\xc4": _TEST, b"\x05": _OLD_LITECOIN_P2SH},
                ),
            ),
            (
                "LaSqCezxaVgiJCsTT5BUhoo6szZpucEGHZ",
                "MW3bUFugV9fhtmcd7YbEDRmnDFiJ9MaXJN",
                "ltc1q2l3mypu8h697p335gqr5rjw0zn2tkwx2celkqn",
            ),
        ),
        "dogecoin": Family(
            (Base58Check({b"\x1e": "P2PKH", b"\x16": "P2SH"}, {b"\x71": _TEST, b"\xc4": _TEST}),),
            ("DPHs6p5dfCiFRJWTxiGRpdCnkWAkxZWGML", "AAkF6JqDEgBJRS9PZ29BTqBwE3cGhy2UHW"),
        ),
        "dash": Family(
            (Base58Check({b"\x4c": "P2PKH", b"\x10": "P2SH"}, {b"\x8c": _TEST, b"\x13": _TEST}),),
            ("Xfo58QSz3yfEHPKdRiYPjLupUJ8NSQHLYN", "7kuVdjVuw1khuhhND44EygpMow61wFjteb"),
        ),
        "tron": Family((Base58Check({b"\x41": "account"}, {b"\xa0": _TEST}),), ("TQHgMpVzWkhSsRB4BzZgmV8uW4cFL8eaBr",)),
        "xrp": Family(
            (XAddress(), Base58Check({b"\x00": "account"}, alphabet=RIPPLE)),
            ("rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf", "XVLhHMPHU98es4dbozjVtdWzVrDjtV8zpDURx7DzBCkrQE7"),
            MemoUse.EXPECTED,
            MemoForm.UINT32,
        ),
        "stellar": Family(
            (Strkey(),),
            (
                "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
                "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK",
            ),
            MemoUse.EXPECTED,
            MemoForm.STELLAR,
        ),
        "ton": Family(
            (TonFriendly(), TonRaw()),
            (
                "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF",
                "0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e",
            ),
            MemoUse.EXPECTED,
        ),
        "solana": Family((Solana(),), ("FTC2NhWDjsfJdRFgvxFxBf4CVynM74bJ5njfu5w23Czs",), MemoUse.OPTIONAL),
        "polkadot": Family((Ss58(0),), ("1qnJN7FViy3HZaxZK9tGAA71zxHSBeUweirKqCaox4t8GT7",)),
        "kusama": Family((Ss58(2),), ("DR6pMC4GJiVbgPtNNuw1xgxJyEsYYuXKXq7ZCVBjfFrh3V5",)),
        "bittensor": Family((Ss58(42),), ("5C62W7ELLAAfjCQeBU3me9ykaYomD19LG4y5NdP9PEhcsUAK",)),
        "cardano": Family(
            (Shelley(), Byron()),
            (
                "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
                "Ae2tdPwUPEZAjhVuMmy6zy5idrkADZJrgQcwXMsankYem2GfaNZsAYTbHmQ",
            ),
        ),
        "algorand": Family(
            (Algorand(),), ("OIRFPXRGYQZIURSVY6BB2S5IM7NIFTFF6X7S62PPDO2BECOZ7TWCBXMF5Y",), MemoUse.OPTIONAL
        ),
        "tezos": Family(
            (
                Base58Check(
                    {
                        b"\x06\xa1\x9f": "tz1",
                        b"\x06\xa1\xa1": "tz2",
                        b"\x06\xa1\xa4": "tz3",
                        b"\x06\xa1\xa6": "tz4",
                        b"\x02\x5a\x79": "KT1",
                    }
                ),
            ),
            ("tz2JmrN5LtfkYZFCQnWQtwpd9u7Fq3Dc4n6E", "tz1gJFha6UCghv2mF1L5gvMQfBMEvY5x9iTg"),
        ),
        "near": Family(
            (
                Shape("[0-9a-f]{64}", "implicit account", _NEAR_DUE),
                Shape(_NEAR_NAME, "named account", _NEAR_DUE, hex=False),
            ),
            ("96c9028b0107cb8bc4a6b622e9beecea94f797abfa3132bf55edc6aba589193f", "alice.near"),
            MemoUse.OPTIONAL,
        ),
        "aptos": Family(
            (Shape(_HEX_32, "account", "0x and 64 hex digits"),),
            ("0x7ff8c06a92601db68a2c32f278fa2064bd2db40064b24adb449f2d856a4c6964",),
        ),
        "sui": Family(
            (Shape(_HEX_32, "account", "0x and 64 hex digits"),),
            ("0x1dd6eaadf196820f2a4b900324ccbdbff65945629b71f25775f2cbf6e827b6a2",),
        ),
        **{name: _cosmos(prefix, example) for name, (prefix, example) in _COSMOS.items()},
    }
)
