from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlane.sandbox.framing import MalformedMessage, parse_request_line, reply_length, request_length
from spotlane.sandbox.request_log import without_signature


@given(body=st.binary(max_size=40), chunk=st.integers(1, 9), cut=st.integers(0, 200))
def test_length_is_known_exactly_when_the_message_is_whole(body: bytes, chunk: int, cut: int) -> None:
    parts = [body[start : start + chunk] for start in range(0, len(body), chunk)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    plain = b"POST / HTTP/1.1\r\ncontent-LENGTH:  %d\r\n\r\n%b" % (len(body), body)
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n" + chunks
    for message in (plain, chunked):
        assert request_length(bytearray(message + b"GET")) == len(message)
        assert request_length(bytearray(message[: min(cut, len(message) - 1)])) is None


def test_framing_of_replies_and_of_what_is_no_message() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    assert reply_length(bytearray(reply), "GET") == len(reply)
    assert reply_length(bytearray(reply), "HEAD") == len(reply) - 2
    assert reply_length(bytearray(reply[:-1]), "GET") is None
    assert reply_length(bytearray(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), "GET") is not None
    assert parse_request_line(bytearray(b"GET /a?b=c?d HT")) is None
    with pytest.raises(MalformedMessage):
        parse_request_line(bytearray(b"x" * 70_000))
    with pytest.raises(MalformedMessage):
        request_length(bytearray(b"x" * 70_000))
    with pytest.raises(MalformedMessage):
        request_length(bytearray(b"P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))


@pytest.mark.parametrize(
    ("given_form", "kept"),
    [
        (b"a=1&signature=xx&b=2", b"a=1&b=2"),
        (b"Signature=xx", b""),
        (b"mysignature=1&signature=2", b"mysignature=1"),
        (b'{"json": 1}', b'{"json": 1}'),
    ],
)
def test_signature_is_removed_wherever_it_stands(given_form: bytes, kept: bytes) -> None:
    assert without_signature(given_form) == kept
