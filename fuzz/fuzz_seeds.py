"""What each target begins with, and the words that its inputs are made of."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import target_decoder
from oracle_decoding import ColumnSpec
from vectors_signing import HEADER_VECTORS, RFC_4231

from spotlane._core.journal import Writer
from spotlane.safety.journal_file import CODEC
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol, TimeInForce

# Values and texts that readers of JSON differ about: numbers, escapes, encodings, nesting, and where a text ends.
_DOUBTFUL = r"""
0 -0 -0.0 0e0 1E400 1e-400 1e+1 1.e1 .5 5. 01 -01 - + +1 0x1 1_0 1e 1e+ NaN -Infinity 123456789012345678901234567890
0.1000000000000000055511151231257827 999999999999999999 1000000000000000000 99999999999999999999e-20 true false null
True nul tru "" "a" "\u0041" "\u00e9" "\ud83d\ude00" "\ud83d" "\ude00" "\ud83d\ud83d" "\u12" "\x41" "\" "a
[] [1,] [,1] [1 2] [[]] {} {"a":1,} {"a"} {"a":} {,} {a:1} {'a':1} {"a":1,"a":2} {"a":{"a":1}} [1]] {"a":1}} // /**/
""".split()  # noqa: SIM905
_RAW = (
    b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b'"\xc3\xa9"', b'"\xc3("', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
    b'"\xc0\xaf"', b'"\xe2\x82"', b'"\x00"', b'"\x1f"', b'"\x7f"', b" \t\r\n{}", b"\x0c{}", b"\xa0{}", b"[" * 66,
    b'{"a":' * 66, b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b"{}\0", b"{}{}",
)  # fmt: skip
_ERRORS = (
    b'{"code":30004,"msg":"Insufficient position","_extend":null}', b'{"code":"700002","msg":"Signature"}',
    b'{"label":"BALANCE_NOT_ENOUGH","message":"Not enough balance"}', b'{"label":"INVALID_PARAM_VALUE","detail":"x"}',
    b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}', b'{"code":0,"data":[]}',
    b"<html><title>504</title></html>", b'{"code":null}', b'{"code":[1]}', b'{"code":1.5,"msg":2}', b"[]", b"",
)  # fmt: skip
_SAMPLES: dict[str, tuple[Any, ...]] = {
    "symbol": ("BTCUSDT", "BTC_USDT"),
    "text": ("C02__443776347957968896088", 28_457, "t-abc-1.0_Z", "", None),
    "number": ("0.00100000", "64999.98", 17.341, "0", "-3.5", None, "12345678901234567890.123456789"),
    "timestamp": (1691702924010, "1691702924", "1691702924.071", 0, None),
    "integer": (7, "12", None),
    "flag": (True, False, None),
}


def seeds(target: str) -> list[bytes]:
    """Return the inputs of a target that stand here."""
    return list(_SEEDS[target]())


def dictionary(target: str) -> list[bytes]:
    """Return the words of a target's inputs, each once."""
    return [word for word in dict.fromkeys(_WORDS[target]()) if 0 < len(word) <= 40]


def _sample(column: ColumnSpec, turn: int) -> Any:
    if column.table is not None:
        return (*column.table, "ELSE")[turn % (len(column.table) + 1)]
    samples = _SAMPLES[column.kind]
    return samples[turn % len(samples)]


def _inside(rows: Any, path: tuple[Any, ...]) -> Any:
    for name in reversed(path):
        rows = [rows, rows] if name is ... else {"before": [None], name: rows, "after": {}}
    return rows


