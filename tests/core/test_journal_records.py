"""The records of the journal, against a reader made of struct and zlib."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracle_journal
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane._core.journal import Writer
from spotlane._core.records import Codec, Scan, find_record, read_intent, record_at
from spotlane.errors import StateError, UsageError, WrongContext
from spotlane.safety.journal_file import CODEC
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol, TimeInForce

PARAMS = OrderParams(
    Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, quantity=Decimal("0.0010"), price=Decimal("64999.98")
)

assets = st.text("ABCXYZ0123-_.", min_size=1, max_size=9)
amounts = (
    st.none()
    | st.integers(0, 2**63 - 1)
    | st.integers(0, 10**40).map(Decimal)
    | st.decimals(min_value=0, allow_nan=False, allow_infinity=False)
)
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
orders = st.builds(
    OrderParams,
    st.builds(Symbol, assets, assets),
    st.sampled_from(Side),
    st.sampled_from(OrderType),
    quantity=amounts,
    price=amounts,
    quote_quantity=amounts,
    time_in_force=st.none() | st.sampled_from(TimeInForce),
    stop_price=amounts,
    iceberg_quantity=amounts,
    self_trade_prevention=texts,
)
ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
times = st.integers(-(2**63), 2**63 - 1)


class Sink:
    """A file that keeps what it is given."""

    def __init__(self) -> None:
        self.data = b""
        self.calls = 0
        self.room: int | None = None
        self.error = errno.ENOSPC

    def write(self, fd: int, data: bytes) -> int:
        self.calls += 1
        taken = data if self.room is None else data[: self.room]
        if data and not taken:
            raise OSError(self.error, os.strerror(self.error))
        self.data += taken
        return len(taken)

    def truncate(self, fd: int, length: int) -> None:
        self.data = self.data[:length]


def writer_to(sink: Sink, *, truncate: Callable[[int, int], object] | None = None) -> Writer:
    sink.data = bytes(oracle_journal.HEADER_BYTES)
    return Writer(
        CODEC, -1, "orders.journal", size_bytes=len(sink.data), sequence=0, epoch=7, write=sink.write,
        truncate=truncate or sink.truncate,
    )  # fmt: skip


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def writer(sink: Sink) -> Writer:
    return writer_to(sink)


@settings(deadline=None)
@given(client_id=ids, params=orders, sent_ms=times, not_after_ms=times, window_ms=times)
def test_any_order_is_read_back_as_it_was(
    client_id: str, params: OrderParams, sent_ms: int, not_after_ms: int, window_ms: int
) -> None:
    sink = Sink()
    writer_to(sink).append_intent(client_id, params, sent_ms, not_after_ms, window_ms)
    (record,) = oracle_journal.read_records(sink.data)
    assert record.kind == "INTENT"
    assert (record.epoch, record.sequence, record.time_ms) == (7, 0, sent_ms)
    wanted = params.to_dict() | {
        "client_order_id": client_id, "not_after_ms": not_after_ms, "window_ms": window_ms,
    }  # fmt: skip
    assert record.content == wanted
    told = read_intent(CODEC, record_at(sink.data, record.start))
    assert told == (client_id, params.replace(client_order_id=client_id), sent_ms, not_after_ms, window_ms, 7)
    for name in ("quantity", "price", "quote_quantity", "stop_price", "iceberg_quantity"):
        # Equal decimals can have other digits: 1.0 and 1.00.
        assert str(told[1].scaled(name)) == str(params.scaled(name))


@settings(deadline=None)
@given(client_id=ids, state=st.sampled_from(OutcomeState), order_id=texts, now_ms=times)
def test_any_note_is_read_back_as_it_was(
    client_id: str, state: OutcomeState, order_id: str | None, now_ms: int
) -> None:
    sink = Sink()
    writer = writer_to(sink)
    writer.note(client_id, state, order_id, now_ms)
    assert sink.calls == 0
    writer.flush()
    (record,) = oracle_journal.read_records(sink.data)
    assert (record.kind, record.time_ms) == ("NOTE", now_ms)
    assert record.content == {"client_order_id": client_id, "state": state.value, "order_id": order_id}


moves = st.lists(st.tuples(st.sampled_from("ine"), st.integers(0, 4), st.sampled_from(OutcomeState)), max_size=40)


@settings(deadline=None)
@given(moves=moves)
def test_a_scan_finds_the_same_open_intents(moves: list[tuple[str, int, OutcomeState]]) -> None:
    sink = Sink()
    writer = writer_to(sink)
    for move, number, state in moves:
        if move == "i":
            writer.append_intent(f"id{number}", PARAMS, 1, 2, 3)
        elif move == "n":
            writer.note(f"id{number}", state, None, 4)
        else:
            writer.flush()
    writer.flush()
    records = oracle_journal.read_records(sink.data)
    scan = Scan(CODEC, sink.data, oracle_journal.HEADER_BYTES)
    assert scan.trouble is None
    assert (scan.end, scan.sequence) == (len(sink.data), len(records))
    assert list(scan.open) == oracle_journal.open_ids(records)
    starts = {(record.content["client_order_id"], record.start) for record in records if record.kind == "INTENT"}
    assert set(scan.open.items()) <= starts


def test_a_record_of_any_length_ends_in_the_crc_of_zlib(sink: Sink, writer: Writer) -> None:
    for length in range(100):
        start = len(sink.data)
        writer.note("x" * length, OutcomeState.ACCEPTED, None, 1)
        writer.flush()
        record = sink.data[start:]
        assert len(record) == 28 + 2 + length + 1 + 2 + 4
        assert int.from_bytes(record[-4:], "little") == zlib.crc32(record[:-4])


def test_waiting_notes_go_in_front_of_the_next_intent_by_one_call(sink: Sink, writer: Writer) -> None:
    writer.append_intent("a", PARAMS, 1, 2, 3)
    writer.note("a", OutcomeState.ACCEPTED, "17", 5)
    assert writer.pending_bytes > 0
    writer.append_intent("b", PARAMS, 1, 2, 3)
    assert sink.calls == 2
    assert [record.kind for record in oracle_journal.read_records(sink.data)] == ["INTENT", "NOTE", "INTENT"]
    assert writer.pending_bytes == 0
    assert writer.size_bytes == len(sink.data)


def test_a_full_disk_refuses_the_intent_and_keeps_the_notes(sink: Sink, writer: Writer) -> None:
    writer.note("a", OutcomeState.ACCEPTED, "17", 5)
    sink.room = 0
    with pytest.raises(StateError, match=r"no room \(No space left on device\): free space"):
        writer.append_intent("b", PARAMS, 1, 2, 3)
    sink.room = None
    writer.append_intent("c", PARAMS, 1, 2, 3)
    records = oracle_journal.read_records(sink.data)
    assert [record.content["client_order_id"] for record in records] == ["a", "c"]
    assert [record.sequence for record in records] == [0, 1]


@pytest.mark.parametrize("room", [1, 31, 60])
def test_a_short_write_is_taken_back(sink: Sink, writer: Writer, room: int) -> None:
    writer.append_intent("a", PARAMS, 1, 2, 3)
    before = sink.data
    writer.note("a", OutcomeState.ACCEPTED, "17", 5)
    sink.room = room
    with pytest.raises(StateError, match="only a part could be written, and was taken back"):
        writer.append_intent("b", PARAMS, 1, 2, 3)
    assert sink.data == before
    assert writer.failure is None
    sink.room = None
    writer.append_intent("c", PARAMS, 1, 2, 3)
    records = oracle_journal.read_records(sink.data)
    assert [(record.kind, record.content["client_order_id"]) for record in records] == [
        ("INTENT", "a"),
        ("NOTE", "a"),
        ("INTENT", "c"),
    ]


def test_half_a_record_that_stays_ends_all_writing(sink: Sink) -> None:
    def refuse(fd: int, length: int) -> None:
        raise OSError(errno.EIO, "broken")

    writer = writer_to(sink, truncate=refuse)
    sink.room = 10
    for _ in range(2):
        with pytest.raises(StateError, match="half a record that could not be taken back"):
            writer.append_intent("a", PARAMS, 1, 2, 3)
    assert sink.calls == 1


def test_a_broken_disk_ends_all_writing(sink: Sink, writer: Writer) -> None:
    sink.room, sink.error = 0, errno.EIO
    for _ in range(2):
        with pytest.raises(StateError, match="look at the disk"):
            writer.append_intent("a", PARAMS, 1, 2, 3)
    assert sink.calls == 1
    writer.note("a", OutcomeState.ACCEPTED, None, 1)
    assert writer.lost_notes == 1


def test_an_order_that_no_record_can_hold_is_refused_whole(sink: Sink, writer: Writer) -> None:
    writer.note("a", OutcomeState.ACCEPTED, "17", 5)
    for prevention, told in (("x" * 65_535, "65535 bytes"), ("x" * 65_500, "65536 is the most"), ("\ud800", "UTF-8")):
        with pytest.raises(UsageError, match=told):
            writer.append_intent("b", PARAMS.replace(self_trade_prevention=prevention), 1, 2, 3)
    with pytest.raises(TypeError):
        writer.append_intent("b", Symbol("BTC", "USDT"), 1, 2, 3)
    writer.flush()
    assert [record.kind for record in oracle_journal.read_records(sink.data)] == ["NOTE"]


def test_an_order_of_a_callers_own_class_is_read_back_as_a_plain_one(sink: Sink, writer: Writer) -> None:
    class Tagged(OrderParams):
        __slots__ = ()

    writer.append_intent("a", Tagged(PARAMS.symbol, Side.SELL, OrderType.MARKET, quantity=Decimal(2)), 1, 2, 3)
    (record,) = oracle_journal.read_records(sink.data)
    told = read_intent(CODEC, record_at(sink.data, record.start))
    assert told[1] == OrderParams(PARAMS.symbol, Side.SELL, OrderType.MARKET, Decimal(2), client_order_id="a")


def test_a_note_never_raises(sink: Sink, writer: Writer) -> None:
    writer.note("a", OutcomeState.ACCEPTED, "\ud800", 1)
    writer.note("a", OutcomeState.ACCEPTED, "x" * 70_000, 1)
    writer.note("a", "no state", None, 1)
    assert writer.lost_notes == 3
    writer.note("a", OutcomeState.REJECTED, None, 1)
    writer.flush()
    (record,) = oracle_journal.read_records(sink.data)
    assert (record.sequence, record.content["state"]) == (0, "REJECTED")


def test_what_comes_in_while_a_record_is_written_spoils_nothing(sink: Sink) -> None:
    refused: list[BaseException] = []

    def write(fd: int, data: bytes) -> int:
        own.flush()
        own.note("a", OutcomeState.ACCEPTED, None, 1)
        try:
            own.append_intent("b", PARAMS, 1, 2, 3)
        except StateError as error:
            refused.append(error)
        return sink.write(fd, data)

    sink.data = bytes(oracle_journal.HEADER_BYTES)
    own = Writer(CODEC, -1, "orders.journal", size_bytes=len(sink.data), sequence=0, epoch=1, write=write)
    own.append_intent("a", PARAMS, 1, 2, 3)
    assert "another thread" in str(refused[0])
    assert own.lost_notes == 1
    (record,) = oracle_journal.read_records(sink.data)
    assert record.content["client_order_id"] == "a"


def test_a_fork_writes_nothing(sink: Sink, writer: Writer) -> None:
    writer.leave_to_parent()
    with pytest.raises(WrongContext, match="fork"):
        writer.append_intent("a", PARAMS, 1, 2, 3)
    writer.note("a", OutcomeState.ACCEPTED, None, 1)
    writer.flush()
    assert sink.calls == 0


def test_the_systems_own_calls_write_and_take_back(tmp_path: Path) -> None:
    file = tmp_path / "orders.journal"
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    writer = Writer(CODEC, fd, str(file), size_bytes=0, sequence=0, epoch=1)
    writer.append_epoch(1, 4711)
    writer.append_intent("a", PARAMS, 1, 2, 3)
    os.close(fd)
    epoch, intent = oracle_journal.read_records(bytes(oracle_journal.HEADER_BYTES) + file.read_bytes())
    assert (epoch.content, intent.content["client_order_id"]) == ({"pid": 4711}, "a")
    with pytest.raises(StateError, match="Bad file descriptor"):
        writer.append_intent("b", PARAMS, 1, 2, 3)


def resealed(record: bytes, at: int, value: int) -> bytes:
    """Change a byte of a record and make its checksum fit again."""
    body = record[:at] + bytes([value]) + record[at + 1 : -4]
    return body + zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [
        (2, 9, "of kind 9, which this version does not know"),
        (12, 5, "number 5 where 1 comes next"),
        (8, 6, "its epoch 6 does not rise: the one before is 7"),
        (28, 200, "ends too early"),
        (30, 0xFF, "codec can't decode"),
    ],
)
def test_a_whole_record_that_cannot_be_there_is_named(
    sink: Sink, writer: Writer, at: int, value: int, told: str
) -> None:
    writer.append_intent("abc", PARAMS, 1, 2, 3)
    first = len(sink.data)
    writer.append_intent("abd", PARAMS, 1, 2, 3)
    scan = Scan(CODEC, sink.data[:first] + resealed(sink.data[first:], at, value), oracle_journal.HEADER_BYTES)
    assert scan.end == first
    assert told in (scan.trouble or "")


@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_whatever_a_whole_record_holds_is_read_or_refused(data: st.DataObject) -> None:
    sink = Sink()
    writer_to(sink).append_intent("abc", PARAMS, 1, 2, 3)
    content = sink.data[oracle_journal.HEADER_BYTES + 28 : -4]
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    content = content[:start] + data.draw(st.binary(max_size=12)) + content[stop:]
    kind = data.draw(st.integers(0, 4))
    body = struct.pack("<2sBBIIQq", b"SJ", kind, 0, 32 + len(content), 7, 0, 1) + content
    record = body + zlib.crc32(body).to_bytes(4, "little")
    scan = Scan(CODEC, record, 0)
    assert (scan.end == len(record)) is (scan.trouble is None)
    try:
        read = read_intent(CODEC, record)
    except (ValueError, TypeError):
        return
    assert isinstance(read[1], OrderParams)


def test_a_search_finds_the_next_whole_record(sink: Sink, writer: Writer) -> None:
    writer.append_intent("a", PARAMS, 1, 2, 3)
    writer.append_intent("b", PARAMS, 1, 2, 3)
    first, second = oracle_journal.read_records(sink.data)
    assert find_record(sink.data, 0) == first.start
    assert find_record(sink.data, first.start + 1) == second.start
    assert find_record(sink.data, second.start + 1) == -1
    assert find_record(sink.data[:-1], first.start + 1) == -1
    with pytest.raises(ValueError, match="no whole record begins at 3"):
        record_at(sink.data, 3)


@pytest.mark.parametrize("change", [{"params": Symbol}, {"symbol": OrderParams}])
def test_a_codec_refuses_structs_that_its_records_do_not_hold(change: dict[str, Any]) -> None:
    told: dict[str, Any] = {"params": OrderParams, "symbol": Symbol} | change
    with pytest.raises(TypeError, match="holds every field of an order"):
        Codec(told["params"], told["symbol"], sides=(), order_types=(), times=(), states=(), terminal=())


def with_amount(exponent: int, coefficient: int) -> bytes:
    """Give the record of an intent whose quantity is coefficient * 10**exponent, whatever a writer would say to it."""
    sink = Sink()
    writer_to(sink).append_intent("id", PARAMS, 1, 2, 3)
    record = sink.data[oracle_journal.HEADER_BYTES :]
    was = struct.pack("<Bi", 1, -4) + struct.pack("<q", 10)
    assert record.count(was) == 1
    made = record.replace(was, struct.pack("<Biq", 1, exponent, coefficient))[:-4]
    return made + struct.pack("<I", zlib.crc32(made))


@pytest.mark.parametrize("exponent", [-(2**31), 1 - 2**31, 2**31 - 1])
def test_the_least_and_the_largest_exponent(exponent: int) -> None:
    _, params, *_ = read_intent(CODEC, with_amount(exponent, 7))
    assert params.quantity is not None
    assert params.quantity.as_tuple() == (0, (7,), exponent)


@pytest.mark.parametrize("coefficient", [-(2**63), 1 - 2**63, 2**63 - 1])
def test_the_least_and_the_largest_coefficient(coefficient: int) -> None:
    if coefficient < 0:
        with pytest.raises(UsageError, match=str(coefficient)):
            read_intent(CODEC, with_amount(0, coefficient))
    else:
        assert read_intent(CODEC, with_amount(0, coefficient))[1].quantity == coefficient
