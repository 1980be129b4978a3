from collections.abc import Iterable
from types import GenericAlias
from typing import Generic, TypeVar, final

from spotlane._core.decoding import Decoder
from spotlane._core.structs import Struct

_S = TypeVar("_S", bound=Struct)

@final
class Echo(Generic[_S]):
    def __new__(
        cls,
        decoder: Decoder[_S],
        sent: type[Struct],
        fields: Iterable[str | tuple[str, ...]],
        *,
        optional: Iterable[str] = (),
        taken: Iterable[str] = (),
    ) -> Echo[_S]: ...
    def settle(self, told: _S, sent: Struct) -> _S: ...
    @classmethod
    def __class_getitem__(cls, item: object) -> GenericAlias: ...
