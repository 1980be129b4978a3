"""Replies in pieces, replies that are none, and bytes that belong to nobody's reply."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import oracle_replies
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane._core.replies import ReplyReader

READING, WHOLE, LOST = range(3)
LIMIT = 1 << 16
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

_names = st.from_regex(r"\AX-[A-Za-z0-9-]{1,12}\Z")
_values = st.from_regex(r"\A[!-~]([ -~]{0,20}[!-~])?\Z")
_replies = st.builds(
    oracle_replies.make,
    st.sampled_from([200, 201, 400, 404, 429, 500, 503]),
    st.lists(st.tuples(_names, _values), max_size=6),
    st.binary(max_size=200),
    st.sampled_from(["length", "chunked", "close"]),
    st.integers(1, 50),
)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(places) if start < end]


def reader_of(*parts: bytes, limit: int = LIMIT, may_end_with_connection: bool = True) -> ReplyReader:
    reader = ReplyReader()
    reader.start(limit, may_end_with_connection)
    for part in parts:
        reader.read(part)
    return reader


@given(_replies, st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=500)
def test_a_reply_in_any_pieces_is_what_the_standard_library_reads(made: oracle_replies.Made, cuts: list[int]) -> None:
    reader = reader_of(*pieces(made.data, cuts))
    if made.framing == "close":
        assert reader.progress == READING
        reader.finish(True)
    status, fields, body = oracle_replies.read(made.data)
    assert (reader.progress, reader.status, reader.body) == (WHOLE, status, body)
    assert [(name.decode(), value.decode()) for name, value in reader.fields] == fields
    assert reader.body == made.body


@given(_replies, st.binary(min_size=1, max_size=40), st.booleans(), st.lists(st.integers(0, 10_000), max_size=4))
@settings(max_examples=300)
def test_whatever_follows_a_reply_is_noticed(
    made: oracle_replies.Made, extra: bytes, in_one_piece: bool, cuts: list[int]
) -> None:
    if made.framing == "close":
        return
    parts = [made.data + extra] if in_one_piece else [*pieces(made.data, cuts), extra]
    reader = reader_of(*parts)
    assert (reader.progress, reader.body) == (WHOLE, made.body)
    assert not reader.is_clean


@pytest.mark.parametrize("extra", [b"\r\n", b"\n", b"\r\n\r\n", b"0\r\n\r\n", OK, b"\x00"])
@pytest.mark.parametrize(
    "reply",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_line_ends_and_more_after_a_reply_are_noticed(reply: bytes, extra: bytes) -> None:
    assert reader_of(reply).is_clean
    assert not reader_of(reply + extra).is_clean
    assert not reader_of(reply, extra).is_clean


@pytest.mark.parametrize("extra", [b"\r\n", b"\n", b"\r\n\r\n"])
@pytest.mark.parametrize(
    "status",
    [
        b"204 No Content\r\n\r\n",
        b"304 Not Modified\r\n\r\n",
        b"200 OK\r\nContent-Length: 0\r\n\r\n",
        b"200 OK\r\nContent-Length: 2\r\n\r\n\r\n",
        b"200 OK\r\nContent-Length: 1\r\n\r\n\n",
    ],
)
def test_line_ends_after_a_reply_are_noticed_wherever_it_is_cut(status: bytes, extra: bytes) -> None:
    data = b"HTTP/1.1 " + status + extra
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            reader = reader_of(*pieces(data, (first, second)))
            assert reader.progress == WHOLE
            assert not reader.is_clean, (first, second)


@pytest.mark.parametrize("status", [b"204 No\r\n\r\n", b"200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_a_reply_without_a_body_leaves_the_connection_clean_wherever_it_is_cut(status: bytes) -> None:
    data = b"HTTP/1.1 " + status
    assert all(reader_of(*pieces(data, (cut,))).is_clean for cut in range(len(data)))


def test_a_connection_that_the_server_will_close_is_not_clean() -> None:
    assert reader_of(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).progress == WHOLE
    assert not reader_of(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).is_clean
    assert not reader_of(OK.replace(b"HTTP/1.1", b"HTTP/1.0")).is_clean


def test_interim_replies_are_passed_over() -> None:
    reader = reader_of(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
    assert (reader.progress, reader.status, reader.body) == (WHOLE, 200, b"{}")
    assert reader.fields == [(b"Content-Length", b"2")]
    assert reader.is_clean


@pytest.mark.parametrize("end", [OK, b"HTTP/1.1 204 No Content\r\n\r\n"])
@pytest.mark.parametrize("between", [b"", b"\r\n"])
def test_a_reply_behind_interim_ones_is_clean_wherever_it_is_cut(end: bytes, between: bytes) -> None:
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" + between + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + end
    for cut in range(1, len(whole)):
        reader = reader_of(whole[:cut], whole[cut:])
        assert reader.progress == WHOLE
        assert reader.is_clean or between


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "malformed"),
        (b"HTTP/1.1 099 Odd\r\n\r\n", "malformed"),
        (b"<html>", "malformed"),
        (b"\r\nHTTP/1.1 200 OK\r\n", "malformed"),
        (b"\x16\x03\x01\x02\x00", "malformed"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}", "malformed"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "malformed",
        ),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "encoded"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "encoded"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", "oversize"),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_what_is_no_reply_is_lost(data: bytes, fault: str, is_split: bool) -> None:
    parts = [data[at : at + 1] for at in range(len(data))] if is_split else [data]
    reader = reader_of(*parts)
    assert (reader.progress, reader.fault, reader.is_clean, reader.body) == (LOST, fault, False, b"")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "disconnected"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "truncated"),
    ],
)
@pytest.mark.parametrize("is_orderly", [True, False])
def test_a_reply_cut_off_by_the_end_of_its_connection_is_lost(data: bytes, fault: str, is_orderly: bool) -> None:
    reader = reader_of(*([data] if data else []))
    assert reader.progress == READING
    assert reader.finish(is_orderly) == LOST
    assert reader.fault == fault


def test_a_body_that_ends_with_its_connection_is_whole_only_where_that_is_expected_and_orderly() -> None:
    reply = b"HTTP/1.1 200 OK\r\n\r\n{}"
    assert reader_of(reply).finish(True) == WHOLE
    assert reader_of(reply).finish(False) == LOST
    refused = reader_of(reply, may_end_with_connection=False)
    assert (refused.progress, refused.fault) == (LOST, "truncated")


def test_a_head_without_end_is_lost() -> None:
    endless = [b"HTTP/1.1 200 OK\r\n", *([b"X-Filler: " + b"x" * 90 + b"\r\n"] * 200)]
    assert reader_of(*endless).fault == "malformed"
    assert reader_of(b"".join(endless)).fault == "malformed"
    assert reader_of(b"HTTP/1.1 200 OK\r\nX: ", *([b"x" * 1_000] * 20)).fault == "malformed"
    assert reader_of(*([b"HTTP/1.1 100 Continue\r\n\r\n"] * 1_000)).fault == "malformed"


def test_a_body_without_end_is_lost_at_the_limit() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert reader_of(head, b"x" * 100, limit=100).progress == READING
    assert reader_of(head, b"x" * 101, limit=100).fault == "oversize"
    chunks = [b"1;" + b"e" * 90 + b"\r\nx\r\n"] * 1_000
    assert reader_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *chunks, limit=2_000).fault == "oversize"


def test_trailers_are_dropped_and_their_connection_with_them() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader = reader_of(head + b"2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\nX-Sum: 7\r\n\r\n")
    assert (reader.progress, reader.body, reader.fields) == (WHOLE, b"{}", [(b"Transfer-Encoding", b"chunked")])
    assert not reader.is_clean


def test_one_reader_reads_many_replies() -> None:
    reader = ReplyReader()
    for number in range(100):
        body = b"%d" % number
        reader.start(LIMIT, False)
        assert reader.read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) == WHOLE
        assert (reader.body, reader.is_clean) == (body, True)


def test_nothing_is_read_before_the_start_or_after_the_end() -> None:
    reader = ReplyReader()
    assert reader.read(OK) == LOST
    reader.start(LIMIT, False)
    assert reader.read(OK) == WHOLE
    assert reader.read(OK) == WHOLE
    assert not reader.is_clean
    reader.close()
    reader.start(LIMIT, False)
    assert reader.read(OK) == LOST


def test_the_keep_alive_field_is_told() -> None:
    assert reader_of(OK).keepalive is None
    assert reader_of(OK.replace(b"\r\n\r\n", b"\r\nKEEP-ALIVE: timeout=5\r\n\r\n")).keepalive == b"timeout=5"
