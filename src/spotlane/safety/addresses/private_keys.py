"""What private keys look like: one that is given as an address must not get into an error text or a log."""

from __future__ import annotations

import re
import string

# By beginning and length, not by alphabet or checksum: a private key with a typo is a secret too.
_SHAPES = (
    (r"[5-7KLQTX]\w{49,52}", "a private key in wallet import format"),
    (r"[a-zA-Z]prv\w{90,120}", "an extended private key"),
    (r"s\w{20,30}", "a seed of an XRP account"),
    (r"S\w{50,60}", "a secret seed of a Stellar account"),
    (r"(edsk|spsk|p2sk|edesk)\w{40,100}", "a secret key of a Tezos account"),
    (r"\w{80,90}", "a key pair of a Solana account"),
    (r"suiprivkey1\w+", "a private key of a Sui account"),
    (r"(ed25519|secp256k1)\S*[:-]\S+", "a private key"),
    (r"\S+(\s+\S+){11,}", "the words of a recovery phrase"),
)
_HEX_LENGTHS = range(60, 69)
_HEX_TYPOS = 2


def private_shape(text: str, *, hex_is_public: bool) -> str | None:
    """Say what private key a text looks like, or None. hex_is_public: 32 bytes in hex are an address on this chain."""
    bare = text.strip()
    digits = bare.removeprefix("0x")
    foreign = sum(character not in string.hexdigits for character in digits)
    is_raw_ton = re.match("-?[0-9]+:", bare) is not None
    if not hex_is_public and not is_raw_ton and len(digits) in _HEX_LENGTHS and foreign <= _HEX_TYPOS:
        return "a private key in hex, or the number of a transaction"
    return next((name for pattern, name in _SHAPES if re.fullmatch(pattern, bare)), None)
