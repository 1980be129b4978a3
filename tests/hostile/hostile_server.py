"""A server that is an exchange in name only: it answers late, twice, for others, in pieces, wrongly or not at all.

Runs as a process of its own, on the standard library alone. It reads commands and writes answers, a line of JSON each:
    {"do": "start", "connections": N}   be hostile from now on; {"done": true} is written after N such connections
    {"do": "report", "wrong": [...]}    say what was done and seen, and how each wrong reply came about; then end
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import ssl
import struct
import sys
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Any

from hostile_plan import TIMEOUT_REPLY, Plan, Step, Wish, make_plan
from hostile_wire import RULES_PATHS, Asked, Made, Venue, read_request, rules_of

# Requests without milliseconds in their stamp are timed by their arrival, which this process may notice late.
LATE_MS = 1_000
_HELD = 64
VERBS = ("place", "cancel", "get", "trades", "open_orders", "history", "balances")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def plainly(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@dataclass(slots=True)
class Sending:
    """A reply on its way over a connection; last_ms is when the last of it was sent."""

    connection: int
    made: Made
    last_ms: int = 0


class Book:
    """What was sent to whom, for the questions that are asked at the end."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        # By whom a connection was used after which end of it, and how much later.
        self.used_after: list[tuple[str, str, int]] = []
        # Where each request came; how each reply was given to another; which came over which connection, and when.
        self.arrivals: defaultdict[str, list[tuple[int, Asked]]] = defaultdict(list)
        self.crossed: dict[tuple[str, str], tuple[str, Made]] = {}
        self.strays: defaultdict[str, list[Sending]] = defaultdict(list)
        self.whole: dict[str, str] = {}
        self.seen: Counter[tuple[str, str, str]] = Counter()

    def explain(self, wrong: dict[str, Any]) -> dict[str, Any]:
        """Say how a reply can have reached a request: by the names that its call may have asked under, in its time."""
        token, start_ms, end_ms, margin_ms = (wrong[key] for key in ("token", "start_ms", "end_ms", "margin_ms"))
        is_read = False
        for name in wrong["names"]:
            for number, asked in self.arrivals[name]:
                # The next list of the same slot has the same name.
                if not start_ms - margin_ms <= (asked.stamp_ms or asked.arrived_ms) <= end_ms + margin_ms:
                    continue
                is_read = True
                crossed = self.crossed.get((name, token))
                if crossed is not None:
                    return describe(crossed[0], asked, crossed[1], 0)
                # The last one that was sent: those before it have been read.
                for sending in reversed(self.strays.get(token, ())):
                    if sending.connection == number:
                        return describe("stray", asked, sending.made, moment_of(asked) - sending.last_ms)
        if not is_read and token in self.strays:
            # The connection ended before the request was read from it. It was not written before its call began.
            sending = self.strays[token][-1]
            symbol, side, quantity = wrong["like"]
            asked = Asked("", "", "", symbol, side=side, quantity=quantity, stamp_ms=start_ms)
            return describe("stray", asked, sending.made, start_ms - sending.last_ms)
        return {"how": "unexplained"}


def moment_of(asked: Asked) -> int:
    """Return when a request was written, in milliseconds; one without a stamp was before its arrival at any rate."""
    return asked.stamp_ms or asked.arrived_ms - LATE_MS


def describe(how: str, asked: Asked, made: Made, after_ms: int) -> dict[str, Any]:
    """Say what there was to tell the reply by.

    lag_ms is how much older than the request it says that it is, after_ms for how long it had been sent by then.
    """
    return {
        "how": how,
        "is_alike": asked.is_alike(made.asked),
        "is_same_symbol": asked.symbol == made.asked.symbol,
        "is_nameless": made.is_nameless,
        "lag_ms": asked.stamp_ms - made.asked.arrived_ms,
        "after_ms": after_ms,
    }


