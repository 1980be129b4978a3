"""What a conformance case is, and the list of them all."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spotlane.spec import ExchangeSpec
    from spotlane.testing.context import Context

Run = Callable[["Context"], Awaitable[None]]

_MODULES = ("contract", "orders", "execution", "cancel", "checks", "access", "faults", "lifecycle", "history", "wallet")


@dataclass(frozen=True, slots=True)
class Case:
    """One item of the checklist that every exchange passes.

    number and title ("C12", the first line of the function's docstring) name it; area is the part of the checklist.
    needs are names of capabilities: where one is unsupported, the case can't apply. A case with uses_sandbox looks into
    the exchange or misuses it, so it runs against the sandbox alone; the others need nothing but an account. A case
    that is_destructive trades or withdraws: it never runs against an exchange that is not a sandbox. settings are the
    sandbox's.
    """

    number: str
    title: str
    area: str
    run: Run = field(repr=False)
    needs: tuple[str, ...] = ()
    uses_sandbox: bool = True
    is_destructive: bool = True
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def inapplicable(self, spec: ExchangeSpec) -> str | None:
        """Return why the case can't apply to an exchange, or None where it does."""
        if self.number in spec.exemptions:
            return spec.exemptions[self.number]
        for name in self.needs:
            capability = spec.capability(name)
            if not capability.supported:
                return capability.reason or f"{name} is not declared"
        return None


def case(
    number: str, *, needs: tuple[str, ...] = (), live: bool = False, settings: Mapping[str, Any] | None = None
) -> Callable[[Run], Case]:
    """Make a case of an async function; live: it can run against a real exchange, and neither trades nor withdraws."""

    def make(run: Run) -> Case:
        return Case(
            number=number,
            title=(inspect.getdoc(run) or "").partition("\n")[0].rstrip("."),
            area=run.__module__.rpartition("cases_")[2],
            run=run,
            needs=needs,
            uses_sandbox=not live,
            is_destructive=not live,
            settings=MappingProxyType(dict(settings or {})),
        )

    return make


def all_cases() -> tuple[Case, ...]:
    """Return every case, in order of its number."""
    found = [
        value
        for name in _MODULES
        for value in vars(importlib.import_module(f"spotlane.testing.cases_{name}")).values()
        if isinstance(value, Case)
    ]
    return tuple(sorted(found, key=lambda each: int(each.number[1:])))
