"""The parameters of a request, read as a dialect needs them and refused in its exchange's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

_PLAIN_DECIMAL = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,18}", re.ASCII)


class Parameters(Generic[_Value]):
    """Decoded parameters; null and "" count as absent, a name that nobody asks for is ignored.

    missing and invalid make the refusal for a parameter, from its name.
    """

    def __init__(
        self,
        values: Mapping[str, _Value],
        *,
        missing: Callable[[str], Exception],
        invalid: Callable[[str], Exception],
    ) -> None:
        self.values = values
        self._missing = missing
        self._invalid = invalid

    def text(self, name: str) -> str | None:
        """Return a value, or None; invalid where it is no text."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self._invalid(name)
        return value

    def required(self, name: str) -> str:
        """Return a value; missing where it is absent."""
        value = self.text(name)
        if value is None:
            raise self._missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None; invalid for anything else."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise self._invalid(name)
        return int(value)

    def decimal(self, name: str) -> Decimal | None:
        """Return a plain decimal, or None; invalid for exponents, signs and anything else."""
        value = self.text(name)
        if value is None:
            return None
        if not _PLAIN_DECIMAL.fullmatch(value):
            raise self._invalid(name)
        return Decimal(value)
