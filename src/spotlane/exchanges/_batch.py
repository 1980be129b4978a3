"""Several orders in one call, each on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from spotlane.errors import SpotlaneError, UsageError
from spotlane.exchanges._placing import PlacingClient
from spotlane.structs import Order, OrderParams


class BatchClient(PlacingClient):
    """Placing several orders at once, without what exchanges offer for that: there one reply decides about all."""

    async def place_orders(self, params: Sequence[OrderParams]) -> list[Order | SpotlaneError]:
        """Place several orders at once, each on its own; see PrivateTradingInterface."""
        self._begin_placing()
        legs = tuple(params)
        self._check_legs(legs)
        since_ms = self._exchange_clock.now_ms()
        calls = [asyncio.ensure_future(self.place_order(leg)) for leg in legs]
        try:
            endings = await asyncio.gather(*calls, return_exceptions=True)
            return [_outcome(ending) for ending in endings]
        except BaseException:
            # Nobody is told what became of these: what was sent is in doubt, and so is what had been answered.
            for leg, call in zip(legs, calls, strict=True):
                if call.done() and not call.cancelled() and call.exception() is None:
                    self._doubt_placed(leg, call.result(), since_ms)
            raise

    def _check_legs(self, legs: Sequence[OrderParams]) -> None:
        """Raise what placing an order would where that is certain beforehand, with the number of the order."""
        seen: dict[str, int] = {}
        for number, leg in enumerate(legs, 1):
            try:
                self._intents.check(leg, self._book)
                name = leg.client_order_id
                if name is None:
                    continue
                if name in seen:
                    raise UsageError(f"client_order_id {name!r} is that of order {seen[name]}, too: each needs its own")
                self._client_ids.check(name)
                seen[name] = number
            except (UsageError, TypeError) as error:
                error.args = (f"nothing was sent, for order {number} of {len(legs)} can't be placed: {error}",)
                raise

    def _doubt_placed(self, leg: OrderParams, order: Order, since_ms: int) -> None:
        """Look for an order that was placed and whose caller was not told, as for one in doubt."""
        name = cast(str, order.client_order_id)
        self._left_open.add(name)
        self._resolver.add(
            name,
            leg,
            since_ms=since_ms,
            expires_ms=self._exchange_clock.now_ms() + self.spec.horizons.validity_ms,
            sent_s=self._clock.monotonic(),
            why="it was placed, and the call that placed it with others was cancelled",
            has_fresh_id=self._client_ids.made(name),
        )


def _outcome(ending: Order | BaseException) -> Order | SpotlaneError:
    if isinstance(ending, BaseException) and not isinstance(ending, SpotlaneError):
        raise ending
    return ending
