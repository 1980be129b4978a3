"""A client with a journal: what a process leaves behind, the next one takes up before it places anything."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from doubt_rig import HORIZONS, Reports
from mexc_rig import BTC_USDT, connect, key_of, resting, strike, until

from spotlane import Order, OrderStatus, OutcomeUnknown
from spotlane.errors import NotSent, ReadFailed, StateError, UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.safety import Journal
from spotlane.sandbox import Fault, Sandbox
from spotlane.structs import OutcomeState
from spotlane.transport import SystemClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.journal"


def content(path: Path) -> bytes:
    return path.read_bytes()


def cut_back(path: Path, earlier: bytes) -> None:
    """Leave a file as a power loss does whose end never reached the disk."""
    path.write_bytes(earlier)


def open_intents(venue: Sandbox, path: Path) -> list[str]:
    """Return what a journal still holds as open, as another process would see it."""
    mark = hashlib.sha256(venue.api_key.encode()).hexdigest()[:32]
    journal = Journal.open(path, exchange="mexc", key_mark=mark, clock=SystemClock())
    try:
        return [intent.client_order_id for intent in journal.open_intents]
    finally:
        journal.close()


async def abandon(venue: Sandbox, path: Path, point: str) -> str:
    """Place an order whose reply is lost, and end as a process that crashes; return its client id."""
    exchange = connect(venue, journal=path, timeout_s=0.5)
    await exchange.open()
    strike(venue, point)
    venue.faults.add(Fault.named("reset-before-read", "GET", times=None))
    with pytest.raises(OutcomeUnknown) as unknown:
        await exchange.place_order(resting())
    venue.faults.clear()
    assert exchange._journal is not None
    # The file is left as it is: no note about what became of the order.
    exchange._journal.close()
    exchange._journal = None
    with pytest.raises(OutcomeUnknown):
        await exchange.close()
    return unknown.value.client_order_id or ""


async def test_an_order_is_on_file_before_it_is_sent_and_done_with_its_reply(venue: Sandbox, path: Path) -> None:
    async with connect(venue, journal=path) as exchange:
        order = await exchange.place_order(resting())
        status = exchange.status().journal
        assert status is not None
        assert (status.failure, status.epoch, status.durability) == (None, 1, "lazy")
        assert str(order.client_order_id).encode() in content(path)
        assert status.identity in str(order.client_order_id)
    assert open_intents(venue, path) == []


@pytest.mark.parametrize("durability", ["lazy", "sync"])
async def test_every_end_of_an_order_is_noted(venue: Sandbox, path: Path, durability: str, told: Reports) -> None:
    async with connect(
        venue, journal=path, durability=durability, horizons=HORIZONS, timeout_s=0.5, on_resolved=told.append
    ) as exchange:
        await exchange.place_order(resting())
        strike(venue, "reset-after-execution")
        await exchange.place_order(resting())
        strike(venue, "rate-limited", value=0.0)
        with pytest.raises(Exception, match="429"):
            await exchange.place_order(resting())
        strike(venue, "reset-before-read")
        with pytest.raises(OutcomeUnknown) as unknown:
            await exchange.place_order(resting())
        await until(lambda: not exchange.unresolved())
    assert told.states == [OutcomeState.PROVEN_ABSENT]
    assert unknown.value.client_order_id
    assert open_intents(venue, path) == []


async def test_an_end_is_noted_when_the_caller_learns_of_it(
    venue: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed between the two would leave an order behind that nobody is told of."""
    async with connect(venue, journal=path, horizons=HORIZONS) as exchange:
        journal = exchange._journal
        assert journal is not None
        noted: list[tuple[OutcomeState, bool]] = []
        note, caller = journal.note, asyncio.current_task()

        def listen(name: str, state: OutcomeState, order_id: str | None) -> None:
            noted.append((state, asyncio.current_task() is caller))
            note(name, state, order_id)

        monkeypatch.setattr(journal, "note", listen)
        strike(venue, "reset-after-execution")
        await exchange.place_order(resting())
    assert noted == [(OutcomeState.ADOPTED, True)]


@pytest.mark.parametrize(
    ("point", "state"),
    [("silent-after-execution", OutcomeState.ADOPTED), ("reset-before-read", OutcomeState.PROVEN_ABSENT)],
)
async def test_what_a_crash_left_open_is_resolved_before_anything_is_placed(
    venue: Sandbox, path: Path, told: Reports, point: str, state: OutcomeState
) -> None:
    name = await abandon(venue, path, point)
    async with connect(venue, journal=path, horizons=HORIZONS, on_resolved=told.append, timeout_s=5.0) as exchange:
        (doubt,) = exchange.unresolved()
        assert (doubt.client_order_id, doubt.params.price) == (name, resting().price)
        # What only looks works at once.
        await exchange.get_open_orders(BTC_USDT)
        order = await exchange.place_order(resting())
        assert told.states == [state]
        assert told[0].client_order_id == name
        assert order.client_order_id != name
        assert len(venue.ledger.orders(name)) == (state is OutcomeState.ADOPTED)
    assert open_intents(venue, path) == []


