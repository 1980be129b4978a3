"""The policy's file: found safe, read, and understood line by line. The format is in docs/withdrawals.md."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from spotlane.errors import UsageError, WithdrawalsStopped
from spotlane.safety.networks import meant_by
from spotlane.safety.withdrawals.targets import WithdrawalCap, WithdrawalTarget
from spotlane.structs import WithdrawalReason

_MOST_BYTES = 1 << 20
_TOP = {"ledger": str, "cool_down_s": int, "demand_checksum": bool, "allow": list, "caps": dict}
_ENTRY = {
    "asset": str, "network": str, "address": str, "memo": str, "contract": str, "label": str, "no_memo": bool,
    "per_transfer": str, "per_day": str,
}  # fmt: skip
_CAP = {"per_transfer": str, "per_day": str}
_WORDS = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    list: "[[allow]]",
    dict: "[caps.ASSET]",
}
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]*?)\s*\]")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_.\-]+)["']?\s*=""")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a policy's file says."""

    targets: tuple[WithdrawalTarget, ...]
    caps: Mapping[str, WithdrawalCap]
    ledger: str | None
    cool_down_s: float | None
    demand_checksum: bool


class _Float(str):
    """A number that TOML takes for a binary fraction, as it was written."""


def read_bytes(path: str) -> bytes:
    """Return the content of a file that nobody but its owner can change. Raises WithdrawalsStopped."""
    missing = WithdrawalReason.POLICY_MISSING
    try:
        # Without O_NONBLOCK, opening a pipe by mistake would wait for its other end.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise stopped(
            path, f"can't be opened ({error.strerror}): put it there, as a file and no link", missing
        ) from None
    try:
        told = os.fstat(fd)
        if not stat.S_ISREG(told.st_mode):
            raise stopped(path, "is not a regular file: give another path", missing)
        refuse_writable(path, told, "policy", WithdrawalReason.POLICY_WRITABLE)
        content = b""
        while part := os.read(fd, _MOST_BYTES):
            content += part
            if len(content) > _MOST_BYTES:
                raise stopped(path, f"is longer than {_MOST_BYTES} bytes", WithdrawalReason.POLICY_MALFORMED)
        return content
    except OSError as error:
        raise stopped(path, f"can't be read ({error.strerror})", missing) from None
    finally:
        os.close(fd)


def refuse_writable(path: str, told: os.stat_result, what: str, reason: WithdrawalReason) -> None:
    """Refuse a file that others than its owner can write or replace. Raises WithdrawalsStopped."""
    if told.st_mode & 0o022:
        who = "everybody" if told.st_mode & 0o002 else "its group"
        raise stopped(path, f"can be written by {who}: chmod go-w {path}, after a look at what it says", reason, what)
    if told.st_uid not in (0, os.geteuid()):
        raise stopped(
            path, f"belongs to another user (uid {told.st_uid}): have it owned by the bot's or root", reason, what
        )
    folder = os.path.dirname(path) or "."
    mode = os.stat(folder).st_mode
    if mode & 0o002 and not mode & stat.S_ISVTX:
        raise stopped(path, f"can be replaced by everybody: chmod o-w {folder}", reason, what)


def stopped(
    path: str, what_is_wrong: str, reason: WithdrawalReason, what: str = "policy", line: int | None = None
) -> WithdrawalsStopped:
    """Return the error that stops withdrawals because of a file."""
    where = f"{path}, line {line}," if line is not None else path
    return WithdrawalsStopped(
        f"the withdrawal {what} {where} {what_is_wrong}; nothing is withdrawn until then",
        reason=reason,
        path=path,
        line=line,
    )


