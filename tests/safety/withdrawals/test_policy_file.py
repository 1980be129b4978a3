"""The policy's file: read, pinned, and refused with the line that is wrong."""

from __future__ import annotations

import logging
import os
from decimal import Decimal
from pathlib import Path

import pytest

from spotlane import WithdrawalCap, WithdrawalPolicy, WithdrawalTarget
from spotlane.errors import StateError, UsageError, WithdrawalsStopped
from spotlane.safety.withdrawals.policy_file import digest_of
from spotlane.structs import WithdrawalReason

TEXT = """\
# Whom this bot may pay.
ledger = "withdrawals.ledger"
cool_down_s = 3600
demand_checksum = true

[[allow]]
asset = "USDT"
network = "TRC20"
address = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
label = "own wallet"
per_day = "100"

[[allow]]
asset = "XRP"   # [[allow]] in a comment is none
network = "XRP"
address = "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"
memo = "104100"

[caps.USDT]
per_transfer = "1000"
per_day = "2500.5"

[caps]
XRP = { per_day = "5" }
"""


def write(folder: Path, text: str | bytes) -> Path:
    folder.chmod(0o700)
    path = folder / "policy.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def trouble(path: Path) -> WithdrawalsStopped:
    policy = WithdrawalPolicy.from_file(path)
    with pytest.raises(WithdrawalsStopped) as refusal:
        policy.check_pinned()
    assert isinstance(refusal.value, StateError)
    assert isinstance(refusal.value, UsageError)
    assert refusal.value.path == str(path)
    assert str(path) in str(refusal.value)
    return refusal.value


def test_all_of_a_file_is_understood(tmp_path: Path) -> None:
    # TOML allows [caps] after [caps.USDT].
    path = write(tmp_path, TEXT)
    policy = WithdrawalPolicy.from_file(path, sha256=digest_of(TEXT.encode()))
    policy.check_pinned()
    assert policy.targets == (
        WithdrawalTarget(
            "USDT", "TRC20", "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm",
            label="own wallet", cap=WithdrawalCap(per_day=Decimal(100)),
        ),
        WithdrawalTarget("XRP", "XRP", "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "104100"),
    )  # fmt: skip
    assert policy.caps == {
        "USDT": WithdrawalCap(Decimal(1000), Decimal("2500.5")), "XRP": WithdrawalCap(per_day=Decimal(5)),
    }  # fmt: skip
    assert policy.ledger_path == str(tmp_path / "withdrawals.ledger")
    assert (policy.cool_down_s, policy.demand_checksum) == (3600, True)


def test_a_target_waits_a_day_where_the_file_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT.replace("cool_down_s = 3600\n", ""))
    assert WithdrawalPolicy.from_file(path).cool_down_s == 86_400


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('"1000"', "1000.0", 20, 'the float per_transfer = 1000.0: write per_transfer = "1000.0", in quotes'),
        ('"1000"', "1000", 20, "a text in quotes"),
        ('"1000"', '"1e"', 20, "a decimal number above 0"),
        ('"1000"', '"0"', 20, "a decimal number above 0"),
        ('"1000"', '"NaN"', 20, "a decimal number above 0"),
        ('"2500.5"', '"-1"', 21, "a decimal number above 0"),
        ('"100"', '"much"', 11, "a decimal number above 0"),
        ('"5" }', "5.5 }", 24, "the float"),
        ('per_day = "5"', 'per_week = "5"', 24, "'per_week', which means nothing there"),
        ("label", "lable", 10, "'lable', which means nothing there: there are asset, network, "),
        ("ledger =", "leger =", 2, "'leger'"),
        ("3600", "3600.5", 3, "the float"),
        ("3600", "-1", 3, "seconds are 0 or more"),
        ("3600", "true", 3, "a whole number"),
        ("demand_checksum = true", 'demand_checksum = "yes"', 4, "true or false"),
        ('"TRC20"', '"TRX"', 8, "its name on every exchange is 'TRC20'"),
        ('"TRC20"', '"trc20"', 8, "its name on every exchange is 'TRC20'"),
        ('"USDT"', '"usdt"', 7, "write 'USDT'"),
        ('memo = "104100"', 'memo = ""', 17, "blank"),
        ('memo = "104100"', "memo = 104100", 17, "a text in quotes"),
        ('memo = "104100"', 'memo = "1"\nno_memo = true', 18, "take one of them away"),
        ('address = "rEb8', 'address = " rEb8', 16, "blanks around"),
        ('address = "rEb8', 'addres = "rEb8', 16, "'addres'"),
        ('network = "XRP"\n', "", 13, "this [[allow]] lacks 'network'"),
        ('asset = "XRP"', 'asset = "EOS"', 14, "has no cap: add [caps.EOS]"),
        ('ledger = "withdrawals.ledger"\n', "", 2, "needs a ledger: add ledger ="),
        ('ledger = "withdrawals.ledger"\ncool_down_s = 3600\n', "", 17, "which a restart would forget"),
        ('label = "own wallet"', 'label = """own\nwallet"""', 10, "several lines"),
        ('network = "XRP"', "network = XRP", 15, "is no TOML"),
        ("[[allow]]\nasset", "[allow]\nasset", 6, "[[allow]]"),
        ("[caps.USDT]", "[caps.USDT", 19, "is no TOML"),
    ],
)
def test_the_line_that_is_wrong_is_named(tmp_path: Path, before: str, after: str, line: int, words: str) -> None:
    assert before in TEXT
    text = TEXT.replace(before, after, 1)
    if before == "[[allow]]\nasset":
        text = text.replace('[[allow]]\nasset = "XRP"', '[other]\nasset = "XRP"')
    told = trouble(write(tmp_path, text))
    assert told.reason is WithdrawalReason.POLICY_MALFORMED
    assert words in str(told)
    assert told.line == line
    assert f"line {line}," in str(told)


