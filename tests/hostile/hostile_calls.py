"""The client side: calls of the public clients, each of which knows what its reply has to name."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from hostile_wire import SYMBOLS, order_id_of, wire_symbol

from spotlane import Credentials, OrderParams, OrderType, OutcomeUnknown, Side, Symbol
from spotlane.errors import DecodeError, ExchangeAPIError, SpotlaneError
from spotlane.exchanges.binance import BinancePrivateRest
from spotlane.exchanges.gateio import GateioPrivateRest
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.structs import Resolution
from spotlane.transport import ReplyLost

Client = MexcPrivateRest | GateioPrivateRest | BinancePrivateRest
CLIENTS: dict[str, type[Client]] = {
    "mexc": MexcPrivateRest,
    "gateio": GateioPrivateRest,
    "binance": BinancePrivateRest,
}

# How long after its deadline a call may end; whatever takes longer hangs.
GRACE_S = 0.5
_GIVE_UP_S = 5.0
_TICK_S = 0.01
# Two clocks read to the millisecond: what happens together may look this far apart.
_ROUNDING_MS = 2
# For how long the machine may stop a process between its look at a connection and its look at the clock.
PREEMPTION_MS = 20
_TOKEN = re.compile(r"\[(t-[0-9]+-[0-9]+|[0-9]+)\]")
_QUANTITIES = tuple(Decimal(n) / 1_000 for n in (1, 1, 1, 2, 5))
_VERBS = ("place", "cancel", "get", "trades", "open_orders", "balances")
_WEIGHTS = (45, 17, 17, 6, 10, 5)


def margin_ms(uncertainty_ms: float) -> float:
    """Return by how much two moments may seem apart, or in order, that were not: one is read from each clock."""
    return uncertainty_ms + _ROUNDING_MS


@dataclass(frozen=True, slots=True)
class Wrong:
    """A call that was told something which was meant for another request."""

    exchange: str
    verb: str
    name: str
    token: str
    # A cancel or a look-up may read the order and the lists in the same call.
    names: tuple[str, ...] = field(repr=False)
    start_ms: int
    end_ms: int
    is_refusal: bool
    uncertainty_ms: float
    like: tuple[str, str, str] = ("", "", "")

    def question(self) -> dict[str, Any]:
        """Return what the server needs to say how it came about."""
        return {
            "names": self.names, "token": self.token, "start_ms": self.start_ms, "end_ms": self.end_ms,
            "like": self.like, "margin_ms": margin_ms(self.uncertainty_ms),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failed:
    """A call of one request that ended with an error."""

    exchange: str
    name: str
    reason: str
    is_rejection: bool


@dataclass(slots=True)
class Notes:
    """What became of the calls."""

    calls: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    hangs: list[str] = field(default_factory=list)
    untyped: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    # Orders that were taken in the background for one that was in doubt, and are another.
    misadopted: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    # For how long the event loop was held up so far, by whatever; and how uncertain each client's clock was at worst.
    stalled_s: float = 0.0
    uncertainties_ms: dict[str, float] = field(default_factory=dict)

    def resolved(self, told: Resolution) -> None:
        """Note what became of an order in doubt, where it can't be true."""
        if told.order is not None and told.order.order_id != order_id_of(told.client_order_id):
            self.misadopted.append(f"{told.exchange} {told.client_order_id} is not {told.order!r}")

    async def watch_loop(self) -> None:
        """Note how late the event loop comes to what is due."""
        while True:
            due_s = time.monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self.stalled_s += max(0.0, time.monotonic() - due_s - _TICK_S / 10)


@dataclass(slots=True)
class Account:
    """One client, and what its calls go through."""

    exchange: str
    client: Client
    key: str
    timeout_s: float
    notes: Notes

    @property
    def lists(self) -> list[str]:
        """The names of the lists that a look-up may search."""
        return [f"open_orders:{self.key}:{wire_symbol(self.exchange, base)}" for base in SYMBOLS]


def make_account(exchange: str, number: int, timeout_ms: int, notes: Notes, **options: Any) -> Account:
    """Make a client, not opened yet. Its key tells the server which it is and how long it waits."""
    key = f"{exchange}-{number}-{timeout_ms}"
    timeout_s = timeout_ms / 1_000
    client = CLIENTS[exchange](
        Credentials(key, "secret"), timeout_s=timeout_s, enforce_limits=False, connections=2, max_connections=16,
        on_resolved=notes.resolved, **options,
    )  # fmt: skip
    # Nearly every request fails here: a circuit breaker would keep them from meeting what they are to meet.
    client._breakers.check = lambda endpoint: None  # type: ignore[method-assign]
    return Account(exchange, client, key, timeout_s, notes)


