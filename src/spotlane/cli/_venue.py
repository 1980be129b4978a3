"""The demo's exchange: a sandbox in a process of its own, so that its work does not count as the client's."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spotlane.credentials import Credentials
from spotlane.errors import SpotlaneError, UsageError
from spotlane.safety import WithdrawalTarget

_START_S = 30.0
_ANSWER_S = 10.0
_STOP_S = 5.0


class VenueFailed(SpotlaneError):
    """The sandbox's process ended or went silent."""


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """An order as the exchange's own ledger has it; status is the name of an OrderStatus."""

    order_id: str
    status: str
    filled_quantity: Decimal
    filled_quote_quantity: Decimal


@dataclass(frozen=True, slots=True, order=True)
class LedgerFill:
    """A fill as the exchange's own ledger has it."""

    order_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What really happened: balances are totals; withdrawals map an id to the name of its state; errors are the
    sandbox's own faults."""

    balances: Mapping[str, Decimal]
    orders: tuple[LedgerOrder, ...]
    fills: tuple[LedgerFill, ...]
    withdrawals: Mapping[str, str]
    requests: int
    errors: tuple[str, ...]


class Venue:
    """The sandbox's process; `async with Venue("mexc", seed=0, tls=False)`.

    While it runs: url, credentials, ssl_context (None without TLS), target (an entry of the account's address book) and
    bid (the best one of BTC/USDT when it started). Raises UsageError for what the sandbox refuses, VenueFailed where
    its process does not answer.
    """

    url: str
    credentials: Credentials
    ssl_context: ssl.SSLContext | None
    target: WithdrawalTarget
    bid: Decimal

    def __init__(self, exchange: str, *, seed: int, tls: bool, debug: bool = False) -> None:
        self._exchange = exchange
        self._seed = seed
        self._tls = tls
        self._debug = debug
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        # A session of its own: Ctrl-C is for the client, which still has orders to cancel here. -P: what lies in the
        # current folder must not be imported in place of an installed module.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "spotlane.cli._venue_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if self._debug else asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=16 << 20,
        )  # fmt: skip
        told = await self._ask({"exchange": self._exchange, "seed": self._seed, "tls": self._tls}, _START_S)
        self.url = told["url"]
        self.credentials = Credentials(told["api_key"], told["api_secret"])
        authority = told["authority_pem"]
        self.ssl_context = ssl.create_default_context(cadata=authority) if authority else None
        self.target = WithdrawalTarget(**told["target"])
        self.bid = Decimal(told["bid"])

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def trade_against(self, order_id: str, quantity: Decimal) -> None:
        """Let a counterparty fill a part of a resting order at its own price."""
        await self._ask({"do": "trade_against", "order_id": order_id, "quantity": str(quantity)})

    async def advance_withdrawal(self, withdrawal_id: str) -> None:
        """Move a withdrawal into the next state on its way."""
        await self._ask({"do": "advance_withdrawal", "withdrawal_id": withdrawal_id})

    async def report(self) -> LedgerReport:
        """Return what the exchange's own ledger says."""
        told = await self._ask({"do": "report"})
        return LedgerReport(
            balances={asset: Decimal(amount) for asset, amount in told["balances"].items()},
            orders=tuple(
                LedgerOrder(order_id, status, Decimal(filled), Decimal(filled_quote))
                for order_id, status, filled, filled_quote in told["orders"]
            ),
            fills=tuple(
                LedgerFill(order_id, Decimal(price), Decimal(quantity), Decimal(fee), fee_asset)
                for order_id, price, quantity, fee, fee_asset in told["fills"]
            ),
            withdrawals=told["withdrawals"],
            requests=told["requests"],
            errors=tuple(told["errors"]),
        )

    async def __aenter__(self) -> Venue:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _ask(self, question: dict[str, Any], timeout_s: float = _ANSWER_S) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise VenueFailed("the sandbox is not running")
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            await process.stdin.drain()
            line = await asyncio.wait_for(process.stdout.readline(), timeout_s)
        except TimeoutError:
            raise VenueFailed(f"the sandbox's process did not answer in {timeout_s:g} s") from None
        except ConnectionError:
            line = b""
        if not line:
            raise VenueFailed("the sandbox's process has ended; --debug shows why")
        told: dict[str, Any] = json.loads(line)
        if "usage_error" in told:
            raise UsageError(told["usage_error"])
        return told