def digest_of(content: bytes) -> str:
    """Return what a file's content is pinned by: SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parse(path: str, content: bytes, *, in_memory: bool = False) -> Settings:
    """Understand a policy's file. Raises WithdrawalsStopped with the line of the first thing that is wrong.

    in_memory: the caller does without a ledger.
    """
    return _Parser(path, content).settings(in_memory)


class _Parser:
    def __init__(self, path: str, content: bytes) -> None:
        self._path = path
        try:
            self._text = content.decode()
        except UnicodeDecodeError as error:
            raise self._wrong(content[: error.start].count(b"\n") + 1, "is no UTF-8: save it as such") from None
        self._lines = self._text.split("\n")

    def settings(self, in_memory: bool) -> Settings:
        import tomllib  # only a policy with a file needs it

        for at, text in enumerate(self._lines, 1):
            if '"""' in text or "'''" in text:
                raise self._wrong(at, "begins a text of several lines: write each text on one line, in simple quotes")
        try:
            told = tomllib.loads(self._text, parse_float=_Float)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"at line (\d+)", str(error))
            raise self._wrong(int(found[1]) if found else len(self._lines), f"is no TOML ({error})") from None
        self._check_keys(told, _TOP, "", 0, ("allow",))
        entries = [self._entry(row, number) for number, row in enumerate(told["allow"])]
        self._refuse_twins(entries)
        caps = {asset: self._cap(row, f"caps.{asset}", 0) for asset, row in told.get("caps", {}).items()}
        if caps:
            for number, entry in enumerate(entries):
                if entry.asset not in caps:
                    line = self._line_of("allow", number, "asset")
                    raise self._wrong(line, f"has {entry.asset}, which has no cap: add [caps.{entry.asset}]")
        if "ledger" not in told:
            self._refuse_without_ledger(told, in_memory)
        cool_down_s = told.get("cool_down_s")
        if cool_down_s is not None and cool_down_s < 0:
            raise self._wrong(self._line_of("", 0, "cool_down_s"), f"has {cool_down_s}: seconds are 0 or more")
        ledger = told.get("ledger")
        if ledger is not None:
            ledger = os.path.join(os.path.dirname(self._path), ledger)
        return Settings(tuple(entries), caps, ledger, cool_down_s, told.get("demand_checksum", False))

    def _entry(self, row: object, number: int) -> WithdrawalTarget:
        table = self._check_keys(row, _ENTRY, "allow", number, ("asset", "network", "address"))
        for key in ("asset", "network", "address", "memo", "contract"):
            text = table.get(key)
            if text is not None and (not text or text != text.strip() or not text.isprintable()):
                raise self._wrong(
                    self._line_of("allow", number, key), f"has {key} {text!r}: blank, or with blanks around"
                )
        if table["asset"] != table["asset"].upper():
            line = self._line_of("allow", number, "asset")
            raise self._wrong(line, f"has asset {table['asset']!r}: write {table['asset'].upper()!r}")
        meant = meant_by(table["network"])
        if meant is not None and meant != table["network"]:
            line = self._line_of("allow", number, "network")
            raise self._wrong(
                line, f"has network {table['network']!r}: its name on every exchange is {meant!r}, write that"
            )
        cap = self._cap({key: table.pop(key) for key in _CAP if key in table}, "allow", number)
        try:
            return WithdrawalTarget(**table, cap=cap)
        except UsageError as error:
            raise self._wrong(self._line_of("allow", number, "no_memo"), f"does not fit: {error}") from None

    def _refuse_twins(self, entries: list[WithdrawalTarget]) -> None:
        places: dict[str, int] = {}
        for number, entry in enumerate(entries):
            first = places.setdefault(entry.key, number)
            if first != number:
                raise self._wrong(
                    self._line_of("allow", number, None),
                    f"lists {entry} a second time, after line {self._line_of('allow', first, None)}: keep one",
                )

    def _refuse_without_ledger(self, told: Mapping[str, Any], in_memory: bool) -> None:
        add = 'add ledger = "withdrawals.ledger" above all tables'
        if told.get("cool_down_s"):
            raise self._wrong(self._line_of("", 0, "cool_down_s"), f"has a cool-down, which needs a ledger: {add}")
        if in_memory:
            return
        for asset in told.get("caps", {}):
            line = self._line_of(f"caps.{asset}", 0, None)
            raise self._wrong(line, f"has caps, which a restart would forget: {add}")
        for number, row in enumerate(told["allow"]):
            for key in _CAP:
                if key in row:
                    line = self._line_of("allow", number, key)
                    raise self._wrong(line, f"has a cap, which a restart would forget: {add}")

    def _cap(self, row: object, table: str, number: int) -> WithdrawalCap:
        told = self._check_keys(row, _CAP, table, number, ())
        amounts = {}
        for key, text in told.items():
            line = self._line_of(table, number, key)
            try:
                amounts[key] = Decimal(text)
                WithdrawalCap(amounts[key])
            except (InvalidOperation, UsageError):
                raise self._wrong(line, f'has {key} {text!r}: write a decimal number above 0, as "1000.5"') from None
        return WithdrawalCap(**amounts)

    def _check_keys(
        self, row: object, kinds: Mapping[str, type], table: str, number: int, needed: tuple[str, ...]
    ) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise self._wrong(self._line_of(table, number, None), f"must be a table, [{table}]")
        for key, value in row.items():
            line = self._line_of(table, number, key)
            kind = kinds.get(key)
            if kind is None:
                raise self._wrong(line, f"has {key!r}, which means nothing there: there are {', '.join(kinds)}")
            if isinstance(value, _Float):
                raise self._wrong(line, f'has the float {key} = {value}: write {key} = "{value}", in quotes')
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise self._wrong(line, f"has {key} = {value!r}: it must be {_WORDS[kind]}")
        for key in needed:
            if key not in row:
                where = "the file" if not table else f"this [[{table}]]"
                raise self._wrong(self._line_of(table, number, None), f"is where {where} lacks {key!r}: add it")
        return dict(row)

    def _line_of(self, table: str, number: int, key: str | None) -> int:
        """Return the line of a key in the number-th table of a name, else of its header or of what has it inline."""
        section, count, header = "", 0, 1
        outer, _, inner = table.rpartition(".")
        inline = None
        for at, line in enumerate(self._lines, 1):
            head = _HEADER.match(line)
            if head is not None:
                section = re.sub(r"""[\s"']""", "", head[2])
                if section == table:
                    header = at if count == number else header
                    count += 1
                    if key is None and count == number + 1:
                        return at
                continue
            name = _KEY.match(line)
            if name is None:
                continue
            if section == table and name[1] == key and (not table or count == number + 1):
                return at
            if inner and section == outer and name[1].partition(".")[0] == inner:
                inline = at
        if key is not None and not table:
            return next((at for at, line in enumerate(self._lines, 1) if re.match(rf"\s*\[+\s*{key}\b", line)), header)
        return inline or header

    def _wrong(self, line: int, what_is_wrong: str) -> WithdrawalsStopped:
        return stopped(self._path, what_is_wrong, WithdrawalReason.POLICY_MALFORMED, line=line)
