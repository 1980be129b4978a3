"""What the benchmark asks of each client, and what it gives it."""

from __future__ import annotations

import itertools
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import metadata
from typing import Any, ClassVar

API_KEY = "mx0aBYs33eIilxBWC5"
API_SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
QUANTITY = Decimal("0.001")

# Prices that differ from order to order, so that nothing can be remembered from the one before.
PRICES = tuple(Decimal(2_000_000 + 7 * index) / 100 for index in range(61))

Amount = Decimal | float


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client is to trade. authority is a PEM file for https, connections how many may be open."""

    exchange: str
    url: str
    authority: str | None = None
    connections: int = 16
    transport: str | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return a context that trusts the server's authority alone, None for plain http."""
        return None if self.authority is None else ssl.create_default_context(cafile=self.authority)


class Client(ABC):
    """One client of one account, used as its documentation shows.

    order() makes what place() takes, a fresh one each time. place, cancel and get return the order id of the reply;
    open_orders the base quantity that remains of each order by id, and balances the total of each asset, in the kind of
    number that the client gives; where decodes is False both are empty.
    """

    exchanges: ClassVar[tuple[str, ...]] = ("mexc", "gateio", "binance")
    package: ClassVar[str | None] = None
    decodes: ClassVar[bool] = True
    # A blocking client holds up the loop that it is called on: it can't be measured in an open loop.
    blocks: ClassVar[bool] = False

    def __init__(self, target: Target) -> None:
        self.target = target
        self._prices: Iterator[Decimal] = itertools.cycle(PRICES)

    @abstractmethod
    def what(self) -> str:
        """Say in a few words what is compared, with versions."""

    @abstractmethod
    async def open(self) -> None:
        """Connect, and fetch or set what is needed before the first order."""

    @abstractmethod
    def order(self) -> Any:
        """Make the next order: a LIMIT buy of 0.001 BTC."""

    @abstractmethod
    async def place(self, order: Any) -> str:
        """Place an order."""

    @abstractmethod
    async def cancel(self, order_id: str) -> str:
        """Cancel an order, without reading it again."""

    @abstractmethod
    async def get(self, order_id: str) -> str:
        """Query an order."""

    @abstractmethod
    async def open_orders(self) -> Mapping[str, Amount]:
        """Query the open orders of BTC/USDT."""

    @abstractmethod
    async def balances(self) -> Mapping[str, Amount]:
        """Query the balances."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""


def version(package: str) -> str:
    """Return the installed version of a package, with its name."""
    return f"{package} {metadata.version(package)}"
