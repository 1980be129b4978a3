"""Another key for a client that is open: proven before it is used, and the one before wiped when nobody needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mexc_rig import BTC_USDT, connect, key_of, resting, until

from spotlane import Credentials, DeadManState
from spotlane.errors import AuthenticationError, IpNotAllowed, PermissionDenied, StateError, TransportError, UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.safety.journal_file import Disk
from spotlane.sandbox import Fault, Sandbox
from spotlane.sandbox.http import HttpRequest

KEY_HEADER = "x-mexc-apikey"


@pytest.fixture
def keys(venue: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the signed requests that the exchange has handled."""
    seen: list[str] = []
    handle = venue.dialect.handle

    def noted(request: HttpRequest) -> Any:
        if "signature=" in request.query:
            seen.append(request.headers[KEY_HEADER])
        return handle(request)

    monkeypatch.setattr(venue._server, "_handle", noted)
    return seen


def wiped(credentials: Credentials) -> bool:
    return credentials.is_wiped


@pytest.mark.parametrize("transport", ["lane", "plain"])
async def test_every_later_request_has_the_new_key(venue: Sandbox, keys: list[str], transport: str) -> None:
    old, new = venue.credentials, key_of(venue.dialect.add_key())
    async with connect(venue, old, transport=transport) as exchange:
        await exchange.place_order(resting())
        await exchange.rotate_credentials(new)
        await exchange.place_order(resting())
        await exchange.get_account_balance()
    # The second is the proof, and the third what it is compared with.
    assert keys == [old.api_key, new.api_key, old.api_key, new.api_key, new.api_key]
    assert wiped(old)
    assert not new.is_wiped
    with pytest.raises(StateError, match="was wiped"):
        old.signer("sha256").hexdigest(b"")
    with pytest.raises(StateError, match="was wiped"):
        old.signer("sha512")


async def test_credentials_that_another_client_uses_are_not_wiped(venue: Sandbox) -> None:
    shared = venue.credentials
    async with connect(venue, shared) as first, connect(venue, shared) as second:
        await first.rotate_credentials(key_of(venue.dialect.add_key()))
        assert not wiped(shared)
        await second.get_account_balance()
        await second.rotate_credentials(key_of(venue.dialect.add_key()))
        assert wiped(shared)
        await first.get_account_balance()
        await second.get_account_balance()


def _unknown(venue: Sandbox) -> Credentials:
    return Credentials("mx0" + "0" * 15, venue.api_secret)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (_unknown, AuthenticationError),
        (lambda venue: Credentials(venue.api_key, venue.api_secret[::-1]), AuthenticationError),
        (lambda venue: key_of(venue.dialect.add_key(ip_allow_list=["203.0.113.7"])), IpNotAllowed),
        (lambda venue: key_of(venue.dialect.add_key(permissions=["SPOT_WITHDRAW_READ"])), PermissionDenied),
    ],
)
async def test_a_key_that_does_not_work_is_not_taken(
    venue: Sandbox, wrong: Callable[[Sandbox], Credentials], kind: type[Exception]
) -> None:
    old, new = venue.credentials, wrong(venue)
    async with connect(venue, old) as exchange:
        with pytest.raises(kind):
            await exchange.rotate_credentials(new)
        await exchange.place_order(resting())
        assert not wiped(old)
        assert not new.is_wiped


async def test_a_key_of_another_account_is_not_taken_where_that_shows(venue: Sandbox) -> None:
    old, other = venue.credentials, key_of(venue.dialect.add_key(account="somebody"))
    async with connect(venue, old) as exchange:
        order = await exchange.place_order(resting())
        with pytest.raises(UsageError, match="another account: it shows none of the 1 open orders"):
            await exchange.rotate_credentials(other)
        assert not wiped(old)
        await exchange.cancel_order(BTC_USDT, order.order_id)


