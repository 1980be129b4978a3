"""Another API key for a client that is open, without a gap."""

from __future__ import annotations

import asyncio
import copy
from abc import abstractmethod
from typing import Unpack

from spotlane.credentials import Credentials
from spotlane.errors import AuthenticationError, HistoryIncomplete, IpNotAllowed, PermissionDenied, UsageError
from spotlane.exchanges._dead_man import DeadManClient
from spotlane.exchanges._options import OptionFields
from spotlane.exchanges._recovery import RecoveringClient, mark_of
from spotlane.safety import SymbolRules
from spotlane.structs import Order
from spotlane.transport import Authenticator


class RotatingClient(DeadManClient, RecoveringClient):
    """A client whose key can be changed while it works."""

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        credentials.use(self)
        self._rotating = asyncio.Lock()

    @abstractmethod
    async def _fetch_open_orders(self, rules: SymbolRules | None, deadline: float) -> list[Order]:
        """Fetch the open orders of a symbol, or of all."""

    async def rotate_credentials(self, new: Credentials | None = None) -> None:
        """Work with another key of the same account from now on; None asks where the present one came from again.

        The new key is proven first, by a signed read and by the guardian of an armed dead-man switch: where one of them
        fails, its error is raised and the present key stays in use. Then the journal becomes that of the new key, and
        every request is signed with it. The call returns when no request is under way that the old key signed: then
        that key can be deleted at the exchange. Its secret and its signers are wiped, unless another client uses the
        same credentials.

        Raises UsageError where there is nobody to ask and for the key of another account, what the source raises, what
        a read raises, and StateError for a journal that can't be written. Another account shows only where the present
        key works and has open orders.
        """
        self._begin()
        async with self._rotating:
            if new is None:
                new = await self._credentials.renewed()
            authenticator = self.basics.authenticator(new)
            await self._prove(authenticator)
            await self._rekey_switch(new)
            try:
                self._begin()
                if self._journal is not None:
                    self._journal.rekey(mark_of(new.api_key))
            except BaseException:
                await self._rekey_switch(self._credentials)
                raise
            before, self._credentials = self._credentials, new
            new.use(self)
            old_key = self._channel.rekey(authenticator)
        try:
            # No request lasts longer than that once it is signed.
            await self._wait_while(lambda: old_key.under_way, self._options.timeout_s)
        finally:
            if before is not new:
                before.leave(self)
        self._log.info("%s works with another key now: %r", self.spec.name, new)

    async def _prove(self, authenticator: Authenticator) -> None:
        """Read the open orders with another key; raise what that raises, and UsageError where they are not the same."""
        proof = copy.copy(self)
        proof._channel = self._channel.keyed(authenticator)
        theirs = await proof._open_order_ids()
        try:
            ours = await self._open_order_ids()
        except (AuthenticationError, IpNotAllowed, PermissionDenied) as failure:
            # It is no longer valid, which may be why there is a new one.
            self._log.warning("the new key can't be compared with the one before: %s", failure)
            return
        if ours and theirs is not None and not ours & theirs:
            raise UsageError(
                f"the new key is of another account: it shows none of the {len(ours)} open orders that the present one "
                "shows. Open a client of its own for it, or try again if they have just ended"
            )

    async def _open_order_ids(self) -> set[str] | None:
        """Return which orders are open; None where they are more than the exchange lists at once."""
        try:
            return {order.order_id for order in await self._fetch_open_orders(None, self._begin())}
        except HistoryIncomplete:
            return None
