"""What an earlier process left in doubt, as its journal tells, taken up before anything new is placed."""

from __future__ import annotations

import hashlib
import os

from spotlane.exchanges._client import ExchangeClient
from spotlane.exchanges._placing import PlacingClient
from spotlane.safety import ClientIds, Intents, Journal, epoch_of
from spotlane.structs import OutcomeState, Resolution

_MARK_DIGITS = 32


def mark_of(api_key: str) -> str:
    """Return what a journal knows a key by."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:_MARK_DIGITS]


class RecoveringClient(PlacingClient):
    """A client that writes its orders down before it sends them, where it is given a journal."""

    async def open(self) -> None:
        """Open the journal, connect, and take up what an earlier process left in doubt; see ExchangeClient.open.

        Orders can be placed once it is known what became of each, or told that it can't be known; everything else at
        once. Raises StateError for a journal that is locked, damaged, foreign or can't be written.
        """
        if self._home is not None or self._options.journal is None:
            await super().open()
            return
        journal = self._open_journal(self._options.journal)
        try:
            await super().open()
            await self._take_up(journal)
        except BaseException:
            await self._resolver.stop()
            await ExchangeClient.close(self)
            journal.close()
            self._journal = None
            raise

    def _open_journal(self, path: str | os.PathLike[str]) -> Journal:
        key_mark = mark_of(self._credentials.api_key)
        self._journal = journal = Journal.open(
            path, exchange=self.spec.name, key_mark=key_mark, durability=self._options.durability, clock=self._clock
        )
        self._client_ids = ClientIds(self.spec.client_ids, journal.ids_epoch)
        self._intents = Intents(self.spec, self._client_ids)
        return journal

    async def _take_up(self, journal: Journal) -> None:
        """Look for the orders that an earlier process left in doubt, and for those that its journal lost."""
        for intent in journal.open_intents:
            self._inherited.add(intent.client_order_id)
            self._left_open.add(intent.client_order_id)
            if self._resolver.find(intent.client_order_id) is not None:
                # This client took it up before, at an opening that failed or was ended by close().
                continue
            self._resolver.add(
                intent.client_order_id,
                intent.params,
                since_ms=intent.sent_ms,
                expires_ms=intent.not_after_ms + intent.window_ms,
                sent_s=None,
                why="the process that was to send it has ended",
                has_fresh_id=epoch_of(self.spec.client_ids, intent.client_order_id, journal.identity) is not None,
            )
        for order in await self._evidence.all_orders({intent.params.symbol for intent in journal.open_intents}):
            name = order.client_order_id or ""
            epoch = epoch_of(self.spec.client_ids, name, journal.identity)
            if epoch is not None and epoch < journal.epoch and not journal.knows(name, epoch):
                self._log.warning("order %r of an earlier process is not in the journal: it is adopted", name)
                self._acknowledged.add(order.symbol, order.order_id, name)
                self._tell(Resolution(self.spec.name, order.symbol, name, OutcomeState.ADOPTED, order))
