"""The fee rates of an account, as exchanges tell them: without the symbol that they were asked for."""

from __future__ import annotations

from decimal import Decimal

from spotlane._core.structs import Struct, money


class FeeRates(Struct):
    """What a maker and a taker pay, as fractions of what is traded; negative for a rebate."""

    __slots__ = ()

    maker: Decimal = money(signed=True)
    taker: Decimal = money(signed=True)
