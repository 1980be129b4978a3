"""What an account's wallet tells, the same on every exchange: networks, addresses, withdrawals and deposits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Unpack

from spotlane.credentials import Credentials
from spotlane.errors import UsageError, WithdrawalRefused
from spotlane.exchanges._aged import Aged
from spotlane.exchanges._history import collect, windows
from spotlane.exchanges._options import OptionFields
from spotlane.exchanges._withdrawing import WithdrawingClient
from spotlane.safety.networks import named
from spotlane.structs import (
    AssetName,
    AssetNetwork,
    Deposit,
    DepositAddress,
    SavedAddress,
    WithdrawalReason,
    WithdrawalRequest,
    WithdrawalResponse,
)

_NETWORKS_MAX_AGE_S = 600.0
_ADDRESSES_MAX_AGE_S = 60.0


class WalletClient(WithdrawingClient):
    """The wallet, as far as it does not differ from exchange to exchange."""

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        self._networks: Aged[AssetName, Sequence[AssetNetwork]] = Aged(self._clock, _NETWORKS_MAX_AGE_S)
        self._saved: Aged[AssetName, Sequence[SavedAddress]] = Aged(self._clock, _ADDRESSES_MAX_AGE_S)

    @abstractmethod
    async def _fetch_networks(self, asset: AssetName, deadline: float) -> Mapping[AssetName, Sequence[AssetNetwork]]:
        """Fetch the networks of an asset, and of whichever others come with them. An unknown asset has none."""

    @abstractmethod
    async def _fetch_saved_addresses(self, asset: AssetName, deadline: float) -> Sequence[SavedAddress]:
        """Fetch the account's withdrawal address book for one asset."""

    @abstractmethod
    async def _fetch_deposit_addresses(
        self, asset: AssetName, network: str | None, deadline: float
    ) -> list[DepositAddress]:
        """Fetch the account's deposit addresses of an asset; those of other networks may be among them."""

    @abstractmethod
    async def _fetch_withdrawals(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[WithdrawalResponse]:
        """Fetch a page of the withdrawals of a window."""

    @abstractmethod
    async def _fetch_deposits(
        self, asset: AssetName | None, start_ms: int, end_ms: int, deadline: float
    ) -> list[Deposit]:
        """Fetch a page of the deposits of a window."""

    async def _find_withdrawal(self, request: WithdrawalRequest, deadline: float) -> WithdrawalResponse | None:
        """Look for a withdrawal by its client id, where it would be: among the newest."""
        async for page in self._withdrawal_pages(request.asset, deadline):
            return next((each for each in page if each.client_withdrawal_id == request.client_withdrawal_id), None)
        return None

    async def get_networks(self, asset: AssetName) -> Sequence[AssetNetwork]:
        """Return the networks that an asset can be moved on, with their canonical names, at most ten minutes old.

        Raises UsageError for an asset that the exchange does not list.
        """
        deadline = self._begin()
        return await self._networks_of(asset, deadline)

    async def get_withdrawal_addresses(self, asset: AssetName) -> Sequence[SavedAddress]:
        """Return the account's withdrawal address book for an asset, at most a minute old."""
        deadline = self._begin()
        return await self._saved.get(asset, lambda: self._fetch_saved_addresses(asset, deadline))

    async def get_deposit_addresses(self, asset: AssetName, network: str | None = None) -> list[DepositAddress]:
        """Return the account's deposit addresses of an asset, of one network (its code) or of all that are told."""
        found = await self._fetch_deposit_addresses(asset, network, self._begin())
        return [address for address in found if network is None or address.network == network]

    async def get_withdrawal_status(self, withdrawal_id: str) -> WithdrawalResponse:
        """Return one withdrawal by the exchange's id. Raises UsageError when the exchange lists none."""
        found = await self._fetch_withdrawal(withdrawal_id, self._begin())
        if found is None:
            raise UsageError(f"{self.spec.name} lists no withdrawal {withdrawal_id!r}, as far back as it goes")
        await self._note_withdrawals([found])
        return found

    async def _fetch_withdrawal(self, withdrawal_id: str, deadline: float) -> WithdrawalResponse | None:
        """Fetch one withdrawal by the exchange's id, or None where it is not listed."""
        async for page in self._withdrawal_pages(None, deadline):
            for withdrawal in page:
                if withdrawal.withdrawal_id == withdrawal_id:
                    return withdrawal
        return None

    async def get_withdrawal_history(
        self, asset: AssetName | None = None, limit: int = 100
    ) -> list[WithdrawalResponse]:
        """Return the newest withdrawals first, of one asset or of all, at most `limit`."""
        deadline = self._begin()
        if limit < 1:
            raise UsageError(f"limit is at least 1, was {limit}")
        newest: list[WithdrawalResponse] = []
        async for page in self._withdrawal_pages(asset, deadline):
            newest += sorted(page, key=lambda withdrawal: withdrawal.created_ms or 0, reverse=True)
            if len(newest) >= limit:
                break
        await self._note_withdrawals(newest)
        return newest[:limit]

    async def get_deposit_history(
        self, asset: AssetName | None = None, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Deposit]:
        """Return every deposit in [start_ms, end_ms], of one asset or of all, oldest first."""
        deadline = self._begin()
        deposits = await self._collect(
            lambda first_ms, last_ms: self._fetch_deposits(asset, first_ms, last_ms, deadline),
            self.spec.histories["deposits"],
            start_ms,
            end_ms,
            _identify_deposit,
            "deposits",
        )
        return sorted(deposits, key=lambda deposit: deposit.created_ms or 0)

    async def _withdrawal_pages(
        self, asset: AssetName | None, deadline: float
    ) -> AsyncIterator[list[WithdrawalResponse]]:
        """Give the withdrawals of window after window, the newest first."""
        limit = self.spec.histories["withdrawals"]
        first_ms, last_ms = self._reach(limit, None, None, "withdrawals")
        for start_ms, end_ms in reversed(windows(first_ms, last_ms, limit.max_span_ms)):
            yield await collect(
                lambda first_ms, last_ms: self._fetch_withdrawals(asset, first_ms, last_ms, deadline),
                limit=limit,
                start_ms=start_ms,
                end_ms=end_ms,
                identify=lambda withdrawal: withdrawal.withdrawal_id,
                what="withdrawals",
            )

    async def _networks_of(self, asset: AssetName, deadline: float) -> Sequence[AssetNetwork]:
        async def fetch() -> Sequence[AssetNetwork]:
            fetched = await self._fetch_networks(asset, deadline)
            for name, networks in fetched.items():
                self._networks.put(name, networks)
            return fetched.get(asset, ())

        networks = await self._networks.get(asset, fetch)
        if not networks:
            raise UsageError(f"{self.spec.name} lists no asset {asset!r}: assets are written in upper case, as BTC")
        return [named(each, self.spec.network_codes) for each in networks]

    async def _check_saved(self, request: WithdrawalRequest, deadline: float) -> None:
        """Refuse an address that the exchange would refuse; one that was added a moment ago is looked for once more."""
        for attempt in range(2):
            saved = await self._saved.get(request.asset, lambda: self._fetch_saved_addresses(request.asset, deadline))
            for entry in saved:
                is_same_memo = entry.memo in (None, request.memo)
                if entry.address == request.address and entry.network in (None, request.network) and is_same_memo:
                    return
            if attempt == 0:
                self._saved.forget(request.asset)
        memo = f" with memo {request.memo!r}" if request.memo is not None else ""
        raise WithdrawalRefused(
            f"{request.address}{memo} is not in the {self.spec.name} withdrawal address book for {request.asset} on "
            f"{request.network}: add it on the exchange's web site",
            reason=WithdrawalReason.NOT_IN_ADDRESS_BOOK,
        )


def _identify_deposit(deposit: Deposit) -> str:
    # Exchanges give deposits no id, and one transaction may hold several.
    return f"{deposit.tx_id} {deposit.asset} {deposit.amount} {deposit.address} {deposit.created_ms}"
