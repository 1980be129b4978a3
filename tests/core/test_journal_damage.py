"""Journals that were cut, damaged, or written until the very moment of a SIGKILL."""

from __future__ import annotations

import itertools
import logging
import os
import random
import sys
import zlib
from decimal import Decimal
from pathlib import Path

import oracle_journal
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlane._core.records import Scan
from spotlane.errors import StateError
from spotlane.safety.journal import Journal
from spotlane.safety.journal_file import CODEC, Disk
from spotlane.structs import OrderParams, OrderType, OutcomeState, Side, Symbol
from spotlane.transport import ManualClock

HEADER_BYTES = oracle_journal.HEADER_BYTES
NO_DISK = Disk(sync=lambda fd: None)
STATES = itertools.cycle(OutcomeState)


def open_journal(path: Path) -> Journal:
    return Journal.open(path, exchange="mexc", key_mark="ab" * 16, clock=ManualClock(), disk=NO_DISK)


def write_journal(path: Path, *, epochs: int, orders: int) -> bytes:
    """Write a journal of several epochs, with orders of many forms and notes of every state."""
    draw = random.Random(7)
    for epoch in range(epochs):
        journal = open_journal(path)
        for number in range(orders):
            name = f"s{journal.identity}{epoch:04}{number:07}0"
            params = OrderParams(
                Symbol("BTC", "USDT"),
                draw.choice(list(Side)),
                draw.choice(list(OrderType)),
                quantity=Decimal(draw.randrange(10**12)).scaleb(-draw.randrange(12)),
                price=draw.choice([None, Decimal("64999.98"), Decimal(10**30)]),
            )
            journal.append_intent(name, params, 1_000 + number, 2_000, 1_500)
            if draw.random() < 0.8:
                journal.note(name, next(STATES), draw.choice([None, "12345678"]))
        journal.close()
    return path.read_bytes()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "spotlane.safety")


def reopened(path: Path, data: bytes) -> tuple[list[str], int, int]:
    """Open a file of these bytes; give the open ids, the torn bytes and the epoch."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    path.write_bytes(data)
    journal = open_journal(path)
    journal.close()
    torn = journal.status().torn_bytes
    kept = list(path.parent.glob(f"{path.name}.torn-*"))
    assert [file.read_bytes() for file in kept] == ([data[-torn:]] if torn else [])
    return [intent.client_order_id for intent in journal.open_intents], torn, journal.epoch


def test_every_prefix_of_a_journal_is_recovered(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    data = write_journal(path, epochs=3, orders=10)
    records = oracle_journal.read_records(data)
    assert len(records) > 50
    assert len(oracle_journal.open_ids(records)) > 8
    path = tmp_path / "prefix.journal"
    for length in range(HEADER_BYTES):
        path.write_bytes(data[:length])
        with pytest.raises(StateError):
            open_journal(path)
        assert path.read_bytes() == data[:length]
    for length in range(HEADER_BYTES, len(data) + 1):
        whole = [record for record in records if record.end <= length]
        end = whole[-1].end if whole else HEADER_BYTES
        epoch = whole[-1].epoch if whole else 0
        wanted_epoch = epoch + (1 if length == end else 2)
        assert reopened(path, data[:length]) == (oracle_journal.open_ids(whole), length - end, wanted_epoch)
        # What was cut off stays cut off, and the journal goes on.
        again = oracle_journal.read_records(path.read_bytes())
        assert again[:-1] == whole
        assert (again[-1].kind, again[-1].epoch, again[-1].end) == ("EPOCH", wanted_epoch, path.stat().st_size)


def test_every_bit_that_turns_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    data = write_journal(path, epochs=2, orders=3)
    records = oracle_journal.read_records(data)
    last = records[-1].start
    before_last = oracle_journal.open_ids(records[:-1])
    path = tmp_path / "turned.journal"
    for at, bit in itertools.product(range(last, len(data)), range(8)):
        # Nothing tells a damaged last record from a torn one: it is cut off, kept and counted.
        turned = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        assert reopened(path, turned) == (before_last, len(data) - last, 4)
    path.write_bytes(data)
    with path.open("r+b", buffering=0) as file:
        for at, bit in itertools.product(range(last), range(8)):
            os.pwrite(file.fileno(), bytes([data[at] ^ 1 << bit]), at)
            with pytest.raises(StateError):
                open_journal(path)
            os.pwrite(file.fileno(), data[at : at + 1], at)
    assert path.read_bytes() == data


def test_damage_is_named_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    data = write_journal(path, epochs=2, orders=3)
    records = oracle_journal.read_records(data)
    hurt = records[2]
    path.write_bytes(data[: hurt.start + 30] + b"\xff" + data[hurt.start + 31 :])
    with pytest.raises(StateError, match=f"damaged from byte {hurt.start} to {hurt.end}, with whole records behind"):
        open_journal(path)
    path.write_bytes(data[: hurt.start] + data[hurt.end :])
    with pytest.raises(StateError, match=f"byte {hurt.start} that can't be there: it is number 3 where 2 comes"):
        open_journal(path)


def test_an_order_that_cannot_be_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    data = write_journal(path, epochs=1, orders=1)
    at = data.index(b"USDT")
    record = next(each for each in oracle_journal.read_records(data) if each.start < at < each.end)
    body = data[record.start : record.end - 4].replace(b"USDT", b"usdt")
    spoiled = data[: record.start] + body + zlib.crc32(body).to_bytes(4, "little")
    path.write_bytes(spoiled)
    with pytest.raises(StateError, match=f"an order at byte {record.start} that can't be .*upper case"):
        open_journal(path)
    assert path.read_bytes() == spoiled


@settings(deadline=None)
@given(data=st.data())
def test_no_bytes_whatever_upset_a_scan(data: st.DataObject) -> None:
    tail = data.draw(st.binary(max_size=200) | st.binary(max_size=100).map(lambda made: b"SJ\2\0" + made))
    scan = Scan(CODEC, bytes(HEADER_BYTES) + tail, HEADER_BYTES)
    assert (scan.end, scan.open, scan.trouble) == (HEADER_BYTES, {}, None)


def test_torn_bytes_of_two_openings_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    data = write_journal(path, epochs=1, orders=2)
    path.with_name("orders.journal.torn-3").write_bytes(b"left by an opening that was interrupted")
    path.write_bytes(data + b"SJ and so on")
    journal = open_journal(path)
    journal.close()
    assert journal.epoch == 3
    assert path.with_name("orders.journal.torn-3").read_bytes() == b"left by an opening that was interrupted"
    assert path.with_name("orders.journal.torn-3-2").read_bytes() == b"SJ and so on"


def test_a_torn_tail_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "spotlane.safety")
    path = tmp_path / "orders.journal"
    data = write_journal(path, epochs=1, orders=2)
    path.write_bytes(data[:-1])
    open_journal(path).close()
    assert "may have held an order" in caplog.text
    assert str(path) in caplog.text


@pytest.mark.checkout
def test_a_killed_writer_loses_no_intent(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "chaos"))
    try:
        import kill_journal
    finally:
        del sys.path[0]
    outcome = kill_journal.run(20, seed=5, folder=tmp_path)
    assert outcome.kills == 20
    assert outcome.written > 0
    assert outcome.lost == []
    assert outcome.repeated == []
