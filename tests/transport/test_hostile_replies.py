"""Replies that are malformed, misleading or merely odd: read as what they are, or lost, and no other suffers."""

from __future__ import annotations

import gzip

import pytest
from hostile_course import BODY, WHOLE, Answer, how_it_ends, in_chunks, reply, sends, with_length
from raw_server import Peer

from spotlane.spec import Verb

pytestmark = pytest.mark.usefixtures("carrier_kind")

CL = b"Content-Length: 8"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNK = b"8\r\n" + BODY + b"\r\n"
LAST = b"0\r\n\r\n"


async def endings(answer: bytes, *, is_spent: bool = False) -> set[str]:
    """Return how an order and a read end, the server keeping the connection open or closing it."""
    return {
        await how_it_ends(sends(answer, then), verb=verb, is_spent=is_spent)
        for verb in (Verb.PLACE, Verb.READ)
        for then in ("stays open", "FIN")
    }


WHOLE_REPLIES = {
    "length": with_length(),
    "length in upper case": reply(b"CONTENT-LENGTH: 8"),
    "blank after the length": reply(b"Content-Length: 8 \t"),
    "no reason": reply(CL, start=b"HTTP/1.1 200"),
    "empty reason": reply(CL, start=b"HTTP/1.1 200 "),
    "HTTP/1.0": reply(CL, start=b"HTTP/1.0 200 OK"),
    "HTTP/1.0 kept alive": reply(CL, b"Connection: keep-alive", start=b"HTTP/1.0 200 OK"),
    "close": reply(CL, b"Connection: close"),
    "identity": reply(CL, b"Content-Encoding: identity"),
    "Latin-1 in a value": reply(b"X: \xe9", CL),
    "chunk": in_chunks(CHUNK),
    "chunks": in_chunks(b"1\r\n{\r\n", b'7\r\n"a": 1}\r\n'),
    "chunk with extensions": in_chunks(b'8;a=b;c="d e"\r\n' + BODY + b"\r\n"),
    "last chunk with an extension": in_chunks(CHUNK, end=b"0;a=b\r\n\r\n"),
    "leading zeros of a chunk": in_chunks(b"0008\r\n" + BODY + b"\r\n", end=b"0000\r\n\r\n"),
    "trailers": in_chunks(CHUNK, end=b"0\r\nX: y\r\nZ: w\r\n\r\n"),
    "100": reply(start=b"HTTP/1.1 100 Continue", body=b"") + with_length(),
    "102": reply(start=b"HTTP/1.1 102 Processing", body=b"") + with_length(),
    "103": reply(b"Link: x", start=b"HTTP/1.1 103 Early Hints", body=b"") + with_length(),
    "100, 102 and 103": b"".join(reply(start=b"HTTP/1.1 %d X" % code, body=b"") for code in (100, 102, 103))
    + with_length(),
}


@pytest.mark.parametrize("answer", WHOLE_REPLIES.values(), ids=WHOLE_REPLIES)
async def test_whole_reply_is_read(answer: bytes) -> None:
    assert await endings(answer) == {WHOLE}


# What a parser may take as it is meant or refuse, as long as it does nothing else.
ODD_REPLIES = {
    "bare LF": with_length().replace(b"\r\n", b"\n"),
    "one bare LF": reply(b"X: y\nZ: w", CL),
    "LF before": b"\n" + with_length(),
    "CRLF before": b"\r\n" + with_length(),
    "NUL in the reason": reply(CL, start=b"HTTP/1.1 200 O\0K"),
    "control character in a value": reply(b"X: a\x01b", CL),
    "folded value": reply(b"X: a\r\n b", CL),
    "folded length": reply(b"Content-Length:\r\n 8"),
    "folded first line": reply(b" X: a", CL),
    "leading zeros of the length": reply(b"Content-Length: 008"),
    "length twice the same": reply(CL, CL),
    "HTTP/0.9 with a head": reply(CL, start=b"HTTP/0.9 200 OK"),
    "chunked in HTTP/1.0": reply(CHUNKED, start=b"HTTP/1.0 200 OK", body=CHUNK + LAST),
    "chunked in upper case": reply(b"Transfer-Encoding: CHUNKED", body=CHUNK + LAST),
    "blank after a chunk size": in_chunks(b"8 \r\n" + BODY + b"\r\n"),
    "long chunk extension": in_chunks(b"8;" + b"x" * 20_000 + b"\r\n" + BODY + b"\r\n"),
    "length among the trailers": in_chunks(CHUNK, end=b"0\r\nContent-Length: 3\r\n\r\n"),
    "NUL in a trailer": in_chunks(CHUNK, end=b"0\r\nX: \0\r\n\r\n"),
    "head of 18 KiB": reply(*[b"X-%d: " % number + b"y" * 1_024 for number in range(18)], CL),
    "reason of 17 KiB": reply(CL, start=b"HTTP/1.1 200 " + b"y" * 17_408),
    "hundred 1xx": reply(start=b"HTTP/1.1 100 Continue", body=b"") * 100 + with_length(),
    "1xx with a length of zero": reply(b"Content-Length: 0", start=b"HTTP/1.1 100 X", body=b"") + with_length(),
    "upgrade": reply(CL, b"Connection: upgrade", b"Upgrade: websocket"),
    "line end too many": with_length() + b"\r\n",
}


