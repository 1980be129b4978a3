"""What the conformance kit found, as Markdown: what each exchange can do, and how it did on the checklist."""

from __future__ import annotations

import importlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from spotlane import registry
from spotlane.testing.case import Case, all_cases
from spotlane.testing.conformance import Outcome, Result

if TYPE_CHECKING:
    from spotlane.spec import ExchangeSpec

__all__ = ["checklist", "declared_results", "tables"]

# Capabilities whose last word is a choice that differs from exchange to exchange: one row for all of them.
_CHOICES = ("order.self_trade_prevention.",)


def tables(results: Mapping[str, Sequence[Result]]) -> str:
    """Return both tables for exchanges, by name, and their results."""
    specs = {name: registry.spec(name) for name in results}
    return f"{_capability_table(specs)}\n{_conformance_table(results)}"


def checklist() -> str:
    """Return every case as a numbered list, area by area; L marks those that run against a real exchange, too."""
    lines = []
    for area, cases in itertools.groupby(all_cases(), lambda case: case.area):
        lines += [f"### {_heading(area)}", ""]
        for case in cases:
            needs = f" Needs {', '.join(f'`{name}`' for name in case.needs)}." if case.needs else ""
            live = "" if case.uses_sandbox else " (L)"
            lines.append(f"- **{case.number}**{live} {case.title}.{needs}")
        lines.append("")
    return "\n".join(lines)


def declared_results(exchange: str) -> list[Result]:
    """Return what an exchange's description promises, without running anything: every case that applies passes."""
    spec: ExchangeSpec = registry.spec(exchange)
    reasons = [(case, case.inapplicable(spec)) for case in all_cases()]
    return [
        Result(case, Outcome.PASSED) if reason is None else Result(case, Outcome.INAPPLICABLE, reason)
        for case, reason in reasons
    ]


def _capability_table(specs: Mapping[str, ExchangeSpec]) -> str:
    names: dict[str, None] = {}
    for spec in specs.values():
        names |= dict.fromkeys(_row_name(capability.name) for capability in spec.capabilities)
    rows = ([f"`{name}`", *(_ability(spec, name) for spec in specs.values())] for name in sorted(names))
    return _table(["capability", *specs], rows)


def _row_name(capability: str) -> str:
    for prefix in _CHOICES:
        if capability.startswith(prefix):
            return prefix.rstrip(".")
    return capability


def _ability(spec: ExchangeSpec, name: str) -> str:
    if f"{name}." in _CHOICES:
        chosen = [each.name.removeprefix(f"{name}.") for each in spec.capabilities if each.name.startswith(f"{name}.")]
        return ", ".join(f"`{choice}`" for choice in chosen) or "no"
    capability = spec.capability(name)
    if capability.supported:
        return "yes"
    return f"no: {capability.reason}" if capability.reason else "no"


def _conformance_table(results: Mapping[str, Sequence[Result]]) -> str:
    areas: dict[str, list[Case]] = {}
    for case in all_cases():
        areas.setdefault(case.area, []).append(case)
    rows = []
    for area, cases in areas.items():
        by_exchange = ([result for result in found if result.case.area == area] for found in results.values())
        rows.append([f"{area} ({cases[0].number} to {cases[-1].number})", *(_summary(found) for found in by_exchange)])
    return _table(["checklist", *results], rows)


def _summary(results: Sequence[Result]) -> str:
    counts = Counter(result.outcome for result in results)
    told = [f"{counts[outcome]} {outcome.value}" for outcome in (Outcome.PASSED, Outcome.FAILED) if counts[outcome]]
    told += [f"{each.case.number} n/a: {each.reason}" for each in results if each.outcome is Outcome.INAPPLICABLE]
    return "; ".join(told) or "not run"


def _heading(area: str) -> str:
    module = importlib.import_module(f"spotlane.testing.cases_{area}")
    return (module.__doc__ or area).partition("\n")[0].rstrip(".")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield _line(head)
        yield _line(["---"] * len(head))
        for row in rows:
            yield _line([cell.replace("|", "\\|") for cell in row])

    return "\n".join(lines()) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