@pytest.mark.parametrize("ends", ["fails", "closes"])
async def test_a_client_that_is_opened_again_looks_once_for_each_order(
    venue: Sandbox, path: Path, told: Reports, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await abandon(venue, path, "silent-after-execution")
    exchange = connect(venue, journal=path, horizons=HORIZONS, on_resolved=told.append, timeout_s=1.0)
    venue.faults.add(Fault.named("delay-reply", "GET", "/api/v3/order", value=30.0, times=None))
    if ends == "fails":

        async def fail(_: object) -> list[Order]:
            raise ReadFailed("the orders could not be read")

        with monkeypatch.context() as once:
            once.setattr(exchange._evidence, "all_orders", fail)
            with pytest.raises(ReadFailed):
                await exchange.open()
    else:
        await exchange.open()
        with pytest.raises(OutcomeUnknown):
            await exchange.close()
    await exchange.open()
    looking = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("spotlane-resolve-")]
    assert looking == [f"spotlane-resolve-{name}"]
    venue.faults.clear()
    await until(lambda: not exchange.unresolved())
    assert told.states == [OutcomeState.ADOPTED]
    await exchange.close()
    assert open_intents(venue, path) == []


async def test_an_order_that_can_not_wait_for_the_recovery_is_not_sent(venue: Sandbox, path: Path) -> None:
    name = await abandon(venue, path, "reset-before-read")
    exchange = connect(venue, journal=path, timeout_s=0.2)
    await exchange.open()
    venue.requests.clear()
    with pytest.raises(NotSent, match="of 1 orders of an earlier process") as refused:
        await exchange.place_order(resting())
    assert refused.value.safe_to_retry
    assert venue.requests.count("POST") == 0
    with pytest.raises(OutcomeUnknown, match=name):
        await exchange.close()
    assert open_intents(venue, path) == [name]


async def test_orders_go_on_once_an_inherited_one_is_known_to_stay_unknown(
    venue: Sandbox, path: Path, told: Reports
) -> None:
    await abandon(venue, path, "reset-before-read")
    impatient = HORIZONS._replace(visibility_ms=60_000, give_up_ms=300)
    exchange = connect(venue, journal=path, horizons=impatient, on_resolved=told.append, timeout_s=5.0)
    await exchange.open()
    await exchange.place_order(resting())
    assert told.states == [OutcomeState.UNKNOWN]
    assert [each.state for each in exchange.unresolved()] == [OutcomeState.UNKNOWN]
    with pytest.raises(OutcomeUnknown):
        await exchange.close()


async def test_an_order_that_the_journal_lost_is_adopted(venue: Sandbox, path: Path, told: Reports) -> None:
    async with connect(venue, journal=path) as exchange:
        kept = await exchange.place_order(resting())
        before = content(path)
        lost = await exchange.place_order(resting())
        foreign = await exchange.place_order(resting(client_order_id="by-hand-1"))
    cut_back(path, before)
    async with connect(venue, journal=path, on_resolved=told.append) as exchange:
        assert [resolution.client_order_id for resolution in told] == [lost.client_order_id]
        assert told.states == [OutcomeState.ADOPTED]
        assert told[0].order is not None
        assert told[0].order.status is OrderStatus.NEW
        fresh = await exchange.place_order(resting())
    assert len({order.client_order_id for order in (kept, lost, foreign, fresh)}) == 4


async def test_a_journal_that_can_not_be_written_stops_orders_and_nothing_else(venue: Sandbox, path: Path) -> None:
    async with connect(venue, journal=path) as exchange:
        order = await exchange.place_order(resting())
        venue.requests.clear()
        assert exchange._journal is not None
        exchange._journal._writer.fail("the disk is full: make room")
        name = exchange.new_client_order_id()
        with pytest.raises(StateError, match="make room"):
            await exchange.place_order(resting(client_order_id=name))
        assert venue.requests.count("POST") == 0
        assert exchange.unresolved() == ()
        assert (await exchange.cancel_order(BTC_USDT, order.order_id)).status is OrderStatus.CANCELED
        status = exchange.status().journal
        assert status is not None
        assert status.failure is not None


async def test_a_journal_in_use_is_refused_and_nothing_is_opened(venue: Sandbox, path: Path) -> None:
    async with connect(venue, journal=path):
        other = connect(venue, journal=path)
        with pytest.raises(StateError, match="in use"):
            await other.open()
        assert not other.status().is_open
    async with connect(venue, journal=path):
        pass


async def test_another_keys_journal_is_refused(venue: Sandbox, path: Path) -> None:
    async with connect(venue, journal=path):
        pass
    key = venue.dialect.add_key()
    with pytest.raises(StateError, match="another API key"):
        await connect(venue, key_of(key), journal=path).open()


async def test_a_client_that_could_not_connect_gives_its_journal_back(venue: Sandbox, path: Path) -> None:
    await venue.down()
    exchange = connect(venue, journal=path, timeout_s=0.3)
    with pytest.raises(NotSent):
        await exchange.open()
    await venue.up()
    async with exchange:
        await exchange.place_order(resting())


def test_a_durability_that_is_none_is_refused(venue_credentials: object) -> None:
    with pytest.raises(UsageError, match="'lazy' or 'sync'"):
        MexcPrivateRest(venue_credentials, durability="maybe")  # type: ignore[arg-type]


async def test_a_cancelled_call_of_which_nothing_left_is_noted_as_not_sent(venue: Sandbox, path: Path) -> None:
    async with connect(venue, journal=path, durability="sync") as exchange:
        call = asyncio.create_task(exchange.place_order(resting()))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert exchange.unresolved() == ()
    assert venue.requests.count("POST") == 0
    assert open_intents(venue, path) == []
