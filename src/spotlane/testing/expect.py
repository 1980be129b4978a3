"""What a conformance case states about an exchange. Plain functions, so that python -O can't take them away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

E = TypeVar("E", bound=BaseException)


class ConformanceFailure(AssertionError):
    """An exchange does not do what a case says."""


class Caught(Generic[E]):
    """The error that a block raised; `error` is there once the block has ended."""

    error: E


def that(condition: object, statement: str) -> None:
    """State that a condition holds."""
    if not condition:
        raise ConformanceFailure(f"not so: {statement}")


def equal(what: str, found: object, wanted: object) -> None:
    """State that two values are equal."""
    if found != wanted:
        raise ConformanceFailure(f"{what} should be {wanted!r}, was {found!r}")


def same_type(what: str, found: object, wanted: type[object]) -> None:
    """State that a value is of exactly this type."""
    if type(found) is not wanted:
        raise ConformanceFailure(f"{what} should be of type {wanted.__name__}, was {type(found).__name__}: {found!r}")


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that comes about elsewhere on the event loop; the case's own time limit ends it."""
    while not condition():  # noqa: ASYNC110 - what brings it about knows of no event
        await asyncio.sleep(0.001)


@contextmanager
def raises(what: str, *kinds: type[E]) -> Iterator[Caught[E]]:
    """State that a block raises an error of one of these kinds; others pass through."""
    caught: Caught[E] = Caught()
    try:
        yield caught
    except kinds as error:
        caught.error = error
        return
    names = " or ".join(kind.__name__ for kind in kinds)
    raise ConformanceFailure(f"{what} should raise {names}, and raised nothing")
