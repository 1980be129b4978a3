"""A thousand connections with a server that does everything wrong; `make hostile` makes a hundred thousand."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hostile_calls import Failed, Notes, Wrong
from hostile_plan import Plan, Wish, make_plan
from hostile_run import Verdict, judge, limit_of, run
from hostile_wire import order_id_of

from spotlane.exchanges import _trading
from spotlane.transport import Channel, Reply, ReplyLost, Request
from spotlane.transport.plain import PlainConnection

WISH = Wish(200, b'{"order":"1234567"}' * 5, is_read=True, limit_s=0.2)
HOW = {"how": "held", "is_alike": True, "is_same_symbol": True, "is_nameless": False, "lag_ms": 0, "after_ms": 0}


def total(counter: Counter[str], part: str) -> int:
    return sum(count for what, count in counter.items() if part in what)


def assert_hostile(verdict: Verdict, connections: int) -> None:
    """Check that the server did its worst and that calls ended in every way all the same."""
    assert verdict.hostile >= connections
    for part in (
        "kept back",
        "given away: held",
        "given away: sent",
        "a second reply",
        "unasked while idle",
        "cut off",
    ):
        assert total(verdict.counts, part), part
    for ending in ("a result", "OutcomeUnknown", "ReadFailed", "cancelled"):
        assert verdict.notes.endings[ending], ending
    for exchange in ("mexc", "gateio", "binance"):
        for verb in ("place", "cancel", "get", "open_orders"):
            assert verdict.notes.results[f"{exchange} {verb}"], (exchange, verb)


@pytest.mark.parametrize("transport", ["lane", "plain"])
async def test_no_reply_of_a_thousand_hostile_connections_reaches_another_request(transport: str) -> None:
    verdict = await run(1_000, transport=transport)
    assert_hostile(verdict, 1_000)
    assert verdict.failures == {}, verdict.samples


@pytest.mark.parametrize("transport", ["lane", "plain"])
async def test_no_reply_of_hostile_connections_under_tls_reaches_another_request(transport: str) -> None:
    verdict = await run(150, transport=transport, clients=3, tls=True)
    assert verdict.hostile >= 150
    assert verdict.failures == {}, verdict.samples


async def found_out(part: str, **options: Any) -> bool:
    """Say whether a client is convicted of a failure; what happens depends on the machine as well as on the seed."""
    for seed in range(20):
        verdict = await run(400, seed=str(seed), **options)
        if total(verdict.failures, part):
            return True
    return False


async def test_client_that_trusts_every_connection_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainConnection, "is_silent", lambda self: self.protocol.is_connected())
    monkeypatch.setattr(PlainConnection, "rest", lambda self, **_: self.protocol.is_connected())
    assert await found_out("connection used after: ", transport="plain")


async def test_client_that_does_not_look_what_a_reply_names_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trading, "_require_same", lambda *arguments: None)
    for exchange in ("mexc", "gateio", "binance"):
        assert await found_out(f"misattributed: {exchange}", exchanges=[exchange], clients=3)


async def test_client_that_takes_any_acknowledgement_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trading.TradingClient, "_confirm_placed", lambda self, order, reply: None)
    assert await found_out("misattributed: mexc place", exchanges=["mexc"], clients=3)


async def test_client_that_sends_an_order_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Channel.send

    async def send_twice(self: Channel, request: Request, **options: Any) -> Reply:
        try:
            return await send(self, request, **options)
        except ReplyLost:
            return await send(self, request, **options)

    monkeypatch.setattr(Channel, "send", send_twice)
    assert await found_out("sent twice")


def wrong(**changes: object) -> Wrong:
    told = {"exchange": "mexc", "verb": "place", "name": "place:1", "token": "2", "names": ("place:1",),
            "start_ms": 0, "end_ms": 1, "is_refusal": False, "uncertainty_ms": 3.0}  # fmt: skip
    return Wrong(**{**told, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "how", "limit"),
    [
        ({}, {}, "equal orders within the clock's uncertainty"),
        ({}, {"lag_ms": 5}, "equal orders within the clock's uncertainty"),
        ({}, {"lag_ms": 6}, None),
        ({}, {"is_alike": False}, None),
        ({}, {"how": "stray", "after_ms": 25}, "equal orders within the clock's uncertainty"),
        ({}, {"how": "stray", "after_ms": 26}, None),
        ({}, {"how": "unexplained"}, None),
        ({"exchange": "gateio"}, {}, None),
        ({"exchange": "binance"}, {"how": "swap"}, None),
        ({"verb": "get"}, {}, None),
        ({"verb": "trades"}, {}, None),
        ({"verb": "cancel"}, {}, None),
        ({"verb": "cancel"}, {"is_nameless": True}, "the acknowledgement names no client id"),
        ({"verb": "cancel"}, {"is_nameless": True, "is_same_symbol": False}, None),
        ({"verb": "open_orders"}, {}, "a list names nothing"),
        ({"verb": "open_orders"}, {"is_same_symbol": False}, None),
        ({"verb": "open_orders"}, {"how": "stray", "after_ms": 26}, None),
        ({"verb": "balances"}, {"how": "stray"}, "a list names nothing"),
        ({"exchange": "gateio", "is_refusal": True}, {"how": "stray"}, "a refusal names nothing"),
        ({"exchange": "gateio", "is_refusal": True}, {"how": "stray", "after_ms": 26}, None),
    ],
)
def test_what_nobody_can_tell_is_no_failure_and_all_else_is(
    changes: dict[str, object], how: dict[str, object], limit: str | None
) -> None:
    assert limit_of(wrong(**changes), {**HOW, **how}) == limit


def test_verdict_counts_every_kind_of_failure() -> None:
    notes = Notes(hangs=["h"], untyped=["u", "v"], complaints=["c"], wrong=[wrong(), wrong()], misadopted=["m"])
    notes.uncertainties_ms = {"mexc-0-100": 4.0}
    notes.failed = [
        Failed("mexc", "place:7", "OrderRejected", is_rejection=True),
        Failed("mexc", "place:8", "deadline", is_rejection=False),
        Failed("mexc", "place:9", "deadline", is_rejection=False),
    ]
    report = {
        "connections": 9, "hostile": 8, "whole_replies": 1, "counts": {}, "violations": {"a redirect": 3},
        "used_after": [("mexc-0-100", "FIN", 27), ("mexc-0-100", "FIN", 26), ("mexc-0-100", "FIN", -5)],
        "sent_twice": ["place 1"], "wrong": [HOW, {**HOW, "how": "unexplained"}], "whole": [None, "whole", None],
        "placed": [True, True, False],
    }  # fmt: skip
    verdict = judge(notes, report, 1.0)
    assert verdict.failures == {
        "hang": 1, "untyped error": 2, "complaint of the event loop": 1, "sent twice": 1, "a redirect": 3,
        "connection used after: FIN": 1,
        "misattributed: mexc place (unexplained)": 1, "misattributed: resolver": 1, "rejected, but placed": 1,
    }  # fmt: skip
    assert verdict.limits == {"mexc place: equal orders within the clock's uncertainty": 1}
    assert verdict.refused == {"deadline <- whole": 1}


def sent(plan: Plan) -> bytes:
    return b"".join(step for step in plan.steps if isinstance(step, bytes))


def test_a_seed_makes_the_same_plans_again() -> None:
    for number in range(200):
        first, again = (make_plan(Random(f"seed:{number}"), WISH) for _ in range(2))
        assert first == again


def test_plans_know_whether_they_are_well() -> None:
    plans = [make_plan(Random(f"seed:{number}"), WISH) for number in range(3_000)]
    assert 300 < sum(plan.is_well for plan in plans) < 2_000
    assert len({plan.label for plan in plans}) > 100
    for plan in plans:
        if plan.is_well:
            raw = sent(plan)
            assert plan.is_framed
            assert b" 200 OK\r\n" in raw
            assert WISH.body in raw or b"hunked" in raw
            assert not {"silence", "RST"}.intersection(step for step in plan.steps if isinstance(step, str))


def test_client_side_knows_the_servers_order_ids() -> None:
    ids = {order_id_of(f"s{number}") for number in range(1_000)}
    assert len(ids) == 1_000
    assert all(0 <= int(each) < 1 << 63 for each in ids)
