"""Withdrawals: refused unless allowed, sent once, followed to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from spotlane import WithdrawalCap, WithdrawalPolicy, WithdrawalTarget
from spotlane.credentials import Credentials
from spotlane.errors import (
    ExchangeAPIError,
    InsufficientBalance,
    MaximumError,
    MinimumError,
    NotSupported,
    OutcomeUnknown,
    PermissionDenied,
    UsageError,
    WithdrawalRefused,
    WithdrawalRejected,
)
from spotlane.interfaces import PrivateSpotRest
from spotlane.sandbox import Fault
from spotlane.sandbox.networks import SavedAddress
from spotlane.sandbox.wallet import WithdrawalRecord, WithdrawalState
from spotlane.structs import (
    WithdrawalPreview,
    WithdrawalReason,
    WithdrawalRequest,
    WithdrawalResponse,
    WithdrawalStatus,
)
from spotlane.testing.case import case
from spotlane.testing.context import Context
from spotlane.testing.expect import equal, raises, same_type, that

_ADDRESS_WITH_MEMO = "rhub8VRN55s94qWKDv6jmDy1pUykJzF3wq"
_OTHER_ADDRESS = "TQHgMpVzWkhSsRB4BzZgmV8uW4cFL8eaBr"


def _saved(context: Context) -> SavedAddress:
    return next(entry for entry in context.venue.engine.wallet.saved_addresses["trader"] if entry.asset == "USDT")


def _request(context: Context, **changes: Any) -> WithdrawalRequest:
    """Return a withdrawal that everybody agrees to."""
    saved = _saved(context)
    return WithdrawalRequest(saved.asset, Decimal(100), saved.address, saved.network).replace(**changes)


@asynccontextmanager
async def _payer(
    context: Context, *targets: WithdrawalTarget, credentials: Credentials | None = None
) -> AsyncIterator[PrivateSpotRest]:
    """Open a client that may withdraw to the account's own address, and to further targets."""
    saved = _saved(context)
    policy = WithdrawalPolicy([WithdrawalTarget(saved.asset, saved.network, saved.address), *targets])
    async with context.connected(credentials, withdrawals=policy) as client:
        yield client


def _booked(context: Context) -> list[WithdrawalRecord]:
    return context.venue.engine.wallet.withdrawals()


@case("C140")
async def refused_without_a_policy(context: Context) -> None:
    """Without a policy every withdrawal is WithdrawalRefused, and nothing is sent."""
    async with context.connected() as client:
        with raises("withdrawing without a policy", WithdrawalRefused):
            await client.withdraw(_request(context))
        context.nothing_sent()


@case("C141")
async def refused_by_the_policy(context: Context) -> None:
    """A target that the policy does not list is WithdrawalRefused, and no withdrawal is sent."""
    async with _payer(context) as client:
        for changes in ({"address": "T" * 34}, {"memo": "1"}):
            with raises(f"withdrawing with {changes}", WithdrawalRefused):
                await client.withdraw(_request(context, **changes))
        that(all(request.method == "GET" for request in context.venue.requests), "nothing but reads is sent")


@case("C142")
async def withdrawal_to_completion(context: Context) -> None:
    """A withdrawal is accepted, debited exactly, followed to COMPLETED, and has its fee and transaction then."""
    async with _payer(context) as client:
        before = await client.get_account_balance()
        sent = await client.withdraw(_request(context))
        same_type("withdraw()", sent, WithdrawalResponse)
        (booked,) = _booked(context)
        equal("withdrawal_id", sent.withdrawal_id, booked.withdrawal_id)
        equal("client_withdrawal_id", sent.client_withdrawal_id, booked.order.client_withdrawal_id)
        equal("what is sent", (sent.asset, sent.amount, sent.address), ("USDT", Decimal(100), booked.order.address))
        that(sent.client_withdrawal_id, "a withdrawal carries a client id")
        that(not sent.status.is_terminal, "it is not done when it is accepted")
        after = await client.get_account_balance()
        equal("the debit", before["USDT"].total - after["USDT"].total, booked.order.amount)

        under_way = await client.get_withdrawal_status(sent.withdrawal_id)
        that(not under_way.status.is_terminal, "it is under way")
        context.venue.engine.wallet.set_state(booked.withdrawal_id, WithdrawalState.COMPLETED)
        done = await client.get_withdrawal_status(sent.withdrawal_id)
        same_type("get_withdrawal_status()", done, WithdrawalResponse)
        equal("status", done.status, WithdrawalStatus.COMPLETED)
        equal("fee, tx_id", (done.fee, done.tx_id), (booked.fee, booked.tx_id))
        equal("client_withdrawal_id", done.client_withdrawal_id, sent.client_withdrawal_id)
        equal("the balance at the end", (await client.get_account_balance())["USDT"], after["USDT"])