@pytest.mark.parametrize("answer", ODD_REPLIES.values(), ids=ODD_REPLIES)
async def test_odd_reply_is_read_or_refused(answer: bytes) -> None:
    assert await endings(answer) <= {WHOLE, "malformed"}


MALFORMED_REPLIES = {
    "HTTP/0.9": BODY,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 settings": bytes.fromhex("000012040000000000000300000064") + bytes(9),
    "HTTP/2 status line": reply(CL, start=b"HTTP/2 200"),
    "HTTP/1.2": reply(CL, start=b"HTTP/1.2 200 OK"),
    "TLS alert": bytes.fromhex("15030300020228"),
    "HTML": b"<html>busy</html>",
    "every byte": bytes(range(256)),
    "request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "other protocol": reply(CL, start=b"ICY 200 OK"),
    "lower case": reply(CL, start=b"http/1.1 200 OK"),
    "two blanks": reply(CL, start=b"HTTP/1.1  200 OK"),
    "blank before": b" " + with_length(),
    "byte before": b"x" + with_length(),
    "status 000": reply(CL, start=b"HTTP/1.1 000 X"),
    "status 099": reply(CL, start=b"HTTP/1.1 099 X"),
    "status 20": reply(CL, start=b"HTTP/1.1 20 X"),
    "status 99999": reply(CL, start=b"HTTP/1.1 99999 X"),
    "status -200": reply(CL, start=b"HTTP/1.1 -200 X"),
    "status 2x0": reply(CL, start=b"HTTP/1.1 2x0 X"),
    "bare CR": with_length().replace(b"\r\n", b"\r"),
    "CR in a value": reply(b"X: a\rb", CL),
    "NUL in a value": reply(b"X: a\0b", CL),
    "NUL in a name": reply(b"X\0: a", CL),
    "Latin-1 in a name": reply(b"X\xe9: a", CL),
    "no colon": reply(b"X", CL),
    "no name": reply(b": a", CL),
    "blank before a colon": reply(b"X : a", CL),
    "length below zero": reply(b"Content-Length: -8"),
    "length with a plus": reply(b"Content-Length: +8"),
    "length in hexadecimal": reply(b"Content-Length: 0x8"),
    "length with a point": reply(b"Content-Length: 8.0"),
    "length in words": reply(b"Content-Length: eight"),
    "empty length": reply(b"Content-Length:"),
    "two lengths in a line": reply(b"Content-Length: 8, 9"),
    "two lengths side by side": reply(b"Content-Length: 8 8"),
    "two lengths": reply(CL, b"Content-Length: 9"),
    "length beyond 64 bits": reply(b"Content-Length: 18446744073709551624"),
    "length of 100 digits": reply(b"Content-Length: " + b"9" * 100),
    "length and chunks": reply(CL, CHUNKED, body=CHUNK + LAST),
    "chunks and length": reply(CHUNKED, CL, body=CHUNK + LAST),
    "100 with a body": reply(CL, start=b"HTTP/1.1 100 X") + with_length(),
    "101": reply(b"Upgrade: x", b"Connection: upgrade", start=b"HTTP/1.1 101 X", body=b""),
    "101 and a reply": reply(start=b"HTTP/1.1 101 X", body=b"") + with_length(),
    "chunk size below zero": in_chunks(b"-8\r\n" + BODY + b"\r\n"),
    "chunk size with a plus": in_chunks(b"+8\r\n" + BODY + b"\r\n"),
    "chunk size with 0x": in_chunks(b"0x8\r\n" + BODY + b"\r\n"),
    "chunk size missing": in_chunks(b"\r\n" + BODY + b"\r\n"),
    "chunk size beyond 64 bits": in_chunks(b"10000000000000008\r\n" + BODY + b"\r\n"),
    "chunk without its line end": in_chunks(b"8\r\n" + BODY),
    "chunk longer than its size": in_chunks(b"3\r\n" + BODY + b"\r\n"),
    "chunk shorter than its size": in_chunks(b"a\r\n" + BODY + b"\r\n"),
    "header line of 17 KiB": reply(b"X: " + b"y" * 17_408, CL),
    "header name of 17 KiB": reply(b"X" * 17_408 + b": y", CL),
    "line of 17 KiB without an end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 17_408,
}


