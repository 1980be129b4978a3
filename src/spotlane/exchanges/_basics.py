"""What a client is made from, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spotlane.credentials import Credentials
from spotlane.safety import JournalStatus, SymbolRules, Told
from spotlane.safety.dead_man import DeadManStatus
from spotlane.spec import Endpoint, ErrorTable
from spotlane.transport import Authenticator, BreakerStatus, BudgetStatus, TransportStatus

if TYPE_CHECKING:
    from spotlane.safety import WithdrawalsStatus


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """A client's own state, for a person or a monitor to read.

    transport is the one in use: "plain", too, where the lane was asked for and aiohttp is not as it has to be for that,
    or the lane has failed since; transport_status.connections.lane_faults counts the latter.
    clock_offset_ms is the exchange's clock minus this machine's, known to within clock_uncertainty_ms; clock_steps
    counts how often one of them was found to have been set. rules_age_s says how long ago the trading rules were
    fetched; the failures count refreshes that failed in a row, the last good values staying in use. unknown_values
    counts the (field, text) pairs in replies that no table knows; beyond a hundred of them the text is "(others)".
    breakers are the circuits of the classes of requests ("orders", "reads", "wallet"),
    budget the room in the rate limits. unresolved counts the orders that may be live although no reply said so. journal
    is None without one, dead_man where the switch is off, withdrawals without a policy.
    """

    exchange: str
    is_open: bool
    transport: str
    transport_status: TransportStatus
    clock_offset_ms: float
    clock_uncertainty_ms: float
    clock_steps: int
    clock_failures: int
    rules_age_s: float
    rules_failures: int
    unknown_values: Mapping[tuple[str, str], int]
    breakers: Mapping[str, BreakerStatus]
    budget: BudgetStatus
    unresolved: int = 0
    journal: JournalStatus | None = None
    dead_man: DeadManStatus | None = None
    withdrawals: WithdrawalsStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basics:
    """What a client needs of its exchange before it can ask for anything.

    authenticator makes what stamps and signs. tell reads an error body, and returns None where it is not one.
    read_time_ms reads the reply of time_endpoint; read_rules that of rules_endpoint with rules_query, the trading rules
    and the names of the symbols that could not be read.
    """

    authenticator: Callable[[Credentials], Authenticator]
    error_table: ErrorTable
    tell: Callable[[bytes], Told | None]
    time_endpoint: Endpoint
    read_time_ms: Callable[[bytes], int]
    rules_endpoint: Endpoint
    read_rules: Callable[[bytes], tuple[list[SymbolRules], list[str]]]
    rules_query: bytes = b""