@case("C143")
async def withdrawals_that_fail(context: Context) -> None:
    """A withdrawal that the exchange fails, cancels or holds for review says so, and refunded money shows."""
    wanted = {
        WithdrawalState.FAILED: WithdrawalStatus.FAILED,
        WithdrawalState.CANCELED: WithdrawalStatus.CANCELED,
        WithdrawalState.MANUAL: WithdrawalStatus.MANUAL_REVIEW,
    }
    async with _payer(context) as client:
        before = (await client.get_account_balance())["USDT"].total
        for state, status in wanted.items():
            sent = await client.withdraw(_request(context))
            context.venue.engine.wallet.set_state(sent.withdrawal_id, state)
            equal("status", (await client.get_withdrawal_status(sent.withdrawal_id)).status, status)
            back = before if state.is_terminal else before - _booked(context)[-1].order.amount
            equal("the balance", (await client.get_account_balance())["USDT"].total, back)


@case("C144")
async def withdrawal_history(context: Context) -> None:
    """Withdrawal history is newest first, by asset where asked, and never longer than limit."""
    amounts = [Decimal(10), Decimal(20), Decimal(30)]
    for amount in amounts:
        async with _payer(context) as client:
            await client.withdraw(_request(context, amount=amount))
        context.venue.clock.advance(5_000)
    async with _payer(context) as client:
        history = await client.get_withdrawal_history()
        same_type("get_withdrawal_history()", history, list)
        equal("amounts", [each.amount for each in history], amounts[::-1])
        equal("ids", [each.withdrawal_id for each in history], [each.withdrawal_id for each in _booked(context)[::-1]])
        newest = await client.get_withdrawal_history("USDT", 2)
        equal("amounts of USDT", [each.amount for each in newest], amounts[:0:-1])
        equal("withdrawals of BTC", await client.get_withdrawal_history("BTC"), [])


@case("C145")
async def withdrawal_that_does_not_fit(context: Context) -> None:
    """An amount out of bounds, an unknown network or asset, a missing memo: refused, naming what would pass, unsent."""
    # An exchange may publish one pair of bounds for all networks of an asset.
    networks = context.venue.engine.wallet.networks_of(_saved(context).asset)
    least, most = min(each.minimum for each in networks), max(each.maximum for each in networks)
    cases: tuple[tuple[dict[str, Any], type[UsageError], tuple[Decimal, Decimal] | None], ...] = (
        ({"amount": least / 2}, MinimumError, (least, most)),
        ({"amount": most * 2}, MaximumError, (least, most)),
        ({"network": "NO-SUCH-NETWORK"}, UsageError, None),
        ({"asset": "NOSUCHASSET"}, UsageError, None),
        ({"asset": "XRP", "network": "XRP", "address": _ADDRESS_WITH_MEMO}, UsageError, None),
    )
    target = WithdrawalTarget("XRP", "XRP", _ADDRESS_WITH_MEMO)
    async with _payer(context, target) as client:
        for changes, kind, bounds in cases:
            with raises(f"withdrawing with {changes}", kind) as refusal:
                await client.withdraw(_request(context, **changes))
            if bounds is not None:
                named = getattr(refusal.error, "nearest", None)
                fits = isinstance(named, Decimal) and bounds[0] <= named <= bounds[1]
                that(fits, f"an amount that passes is named, not {named}")
        that(all(request.method == "GET" for request in context.venue.requests), "nothing but reads is sent")