@dataclass(slots=True)
class Call:
    """One call. name is what the server calls its request, token what its reply names, told finds that in a result."""

    verb: str
    name: str
    token: str
    make: Callable[[], Awaitable[Any]]
    told: Callable[[Any], str]
    # What an acknowledgement repeats: symbol, side and quantity.
    like: tuple[str, str, str] = ("", "", "")


async def run_slot(account: Account, slot: int, rng: Random, stop: asyncio.Event) -> None:
    """Make one call after another until told to stop."""
    own = Symbol(SYMBOLS[1 + slot], "USDT")
    while not stop.is_set():
        await asyncio.sleep(rng.uniform(0, 0.01))
        verb = rng.choices(_VERBS, _WEIGHTS)[0]
        if verb == "balances" and slot:
            verb = "open_orders"
        # Lists are asked for a symbol of the slot's own: only by it can they be told.
        symbol = own if verb == "open_orders" or rng.random() < 0.2 else Symbol("BTC", "USDT")
        await _judge(account, _MAKERS[verb](account, symbol, rng), rng)


def _place(account: Account, symbol: Symbol, rng: Random) -> Call:
    client_id = account.client.new_client_order_id()
    params = OrderParams(
        symbol=symbol,
        side=rng.choice((Side.BUY, Side.BUY, Side.BUY, Side.SELL)),
        order_type=OrderType.LIMIT,
        quantity=rng.choice(_QUANTITIES),
        price=Decimal(20_000),
        client_order_id=client_id,
    )
    token = order_id_of(client_id)
    side = params.side.value.lower() if account.exchange == "gateio" else params.side.value
    like = (wire_symbol(account.exchange, symbol.base), side, str(params.quantity))
    return Call("place", f"place:{token}", token, lambda: account.client.place_order(params), _order_id, like)


def _cancel(account: Account, symbol: Symbol, rng: Random) -> Call:
    ids, token = _ids(account, rng)
    is_confirmed = rng.random() < 0.3
    return Call(
        "cancel",
        f"cancel:{token}",
        token,
        lambda: account.client.cancel_order(symbol, **ids, confirm=is_confirmed),
        _order_id,
    )


def _get(account: Account, symbol: Symbol, rng: Random) -> Call:
    token = str(rng.getrandbits(53))
    return Call("get", f"get:{token}", token, lambda: account.client.get_order(symbol, token), _order_id)


def _trades(account: Account, symbol: Symbol, rng: Random) -> Call:
    token = str(rng.getrandbits(53))
    return Call(
        "trades",
        f"trades:{token}",
        token,
        lambda: account.client.get_trades(symbol, order_id=token),
        lambda trades: next((trade.order_id or "" for trade in trades if trade.order_id != token), token),
    )


def _open_orders(account: Account, symbol: Symbol, rng: Random) -> Call:
    return Call(
        "open_orders",
        f"open_orders:{account.key}:{wire_symbol(account.exchange, symbol.base)}",
        "",
        lambda: account.client.get_open_orders(symbol),
        lambda orders: next((order.client_order_id or "" for order in orders), ""),
        (wire_symbol(account.exchange, symbol.base), "", ""),
    )


def _balances(account: Account, symbol: Symbol, rng: Random) -> Call:
    return Call(
        "balances",
        f"balances:{account.key}:",
        "",
        account.client.get_account_balance,
        lambda balances: next((f"t-{each.available}-{each.locked}" for each in balances.values()), ""),
    )


_MAKERS = {
    "place": _place,
    "cancel": _cancel,
    "get": _get,
    "trades": _trades,
    "open_orders": _open_orders,
    "balances": _balances,
}


def _ids(account: Account, rng: Random) -> tuple[dict[str, str], str]:
    if rng.random() < 0.4:
        client_id = account.client.new_client_order_id()
        return {"client_order_id": client_id}, order_id_of(client_id)
    token = str(rng.getrandbits(53))
    return {"order_id": token}, token


def _order_id(order: Any) -> str:
    return str(order.order_id)


