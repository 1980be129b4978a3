"""Rows of lists as JSON texts: what does not change between two readings is rendered once.

A look-up that has nothing but a list asks for hundreds of rows, again and again, of which hardly one is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from spotlane.sandbox.records import Fill, OrderView


class Rows:
    """A JSON array whose elements are texts already."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.text = f"[{','.join(texts)}]"


def row_text(of: OrderView | Fill, variant: str | None, basis: tuple[object, ...], make: Callable[[], object]) -> str:
    """Return what make() returns as JSON, made anew only where the basis is not that of the time before.

    basis is everything but the view or fill itself that the row depends on; of each variant the last text is kept, for
    as long as the view or fill is.
    """
    kept = of.rendered.get(variant)
    if kept is not None and kept[0] == basis:
        return kept[1]
    text = to_json(make())
    of.rendered[variant] = basis, text
    return text


def to_json(document: object) -> str:
    """Return a document as JSON without blanks; it may be Rows."""
    if isinstance(document, Rows):
        return document.text
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