def _decoder() -> Iterator[bytes]:
    for index, table in enumerate(target_decoder.TABLES):
        for turn in range(4):
            rows = [{each.key: _sample(each, turn + more) for each in table.columns} for more in range(2)]
            many = turn & 1
            reply = json.dumps(_inside(rows if many else rows[0], table.within), separators=(",", ":"))
            yield bytes([index, many | turn & 2]) + reply.encode()
    for index, text in enumerate(_DOUBTFUL):
        chosen = bytes([index % len(target_decoder.TABLES), index & 3])
        yield chosen + text.encode()
        yield chosen + b'{"price":' + text.encode() + b',"orderId":' + text.encode() + b',"x":' + text.encode() + b"}"
    for index, raw in enumerate(_RAW):
        yield bytes([index, 0]) + raw
        yield bytes([index, 0]) + b'{"orderId":' + raw + b"}"
    for error in _ERRORS:
        yield b"\xff\0" + error


def _decoder_words() -> Iterator[bytes]:
    for table in target_decoder.TABLES:
        for column in table.columns:
            yield f'"{column.key}":'.encode()
            yield from (json.dumps(str(word)).encode() for word in column.table or ())
        yield from (f'"{name}":'.encode() for name in table.within if name is not ...)
    yield from (text.encode() for text in _DOUBTFUL)
    yield from (
        b'"BTCUSDT"',
        b'"BTC_USDT"',
        b'"',
        b"\\u00",
        b"\\ud83d",
        b"\\ude00",
        b"\xc3\xa4",
        b"},{",
        b'","',
        b'":"',
    )


def _piece(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def _encoder() -> Iterator[bytes]:
    texts = ("", "BTCUSDT", "a b&c=d/ä€😀", 'quoted " \\ \x1f\x00', "-._~", "x" * 40)
    for text in texts:
        raw = text.encode()
        yield b"\0\0" + raw
        for kind in (2, 3, 4):
            yield bytes([kind, 2]) + b"\0" + _piece(raw) + b"\1" + _piece(raw)
        yield b"\5\x81\1" + _piece(b"0.10") + b"\0" + _piece(b"\1\5") + b"\xfe\xff" + _piece(raw) * 3
        yield b"\5\xc2\1" + _piece(b"5E+3") + b"\1" + _piece(b"-0") + _piece(raw) * 3
    for spelled in (b"0.001", b"-0.00", b"1E+9999", b"1E-9999", b"1E+10000", b"NaN", b"-Infinity", b"0E+7", b"1.50E-9"):
        yield b"\1\0\1" + _piece(spelled)
        yield b"\3\0\3\1" + _piece(spelled)
        yield b"\4\0\3\1" + _piece(spelled)
    yield b"\1\0\0" + _piece(b"\1\2\3\4\5\6\7\0\0") + struct.pack("<h", -4)
    yield b"\2\3" + b"\1a\5\x09" + b"\xff" * 9 + b"\1b\6\0" + b"\1c\7" + b"\0" * 7 + b"\x80"


def _http(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""]) + body


