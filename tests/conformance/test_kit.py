"""The kit itself: its cases fail for an exchange that does what they forbid, and its command says so."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from spotlane import Order, OrderParams, OutcomeUnknown, Symbol, registry
from spotlane.errors import NotPlaced
from spotlane.exchanges.mexc import MexcPrivateRest, dialect_access
from spotlane.safety import intents
from spotlane.sandbox import Sandbox
from spotlane.structs import AssetBalance, Trade
from spotlane.testing import (
    Case,
    Context,
    Outcome,
    Result,
    all_cases,
    check_exchange,
    check_live_exchange,
    run_live_case,
)
from spotlane.testing.__main__ import main
from spotlane.testing.conformance import credentials_in, live_cases
from spotlane.testing.report import checklist, declared_results, tables

ROOT = Path(__file__).parents[2]
MARKERS = ("<!-- conformance -->\n", "<!-- /conformance -->")


def named(name: str) -> Case:
    """Return the case of a function."""
    (found,) = [case for case in all_cases() if case.run.__name__ == name]
    return found


def test_numbers_are_unique_and_in_order_of_areas() -> None:
    numbers = [case.number for case in all_cases()]
    assert len(set(numbers)) == len(numbers) > 90
    areas = [area for area, _ in itertools.groupby(case.area for case in all_cases())]
    assert len(set(areas)) == len(areas)


def test_every_case_says_what_it_is_about() -> None:
    titles = [case.title for case in all_cases()]
    assert all(titles)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("exchange", registry.exchange_names())
def test_exemptions_name_cases_and_say_why(exchange: str) -> None:
    spec = registry.spec(exchange)
    assert spec.exemptions.keys() <= {case.number for case in all_cases()}
    assert all(spec.exemptions.values())


def test_an_exemption_and_a_missing_capability_make_a_case_inapplicable() -> None:
    spec = registry.spec("mexc")
    case = named("balances_are_exact")
    assert case.inapplicable(spec) is None
    exempted = spec._replace(exemptions=MappingProxyType({case.number: "it tells no balances"}))
    assert case.inapplicable(exempted) == "it tells no balances"
    assert named("iceberg").inapplicable(spec) == spec.capability("order.iceberg").reason
    bare = spec._replace(capabilities=())
    assert named("iceberg").inapplicable(bare) == "order.iceberg is not declared"


Patch = Callable[[pytest.MonkeyPatch], None]


def _replace(method: str, make: Callable[[Any], Any]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MexcPrivateRest, method, make(getattr(MexcPrivateRest, method)))

    return patch


def _caching(original: Any) -> Any:
    kept: dict[str, Any] = {}

    async def cached(self: Any, *arguments: Any, **named: Any) -> Any:
        if "result" not in kept:
            kept["result"] = await original(self, *arguments, **named)
        return kept["result"]

    return cached


def _repeating(original: Any) -> Any:
    has_repeated: list[bool] = []

    async def look_up(self: Any, doubt: Any, intent: Any, unknown: OutcomeUnknown, deadline: float) -> Order:
        if has_repeated:
            # The repetition is in doubt, too: its acknowledgement fits the first as well.
            found: Order = await original(self, doubt, intent, unknown, deadline)
            return found
        has_repeated.append(True)
        order: Order = await self.place_order(intent.params.replace(client_order_id=None))
        return order

    return look_up


def _rounding(original: Any) -> Any:
    async def get_account_balance(self: Any) -> dict[str, AssetBalance]:
        told: dict[str, AssetBalance] = await original(self)
        return {name: each.replace(available=round(each.available, 4)) for name, each in told.items()}

    return get_account_balance


def _trusting_the_acknowledgement(original: Any) -> Any:
    async def cancel_order(self: Any, symbol: Symbol, order_id: str | None = None, **options: Any) -> Order:
        order: Order = await original(self, symbol, order_id, **{**options, "confirm": False})
        return order

    return cancel_order


def _first_page(original: Any) -> Any:
    async def first_page(self: Any, *arguments: Any, **options: Any) -> list[Any]:
        rows: list[Any] = await original(self, *arguments, **options)
        return rows[:100]

    return first_page


def _without_fees(original: Any) -> Any:
    async def get_trades(self: Any, *arguments: Any, **options: Any) -> list[Trade]:
        return [trade.replace(fee=Decimal(0)) for trade in await original(self, *arguments, **options)]

    return get_trades


def _absent_at_once(original: Any) -> Any:
    async def look_up(self: Any, *arguments: Any) -> Order:
        raise NotPlaced("there is none")

    return look_up


def _telling(original: Any) -> Any:
    async def place_order(self: Any, params: OrderParams) -> Order:
        try:
            order: Order = await original(self, params)
        except OutcomeUnknown as unknown:
            raise OutcomeUnknown(f"signature={'ab' * 32}") from unknown
        return order

    return place_order


def _do_nothing(*_: Any) -> None:
    pass


def _without_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intents, "check_order", _do_nothing)


MUTANTS: dict[str, tuple[Patch, str]] = {
    "balances cached": (_replace("get_account_balance", _caching), "balances_are_never_cached"),
    "balances rounded": (_replace("get_account_balance", _rounding), "balances_are_exact"),
    "open orders cached": (_replace("get_open_orders", _caching), "open_orders_are_never_cached"),
    "trades cached": (_replace("get_trades", _caching), "trades_are_never_cached"),
    "trades without fees": (_replace("get_trades", _without_fees), "trades_are_complete"),
    "one page of trades": (_replace("get_trades", _first_page), "trades_of_many_pages"),
    "one page of orders": (_replace("get_order_history", _first_page), "order_history_of_many_pages"),
    "orders repeated": (_replace("_look_up", _repeating), "placing_lost_before_execution"),
    "orders repeated after execution": (_replace("_look_up", _repeating), "placing_lost_after_execution"),
    "cancels not confirmed": (
        _replace("cancel_order", _trusting_the_acknowledgement), "partly_filled_just_before_the_cancel",
    ),
    "outcomes taken as absent": (_replace("_look_up", _absent_at_once), "placing_with_half_a_reply"),
    "a signature in an error": (_replace("place_order", _telling), "no_secret_is_told"),
    "any loop": (_replace("_require_home", lambda _: _do_nothing), "only_on_its_loop"),
    "no local checks": (_without_checks, "price_off_the_tick"),
    "no local minimum": (_without_checks, "quantity_below_the_minimum"),
    "an exchange that checks no signature": (
        lambda patch: patch.setattr(dialect_access, "_check_signature", _do_nothing), "altered_on_its_way",
    ),
    "an exchange that takes any secret": (
        lambda patch: patch.setattr(dialect_access, "_check_signature", _do_nothing), "wrong_secret",
    ),
    "an exchange without permissions": (
        lambda patch: patch.setattr(dialect_access, "check_permission", _do_nothing), "missing_permission",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutant", list(MUTANTS))
async def test_a_case_fails_where_it_should(monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    patch, name = MUTANTS[mutant]
    (sound,) = await check_exchange("mexc", [named(name)])
    assert sound.outcome is Outcome.PASSED
    patch(monkeypatch)
    (result,) = await check_exchange("mexc", [named(name)])
    assert result.outcome is Outcome.FAILED, f"{name} does not notice: {mutant}"
    assert result.reason


async def test_results_are_told_as_they_come() -> None:
    told: list[Result] = []
    cases = [named("keeps_the_contract"), named("iceberg")]
    results = await check_exchange("mexc", cases, tell=told.append)
    assert told == results
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.INAPPLICABLE]


async def test_live_cases_need_nothing_but_an_account() -> None:
    """What is marked as safe for a real exchange runs without a sandbox at hand, and leaves no order and no trade."""
    assert len(live_cases()) > 10

    async def check(exchange: str) -> None:
        async with Sandbox(exchange, rate_limits=False) as venue:
            context = Context(exchange, venue.url, venue.credentials)
            results = await check_live_exchange(context, pause_s=0)
            assert [result for result in results if result.outcome is not Outcome.PASSED] == []
            assert venue.ledger.live_orders() == []
            assert venue.ledger.of_kind("order_filled") == []
            assert venue.ledger.of_kind("withdrawal_requested") == []

    await asyncio.gather(*(check(exchange) for exchange in registry.exchange_names()))


async def test_other_cases_do_not_run_against_a_real_exchange() -> None:
    venue = Sandbox("mexc")
    with pytest.raises(ValueError, match="runs against the sandbox alone"):
        await run_live_case(named("market_buy_by_base"), Context("mexc", "http://127.0.0.1:1", venue.credentials))


def test_keys_from_the_environment() -> None:
    spec = registry.spec("mexc")
    key, secret = spec.credential_variables
    assert credentials_in({}, spec) is None
    assert credentials_in({key: "a", secret: ""}, spec) is None
    found = credentials_in({key: "abcdef", secret: "s"}, spec)
    assert found is not None
    assert found.api_key == "abcdef"


def test_the_command_runs_chosen_cases(capsys: pytest.CaptureFixture[str]) -> None:
    case, iceberg = named("keeps_the_contract"), named("iceberg")
    assert main(["mexc", "--case", case.number, "--case", iceberg.number]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"mexc {case.number}   pass {case.title}",
        f"mexc {iceberg.number}   n/a  {iceberg.title}: {registry.spec('mexc').capability('order.iceberg').reason}",
        "mexc: 1 pass, 1 n/a",
    ]


def test_the_command_fails_with_a_case(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _replace("get_account_balance", _rounding)(monkeypatch)
    number = named("balances_are_exact").number
    assert main(["mexc", "--case", number, "--markdown"]) == 1
    assert "1 FAIL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"), [(["mexcc"], "did you mean 'mexc'"), (["mexc", "--case", "C999"], "no case 'C999'")]
)
def test_the_command_names_what_it_does_not_know(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


def test_a_testnet_without_keys_is_skipped_visibly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mexc", "gateio", "--testnet"], {}) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("mexc: SKIPPED: MEXC has no spot test network")
    assert second.startswith("gateio: SKIPPED: set GATEIO_API_KEY and GATEIO_API_SECRET")


def test_the_command_runs_against_a_testnet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A testnet that can't be reached: the cases run against its url, with the keys, and fail."""
    spec = registry.spec("gateio")._replace(urls=MappingProxyType({"testnet": "http://127.0.0.1:1"}))
    monkeypatch.setattr(registry, "spec", lambda name: spec)
    keys = {"GATEIO_API_KEY": "k" * 32, "GATEIO_API_SECRET": "s" * 64}
    assert main(["gateio", "--testnet", "--case", named("opens_and_closes").number], keys) == 1
    assert "NotSent" in capsys.readouterr().out


