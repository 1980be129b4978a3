"""The options that every exchange takes."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import aiohttp

from spotlane.errors import UsageError
from spotlane.spec import Horizons
from spotlane.structs import Resolution
from spotlane.transport import Clock, SystemClock

if TYPE_CHECKING:
    from spotlane.safety import WithdrawalPolicy


class OptionFields(TypedDict, total=False):
    """The keyword arguments of every client, for type checkers and editors; Options says what they mean."""

    base_url: str | None
    timeout_s: float
    connections: int
    max_connections: int
    enforce_limits: bool
    share_budget: bool
    session: aiohttp.ClientSession | None
    source_address: str | None
    withdrawals: WithdrawalPolicy | None
    transport: str
    ssl_context: ssl.SSLContext | None
    clock: Clock | None
    journal: str | os.PathLike[str] | None
    durability: str
    horizons: Horizons | None
    on_resolved: Callable[[Resolution], object] | None
    resubmit: bool
    trust_refusals: bool


class Options(NamedTuple):
    """How a client reaches its exchange.

    base_url: scheme, host and port; plain http only to this machine. timeout_s: the longest that one call may take.
    connections: how many are kept warm; max_connections: how many there may be. enforce_limits: keep to the
    exchange's rate limits locally. share_budget: do so together with all processes of this machine that use the key.
    session: a session whose connector is used, under the client's own rules. source_address: local IP address to send
    from. withdrawals: what may be withdrawn; None refuses everything. transport: "lane" writes and reads with compiled
    code over aiohttp's connections, "plain" is aiohttp's own request path; from a lane that fails requests go over to
    "plain", whether it was asked for by name or not. ssl_context: for a private certificate
    authority; it must verify. clock: the source of all time.

    journal: the file in which each order is written down before it is sent, so that a crash loses none; one for each
    key. durability: "lazy" survives the end of the process, and that of the machine but for the last 25 ms; "sync"
    waits for the disk before each order.

    horizons: the times from which an order that does not show is proven absent, in place of the exchange's own.
    on_resolved: called, on the event loop, with what became of each order whose outcome was open when its call ended.
    resubmit: an order that is proven absent while its call has time left is placed again, under a new id.
    trust_refusals: the exchange's refusal of an order proves that it does not exist. A refusal names no order; where
    something in between may mix replies up, False has each looked up like a lost reply.
    """

    base_url: str | None = None
    timeout_s: float = 2.0
    connections: int = 4
    max_connections: int = 16
    enforce_limits: bool = True
    share_budget: bool = True
    session: aiohttp.ClientSession | None = None
    source_address: str | None = None
    withdrawals: WithdrawalPolicy | None = None
    transport: str = "lane"
    ssl_context: ssl.SSLContext | None = None
    clock: Clock | None = None
    journal: str | os.PathLike[str] | None = None
    durability: str = "lazy"
    horizons: Horizons | None = None
    on_resolved: Callable[[Resolution], object] | None = None
    resubmit: bool = False
    trust_refusals: bool = True

    @classmethod
    def of(cls, given: OptionFields) -> Options:
        """Make and check the options of a client. Raises TypeError for a name that is none, and what check() raises."""
        for name in given:
            if name not in cls._fields:
                import difflib  # only a mistake needs it

                nearest = difflib.get_close_matches(name, cls._fields, n=1)
                hint = f"; did you mean {nearest[0]!r}?" if nearest else f": there are {', '.join(cls._fields)}"
                raise TypeError(f"no option is named {name!r}{hint}")
        options = cls(**given)
        options.check()
        return options

    def check(self) -> None:
        """Raise UsageError for a value that can't work, saying what would; those of connections are the carrier's."""
        if not 0.05 <= self.timeout_s <= 60:
            raise UsageError(f"timeout_s is from 0.05 to 60 seconds, was {self.timeout_s}")
        if self.transport not in ("lane", "plain"):
            raise UsageError(f"transport is 'lane' or 'plain', was {self.transport!r}")
        if self.durability not in ("lazy", "sync"):
            raise UsageError(f"durability is 'lazy' or 'sync', was {self.durability!r}")
        if self.on_resolved is not None and not callable(self.on_resolved):
            raise TypeError(f"on_resolved is called with a Resolution, was {type(self.on_resolved).__name__}")
        if self.horizons is not None and not isinstance(self.horizons, Horizons):
            raise TypeError(f"horizons must be a Horizons, was {type(self.horizons).__name__}")
        if self.withdrawals is not None:
            self._check_policy()

    def _check_policy(self) -> None:
        from spotlane.safety import WithdrawalPolicy  # only a client that withdraws needs it

        if not isinstance(self.withdrawals, WithdrawalPolicy):
            raise TypeError(f"withdrawals must be a WithdrawalPolicy, was {type(self.withdrawals).__name__}")

    def time_source(self) -> Clock:
        """Return the clock that was given, or the system's."""
        return self.clock if self.clock is not None else SystemClock()