def _reader() -> Iterator[bytes]:
    chunked = b"Transfer-Encoding: chunked"
    replies = [
        _http(b"Content-Length: 2", body=b"{}"), _http(b"Content-Length: 0"), _http(body=b"to the end"),
        _http(chunked, body=b"2\r\n{}\r\n0\r\n\r\n"), _http(chunked, body=b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nT: x\r\n\r\n"),
        _http(b"Content-Length: 2", b"Keep-Alive: timeout=5", b"Connection: close", body=b"{}"),
        _http(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"), _http(b"Content-Length: 2", chunked, body=b"{}"),
        _http(b"Content-Encoding: gzip", b"Content-Length: 1", body=b"x"), _http(b"Content-Length: 99", body=b"short"),
        _http(b"Content-Length: 30", body=b"x" * 30), _http(b"content-length:2", body=b"{}"), _http(b" folded: x"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + _http(b"Content-Length: 2", body=b"{}"), b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + _http(b"Content-Length: 0"), b"HTTP/1.1 304 Not\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        _http(b"Content-Length: 2", body=b"{}") * 2, _http(b"Content-Length: 2", body=b"{}\r\n"), b"\r\n",
        _http(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), _http(b"Content-Length: +2", body=b"{}"),
    ]  # fmt: skip
    for index, reply in enumerate(replies):
        for options in (3, 8, 13):
            yield bytes([options, 40 * index % 256]) + reply
    for method in range(4):
        yield bytes([16, method]) + _piece(b"/api/v3/order") + _piece(b"a=1&b=2") + b'{"x":1}' * (method % 3)


def _reader_words() -> Iterator[bytes]:
    yield from (b"HTTP/1.1 ", b"HTTP/1.0 ", b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close")
    yield from (b"Connection: keep-alive", b"Keep-Alive: timeout=5", b"Content-Encoding: identity", b"Upgrade: x")
    yield from (b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"100 Continue\r\n\r\n", b"204 ", b"304 ", b"101 ", b"Trailer: ")


def _signer() -> Iterator[bytes]:
    for key, message, *_ in RFC_4231.values():
        for kernel in range(4):
            yield bytes([0, kernel]) + _piece(key) + message
    for length in (0, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 240):
        yield bytes([0, length % 4]) + _piece(b"k" * length) + b"m" * length
    stamp = struct.pack("<q", 1_700_000_000_250)
    for kind in range(8):
        yield (
            bytes([1, kind, kind & 1])
            + stamp
            + b"\0" * (kind & 1)
            + struct.pack("<qb", 5000, 0) * (kind & 1)
            + (_piece(b"/api/v3/order") + b"symbol=BTCUSDT&quantity=0.1")
        )
    for index, ((_, path, query, body, _), _) in enumerate(HEADER_VECTORS.values()):
        head = bytes([2, index, index % 5 | 128 * (index & 1)]) + stamp + stamp * (index & 1)
        yield head + _piece(path.encode()) + _piece(query.encode().replace(b",", b"%2C")) + body[:200]


def _journal() -> Iterator[bytes]:
    written: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    writer = Writer(CODEC, -1, "x", size_bytes=0, sequence=0, epoch=1, write=write, truncate=lambda fd, size: None)
    writer.append_epoch(1, 4711)
    limit = OrderParams(
        Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, Decimal("0.0010"), Decimal("64999.98"),
        time_in_force=TimeInForce.GTC, self_trade_prevention="cn",
    )  # fmt: skip
    market = OrderParams(Symbol("Ä", "B"), Side.SELL, OrderType.MARKET, quote_quantity=Decimal(10**30))
    for index, params in enumerate((limit, market)):
        writer.append_intent(f"id-{index}", params, 5, 6, 7)
    writer.note("id-0", OutcomeState.ACCEPTED, "C02__1", 8)
    writer.note("id-1", OutcomeState.AMBIGUOUS, None, 9)
    writer.flush()
    for start in range(len(written)):
        for flags in (0, 1, 3):
            yield bytes([flags, 0]) + b"".join(written[start:])
            yield bytes([flags, 0]) + written[start]


def _journal_words() -> Iterator[bytes]:
    yield from (b"SJ\1\0", b"SJ\2\0", b"SJ\3\0", b"\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0" * 7 + b"\x80")
    yield from (b"\2\3\0NaN", b"\2\4\x001E+9", b"\2\3\0-0 ", b"\1" + b"\0" * 12, b"\3\0BTC", b"\4\0USDT")


_SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "decoder": _decoder, "encoder": _encoder, "reader": _reader, "signer": _signer, "journal": _journal,
}  # fmt: skip
_WORDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "decoder": _decoder_words,
    "encoder": lambda: iter((b"%", b"\xed\xa0\x80", b"1E+9999", b"-0.0", b"NaN", b"\xc3\xa4", b'"', b"\\")),
    "reader": _reader_words,
    "signer": lambda: iter((b"/", b"?", b"%2C", b"%", b"+", b"&", b"=", b"\x7f", b"\xff" * 8, b"\0" * 8)),
    "journal": _journal_words,
}
