"""How a hostile server delivers a reply: framings, faults, split points, delays and endings, drawn from a seed.

A plan is a list of steps. It says of itself whether the reply comes whole and well, and whether the connection is spent
by it: then a client may send nothing more over it.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

_REASONS = {200: b"OK", 201: b"Created", 400: b"Bad Request", 408: b"Request Timeout", 503: b"Busy"}
TIMEOUT_REPLY = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
_INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
_ENDLESS = 1 << 21


Step = bytes | float | str


@dataclass(slots=True)
class Plan:
    """steps are bytes to send, seconds to wait, or an ending: "FIN", "RST", "silence".

    label names what is wrong, and is empty where nothing is. is_well: it is a whole reply in good time. is_framed: it
    ends where it says that it does. is_spent: whatever the client makes of it, it may not use the connection again.
    idle are the steps to take once the next request has not come for a while.
    """

    steps: list[Step] = field(default_factory=list)
    label: str = ""
    is_well: bool = True
    is_framed: bool = True
    is_spent: bool = False
    idle: list[Step] = field(default_factory=list)

    def spoil(self, label: str, *, is_framed: bool = False) -> None:
        """Note what is wrong with the reply."""
        self.label = f"{self.label}, {label}" if self.label else label
        self.is_well = False
        self.is_framed = self.is_framed and is_framed


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be delivered: a reply, to a read or to an order, by a client that waits for limit_s."""

    status: int
    body: bytes
    is_read: bool
    limit_s: float


def make_plan(rng: Random, wish: Wish) -> Plan:
    """Draw a plan: mostly one fault, sometimes none, sometimes several at once."""
    plan = Plan()
    head, body = _frame(rng, plan, wish)
    faults = rng.choices(_FAULTS, k=rng.choice((0, 0, 0, 0, 1, 1, 1, 1, 1, 2)))
    for fault in faults:
        plan.is_spent = False
        head, body = fault(rng, plan, head, body)
    if len(faults) > 1:
        plan.is_spent = False  # one may undo the other
    raw = head + body
    if rng.random() < 0.1:
        raw = _interim(rng) + raw
    raw = _cut(rng, plan, raw)
    _deliver(rng, plan, raw, wish)
    if not (plan.steps and plan.steps[-1] in ("FIN", "RST", "silence")):
        _finish(rng, plan, raw)
    return plan


def _frame(rng: Random, plan: Plan, wish: Wish) -> tuple[bytes, bytes]:
    version = b"1.0" if rng.random() < 0.03 else b"1.1"
    lines = [b"HTTP/%s %d %s" % (version, wish.status, _REASONS.get(wish.status, b"X"))]
    if rng.random() < 0.5:
        lines.append(b"Content-Type: application/json")
    if version == b"1.0":
        plan.is_spent = True
    if rng.random() < 0.06:
        lines.append(rng.choice((b"Connection: close", b"connection:CLOSE")))
        plan.is_spent = True
    body = wish.body
    kind = rng.choices(("length", "chunked", "close"), (70, 25, 5))[0]
    if kind == "chunked" and version == b"1.1":
        lines.append(rng.choice((b"Transfer-Encoding: chunked", b"transfer-encoding:chunked")))
        body = _chunk(rng, body)
    elif kind == "close":
        # Only its end ends it, and only a read may take that for the end.
        plan.is_spent = True
        plan.steps.append("FIN")
        if not wish.is_read:
            plan.spoil("no length", is_framed=True)
    else:
        lines.append(rng.choice((b"Content-Length: %d", b"content-length:%d ")) % len(body))
    rng.shuffle(rest := lines[1:])
    return b"\r\n".join([lines[0], *rest]) + b"\r\n\r\n", body


def _chunk(rng: Random, body: bytes) -> bytes:
    parts = []
    while body:
        size = rng.randint(1, len(body))
        extension = rng.choice((b"", b"", b";a=b", b';a="b c";d'))
        parts.append(b"%x%s\r\n%s\r\n" % (size, extension, body[:size]))
        body = body[size:]
    return b"".join(parts) + b"0\r\n" + rng.choice((b"", b"X: y\r\n", b"A: b\r\nC: d\r\n")) + b"\r\n"


