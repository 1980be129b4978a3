"""Whether a class keeps the contract of PrivateSpotRest, told without making an instance of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_origin, get_type_hints

from spotlane.errors import UsageError
from spotlane.interfaces.spot import PrivateSpotRest

__all__ = ["breaches", "check_exchange_class"]

_OPTIONS = (
    "base_url", "timeout_s", "connections", "max_connections", "enforce_limits", "session", "source_address",
    "withdrawals", "transport",
)  # fmt: skip
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_exchange_class(kind: type[Any]) -> None:
    """Raise UsageError naming every method of PrivateSpotRest that a class lacks or types differently."""
    found = breaches(kind)
    if found:
        raise UsageError(f"{kind.__name__} breaks the contract of PrivateSpotRest: {'; '.join(found)}")


def breaches(kind: type[Any]) -> list[str]:
    """Return one line for every way in which a class breaks the contract; empty for one that keeps it."""
    found = [line for name, wanted in _members() for line in _breaches_of(kind, name, wanted)]
    return [*found, *_constructor_breaches(kind)]


def _members() -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for base in PrivateSpotRest.__mro__:
        if base.__module__.startswith("spotlane."):
            for name, member in vars(base).items():
                is_public = not name.startswith("_") or name in ("__aenter__", "__aexit__")
                if is_public and name not in seen and (inspect.isfunction(member) or isinstance(member, property)):
                    seen.add(name)
                    yield name, member


def _breaches_of(kind: type[Any], name: str, wanted: Any) -> Iterator[str]:
    given = inspect.getattr_static(kind, name, None)
    if given is None:
        yield f"{name} is missing"
    elif getattr(given, "__isabstractmethod__", False):
        yield f"{name} is abstract"
    elif isinstance(wanted, property):
        if inspect.isfunction(given):
            yield f"{name} must be a property, not a method"
    elif not inspect.isfunction(given):
        yield f"{name} must be a method, not {type(given).__name__}"
    elif inspect.iscoroutinefunction(wanted) and not inspect.iscoroutinefunction(given):
        yield f"{name} must be a coroutine function (async def)"
    elif inspect.iscoroutinefunction(given) and not inspect.iscoroutinefunction(wanted):
        yield f"{name} must be a plain function, not async def"
    else:
        yield from _signature_breaches(name, wanted, given)
        yield from _type_breaches(name, wanted, given)


def _signature_breaches(name: str, wanted: Callable[..., Any], given: Callable[..., Any]) -> Iterator[str]:
    theirs = inspect.signature(given).parameters
    kinds = {parameter.kind for parameter in theirs.values()}
    by_position = [parameter.name for parameter in theirs.values() if parameter.kind in _BY_POSITION]
    ours = inspect.signature(wanted).parameters
    for position, parameter in enumerate(ours.values()):
        if parameter.name == "self":
            continue
        own = theirs.get(parameter.name)
        may_be_positional = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        if own is None:
            has_rest = inspect.Parameter.VAR_KEYWORD in kinds
            if may_be_positional:
                has_rest = has_rest and inspect.Parameter.VAR_POSITIONAL in kinds
            if not has_rest:
                yield f"{name} has no parameter {parameter.name!r}"
            continue
        if own.kind not in _BY_NAME and not name.startswith("__"):
            yield f"{name} must take {parameter.name!r} by name"
        if may_be_positional and by_position[position : position + 1] != [parameter.name]:
            yield f"{name} must take {parameter.name!r} as positional argument number {position}"
        if parameter.default is not inspect.Parameter.empty and own.default is inspect.Parameter.empty:
            yield f"{name} must have a default for {parameter.name!r}"
    for own in theirs.values():
        is_needed = own.default is inspect.Parameter.empty and own.kind in {*_BY_POSITION, *_BY_NAME}
        if is_needed and own.name not in ours:
            yield f"{name} must not need {own.name!r}"


def _type_breaches(name: str, wanted: Callable[..., Any], given: Callable[..., Any]) -> Iterator[str]:
    try:
        ours, theirs = get_type_hints(wanted), get_type_hints(given)
    except (NameError, TypeError):  # a name that exists for type checkers alone: nothing can be told
        return
    for what, kind in ours.items():
        if not _fits(theirs.get(what, Any), kind):
            where = "must return" if what == "return" else f"must take {what!r} as"
            yield f"{name} {where} {_written(kind)}, not {_written(theirs[what])}"


def _fits(given: Any, wanted: Any) -> bool:
    """Tell whether a type can stand for another; only what is certain is said not to."""
    if Any in (given, wanted) or given == wanted:
        return True
    given, wanted = get_origin(given) or given, get_origin(wanted) or wanted
    if isinstance(given, type) and isinstance(wanted, type):
        return issubclass(given, wanted) or issubclass(wanted, given)
    return True


def _written(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else str(kind)


def _constructor_breaches(kind: type[Any]) -> Iterator[str]:
    try:
        inspect.signature(kind).bind("credentials", **dict.fromkeys(_OPTIONS))
    except TypeError as misfit:
        yield f"the class must be called as {kind.__name__}(credentials, *, {', '.join(_OPTIONS)}): {misfit}"
