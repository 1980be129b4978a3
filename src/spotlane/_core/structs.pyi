from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, dataclass_transform

from spotlane._core.slots import _Struct

def field(
    *,
    of: type,
    default: Any = ...,
    check: Callable[[str, Any], object] | None = None,
    kw_only: bool = False,
    secret: bool = False,
) -> Any: ...
def money(
    *,
    default: Decimal | int | None = ...,
    signed: bool = False,
    derive: Callable[[Any], Decimal | None] | None = None,
    kw_only: bool = False,
) -> Any: ...
def timestamp_ms(*, default: int | None = ..., kw_only: bool = False) -> Any: ...

@dataclass_transform(frozen_default=True, field_specifiers=(field, money, timestamp_ms))
class Struct(_Struct):
    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]]
    def __init_subclass__(cls, *, kw_only: bool = False, **kwargs: Any) -> None: ...
