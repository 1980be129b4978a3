"""The course of a withdrawal, the same on every exchange: allowed, possible, sent once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Unpack

from spotlane.credentials import Credentials
from spotlane.errors import (
    BudgetExhausted,
    CircuitOpen,
    DecodeError,
    ExchangeAPIError,
    MaximumError,
    MinimumError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    SpotlaneError,
    TransportError,
    UsageError,
    WithdrawalRefused,
)
from spotlane.exchanges._aged import Aged
from spotlane.exchanges._client import ExchangeClient
from spotlane.exchanges._history import collect, windows
from spotlane.exchanges._options import OptionFields
from spotlane.safety import ClientIds, Submission, check_step, check_withdrawal, require_policy
from spotlane.structs import (
    AssetName,
    AssetNetwork,
    Deposit,
    DepositAddress,
    SavedAddress,
    Symbol,
    WithdrawalRequest,
    WithdrawalResponse,
)
from spotlane.transport import Request

_NETWORKS_MAX_AGE_S = 600.0
_ADDRESSES_MAX_AGE_S = 60.0
# What some exchanges would ignore in silence.
_OPTIONAL_FIELDS = ("one_time_code", "remark")


class WalletClient(ExchangeClient):
    """Withdrawals, as far as they do not differ from exchange to exchange."""

    def __init__(self, credentials: Credentials, **options: Unpack[OptionFields]) -> None:
        super().__init__(credentials, **options)
        self._withdrawal_ids = ClientIds(self.spec.withdrawal_ids or self.spec.client_ids)
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
    def _withdraw_request(self, request: WithdrawalRequest) -> Request:
        """Build the request that withdraws; network and client id are filled in."""

    @abstractmethod
    def _read_withdrawn(self, body: bytes) -> WithdrawalResponse:
        """Read the acknowledgement of a withdrawal, as far as it goes."""

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

    def _cancel_withdrawal_request(self, withdrawal_id: str) -> Request:
        """Build the request that cancels a withdrawal; for an exchange that can."""
        raise NotSupported(f"{self.spec.name} declares withdrawal.cancel without a request for it")

    def _read_withdrawal_cancelled(self, body: bytes, symbols: Mapping[str, Symbol]) -> object:
        """Read the acknowledgement of cancelling a withdrawal. Raises DecodeError where it is none."""
        raise NotSupported(f"{self.spec.name} declares withdrawal.cancel without a reply to it")

    async def _find_withdrawal(self, request: WithdrawalRequest, deadline: float) -> WithdrawalResponse | None:
        """Look for a withdrawal by its client id, where it would be: among the newest."""
        async for page in self._withdrawal_pages(request.asset, deadline):
            return next((each for each in page if each.client_withdrawal_id == request.client_withdrawal_id), None)
        return None

    async def get_networks(self, asset: AssetName) -> Sequence[AssetNetwork]:
        """Return the networks that an asset can be moved on, at most ten minutes old. Raises UsageError for an asset
        that the exchange does not list."""
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

    async def withdraw(self, request: WithdrawalRequest) -> WithdrawalResponse:
        """Ask the exchange to withdraw, once; see WithdrawalInterface.

        The network is taken by its code, or by the name that the exchange displays, in any case. Networks and the
        address book are read first, from a cache that is at most ten minutes and one minute old.
        """
        deadline = self._begin()
        require_policy(self._options.withdrawals, request)
        for field in _OPTIONAL_FIELDS:
            ability = self.spec.capability(f"withdrawal.{field}")
            if getattr(request, field) is not None and not ability.supported:
                raise NotSupported(f"{self.spec.name} takes no {field}: {ability.reason or 'leave it out'}")
        network = _choose_network(self.spec.name, request, await self._networks_of(request.asset, deadline))
        request = request.replace(network=network.network)
        _check_network(network, request)
        check_withdrawal(self._options.withdrawals, request)
        await self._check_saved(request, deadline)
        if request.client_withdrawal_id is None:
            request = request.replace(client_withdrawal_id=self._withdrawal_ids.new())
        self._withdrawal_ids.spend(request.client_withdrawal_id or "")
        try:
            return await self._submit(
                self._withdraw_request(request),
                lambda body, _: _as_requested(self._read_withdrawn(body), request, self._exchange_clock.now_ms()),
                Submission("withdrawal", request.client_withdrawal_id, None, lambda: self._look_for(request)),
                deadline=deadline,
            )
        except (NotSent, BudgetExhausted, CircuitOpen):
            self._withdrawal_ids.release(request.client_withdrawal_id or "")
            raise

    async def get_withdrawal_status(self, withdrawal_id: str) -> WithdrawalResponse:
        """Return one withdrawal by the exchange's id. Raises UsageError when the exchange lists none."""
        deadline = self._begin()
        async for page in self._withdrawal_pages(None, deadline):
            for withdrawal in page:
                if withdrawal.withdrawal_id == withdrawal_id:
                    return withdrawal
        raise UsageError(f"{self.spec.name} lists no withdrawal {withdrawal_id!r}, as far back as it goes")

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
        return newest[:limit]

    async def cancel_withdrawal(self, withdrawal_id: str) -> WithdrawalResponse:
        """Cancel a withdrawal that the exchange has not processed yet, and return it as it is listed then.

        Raises WithdrawalRejected when it is too late, OutcomeUnknown when no usable reply came, and NotSupported where
        the exchange can't.
        """
        deadline = self._begin()
        ability = self.spec.capability("withdrawal.cancel")
        if not ability.supported:
            raise NotSupported(f"{self.spec.name} can't cancel a withdrawal: {ability.reason}")
        await self._submit(
            self._cancel_withdrawal_request(withdrawal_id),
            self._read_withdrawal_cancelled,
            Submission(
                "cancelling of withdrawal", None, withdrawal_id, lambda: self.get_withdrawal_status(withdrawal_id)
            ),
            deadline=deadline,
        )
        return await self.get_withdrawal_status(withdrawal_id)

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
        return networks

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
            f"{request.network}: add it on the exchange's web site"
        )

    async def _look_for(self, request: WithdrawalRequest) -> WithdrawalResponse:
        deadline = self._begin()
        doubt: SpotlaneError | None = None
        try:
            found = await self._find_withdrawal(request, deadline)
        except (TransportError, ExchangeAPIError, DecodeError) as lost:
            doubt, found = lost, None
        if found is None:
            raise OutcomeUnknown(
                f"{self.spec.name} does not show a withdrawal with client id {request.client_withdrawal_id!r}; it may "
                "still appear: resolve() again later, and don't repeat it without a person's decision",
                client_order_id=request.client_withdrawal_id,
                resolver=lambda: self._look_for(request),
            ) from doubt
        return found


