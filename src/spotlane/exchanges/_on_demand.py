"""Exporting an exchange's client without loading it: the sandbox takes the same package's dialect alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable


def client(package: str, name: str) -> Callable[[str], object]:
    """Return the __getattr__ of an exchange's package, which loads the class `name` from its rest.py when asked for."""

    def __getattr__(wanted: str) -> object:
        if wanted == name:
            return getattr(importlib.import_module(f"{package}.rest"), name)
        raise AttributeError(f"module {package!r} has no attribute {wanted!r}")

    return __getattr__