def test_a_place_that_is_listed_twice(tmp_path: Path) -> None:
    entry = TEXT[TEXT.index("[[allow]]") : TEXT.index('[[allow]]\nasset = "XRP"')]
    told = trouble(write(tmp_path, TEXT + "\n" + entry))
    assert told.line == TEXT.count("\n") + 2
    assert "a second time, after line 6" in str(told)


def test_what_is_no_text(tmp_path: Path) -> None:
    assert trouble(write(tmp_path, TEXT.encode() + b"\n# \xff")).line == TEXT.count("\n") + 2
    assert "is no TOML" in str(trouble(write(tmp_path, "\0")))
    assert "lacks 'allow'" in str(trouble(write(tmp_path, "")))
    assert "longer than" in str(trouble(write(tmp_path, "#" * (1 << 21))))


def test_what_is_no_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "policy.toml"
    assert trouble(path).reason is WithdrawalReason.POLICY_MISSING
    path.mkdir()
    assert trouble(path).reason is WithdrawalReason.POLICY_MISSING
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in str(trouble(path))


@pytest.mark.parametrize(("mode", "words"), [(0o602, "everybody"), (0o620, "its group"), (0o666, "everybody")])
def test_a_file_that_others_can_write(tmp_path: Path, mode: int, words: str) -> None:
    path = write(tmp_path, TEXT)
    path.chmod(mode)
    told = trouble(path)
    assert (told.reason, told.line) == (WithdrawalReason.POLICY_WRITABLE, None)
    assert f"can be written by {words}: chmod go-w" in str(told)


def test_a_folder_in_which_others_can_replace_it(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    tmp_path.chmod(0o777)
    assert "can be replaced by everybody" in str(trouble(path))
    # The sticky bit keeps others from that, as in /tmp.
    tmp_path.chmod(0o1777)
    WithdrawalPolicy.from_file(path).check_pinned()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    os.chown(path, 12_345, -1)
    assert "belongs to another user (uid 12345)" in str(trouble(path))


def test_an_edit_stops_withdrawals_for_good(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    policy = WithdrawalPolicy.from_file(path)
    policy.check_pinned()
    write(tmp_path, TEXT + " ")
    for text in (TEXT + " ", TEXT):
        write(tmp_path, text)
        with pytest.raises(WithdrawalsStopped, match="was edited: its SHA-256 is") as refusal:
            policy.check_pinned()
        assert refusal.value.reason is WithdrawalReason.EDITED_POLICY
    # A restart reads it anew.
    WithdrawalPolicy.from_file(path).check_pinned()


def test_another_digest_than_the_pinned_one(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    policy = WithdrawalPolicy.from_file(path, sha256="0" * 64)
    with pytest.raises(WithdrawalsStopped, match="0000 is pinned"):
        policy.check_pinned()
    assert policy.targets == ()
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        WithdrawalPolicy.from_file(path, sha256="abc")


def test_caps_in_memory_are_the_callers_word(tmp_path: Path) -> None:
    text = TEXT.replace('ledger = "withdrawals.ledger"\ncool_down_s = 3600\n', "")
    policy = WithdrawalPolicy.from_file(write(tmp_path, text), in_memory=True)
    policy.check_pinned()
    assert (policy.ledger_path, policy.cool_down_s) == (None, 0)


def test_reading_it_says_nothing_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        WithdrawalPolicy.from_file(tmp_path / "none.toml")
    assert caplog.records == []
