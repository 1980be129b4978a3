"""Gives refusals of a withdrawal their word."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from spotlane.errors import UsageError
from spotlane.structs import WithdrawalReason


@contextlib.contextmanager
def told_as(reason: WithdrawalReason) -> Iterator[None]:
    """Give a UsageError from inside the word for why the withdrawal is refused, unless it has one."""
    try:
        yield
    except UsageError as refusal:
        if refusal.reason is None:
            refusal.reason = reason
        raise