@pytest.mark.parametrize("answer", MALFORMED_REPLIES.values(), ids=MALFORMED_REPLIES)
async def test_malformed_reply_is_lost_at_once(answer: bytes) -> None:
    assert await endings(answer) == {"malformed"}


# Whether such a reply is taken as far as it goes or not at all, its connection has said too much.
SURPLUS = {
    "second reply": (with_length() + with_length(b'{"b": 2}'), WHOLE),
    "half a second reply": (with_length() + with_length(b'{"b": 2}')[:20], WHOLE),
    "second reply after a close": (reply(CL, b"Connection: close") + with_length(b'{"b": 2}'), WHOLE),
    "byte too many": (with_length() + b"0", WHOLE),
    "NUL too many": (with_length() + b"\0", WHOLE),
    "408 behind": (with_length() + reply(b"Content-Length: 0", start=b"HTTP/1.1 408 X", body=b""), WHOLE),
    "length shorter than the body": (reply(b"Content-Length: 3"), '200 {"a'),
    "length of zero with a body": (reply(b"Content-Length: 0"), "200 "),
    "204 with a body": (reply(CL, start=b"HTTP/1.1 204 X"), "204 "),
    "204 with chunks": (reply(CHUNKED, start=b"HTTP/1.1 204 X", body=CHUNK + LAST), "204 "),
    "304 with a body": (reply(CL, start=b"HTTP/1.1 304 X"), "304 "),
}


@pytest.mark.parametrize(("answer", "first"), SURPLUS.values(), ids=SURPLUS)
async def test_connection_that_says_too_much_is_closed(answer: bytes, first: str) -> None:
    assert await endings(answer, is_spent=True) <= {first, "malformed"}


ENCODED_REPLIES = {
    "gzip": reply(b"Content-Length: 28", b"Content-Encoding: gzip", body=gzip.compress(BODY, mtime=0)),
    "br": reply(CL, b"Content-Encoding: br"),
    "identity and gzip": reply(CL, b"Content-Encoding: identity, gzip"),
    "identity, then gzip": reply(CL, b"Content-Encoding: identity", b"Content-Encoding: gzip"),
    "transfer coding gzip": reply(b"Transfer-Encoding: gzip"),
    "transfer coding gzip before chunked": reply(b"Transfer-Encoding: gzip, chunked", body=CHUNK + LAST),
    "transfer coding gzip after chunked": reply(b"Transfer-Encoding: chunked, gzip", body=CHUNK + LAST),
    "transfer coding identity": reply(b"Transfer-Encoding: identity"),
    "unknown transfer coding": reply(b"Transfer-Encoding: xchunked", body=CHUNK + LAST),
    "chunked chunked": reply(b"Transfer-Encoding: chunked, chunked", body=CHUNK + LAST),
    "chunked twice": reply(CHUNKED, CHUNKED, body=CHUNK + LAST),
}


@pytest.mark.parametrize("answer", ENCODED_REPLIES.values(), ids=ENCODED_REPLIES)
async def test_encoded_reply_is_refused(answer: bytes) -> None:
    assert await endings(answer) <= {"encoded", "malformed"}


@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_length_beyond_the_cap_is_refused_at_once(verb: Verb) -> None:
    for declared in (b"101", b"1048577", b"999999999999999"):
        answer = reply(b"Content-Length: " + declared, body=b"x" * 50)
        assert await how_it_ends(sends(answer), verb=verb, max_reply_bytes=100) == "oversize"


@pytest.mark.parametrize("size", [b"65", b"7fffffff", b"fffffffffffffff0"])
async def test_chunk_beyond_the_cap_is_not_waited_for_without_end(size: bytes) -> None:
    answer = in_chunks(size + b"\r\n" + BODY, end=b"")
    assert await how_it_ends(sends(answer), max_reply_bytes=100) in ("oversize", "malformed", "deadline")
    assert await how_it_ends(sends(answer, "FIN"), max_reply_bytes=100) in ("oversize", "malformed", "truncated")


