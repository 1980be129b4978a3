"""The clients by name. A peer that is not installed is left out, and that is said."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from whole.clients.contract import Client

_PLACES = {
    "floor": ("whole.clients.floor", "Floor"),
    "spotlane": ("whole.clients.spotlane", "Spotlane"),
    "plain_aiohttp": ("whole.clients.plain_aiohttp", "PlainAiohttp"),
    "ccxt": ("whole.clients.ccxt", "Ccxt"),
    "gate_api": ("whole.clients.gate_api", "GateApi"),
    "python_binance": ("whole.clients.python_binance", "PythonBinance"),
}
NAMES = tuple(_PLACES)


def load(name: str) -> type[Client]:
    """Return a client's class; its package is imported when the client is opened."""
    module, attribute = _PLACES[name]
    found: type[Client] = getattr(import_module(module), attribute)
    return found


def usable(exchange: str) -> list[str]:
    """Return the names of the clients that trade on an exchange and are installed."""
    return [name for name in NAMES if exchange in load(name).exchanges and is_installed(name)]


def is_installed(name: str) -> bool:
    """Say whether a client's package is there."""
    package = load(name).package
    return package is None or find_spec(package) is not None
