from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, final

__pyx_capi__: dict[str, object]

@final
class _Column:
    @property
    def key(self) -> str: ...
    @property
    def fields(self) -> tuple[str, ...]: ...

def text(key: str, field: str) -> _Column: ...
def number(
    key: str,
    field: str,
    *,
    zero_is_none: bool = False,
    where: tuple[str, Enum] | None = None,
    unless: tuple[str, Enum] | None = None,
) -> _Column: ...
def integer(key: str, field: str) -> _Column: ...
def timestamp(
    key: str, field: str, *, unit: Literal["s", "ms", "us"] = "ms", zero_is_none: bool = False
) -> _Column: ...
def choice(
    key: str,
    fields: str | tuple[str, ...],
    table: Mapping[str, Any] | Mapping[int, Any],
    *,
    unknown: Any = ...,
    raw: str | None = None,
    where: tuple[str, Enum] | None = None,
    unless: tuple[str, Enum] | None = None,
) -> _Column: ...
def flag(key: str, field: str, when_true: Any = True, when_false: Any = False) -> _Column: ...
def symbol(key: str, field: str = "symbol") -> _Column: ...