UNFINISHED = {
    "nothing": (b"", "disconnected"),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", "disconnected"),
    "100 alone": (b"HTTP/1.1 100 Continue\r\n\r\n", "disconnected"),
    "header line of 8 KiB": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 8_000, "disconnected"),
    "length longer than the body": (reply(b"Content-Length: 9"), "truncated"),
    "last chunk missing": (in_chunks(CHUNK, end=b""), "truncated"),
    "last line missing": (in_chunks(CHUNK, end=b"0\r\n"), "truncated"),
    "trailers without an end": (in_chunks(CHUNK, end=b"0\r\nX: y\r\n"), "truncated"),
}


@pytest.mark.parametrize(("answer", "reason"), UNFINISHED.values(), ids=UNFINISHED)
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_unfinished_reply_is_waited_for_until_the_deadline_or_the_end(
    verb: Verb, answer: bytes, reason: str
) -> None:
    assert await how_it_ends(sends(answer), verb=verb) == "deadline"
    assert await how_it_ends(sends(answer, "FIN"), verb=verb) == reason
    assert await how_it_ends(sends(answer, "RST"), verb=verb) in ("disconnected", "truncated")


async def test_reply_that_ends_with_its_connection_is_read_and_no_order_is_proven_by_it() -> None:
    for head in (b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK"):
        answer = reply(start=head)
        assert await how_it_ends(sends(answer), verb=Verb.READ) == "deadline"
        assert await how_it_ends(sends(answer, "FIN"), verb=Verb.READ) == WHOLE
        for verb in (Verb.PLACE, Verb.CANCEL):
            assert await how_it_ends(sends(answer), verb=verb) == "truncated"
            assert await how_it_ends(sends(answer, "FIN"), verb=verb) == "truncated"


async def test_reply_that_ends_with_its_connection_has_the_cap_of_any_other() -> None:
    answer = reply(body=b"x" * 101)
    assert await how_it_ends(sends(answer, "FIN"), verb=Verb.READ, max_reply_bytes=100) == "oversize"


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_a_body_has_none_whatever_length_is_declared(status: int) -> None:
    answer = reply(CL, start=b"HTTP/1.1 %d X" % status, body=b"")
    assert await endings(answer) == {f"{status} "}


async def test_status_that_does_not_exist_is_passed_on_or_refused() -> None:
    for status in (b"299", b"600", b"999"):
        found = await endings(reply(CL, start=b"HTTP/1.1 " + status + b" X"))
        assert found <= {f'{status.decode()} {{"a": 1}}', "malformed"}


async def test_408_is_what_it_is_and_ends_its_connection() -> None:
    answer = reply(b"Content-Length: 0", start=b"HTTP/1.1 408 X", body=b"")
    assert await endings(answer, is_spent=True) == {"408 "}


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nConnection: close", b"HTTP/1.0 200 OK"])
async def test_connection_that_the_server_means_to_close_is_closed(start: bytes) -> None:
    assert await endings(reply(CL, start=start), is_spent=True) == {WHOLE}


def streams(start: bytes, piece: bytes) -> tuple[Answer, list[int]]:
    """Answer with a start and then without end; the list counts the bytes that could be sent."""
    sent = [0]

    async def answer(peer: Peer) -> None:
        await peer.write(start)
        while True:
            await peer.write(piece)
            sent[0] += len(piece)

    return answer, sent


STREAMS = {
    "header lines": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
    "header line": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1_000),
    "header name": (b"HTTP/1.1 200 OK\r\n", b"X" * 1_000),
    "reason": (b"HTTP/1.1 200 ", b"O" * 1_000),
    "trailers": (in_chunks(CHUNK, end=b"0\r\n"), b"X: y\r\n" * 100),
    "body in chunks": (in_chunks(end=b""), b"100\r\n" + b"x" * 256 + b"\r\n"),
    "body to the end": (reply(body=b""), b"x" * 1_000),
    "replies": (b"", with_length() * 30),
    "noise": (b"", b"\x16\x03\x01noise" * 100),
}


@pytest.mark.parametrize(("start", "piece"), STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.READ])
async def test_reply_without_end_is_cut_off(verb: Verb, start: bytes, piece: bytes) -> None:
    answer, sent = streams(start, piece)
    ending = await how_it_ends(answer, verb=verb, max_reply_bytes=100_000)
    assert ending in ("malformed", "oversize", "truncated", WHOLE)
    assert sent[0] < 16 << 20  # what the buffers of the kernel take included
