"""Every decoder that an exchange declares, with the columns as the oracle reads them.

A Decoder tells nothing of its columns. So the functions that declare them are replaced before any exchange is imported,
and what they are called with is kept.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import test_decoding_properties as properties
from oracle_decoding import ColumnSpec

from spotlane._core import decoding
from spotlane._core.decoding import Decoder
from spotlane._core.structs import Struct


@dataclass(frozen=True)
class Flag(ColumnSpec):
    """A flag, and the values that stand for true and false."""

    values: tuple[Any, Any] = (True, False)


@dataclass(frozen=True)
class Table:
    """One decoder, and what the oracle needs to know to do the same."""

    decoder: Decoder[Any]
    columns: tuple[ColumnSpec, ...]
    required: tuple[str, ...]
    within: tuple[Any, ...]
    defaults: Mapping[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that a column can fill."""
        return tuple(
            name for each in self.columns for name in (*each.fields, *([] if each.raw is None else [each.raw]))
        )


_REAL: dict[str, Callable[..., Any]] = {
    kind: getattr(decoding, kind) for kind in ("text", "number", "integer", "timestamp", "choice", "flag", "symbol")
}
_specs: dict[int, ColumnSpec] = {}
_kept: list[object] = []
tables: list[Table] = []


def _noted(kind: str) -> Callable[..., Any]:
    def declare(key: str, fields: Any = "symbol", *more: Any, **options: Any) -> Any:
        made = _REAL[kind](key, fields, *more, **options)
        _kept.append(made)
        _specs[id(made)] = _spec(kind, key, fields, more, options)
        return made

    return declare


def _spec(kind: str, key: str, fields: Any, more: tuple[Any, ...], options: dict[str, Any]) -> ColumnSpec:
    if kind == "flag":
        return Flag(kind, key, (fields,), values=more if len(more) == 2 else (True, False))
    if kind != "choice":
        return ColumnSpec(kind, key, (fields,), **options)
    single = isinstance(fields, str)
    told = {word: (value,) if single else tuple(value) for word, value in more[0].items()}
    if "unknown" in options:
        options = options | {"unknown": (options["unknown"],) if single else tuple(options["unknown"])}
    return ColumnSpec(kind, key, (fields,) if single else tuple(fields), told, **options)


def _note_decoder(of: type[Struct], name: str, **options: Any) -> Decoder[Any]:
    options["columns"] = tuple(options["columns"])
    made: Decoder[Any] = Decoder(of, name, **options)
    layout = _layout(of)
    constants = options.get("constants") or {}
    columns = tuple(
        # Whether a column takes negative numbers is the field's affair.
        _with_sign(_specs[id(column)], layout)
        for column in options["columns"]
    )
    wanted = {field.name for field in layout.fields if field.required} - set(constants)
    tables.append(
        Table(
            made,
            columns,
            tuple(sorted(wanted | set(options.get("required", ())))),
            tuple(options.get("within", ())),
            {field.name: field.default for field in layout.fields},
        )
    )
    return made


def _layout(of: Any) -> Any:
    return of.__struct_layout__


def _with_sign(spec: ColumnSpec, layout: Any) -> ColumnSpec:
    if spec.kind != "number" or not layout.index[spec.fields[0]].signed:
        return spec
    return ColumnSpec(**(vars(spec) | {"signed": True}))


def load() -> list[Table]:
    """Import every exchange and return the tables in a fixed order."""
    module: Any = decoding
    for kind in _REAL:
        setattr(module, kind, _noted(kind))
    module.Decoder = _note_decoder
    try:
        exchanges = importlib.import_module("spotlane.exchanges")
        for found in sorted(
            pkgutil.walk_packages(exchanges.__path__, "spotlane.exchanges."), key=lambda each: each.name
        ):
            if found.name.rpartition(".")[2].startswith("wire"):
                importlib.import_module(found.name)
    finally:
        for kind, function in _REAL.items():
            setattr(module, kind, function)
        module.Decoder = Decoder
    return tables


# A column of every kind and condition, and rows deep inside: no exchange has them all.
OF_THE_TESTS = [
    Table(
        decoder,
        properties.COLUMNS,
        properties.REQUIRED,
        path,
        {field.name: field.default for field in _layout(properties.Row).fields},
    )
    for path, decoder in properties.DECODERS.items()
]
