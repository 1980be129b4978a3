"""An exchange is one folder: a copy of the template, under another name, passes the whole conformance kit."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

import spotlane.exchanges
from spotlane import Credentials, OrderParams, OrderStatus, OrderType, Side, Symbol, registry
from spotlane.errors import PermissionDenied
from spotlane.exchanges._records import RecordsClient
from spotlane.exchanges._trading import TradingClient
from spotlane.exchanges._wallet import WalletClient
from spotlane.sandbox import Sandbox
from spotlane.testing import Case, all_cases, run_case

# What docs/adding-an-exchange.md has a copier replace, in this order.
SUBSTITUTIONS = (("_template", "zenith"), ("acme", "zenith"), ("Acme", "Zenith"), ("ACME", "ZENITH"))
NAME = "zenith"
BTC_USDT = Symbol("BTC", "USDT")
TEMPLATE = Path(spotlane.exchanges.__path__[0]) / "_template"
GUIDE = Path(__file__).parents[2] / "docs" / "adding-an-exchange.md"

CASES = all_cases()


def copy_template(target: Path, substitutions: tuple[tuple[str, str], ...] = SUBSTITUTIONS) -> None:
    """Copy the template's folder and replace its names, as the guide says."""
    shutil.copytree(TEMPLATE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for file in target.iterdir():
        text = file.read_text()
        for old, new in substitutions:
            text = text.replace(old, new)
        file.write_text(text)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the template in a folder of its own, found beside the built-in exchanges while the module runs."""
    folder = tmp_path_factory.mktemp("exchanges")
    copy_template(folder / NAME)
    spotlane.exchanges.__path__.append(str(folder))
    importlib.invalidate_caches()
    yield folder / NAME
    spotlane.exchanges.__path__.remove(str(folder))
    for module in [module for module in sys.modules if module.startswith(f"spotlane.exchanges.{NAME}")]:
        del sys.modules[module]


def test_the_template_is_no_exchange() -> None:
    assert not {"_template", "acme"} & set(registry.exchange_names())


def test_the_copy_is_registered_by_its_folder_alone(copied: Path) -> None:
    assert NAME in registry.exchange_names()
    assert registry.spec(NAME).name == NAME
    client = registry.client_class(NAME)
    assert client.__name__ == "ZenithPrivateRest"
    assert getattr(importlib.import_module(f"spotlane.exchanges.{NAME}"), client.__name__) is client
    assert registry.dialect_class(NAME).name == NAME


def test_the_copy_holds_nothing_of_the_original(copied: Path) -> None:
    for file in copied.iterdir():
        if file.is_file():
            assert not re.search("acme|_template", file.read_text(), re.IGNORECASE), file.name


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.run.__name__}")
async def test_the_copy_passes_the_kit(copied: Path, case: Case) -> None:
    reason = case.inapplicable(registry.spec(NAME))
    if reason is not None:
        pytest.skip(f"n/a: {reason}")
    await run_case(case, NAME)


async def test_the_copy_has_what_no_interface_asks_for(copied: Path) -> None:
    async with Sandbox(NAME, rate_limits=False) as venue, registry.open_exchange(
        NAME, venue.credentials, base_url=venue.url
    ) as exchange:  # fmt: skip
        assert await exchange.get_deposit_addresses("XRP") == []
        venue.engine.wallet.deposit("XRP", 7)
        (deposit,) = await exchange.get_deposit_history("XRP")
        assert (deposit.amount, deposit.is_credited, deposit.asset) == (7, True, "XRP")
        (address,) = await exchange.get_deposit_addresses("XRP", "XRP")
        assert (address.address, address.memo) == (deposit.address, deposit.memo)
        assert await exchange.get_deposit_history("BTC") == []
        fee = await exchange.get_trading_fee(BTC_USDT)
        assert (fee.maker, fee.taker) == (0, Decimal("0.0005"))
        order = OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT, Decimal("0.001"), Decimal(20_000))
        placed = {(await exchange.place_order(order)).order_id for _ in range(2)}
        cancelled = await exchange.cancel_all_orders(BTC_USDT)
        assert {each.order_id for each in cancelled if each.status is OrderStatus.CANCELED} == placed
        assert abs(await exchange.get_server_time_ms() - venue.clock.now_ms()) < 10_000
        assert venue.errors == ()


async def test_the_sandbox_of_the_copy_keeps_a_key_to_its_symbols(copied: Path) -> None:
    async with Sandbox(NAME, rate_limits=False) as venue:
        bound = venue.dialect.add_key(symbols=["ETH/USDT"])
        credentials = Credentials(bound.api_key, bound.api_secret)
        async with registry.open_exchange(NAME, credentials, base_url=venue.url) as exchange:
            order = OrderParams(BTC_USDT, Side.BUY, OrderType.LIMIT, Decimal("0.001"), Decimal(20_000))
            with pytest.raises(PermissionDenied, match="needs trade"):
                await exchange.place_order(order)


def test_the_template_is_exempt_from_nothing() -> None:
    spec = importlib.import_module("spotlane.exchanges._template.spec").SPEC
    assert spec.exemptions == {}
    assert [each.name for each in spec.capabilities if not each.supported and not each.reason] == []


@pytest.mark.checkout
def test_the_guide_replaces_the_same_names() -> None:
    (line,) = re.findall(r"^perl .*$", GUIDE.read_text(), re.MULTILINE)
    told = re.findall(r"s/(\w+)/(\w+)/g", line)
    assert [old for old, _ in told] == [old for old, _ in SUBSTITUTIONS]
    assert [new.lower() for _, new in told] == [told[0][1]] * len(told)


@pytest.mark.checkout
def test_no_finished_exchange_has_anything_left_to_fill() -> None:
    for folder in TEMPLATE.parent.iterdir():
        if folder.is_dir() and not folder.name.startswith("_"):
            left = [file.name for file in folder.iterdir() if file.is_file() and "FILL:" in file.read_text()]
            assert left == [], folder.name


@pytest.mark.checkout
def test_the_guide_names_every_file_of_the_template() -> None:
    guide = GUIDE.read_text()
    files = {file.name for file in TEMPLATE.iterdir() if file.is_file()}
    assert [name for name in sorted(files) if f"`{name}`" not in guide] == []


@pytest.mark.checkout
def test_the_guide_names_what_the_bases_ask_for() -> None:
    abstract = TradingClient.__abstractmethods__ | RecordsClient.__abstractmethods__ | WalletClient.__abstractmethods__
    guide = GUIDE.read_text()
    assert [name for name in sorted(abstract) if f"`{name}`" not in guide] == []


@pytest.mark.checkout
def test_the_guide_shows_code_that_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert "assert" in block
        exec(compile(block, GUIDE.name, "exec"), {})


@pytest.mark.checkout
def test_the_guide_selects_cases_that_exist() -> None:
    chosen = re.findall(r'-k "binance and (\w+)"', GUIDE.read_text())
    names = [case.run.__name__ for case in CASES]
    assert chosen
    assert [part for part in chosen if not any(part in name for name in names)] == []


ROUND_TRIP = """
import asyncio
from decimal import Decimal
from spotlane import OrderParams, OrderType, Side, Symbol, open_exchange
from spotlane.registry import exchange_names
from spotlane.sandbox import Sandbox

async def main():
    async with Sandbox("zenith") as venue, open_exchange("zenith", venue.credentials, base_url=venue.url) as exchange:
        order = await exchange.place_order(
            OrderParams(Symbol("BTC", "USDT"), Side.BUY, OrderType.LIMIT, Decimal("0.001"), Decimal(20_000))
        )
        print((await exchange.cancel_order(order.symbol, order.order_id)).status.value)
    print(type(exchange).__module__, "zenith" in exchange_names())

asyncio.run(main())
"""


def install_package(site: Path) -> None:
    """Lay out a site directory as pip does for a third party's package that registers an exchange."""
    package = ("spotlane.exchanges._template", "zenith_for_spotlane")
    copy_template(site / package[1], (package, *SUBSTITUTIONS[1:]))
    metadata = site / "zenith_for_spotlane-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: zenith-for-spotlane\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[spotlane.exchanges]\nzenith = zenith_for_spotlane\n")


def run_python(site: Path, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{program}"],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


def test_a_third_party_registers_by_an_entry_point(tmp_path: Path) -> None:
    install_package(tmp_path)
    finished = run_python(tmp_path, ROUND_TRIP)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ["CANCELED", "zenith_for_spotlane.rest True"]


def test_a_third_party_that_breaks_the_contract_is_refused_by_name(tmp_path: Path) -> None:
    install_package(tmp_path)
    client = tmp_path / "zenith_for_spotlane" / "rest.py"
    client.write_text(
        f"{client.read_text()}\n    def get_trades(self, symbol: Symbol) -> list[Trade]:\n        return []\n"
    )
    finished = run_python(tmp_path, ROUND_TRIP)
    assert finished.returncode != 0
    message = finished.stderr.splitlines()[-1]
    assert "UsageError: exchange 'zenith': ZenithPrivateRest breaks the contract" in message
    assert "get_trades must be a coroutine function" in message