class Server:
    """Every connection, and what they share: replies that were kept back or are to be exchanged for each other."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.book = Book()
        self.venue = Venue()
        self.is_hostile = False
        self.wanted = 0
        self.hostile = 0
        self.number = 0
        self.held: defaultdict[tuple[str, str], deque[Made]] = defaultdict(lambda: deque(maxlen=_HELD))
        self.sent: defaultdict[tuple[str, str], deque[Made]] = defaultdict(lambda: deque(maxlen=_HELD))
        self.swapping: dict[tuple[str, str], tuple[Made, asyncio.Future[Made]]] = {}

    def count_hostile(self) -> None:
        self.hostile += 1
        if self.hostile == self.wanted:
            say({"done": True})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number += 1
        link = Link(self, reader, writer, self.number)
        try:
            await link.run()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def report(self, wrong: list[dict[str, Any]], failed: list[str]) -> dict[str, Any]:
        book = self.book
        # A cancel by id may be repeated, as a read may.
        twice = [f"{verb} {token}" for (verb, _, token), count in book.seen.items() if count > 1 and verb == "place"]
        return {
            "connections": self.number,
            "hostile": self.hostile,
            "whole_replies": len(book.whole),
            "counts": book.counts,
            "violations": book.violations,
            "used_after": book.used_after,
            "sent_twice": twice,
            "wrong": [book.explain(each) for each in wrong],
            "whole": [book.whole.get(name) for name in failed],
            "placed": [name.removeprefix("place:") in self.venue.placed for name in failed],
        }


class Link:
    """One connection."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.number = number
        self.rng = random.Random(f"{server.seed}:{number}")
        self.is_counted = False
        self.spent_ms = 0
        self.spent_by = ""
        self.is_out_of_step = False
        self.is_framed = True
        self.has_ended = False
        self.idle: list[Step] = []
        self.sending: Sending | None = None

    async def run(self) -> None:
        if self.server.is_hostile and self.rng.random() < 0.02:
            self._note("speaks first")
            await self._stray(TIMEOUT_REPLY)
        while True:
            asked = await self._next_request()
            if asked.verb in ("time", "rules", "other"):
                continue
            self._check(asked)
            if self.has_ended:
                return
            if not self.server.is_hostile or self.rng.random() < 0.15:
                made = self.server.venue.answer(asked)
                self.server.book.whole[asked.name] = "plain reply"
                self._begin(made)
                await self._send(plainly(made.body, made.status))
                continue
            if not await self._answer(asked):
                return

    async def _next_request(self) -> Asked:
        """Read a request, doing meanwhile what the last plan left to do; answer at once what needs no plan."""
        if self.idle:
            reading = asyncio.ensure_future(self.reader.readuntil(b"\r\n\r\n"))
            try:
                await self._idle(reading)
                head = await reading
            finally:
                reading.cancel()
        else:
            head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        at = head.lower().find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 : head.index(b"\r\n", at + 2)])
        body = await self.reader.readexactly(length) if length else b""
        asked = read_request(head[:-4], body, now_ms())
        book = self.server.book
        book.counts[f"asked: {asked.verb}"] += 1
        if asked.verb == "time":
            await self._send(plainly(b'{"serverTime":%d,"server_time":%d}' % (now_ms(), now_ms())))
        elif asked.verb == "rules":
            path = head.split(b" ")[1].decode()
            await self._send(plainly(rules_of(path.partition("?")[0], "showPermissionSets" in path)))
            assert path.partition("?")[0] in RULES_PATHS
        elif asked.verb == "other":
            book.violations["a request that nobody made: " + head.split(b"?")[0].decode("latin-1")[:60]] += 1
        return asked

    def _check(self, asked: Asked) -> None:
        """Note a request, and whether it may have come, and over this connection."""
        book = self.server.book
        if asked.verb in ("place", "cancel"):
            book.seen[asked.verb, asked.key, asked.token] += 1
        book.arrivals[asked.name].append((self.number, asked))
        if self.spent_ms and not self.is_out_of_step:
            # Whether it was on its way already depends on how well the client knows this clock. What follows is out of
            # step, and no proof of anything.
            book.used_after.append((asked.key, self.spent_by, moment_of(asked) - self.spent_ms))
            self.is_out_of_step = True

    def _begin(self, made: Made) -> None:
        """Note a reply that is about to be sent."""
        self.sending = Sending(self.number, made, now_ms())
        self.server.book.strays[made.token].append(self.sending)
        self.server.sent[made.asked.key, made.asked.verb].append(made)

    async def _answer(self, asked: Asked) -> bool:
        """Answer with hostility; return False when the connection is over."""
        rng, server = self.rng, self.server
        made = server.venue.answer(asked, refuse=rng.random() < 0.08, nameless=rng.random() < 0.05)
        source = rng.choices(("own", "keep", "held", "sent", "swap"), (72, 9, 9, 5, 5))[0]
        if source == "keep":
            server.held[asked.key, asked.verb].append(made)
            self._note("kept back")
            await self._do(Plan([rng.choice(("FIN", "RST", "silence", "silence"))], "kept back"))
            return False
        if source != "own":
            made = await self._exchange(source, asked, made)
        is_read = asked.verb not in ("place", "cancel")
        plan = make_plan(rng, Wish(made.status, made.body, is_read, asked.limit_ms / 1_000))
        self._note(plan.label)
        if made.asked is asked and plan.is_well:
            server.book.whole[asked.name] = plan.label or "whole"
        self._begin(made)
        is_open = await self._do(plan)
        self._spend(plan)
        self.idle, self.is_framed = plan.idle, plan.is_framed
        return is_open

    def _spend(self, plan: Plan) -> None:
        if plan.is_spent and not self.spent_ms:
            self.spent_ms, self.spent_by = now_ms(), plan.label or "close"

    async def _exchange(self, source: str, asked: Asked, own: Made) -> Made:
        """Return a reply that was made for another request, mostly of this kind, or the own one where there is none."""
        server, where = self.server, (asked.key, asked.verb if self.rng.random() < 0.9 else self.rng.choice(VERBS))
        other: Made | None = None
        if source in ("held", "sent"):
            stock = server.held[where] if source == "held" else server.sent[where]
            # The last one is the hardest to tell from the right one.
            other = stock.pop() if source == "held" and stock else stock[-1] if stock else None
        elif where in server.swapping:
            other, theirs = server.swapping.pop(where)
            if not theirs.done():
                theirs.set_result(own)
        else:
            ours: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
            server.swapping[where] = (own, ours)
            try:
                other = await asyncio.wait_for(ours, 0.03)
            except TimeoutError:
                if server.swapping.get(where, (None, None))[1] is ours:
                    del server.swapping[where]
        if other is None or other.asked is asked:
            return own
        self._note(f"given away: {source}")
        server.book.crossed[asked.name, other.token] = (source, other)
        return other

    async def _do(self, plan: Plan) -> bool:
        """Take the steps of a plan; return False when the connection is over."""
        for step in plan.steps:
            if isinstance(step, bytes):
                await self._send(step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "silence":
                while await self.reader.read(1 << 16):
                    if self.is_framed and not self.spent_ms and plan.label in ("kept back", "cut off"):
                        self.server.book.violations[f"second request into a silence: {plan.label}"] += 1
                return False
            else:
                self._end(step)
                return False
        return True

    async def _idle(self, reading: asyncio.Future[bytes]) -> None:
        """Wait; unless a request comes first, say something that nobody asked for, or end."""
        pause_s, what = self.idle
        self.idle = []
        assert isinstance(pause_s, float)
        done, _ = await asyncio.wait({reading}, timeout=pause_s)
        if done:
            return
        if isinstance(what, bytes):
            self._note("unasked while idle")
            await self._stray(what)
        elif isinstance(what, str):
            self._note(f"{what} while idle")
            if self.is_framed:
                self.spent_ms, self.spent_by = now_ms(), f"{what} while idle"
            self._end(what)

    async def _stray(self, data: bytes) -> None:
        await self._send(data)
        if not self.spent_ms and self.is_framed:
            self.spent_ms, self.spent_by = now_ms(), "unasked bytes while idle"

    async def _send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        if self.sending is not None:
            self.sending.last_ms = now_ms()

    def _end(self, how: str) -> None:
        self.has_ended = True
        if how == "FIN":
            if self.writer.can_write_eof():
                self.writer.write_eof()
            else:
                self.writer.close()
            return
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def _note(self, what: str) -> None:
        """Count something hostile, and with the first of its kind the connection; nothing of it is a plain reply."""
        self.server.book.counts[what or "a whole reply"] += 1
        if what and not self.is_counted:
            self.is_counted = True
            self.server.count_hostile()


def say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


async def main(seed: str, certificate: str) -> None:
    """Serve until the report was asked for, or nobody asks any more."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = Server(seed)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1_024, ssl=context)
    say({"port": listening.sockets[0].getsockname()[1]})
    commands = asyncio.StreamReader(limit=1 << 28)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        if command["do"] == "start":
            server.wanted, server.is_hostile = command["connections"], True
        else:
            say(server.report(command["wrong"], command["failed"]))
            os._exit(0)  # whatever its connections are at


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