async def _judge(account: Account, call: Call, rng: Random) -> None:
    """Make a call and note how it ended, and whether what it was told was meant for it."""
    notes = account.notes
    what = f"{account.exchange} {call.verb}"
    notes.calls[what] += 1
    asked_ms = time.time_ns() // 1_000_000
    task = asyncio.ensure_future(call.make())
    if rng.random() < 0.02:
        asyncio.get_running_loop().call_later(rng.uniform(0, account.timeout_s), task.cancel)
    await _wait(account, call, task)
    uncertainty_ms = account.client.status().clock_uncertainty_ms
    notes.uncertainties_ms[account.key] = max(uncertainty_ms, notes.uncertainties_ms.get(account.key, 0.0))
    if task.cancelled():
        notes.endings["cancelled"] += 1
        return
    error = task.exception()
    if error is None:
        notes.endings["a result"] += 1
        notes.results[what] += 1
        _check(account, call, call.told(task.result()), asked_ms, is_refusal=False)
        return
    notes.endings[type(error).__name__] += 1
    if not isinstance(error, SpotlaneError):
        notes.untyped.append(f"{what}: {error!r}")
        return
    _note_failure(account, call, error, asked_ms)
    if isinstance(error, OutcomeUnknown) and rng.random() < 0.3:
        await _judge(account, Call("resolve", f"get:{call.token}", call.token, error.resolve, _order_id), rng)


async def _wait(account: Account, call: Call, task: asyncio.Future[Any]) -> None:
    """Wait for the end of a call, or note that it hangs; the time for which the loop was held up does not count."""
    notes = account.notes
    started_s, stalled_s = time.monotonic(), notes.stalled_s
    left_s = limit_s = account.timeout_s + GRACE_S
    while not task.done() and left_s > 0:
        await asyncio.wait({task}, timeout=left_s)
        left_s = limit_s - (time.monotonic() - started_s) + (notes.stalled_s - stalled_s)
    for _ in range(20):  # what is due is run in any order
        if task.done():
            break
        await asyncio.sleep(0)
    notes.slowest_s = max(notes.slowest_s, GRACE_S - left_s)
    if not task.done():
        notes.hangs.append(f"{account.exchange} {call.verb} was still under way {GRACE_S - left_s:+.3f} s later")
        await asyncio.wait({task}, timeout=_GIVE_UP_S)
        task.cancel()
        await asyncio.wait({task})


def _note_failure(account: Account, call: Call, error: SpotlaneError, asked_ms: int) -> None:
    told = _TOKEN.search(str(error))
    if isinstance(error, ExchangeAPIError) and told is not None:
        _check(account, call, told[1], asked_ms, is_refusal=True)
    if call.verb in ("place", "get"):  # calls of one request
        is_rejection = isinstance(error, ExchangeAPIError)
        account.notes.failed.append(Failed(account.exchange, call.name, _reason(error), is_rejection))


def _reason(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(error, OutcomeUnknown) and cause is not None:
        return f"OutcomeUnknown ({_reason(cause)})"
    if isinstance(error, ReplyLost):
        return error.reason
    if isinstance(error, DecodeError):
        return f"DecodeError: {re.sub('[0-9]{4,}', '#', str(error.args[0]))[:60]}"
    return type(error).__name__


def _check(account: Account, call: Call, token: str, asked_ms: int, *, is_refusal: bool) -> None:
    """Note a result that names another request than the one it was given to."""
    if not token:
        return
    end_ms = time.time_ns() // 1_000_000
    # Gate's client looks for an order in the lists, too.
    may_list = not call.token or (account.exchange == "gateio" and call.verb in ("cancel", "resolve"))
    if may_list and token.startswith("t-"):
        # A list tells when it was asked for, and nobody else asks for the same at that time.
        is_right = asked_ms - 1 <= int(token.split("-")[1]) <= end_ms + 1
    else:
        is_right = token == call.token
    if not is_right:
        account.notes.wrong.append(
            Wrong(
                exchange=account.exchange,
                verb=call.verb,
                name=call.name,
                token=token,
                names=(call.name, f"get:{call.token}", *account.lists),
                start_ms=asked_ms,
                end_ms=end_ms,
                is_refusal=is_refusal,
                uncertainty_ms=account.client.status().clock_uncertainty_ms,
                like=call.like,
            )
        )
