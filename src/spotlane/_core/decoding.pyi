from collections.abc import Callable, Iterable, Mapping
from types import EllipsisType, GenericAlias
from typing import Any, Generic, TypeVar, final

from spotlane._core.columns import _Column
from spotlane._core.columns import choice as choice
from spotlane._core.columns import flag as flag
from spotlane._core.columns import integer as integer
from spotlane._core.columns import number as number
from spotlane._core.columns import symbol as symbol
from spotlane._core.columns import text as text
from spotlane._core.columns import timestamp as timestamp
from spotlane._core.faults import UnknownWireSymbol as UnknownWireSymbol
from spotlane._core.structs import Struct

__all__ = ["Decoder", "UnknownWireSymbol", "choice", "flag", "integer", "number", "symbol", "text", "timestamp"]

_S = TypeVar("_S", bound=Struct)

@final
class Decoder(Generic[_S]):
    def __new__(
        cls,
        of: type[_S],
        name: str,
        *,
        columns: Iterable[_Column],
        constants: Mapping[str, Any] | None = None,
        required: Iterable[str] = (),
        within: Iterable[str | EllipsisType] = (),
    ) -> Decoder[_S]: ...
    @property
    def of(self) -> type[_S]: ...
    @property
    def name(self) -> str: ...
    def key_of(self, field: str) -> str: ...
    def one(
        self,
        data: bytes,
        symbols: Mapping[str, Struct] | None = None,
        *,
        on_unknown: Callable[[str, str], object] | None = None,
    ) -> _S: ...
    def many(
        self,
        data: bytes,
        symbols: Mapping[str, Struct] | None = None,
        *,
        on_unknown: Callable[[str, str], object] | None = None,
    ) -> list[_S]: ...
    @classmethod
    def __class_getitem__(cls, item: object) -> GenericAlias: ...