def _interim(rng: Random) -> bytes:
    return b"".join(
        b"HTTP/1.1 %d X\r\n%s\r\n" % (rng.choice((100, 102, 103)), rng.choice((b"", b"Link: x\r\n")))
        for _ in range(rng.randint(1, 3))
    )


Fault = Callable[[Random, Plan, bytes, bytes], tuple[bytes, bytes]]


def _with_line(label: str, *choices: bytes) -> Fault:
    def fault(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        plan.spoil(label)
        plan.is_spent = True
        first, _, rest = head.partition(b"\r\n")
        return first + b"\r\n" + rng.choice(choices) + b"\r\n" + rest, body

    return fault


def _instead(label: str, *choices: bytes) -> Fault:
    def fault(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        plan.spoil(label)
        plan.is_spent = True
        return rng.choice(choices), b""

    return fault


def _status(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    plan.spoil("status line")
    plan.is_spent = True
    lines = (b"HTTP/1.1 000 X", b"HTTP/1.1 99999 X", b"HTTP/2 200", b"HTTP/1.1 2x0 OK", b"ICY 200 OK", b"HTTP/1.1")
    return rng.choice(lines) + b"\r\n" + head.partition(b"\r\n")[2], body


def _other_status(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    status = rng.choice((101, 204, 301, 304, 307, 408, 425, 500, 502, 503, 504, 999))
    has_body = status not in (101, 204, 304)
    plan.spoil(f"status {status}", is_framed=has_body)
    plan.is_spent = not has_body or status == 408
    line = b"HTTP/1.1 %d X\r\nLocation: /redirected\r\n" % status
    return line + head.partition(b"\r\n")[2], body


def _flip(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Change a byte of the head, but not of the status: nobody can tell one that was changed on the way."""
    plan.spoil("flipped byte in the head")
    where = rng.choice((*range(len(b"HTTP/1.1")), *range(len(b"HTTP/1.1 200"), len(head))))
    return head[:where] + bytes([rng.randrange(256)]) + head[where + 1 :], body


def _drop(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    plan.spoil("bytes missing from the head")
    start = rng.randrange(len(head))
    return head[:start] + head[start + rng.randint(1, 20) :], body


def _wrong_length(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    plan.spoil("wrong length")
    told = len(body) + rng.choice((-20, -3, -1, 1, 3, 500))
    # What is missing may still come, and line ends in front of a reply are allowed.
    plan.is_spent = told < len(body) and not body[-20:].isspace() and not body.endswith(b"\n")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % max(0, told), body


def _packed(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    plan.spoil("gzip")
    plan.is_spent = True
    packed = gzip.compress(body, 1)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed), packed


def _other_body(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    plan.spoil("other body", is_framed=True)
    body = rng.choice(
        (b"", b"{}", b"[]", b"null", b"<html>busy</html>", b"[[[[", b'{"code":200}', b'{"symbol":"BTCUSDT"}')
    )
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body


def _endless(rng: Random, plan: Plan, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    plan.spoil("endless")
    plan.is_spent = True
    start, piece = rng.choice((
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b" " * 1_024 + b"\r\n"),
        (b"", _INTERIM),
    ))  # fmt: skip
    # aiohttp takes 10 us for each interim reply, during which nothing else runs.
    size = 20_000 if piece is _INTERIM else rng.choice((20_000, 200_000, _ENDLESS))
    return start + piece * (size // len(piece)), b""


_FAULTS: tuple[Fault, ...] = (
    _with_line("two lengths", b"Content-Length: 7\r\nContent-Length: 9"),
    _with_line("length and chunks", b"Content-Length: 30\r\nTransfer-Encoding: chunked"),
    _with_line("bad length", b"Content-Length: -1", b"Content-Length: 1e3", b"Content-Length: 18446744073709551700"),
    _with_line("huge length", b"Content-Length: 999999999999"),
    _with_line("bad header line", b"X", b": x", b"X : y", b"X\0: y", b"X: a\0b", b"X: a\rb"),
    _with_line("long header line", b"X: " + b"y" * 20_000),
    _with_line("transfer coding", b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked, gzip"),
    _instead("garbage", bytes(range(128, 256)), b"<html>busy</html>", b"\0" * 50, b'{"code":0}', b"\r\n\r\n\r\n\r\n"),
    _instead("other protocol", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes.fromhex("15030300020228")),
    _status,
    _other_status,
    _other_status,
    _flip,
    _flip,
    _drop,
    _drop,
    _wrong_length,
    _wrong_length,
    _packed,
    _other_body,
    _other_body,
    _endless,
)


def _cut(rng: Random, plan: Plan, raw: bytes) -> bytes:
    """Leave the end of the reply out, sometimes."""
    if rng.random() > 0.15 or not raw:
        return raw
    plan.spoil("cut off")
    plan.is_spent = False
    plan.steps = [rng.choice(("FIN", "RST", "silence"))]
    return raw[: rng.randrange(len(raw))]


def _deliver(rng: Random, plan: Plan, raw: bytes, wish: Wish) -> None:
    """Put the bytes in front of the ending: in one piece or many, at once, later, or around the deadline."""
    ending, plan.steps = plan.steps, []
    kind = rng.choices(("at once", "soon", "around the deadline", "too late", "drip"), (70, 15, 6, 4, 5))[0]
    if kind == "soon":
        plan.steps.append(rng.uniform(0, wish.limit_s / 4))
    elif kind == "around the deadline":
        plan.spoil(kind, is_framed=True)
        plan.steps.append(wish.limit_s * rng.uniform(0.9, 1.1))
    elif kind == "too late":
        plan.spoil(kind, is_framed=True)
        plan.steps.append(wish.limit_s * rng.uniform(1.3, 2))
    if kind == "drip" and len(raw) < 2_000:
        plan.spoil(kind, is_framed=True)
        pause_s = 2 * wish.limit_s / 20
        for start in range(0, len(raw), max(1, len(raw) // 20)):
            plan.steps += [raw[start : start + max(1, len(raw) // 20)], pause_s]
    else:
        plan.steps += _pieces(rng, raw)
    plan.steps += ending


def _pieces(rng: Random, raw: bytes) -> list[Step]:
    count = rng.choices((1, 2, 3, 8), (60, 20, 12, 8))[0]
    cuts = sorted(rng.randrange(len(raw) + 1) for _ in range(count - 1)) if raw else []
    steps: list[Step] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        steps += [raw[start:end], 0.0 if rng.random() < 0.8 else rng.uniform(0, 0.003)]
    return steps[:-1]


def _finish(rng: Random, plan: Plan, raw: bytes) -> None:
    """Draw what comes after the reply."""
    kinds = ("nothing", "FIN", "RST", "a second reply", "surplus", "a second reply later", "408 later", "FIN later",
             "RST later", "a byte later")  # fmt: skip
    kind = rng.choices(kinds, (44, 6, 5, 8, 5, 10, 8, 6, 4, 4))[0]
    if kind == "FIN":
        plan.steps.append("FIN")
        plan.is_spent = True
    elif kind == "RST":
        # It may overtake the reply.
        plan.spoil("RST after the reply", is_framed=True)
        plan.steps.append("RST")
    elif kind in ("a second reply", "surplus"):
        plan.is_spent = plan.is_framed
        plan.spoil(kind)
        extra = raw if kind == "a second reply" else rng.choice((b"0", raw[: len(raw) // 2], TIMEOUT_REPLY))
        plan.steps.append(extra)
    elif kind != "nothing":
        later: dict[str, Step] = {
            "a second reply later": raw, "408 later": TIMEOUT_REPLY, "FIN later": "FIN", "RST later": "RST",
            "a byte later": b"H",
        }  # fmt: skip
        plan.idle = [rng.choice((0.0, rng.uniform(0, 0.02))), later[kind]]
        plan.label = f"{plan.label}, {kind}" if plan.label else kind
