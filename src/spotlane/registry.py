"""Exchanges by name.

A name stands for a package that follows one convention: `spec.py` holds SPEC and CLIENT (the name of the class in
`rest.py`), `dialect.py` holds DIALECT. Built-in exchanges are the folders of `spotlane.exchanges` whose names do not
start with an underscore; further ones come from installed packages, through the entry point group
`spotlane.exchanges` whose values name such a package. Nothing is imported before it is asked for, and never more than
was asked for: a client does not load the sandbox's dialect, nor the other way round.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from spotlane.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["client_class", "dialect_class", "exchange_names", "locate", "open_exchange", "spec"]

_GROUP = "spotlane.exchanges"
_BUILT_IN = "spotlane.exchanges"
_CONTRACT = "spotlane.interfaces.contract"


def exchange_names() -> tuple[str, ...]:
    """Return every known exchange name, sorted; no exchange is imported."""
    return tuple(sorted(_built_in_names() | {entry.name for entry in _entry_points()}))


def client_class(name: str) -> type[Any]:
    """Return the REST client class of an exchange.

    Raises UsageError for an unknown name, for a package that breaks the convention, and for a class from an installed
    package that breaks the contract of PrivateSpotRest, naming every method that is missing or mistyped.
    """
    target = locate(name, "rest")
    found = _load(name, target)
    if not isinstance(found, type):
        raise UsageError(f"exchange {name!r}: {target} must be a class, not {type(found).__name__}")
    # The built-in ones are checked by the tests.
    if name not in _built_in_names():
        # By name, because the contract stands above this room; a client that was loaded has loaded it already.
        contract = importlib.import_module(_CONTRACT)
        try:
            contract.check_exchange_class(found)
        except UsageError as breach:
            raise UsageError(f"exchange {name!r}: {breach}") from None
    return found


def open_exchange(name: str, credentials: Any, **options: Any) -> Any:
    """Return a client of the named exchange: use it with `async with`, or open() and close() it.

    credentials and options are those of the exchange's class. Raises UsageError for an unknown name, listing those that
    are known.
    """
    return client_class(name)(credentials, **options)


def dialect_class(name: str) -> type[Any]:
    """Return the class that plays an exchange's server in the sandbox.

    Raises UsageError for an unknown name and for a package that breaks the convention.
    """
    target = locate(name, "dialect")
    found = _load(name, target)
    if not isinstance(found, type):
        raise UsageError(f"exchange {name!r}: {target} must be a class, not {type(found).__name__}")
    return found


def spec(name: str) -> Any:
    """Return an exchange's ExchangeSpec.

    Raises UsageError for an unknown name and for a package that breaks the convention.
    """
    return _load(name, locate(name, "spec"))


def locate(name: str, part: str) -> str:
    """Return "module:attribute" of one part ("spec", "rest" or "dialect") of an exchange.

    Raises UsageError for an unknown name. Only for "rest" is anything imported: the exchange's spec, which names the
    class.
    """
    package = _package(name)
    if part == "rest":
        client = _load(name, f"{package}.spec:CLIENT")
        if not isinstance(client, str):
            raise UsageError(f"exchange {name!r}: {package}.spec:CLIENT must be the name of a class, not {client!r}")
        return f"{package}.rest:{client}"
    return f"{package}.{part}:{part.upper()}"


def _package(name: str) -> str:
    # A built-in name wins: no installed package can put its own class where the keys of a known exchange go.
    if name in _built_in_names():
        return f"{_BUILT_IN}.{name}"
    entries = [entry for entry in _entry_points() if entry.name == name]
    if not entries:
        raise UsageError(_unknown(name))
    values = sorted({entry.value for entry in entries})
    if len(values) > 1:
        raise UsageError(f"exchange {name!r} is registered by more than one package: {', '.join(values)}")
    module, _, attribute = values[0].partition(":")
    if attribute:
        raise UsageError(f"exchange {name!r}: its entry point must name a package, not {values[0]!r}")
    return module.strip()


def _built_in_names() -> set[str]:
    folder = importlib.import_module(_BUILT_IN)
    return {
        module.name
        for module in pkgutil.iter_modules(folder.__path__)
        if module.ispkg and not module.name.startswith("_")
    }


def _entry_points() -> Iterable[EntryPoint]:
    # Imported when it is needed: it takes as long as a tenth of everything else in `import spotlane`.
    from importlib.metadata import entry_points

    return entry_points(group=_GROUP)


def _unknown(name: str) -> str:
    import difflib  # only a mistake needs it

    known = exchange_names()
    message = f"no exchange named {name!r}; known: {', '.join(known) or 'none'}"
    nearest = difflib.get_close_matches(str(name).lower(), known, n=1)
    return f"{message}; did you mean {nearest[0]!r}?" if nearest else message


def _load(name: str, target: str) -> Any:
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        raise UsageError(f"exchange {name!r}: module {error.name!r} is missing; it should hold {target}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise UsageError(f"exchange {name!r}: {module_name} has no attribute {attribute!r}") from None