def test_tables_tell_what_is_not_supported() -> None:
    told = tables({"mexc": declared_results("mexc")})
    lines = told.splitlines()
    assert "| capability | mexc |" in lines
    assert "| `order.limit.fok` | yes |" in lines
    assert any(line.startswith("| `order.iceberg` | no: MEXC has no iceberg orders") for line in lines)
    iceberg = named("iceberg")
    assert any(f"{iceberg.number} n/a: MEXC has no iceberg orders" in line for line in lines)
    total = sum(result.outcome is Outcome.PASSED for result in declared_results("mexc"))
    counts = [line.split(" | ")[1].partition(" pass")[0] for line in lines if " pass" in line]
    assert sum(map(int, counts)) == total


@pytest.mark.checkout
@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("README.md", lambda: tables({name: declared_results(name) for name in registry.exchange_names()})),
        ("docs/conformance.md", checklist),
    ],
)
def test_pages_show_what_the_kit_says(page: str, wanted: Callable[[], str]) -> None:
    """The tests of this folder prove the cases; that is why a page may show what the descriptions promise."""
    text = (ROOT / page).read_text()
    shown = text.partition(MARKERS[0])[2].partition(MARKERS[1])[0]
    assert shown.strip() == wanted().strip(), f"{page}: python -m spotlane.testing --markdown, or --list, makes it"
