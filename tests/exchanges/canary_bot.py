"""A bot whose key is a canary: it trades as it is told, keeps all that goes wrong, and searches itself.

Words come as lines of JSON on standard input, and each is answered by one on standard output. What is to be looked for
comes last, when all that is searched has been put aside: the bot itself never holds the secret as text.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import pickle
import re
import sys
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from spotlane import Credentials, OrderParams, OrderType, Side, Symbol, WithdrawalPolicy, open_exchange
from spotlane.errors import SpotlaneError
from spotlane.safety.dead_man import process

PAIR = Symbol("BTC", "USDT")
SIGNATURE = re.compile(rb"[0-9a-fA-F]{64}")
# Their parts are looked at one by one, and the rest is code.
_NOT_SHOWN = (
    str, bytes, bytearray, dict, list, tuple, set, frozenset, type, ModuleType, FunctionType, BuiltinFunctionType,
    CodeType, FrameType,
)  # fmt: skip
_HEAL_TURNS = 400

planted: list[object] = []


class Keeper(logging.Handler):
    """Keeps every record of every logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Telltale:
    """An object whose text shows what it holds."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Telltale({self.text})"


class Bot:
    def __init__(self, exchange: str, url: str) -> None:
        self.name, self.url = exchange, url
        self.exchange: Any = None
        self.keeper = Keeper()
        self.failures: list[BaseException] = []
        self.results: list[object] = []
        self.said: list[bytes] = []
        self.aside: dict[str, list[bytes]] = {}

    def listen(self) -> None:
        """Keep all log records, and what guardians say."""
        root = logging.getLogger()
        root.addHandler(self.keeper)
        root.setLevel(logging.DEBUG)
        understand = process._understand

        def understood(line: bytes) -> process.Said:
            self.said.append(line)
            return understand(line)

        process._understand = understood

    async def attempt(self, call: Any) -> bool:
        try:
            self.results.append(await call)
        except SpotlaneError as failure:
            self.failures.append(failure)
            return False
        return True

    async def open(self, credentials: str, journal: str | None, transport: str) -> None:
        self.exchange = open_exchange(
            self.name, Credentials.from_file(credentials), base_url=self.url, timeout_s=0.1, connections=1,
            enforce_limits=False, journal=journal, transport=transport, withdrawals=WithdrawalPolicy([]),
        )  # fmt: skip
        await self.exchange.open()

    async def arm(self) -> int | None:
        """Arm the dead-man switch; return the process of the guardian, where there is one."""
        await self.exchange.dead_man(60.0)
        pid: int | None = self.exchange.status().dead_man.pid
        return pid

    async def call(self, method: str) -> None:
        if method == "POST":
            await self.attempt(self.exchange.place_order(resting()))
        elif method == "DELETE":
            await self.attempt(self.exchange.cancel_order(PAIR, "C02__1"))
        else:
            await self.attempt(self.exchange.get_open_orders(PAIR))
            await self.attempt(self.exchange.get_account_balance())

    async def heal(self) -> None:
        """Trade until it works again."""
        for _ in range(_HEAL_TURNS):
            if await self.attempt(self.exchange.get_account_balance()) and await self.attempt(self.place_and_cancel()):
                return
            await asyncio.sleep(0.01)
        raise TimeoutError("the exchange does not come back")

    async def place_and_cancel(self) -> object:
        order = await self.exchange.place_order(resting())
        return await self.exchange.cancel_order(PAIR, order.order_id, confirm=False)

    async def lock_out(self, credentials: str) -> None:
        """Try everything with a key that may not."""
        options: dict[str, Any] = {"base_url": self.url, "enforce_limits": False, "connections": 1}
        async with open_exchange(self.name, Credentials.from_file(credentials), **options) as client:
            await self.attempt(client.place_order(resting()))
            await self.attempt(client.get_account_balance())
            await self.attempt(client.cancel_order(PAIR, "1"))

    async def rotate(self, credentials: str) -> None:
        """Go on with another key."""
        await self.exchange.rotate_credentials(Credentials.from_file(credentials))

    async def close(self) -> None:
        await self.attempt(self.exchange.close())

    async def plant(self, credentials: str) -> None:
        """Leave the secret wherever it is looked for."""
        content = await asyncio.to_thread(Path(credentials).read_text)
        secret = re.findall(r"api_secret = (\S+)", content)[0]
        planted.append(secret)
        planted.append(Telltale(secret))
        logging.getLogger("planted").debug("%s", secret)
        self.said.append(secret.encode())
        self.results.append(secret)
        try:
            raise ValueError("planted")
        except ValueError as failure:
            self.failures.append(failure)

    async def snapshot(self) -> dict[str, int]:
        """Put aside all that is to be searched; return how many pieces of each kind there are."""
        self.aside["log"] = [text.encode() for record in self.keeper.records for text in _told(record)]
        self.aside["traceback"] = [text.encode() for failure in self.failures for text in _frames(failure)]
        self.aside["pickle"] = [*map(_pickled, self.failures), *map(_pickled, self.results)]
        self.aside["status"] = [repr(self.exchange.status()).encode(), repr(self.exchange).encode()]
        self.aside["guardian"] = list(self.said)
        texts, shown = _everything()
        self.aside["repr"], self.aside["text"] = shown, texts
        return {kind: len(pieces) for kind, pieces in self.aside.items()}

    async def search(self, secret: list[str], key: str) -> dict[str, int]:
        """Return how often a form of the secret, the key or a signature was found, by kind."""
        needles = [bytes.fromhex(each) for each in secret]
        found: dict[str, int] = {}
        for kind, pieces in self.aside.items():
            # The key stands in the headers of every request, and so in memory.
            wanted = needles if kind == "text" else [*needles, bytes.fromhex(key)]
            found[kind] = sum(needle in piece for piece in pieces for needle in wanted)
            if kind not in ("text", "repr"):
                found[f"signature in {kind}"] = sum(SIGNATURE.search(piece) is not None for piece in pieces)
        return found


def resting() -> OrderParams:
    return OrderParams(PAIR, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.001"), price=Decimal(20_000))


def _told(record: logging.LogRecord) -> Iterator[str]:
    yield logging.Formatter("%(message)s").format(record)
    yield repr(record.args)
    yield repr(vars(record))


def _frames(failure: BaseException) -> Iterator[str]:
    told = traceback.TracebackException.from_exception(failure, capture_locals=True)
    yield "".join(told.format())
    yield repr((failure, failure.args, vars(failure), str(failure)))


def _pickled(value: object) -> bytes:
    return pickle.dumps(value)


def _everything() -> tuple[list[bytes], list[bytes]]:
    """Return all texts that lie behind what the garbage collector knows, and the reprs of everything else."""
    gc.collect()
    waiting: list[object] = list(gc.get_objects())
    seen: set[int] = {id(waiting)}
    kept: list[object] = []
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            kept.append(each)
            waiting += gc.get_referents(each)
    texts: list[bytes] = []
    shown: list[bytes] = []
    for each in kept:
        if isinstance(each, str):
            texts.append(each.encode("utf-8", "surrogatepass"))
        elif isinstance(each, bytes | bytearray):
            texts.append(bytes(each))
        elif not isinstance(each, _NOT_SHOWN):
            with contextlib.suppress(Exception):
                shown.append(repr(each).encode("utf-8", "surrogatepass"))
    return texts, shown


async def main() -> None:
    bot = Bot(*sys.argv[1:])
    bot.listen()
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word = json.loads(line)
        answer = await getattr(bot, word.pop("do"))(**word)
        print(json.dumps({"answer": answer, "failures": len(bot.failures)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
