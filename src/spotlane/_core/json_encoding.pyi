from collections.abc import Sequence
from decimal import Decimal
from typing import final

__pyx_capi__: dict[str, object]

@final
class JsonTemplate:
    @property
    def names(self) -> tuple[str, ...]: ...
    def __new__(cls, names: Sequence[str]) -> JsonTemplate: ...
    def fill(self, *values: str | Decimal | int | None) -> bytes: ...