async def test_a_key_that_was_deleted_already_is_replaced(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    old, new = venue.credentials, key_of(venue.dialect.add_key())
    async with connect(venue, old) as exchange:
        await exchange.place_order(resting())
        vars(venue.dialect)["keys"].revoke(old.api_key)
        with pytest.raises(AuthenticationError):
            await exchange.get_account_balance()
        await exchange.rotate_credentials(new)
        assert len(await exchange.get_open_orders()) == 1
    assert "can't be compared" in caplog.text
    assert wiped(old)


async def test_a_proof_that_is_lost_changes_nothing(venue: Sandbox, keys: list[str]) -> None:
    async with connect(venue, timeout_s=0.2) as exchange:
        venue.faults.add(Fault.named("drop-request", "GET", times=None))
        with pytest.raises(TransportError):
            await exchange.rotate_credentials(key_of(venue.dialect.add_key()))
        venue.faults.clear()
        await exchange.place_order(resting())
    assert keys[-1] == venue.api_key


async def test_what_was_signed_before_ends_before_the_old_key_goes(venue: Sandbox, keys: list[str]) -> None:
    old, new = venue.credentials, key_of(venue.dialect.add_key())
    async with connect(venue, old, timeout_s=20.0, max_connections=4) as exchange:
        venue.faults.add(Fault.named("delay-reply", "POST", value=1.0))
        placing = asyncio.create_task(exchange.place_order(resting()))
        await until(lambda: keys)
        rotating = asyncio.create_task(exchange.rotate_credentials(new))
        await until(lambda: exchange._credentials is new)
        await exchange.get_account_balance()
        assert not rotating.done()
        assert not wiped(old)
        order = await placing
        await rotating
        assert wiped(old)
        assert keys == [old.api_key, new.api_key, old.api_key, new.api_key]
        assert (await exchange.get_order(BTC_USDT, order.order_id)).order_id == order.order_id


async def test_the_wait_ends_with_the_longest_call_and_with_a_cancellation(venue: Sandbox, keys: list[str]) -> None:
    old, new = venue.credentials, key_of(venue.dialect.add_key())
    async with connect(venue, old, timeout_s=20.0, max_connections=4) as exchange:
        venue.faults.add(Fault.named("drop-request", "POST"))
        placing = asyncio.create_task(exchange.place_order(resting()))
        await until(lambda: keys or venue.faults.hits)
        rotating = asyncio.create_task(exchange.rotate_credentials(new))
        await until(lambda: exchange._credentials is new)
        rotating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rotating
        assert wiped(old)
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
        await exchange.get_account_balance()


async def test_without_an_argument_the_source_is_asked_again(venue: Sandbox, keys: list[str], tmp_path: Path) -> None:
    path = tmp_path / "key"

    def write(api_key: str, api_secret: str) -> None:
        path.touch(0o600)
        path.write_text(f"api_key = {api_key}\napi_secret = {api_secret}\n")

    write(venue.api_key, venue.api_secret)
    async with connect(venue, Credentials.from_file(path)) as exchange:
        further = venue.dialect.add_key()
        write(further.api_key, further.api_secret)
        await exchange.rotate_credentials()
        assert exchange._credentials.api_key == further.api_key
        third = venue.dialect.add_key()
        write(third.api_key, third.api_secret)
        await exchange.rotate_credentials()
        await exchange.place_order(resting())
        path.chmod(0o644)
        with pytest.raises(UsageError, match="chmod 600"):
            await exchange.rotate_credentials()
    assert keys[-1] == third.api_key


async def test_texts_can_not_be_asked_again(venue: Sandbox, exchange: MexcPrivateRest) -> None:
    with pytest.raises(UsageError, match="made from texts"):
        await exchange.rotate_credentials()


async def test_the_journal_becomes_that_of_the_new_key(venue: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    new = venue.dialect.add_key()
    async with connect(venue, journal=path) as exchange:
        await exchange.place_order(resting())
        before = exchange.status().journal
        await exchange.rotate_credentials(key_of(new))
        await exchange.place_order(resting())
        assert before is not None
        identity = before.identity
    async with connect(venue, key_of(new), journal=path) as exchange:
        after = exchange.status().journal
        assert after is not None
        assert (after.identity, after.epoch, after.failure) == (identity, before.epoch + 1, None)
        await exchange.place_order(resting())
    with pytest.raises(StateError, match="of another API key"):
        await connect(venue, journal=path).open()


async def test_a_journal_that_is_gone_keeps_the_old_key(venue: Sandbox, keys: list[str], tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    async with connect(venue, journal=path) as exchange:
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(StateError):
            await exchange.rotate_credentials(key_of(venue.dialect.add_key()))
        await exchange.get_account_balance()
        # The guardian that is started from now on has the old key, too.
        await exchange.dead_man(60.0)
    assert keys[-2:] == [venue.api_key, venue.api_key]


async def test_a_journal_whose_disk_fails_keeps_its_mark(
    venue: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.journal"
    async with connect(venue, journal=path) as exchange:
        header = path.read_bytes()[:128]
        assert exchange._journal is not None

        def failing(descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(exchange._journal, "_disk", Disk(sync=failing))
        with pytest.raises(StateError):
            await exchange.rotate_credentials(key_of(venue.dialect.add_key()))
        assert path.read_bytes()[:128] == header
        await exchange.place_order(resting())


async def test_a_guardian_is_replaced_by_one_with_the_new_key(venue: Sandbox, keys: list[str]) -> None:
    new = venue.dialect.add_key()
    async with connect(venue) as exchange:
        await exchange.dead_man(60.0)
        before = exchange.status().dead_man
        keys.clear()
        await exchange.rotate_credentials(key_of(new))
        after = exchange.status().dead_man
        assert before is not None
        assert after is not None
        assert (after.state, after.seconds, after.replaced) == (DeadManState.ARMED, 60.0, 0)
        assert after.pid != before.pid
        # The client's proof, what it is compared with, and the guardian's own proof.
        assert keys == [new.api_key, venue.api_key, new.api_key]


async def test_a_guardian_that_can_not_use_the_new_key_leaves_all_as_it_was(
    venue: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(venue) as exchange:
        await exchange.dead_man(60.0)
        before = exchange.status().dead_man

        async def refused(*_: object) -> None:
            raise StateError("no process can be started")

        monkeypatch.setattr("spotlane.exchanges._guard.GuardianProcess.configure", refused)
        with pytest.raises(StateError, match="no process"):
            await exchange.rotate_credentials(key_of(venue.dialect.add_key()))
        after = exchange.status().dead_man
        assert before is not None
        assert after is not None
        assert (after.pid, after.state) == (before.pid, DeadManState.ARMED)
        assert exchange._credentials.api_key == venue.api_key
        await exchange.place_order(resting())