@case("C146")
async def address_not_in_the_address_book(context: Context) -> None:
    """An address that the exchange's own address book lacks is refused, here or there, and nothing is withdrawn."""
    address = _OTHER_ADDRESS
    target = WithdrawalTarget("USDT", _saved(context).network, address)
    async with _payer(context, target) as client:
        with raises("withdrawing to it", WithdrawalRefused, WithdrawalRejected):
            await client.withdraw(_request(context, address=address))
    equal("withdrawals in the books", _booked(context), [])


@case("C147")
async def withdrawal_with_a_lost_reply(context: Context) -> None:
    """A withdrawal whose reply is lost is OutcomeUnknown, never sent again; resolve() finds it by its client id."""
    async with _payer(context) as client:
        await client.withdraw(_request(context))
        method = context.venue.requests[-1].method
        for point in ("reset-after-execution", "cut-body", "html-200", "gateway-error-executed"):
            context.venue.requests.clear()
            context.venue.faults.add(Fault.named(point, method))
            with raises(f"withdrawing under {point}", OutcomeUnknown) as raised:
                await client.withdraw(_request(context))
            equal("withdrawals sent", context.venue.requests.count(method), 1)
            found = await raised.error.resolve()
            equal("the withdrawal found", found.withdrawal_id, _booked(context)[-1].withdrawal_id)
    equal("withdrawals in the books", len(_booked(context)), 5)


@case("C148", needs=("withdrawal.cancel",))
async def cancel_of_a_withdrawal(context: Context) -> None:
    """A withdrawal that is not processed yet can be cancelled, and is refunded; later it is WithdrawalRejected."""
    async with _payer(context) as client:
        before = await client.get_account_balance()
        cancel = client.cancel_withdrawal  # type: ignore[attr-defined]
        first, second = [await client.withdraw(_request(context)) for _ in range(2)]
        equal("status", (await cancel(first.withdrawal_id)).status, WithdrawalStatus.CANCELED)
        context.venue.engine.wallet.set_state(second.withdrawal_id, WithdrawalState.PROCESSING)
        with raises("cancelling a withdrawal that is processed", WithdrawalRejected):
            await cancel(second.withdrawal_id)
        gone = _booked(context)[1].order.amount
        equal("the balance", (await client.get_account_balance())["USDT"].total, before["USDT"].total - gone)


@case("C149")
async def unknown_withdrawal(context: Context) -> None:
    """A withdrawal that the exchange does not list is a UsageError."""
    async with _payer(context) as client:
        sent = await client.withdraw(_request(context))
        unknown = sent.withdrawal_id[:-1] + ("1" if sent.withdrawal_id[-1] == "0" else "0")
        with raises("asking for an unknown withdrawal", UsageError):
            await client.get_withdrawal_status(unknown)


@case("C150")
async def withdrawal_of_more_than_there_is(context: Context) -> None:
    """A withdrawal of more than the account holds is refused by the exchange, and nothing is withdrawn."""
    async with _payer(context) as client:
        with raises("withdrawing more than there is", InsufficientBalance, WithdrawalRejected):
            await client.withdraw(_request(context, amount=Decimal(100_001)))
    equal("withdrawals in the books", _booked(context), [])


@case("C151")
async def key_that_may_not_withdraw(context: Context) -> None:
    """A key without the permission to withdraw is PermissionDenied, and nothing is withdrawn."""
    dialect = context.venue.dialect
    words = dialect.permission_words
    key = dialect.add_key(permissions=words["read"] | words["trade"])
    async with _payer(context, credentials=Credentials(key.api_key, key.api_secret)) as client:
        with raises("withdrawing", PermissionDenied):
            await client.withdraw(_request(context))
        that(await client.get_withdrawal_history() == [], "its history can be read")
    equal("withdrawals in the books", _booked(context), [])


@case("C152")
async def client_withdrawal_id_used_twice(context: Context) -> None:
    """A client withdrawal id is sent as it is; using it twice is refused, and one withdrawal is made."""
    async with _payer(context) as client:
        own = context.client().new_client_order_id()
        await client.withdraw(_request(context, client_withdrawal_id=own))
        with raises("withdrawing with a used id", UsageError):
            await client.withdraw(_request(context, client_withdrawal_id=own))
    equal("withdrawals in the books", [each.order.client_withdrawal_id for each in _booked(context)], [own])


