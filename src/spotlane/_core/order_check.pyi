from collections.abc import Container, Iterable
from decimal import Decimal
from typing import final

from spotlane._core.structs import Struct

_Limits = tuple[Decimal | None, Decimal | None, Decimal | None]

@final
class Shapes:
    def __new__(
        cls,
        of: type[Struct],
        *,
        allowed: Iterable[tuple[object, object, object, Iterable[str]]],
        market: object,
        ignored: Iterable[str] = (),
    ) -> Shapes: ...

@final
class OrderCheck:
    def __new__(
        cls,
        shapes: Shapes,
        *,
        sides: Container[object],
        order_types: Container[object],
        price: _Limits,
        quantity: _Limits,
        market_quantity: _Limits,
        notional: _Limits,
        quote_quantity: _Limits,
    ) -> OrderCheck: ...
    def passes(self, params: Struct) -> bool: ...
