"""What can be chosen about a sandbox: by keyword, or as text on a command line."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from spotlane.errors import UsageError
from spotlane.sandbox.engine_settings import EngineSettings
from spotlane.sandbox.limits import Limit

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What can be chosen about the server.

    latency_s is waited before each request is executed, keepalive_timeout_s is how long an idle connection is kept,
    kept_requests is how many received requests are remembered.
    """

    latency_s: float = 0.0
    keepalive_timeout_s: float = 75.0
    kept_requests: int = 10_000

    def __post_init__(self) -> None:
        for name, value, least in (
            ("latency_s", self.latency_s, 0),
            ("keepalive_timeout_s", self.keepalive_timeout_s, 0.001),
            ("kept_requests", self.kept_requests, 0),
        ):
            if value < least:
                raise UsageError(f"{name} must be at least {least}, was {value}")


def sort_settings(
    exchange: str, engine_defaults: EngineSettings, own_type: type[Any], given: Mapping[str, Any]
) -> tuple[ServerSettings, EngineSettings, Any]:
    """Return the settings of server, engine and dialect. Raises UsageError naming the nearest for an unknown name."""
    kinds = (ServerSettings, EngineSettings, own_type)
    names = [{field.name for field in dataclasses.fields(kind)} for kind in kinds]
    for name in given:
        _require(exchange, name, set().union(*names))
    server, engine, own = ({name: given[name] for name in own & given.keys()} for own in names)
    return ServerSettings(**server), dataclasses.replace(engine_defaults, **engine), own_type(**own)


def read_settings(
    exchange: str, engine_defaults: EngineSettings, own_type: type[Any], texts: Iterable[str]
) -> dict[str, Any]:
    """Read "name=value" texts into keyword arguments of Sandbox.

    A value is written as its default would be: true or false, a number, a word, "weight/milliseconds" for a Limit,
    "none" where that is possible; visibility_lag_ms is one number or "order:300,trades:1000". Raises UsageError.
    """
    defaults: dict[str, Any] = {}
    for settings in (ServerSettings(), engine_defaults, own_type()):
        defaults |= {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    read = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        _require(exchange, name, defaults)
        if not has_value:
            raise UsageError(f"setting {text!r}: expected {name}=value")
        try:
            read[name] = _read(name, defaults[name], value)
        except (ValueError, InvalidOperation) as error:
            told = f": {error}" if isinstance(error, UsageError) else ""
            raise UsageError(f"setting {name} can't be {value!r}{told}") from None
    return read


def _read(name: str, default: Any, text: str) -> Any:
    match default:
        case _ if name == "visibility_lag_ms":
            return int(text) if text.isdecimal() else _pairs(text)
        case bool():
            if text.lower() not in _TRUTHS:
                raise UsageError("it is true or false")
            return _TRUTHS[text.lower()]
        case Enum() | str():
            return text
        case int() | float() | Decimal():
            return type(default)(text)
        case None:
            return None if text.lower() == "none" else int(text)
        case Limit():
            weight, _, window_ms = text.partition("/")
            return Limit(int(weight), int(window_ms))
        case _:
            raise UsageError("it can be set in code only")


def _pairs(text: str) -> dict[str, int]:
    pairs = (pair.partition(":") for pair in text.split(","))
    return {operation: int(milliseconds) for operation, _, milliseconds in pairs}


def _require(exchange: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise UsageError(f"the {exchange} sandbox has no setting {name!r}{hint} Known: {', '.join(names)}")
