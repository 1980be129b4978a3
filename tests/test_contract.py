"""A class that breaks the contract of PrivateSpotRest is told by the method that does."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import pytest
from toy_exchange import CLIENT, install

from spotlane import registry
from spotlane.errors import UsageError
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.interfaces.contract import breaches, check_exchange_class
from spotlane.structs import AssetBalance, Order, OrderParams, Symbol


def toy(text: str = CLIENT) -> type[Any]:
    names: dict[str, Any] = {"Order": Order, "OrderParams": OrderParams, "Symbol": Symbol}
    exec(text, names)
    kind = names["ToyPrivateRest"]
    assert isinstance(kind, type)
    return kind


@pytest.mark.parametrize("kind", [toy(), MexcPrivateRest])
def test_a_class_that_keeps_the_contract(kind: type[Any]) -> None:
    assert breaches(kind) == []
    check_exchange_class(kind)


BROKEN = {
    "get_trades is missing": ("async def get_trades(", "async def get_fills("),
    "open must be a coroutine function (async def)": ("async def open(", "def open("),
    "new_client_order_id must be a plain function, not async def": (
        "def new_client_order_id(", "async def new_client_order_id(",
    ),
    "exchange is missing": ("exchange =", "name ="),
    "exchange must be a property, not a method": ('exchange = "toy"', "def exchange(self): ..."),
    "place_order has no parameter 'params'": ("place_order(self, params)", "place_order(self, order)"),
    "place_orders has no parameter 'params'": ("place_orders(self, params)", "place_orders(self, orders)"),
    "place_orders must be a coroutine function (async def)": ("async def place_orders(", "def place_orders("),
    "place_orders must return list[spotlane.structs.common.Order | spotlane.errors.SpotlaneError], not Order": (
        "place_orders(self, params)", "place_orders(self, params) -> Order",
    ),
    "cancel_order has no parameter 'confirm'": (", confirm=True", ""),
    "get_order must take 'order_id' as positional argument number 2": (
        "get_order(self, symbol, order_id=None, *,", "get_order(self, symbol, *, order_id=None,",
    ),
    "get_open_orders must have a default for 'symbol'": ("symbol=None", "symbol"),
    "withdraw must not need 'code'": ("withdraw(self, request)", "withdraw(self, request, code)"),
    "withdraw must take 'request' by name": ("withdraw(self, request)", "withdraw(self, request, /)"),
    "close must be a method, not int": ("async def close(self, grace_s=0.0): ...", "close = 1"),
    "place_order must take 'params' as OrderParams, not Symbol": (
        "place_order(self, params)", "place_order(self, params: Symbol)",
    ),
    "get_order must return Order, not OrderParams": (
        "get_order(self, symbol, order_id=None, *, client_order_id=None)",
        "get_order(self, symbol, order_id=None, *, client_order_id=None) -> OrderParams",
    ),
    "the class must be called as ToyPrivateRest(credentials, *, base_url, ": ("**options", "*, timeout_s=2.0"),
}  # fmt: skip


@pytest.mark.parametrize("told", list(BROKEN))
def test_each_breach_is_named(told: str) -> None:
    before, after = BROKEN[told]
    assert before in CLIENT
    found = breaches(toy(CLIENT.replace(before, after, 1)))
    assert any(line.startswith(told) for line in found), found
    with pytest.raises(UsageError, match="ToyPrivateRest breaks the contract of PrivateSpotRest"):
        check_exchange_class(toy(CLIENT.replace(before, after, 1)))


def test_an_abstract_method_is_a_breach() -> None:
    class Unfinished(MexcPrivateRest):
        @abstractmethod
        async def get_account_balance(self) -> dict[str, AssetBalance]:
            raise NotImplementedError

    assert breaches(Unfinished) == ["get_account_balance is abstract"]


def test_a_third_party_exchange_is_refused_at_registration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = CLIENT.replace("get_trades", "get_fills").replace("async def withdraw(", "def withdraw(")
    install(tmp_path, monkeypatch, rest=rest)
    with pytest.raises(UsageError) as refused:
        registry.open_exchange("toy", "keys")
    assert str(refused.value) == (
        "exchange 'toy': ToyPrivateRest breaks the contract of PrivateSpotRest: get_trades is missing; "
        "withdraw must be a coroutine function (async def)"
    )