def _as_requested(told: WithdrawalResponse, request: WithdrawalRequest, now_ms: int) -> WithdrawalResponse:
    """Fill an acknowledgement up from the request. Raises DecodeError where it is about another withdrawal."""
    if told.client_withdrawal_id not in (None, request.client_withdrawal_id):
        raise DecodeError(f"the reply is about another withdrawal, {told.client_withdrawal_id!r}")
    return told.replace(
        client_withdrawal_id=request.client_withdrawal_id,
        asset=request.asset,
        amount=request.amount,
        address=request.address,
        network=request.network,
        memo=request.memo,
        created_ms=told.created_ms or now_ms,
        remark=request.remark,
    )


def _identify_deposit(deposit: Deposit) -> str:
    # Exchanges give deposits no id, and one transaction may hold several.
    return f"{deposit.tx_id} {deposit.asset} {deposit.amount} {deposit.address} {deposit.created_ms}"


def _choose_network(exchange: str, request: WithdrawalRequest, networks: Sequence[AssetNetwork]) -> AssetNetwork:
    wanted = request.network.casefold()
    found = [each for each in networks if each.network == request.network]
    found = found or [
        each for each in networks if wanted in (each.network.casefold(), (each.network_name or "").casefold())
    ]
    if len(found) != 1:
        codes = ", ".join(f"{each.network} ({each.network_name})" for each in networks)
        raise UsageError(f"{exchange} moves {request.asset} on {codes}; network was {request.network!r}")
    return found[0]


def _check_network(network: AssetNetwork, request: WithdrawalRequest) -> None:
    where = f"{network.asset} on {network.network}"
    if network.withdraw_enabled is False:
        raise NotSupported(f"withdrawals of {where} are closed on {network.exchange} now: choose another network")
    if network.memo_required and not request.memo:
        raise UsageError(f"{where} needs a memo (tag): without it the money does not arrive")
    low, high = network.withdrawal_minimum, network.withdrawal_maximum
    if low is not None and request.amount < low:
        raise MinimumError(
            f"a withdrawal of {where} is at least {low:f}, was {request.amount:f}",
            field="amount", given=request.amount, nearest=low,
        )  # fmt: skip
    if high is not None and request.amount > high:
        raise MaximumError(
            f"a withdrawal of {where} is at most {high:f}, was {request.amount:f}",
            field="amount", given=request.amount, nearest=high,
        )  # fmt: skip
    if network.withdrawal_step:
        check_step("amount", request.amount, network.withdrawal_step, where, round_down=True)