@case("C153")
async def memo_arrives_as_given(context: Context) -> None:
    """A memo arrives as it was given, whatever characters it has: encoding and signature agree."""
    engine = context.venue.engine
    places = (
        ("XRP", _ADDRESS_WITH_MEMO, "104100"),
        ("EOS", "zzqqqqqqqqqq", "a&b=c d+e%25/?#\u00e9\u4e2d"),
    )
    for asset, address, memo in places:
        engine.credit(asset, 100)
        engine.wallet.save_address(asset, asset, address, memo)
        async with _payer(context, WithdrawalTarget(asset, asset, address, memo)) as client:
            try:
                await client.withdraw(WithdrawalRequest(asset, Decimal(20), address, asset, memo=memo))
            except (NotSupported, ExchangeAPIError) as refusal:
                that(memo != "104100", f"a memo of digits is taken: {refusal}")
                continue
        equal("the memo in the books", _booked(context)[-1].order.memo, memo)


@case("C154")
async def networks_by_one_name(context: Context) -> None:
    """A network has its canonical name, and is taken by that name, by its code and by the name that is displayed."""
    saved = _saved(context)
    async with _payer(context) as client:
        networks = await client.get_networks(saved.asset)  # type: ignore[attr-defined]
        chosen = next(each for each in networks if each.network == saved.network)
        equal("the code of its canonical name", context.spec.network_codes.get(chosen.canonical or ""), chosen.network)
        names = {chosen.network, chosen.network.lower(), chosen.canonical, chosen.network_name} - {None}
        for name in sorted(names):
            sent = await client.withdraw(_request(context, network=name))
            equal(f"the network withdrawn on, named {name}", sent.network, saved.network)
    equal("the networks in the books", {each.network.code for each in _booked(context)}, {saved.network})


@case("C155")
async def preview_of_a_withdrawal(context: Context) -> None:
    """A preview sends nothing but reads, tells exactly what leaves and what arrives, and refuses what withdraw does."""
    async with _payer(context) as client:
        shown = await client.preview_withdrawal(_request(context))
        same_type("preview_withdrawal()", shown, WithdrawalPreview)
        that(all(request.method == "GET" for request in context.venue.requests), "nothing but reads is sent")
        with raises("previewing another address", WithdrawalRefused):
            await client.preview_withdrawal(_request(context, address=_OTHER_ADDRESS))
        equal("withdrawals in the books", _booked(context), [])

        before = (await client.get_account_balance())[shown.asset].total
        await client.withdraw(_request(context))
        (booked,) = _booked(context)
        after = (await client.get_account_balance())[shown.asset].total
        equal("what leaves", shown.debit, before - after)
        equal("the fee", shown.fee, booked.fee)
        equal("what arrives", shown.arriving, booked.order.amount - booked.fee)
        for told in (f"{shown.debit:f}", f"{shown.arriving:f}", shown.address, shown.network):
            that(told in str(shown), f"its text tells {told}")


@case("C156", needs=("withdrawal.cancel",))
async def cap_of_a_cancelled_withdrawal(context: Context) -> None:
    """What counts against the cap of 24 hours is given back once the exchange lists it as cancelled, not before."""
    saved = _saved(context)
    policy = WithdrawalPolicy(
        [WithdrawalTarget(saved.asset, saved.network, saved.address)],
        caps={saved.asset: WithdrawalCap(per_day=Decimal(150))},
        in_memory=True,
    )
    async with context.connected(withdrawals=policy) as client:
        sent = await client.withdraw(_request(context))
        with raises("withdrawing over the cap", WithdrawalRefused) as refusal:
            await client.withdraw(_request(context))
        equal("the reason", getattr(refusal.error, "reason", None), WithdrawalReason.OVER_DAILY_CAP)
        equal("withdrawals in the books", len(_booked(context)), 1)
        await client.cancel_withdrawal(sent.withdrawal_id)  # type: ignore[attr-defined]
        await client.withdraw(_request(context))
    equal("withdrawals in the books", len(_booked(context)), 2)
