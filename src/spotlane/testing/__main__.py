"""The conformance kit as a command: python -m spotlane.testing [EXCHANGE ...]."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from spotlane import registry
from spotlane.errors import UsageError
from spotlane.structs import Symbol
from spotlane.testing import conformance, report
from spotlane.testing.case import Case, all_cases
from spotlane.testing.conformance import Outcome, Result
from spotlane.testing.context import PRICE, QUANTITY, SYMBOL, Context


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run the command and return its exit code: 0 all is well, 1 a case failed, 2 it was called wrongly."""
    options = _parser().parse_args(arguments)
    if options.list:
        print(report.checklist(), end="")
        return 0
    try:
        exchanges = options.exchange or list(registry.exchange_names())
        for name in exchanges:
            registry.spec(name)
        if options.testnet:
            return _run_testnet(exchanges, options, environment)
        return _run(exchanges, options)
    except UsageError as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _run(exchanges: Sequence[str], options: argparse.Namespace) -> int:
    results = {}
    for name in exchanges:
        tell = None if options.markdown else _teller(name)
        results[name] = asyncio.run(conformance.check_exchange(name, _chosen(options.case), tell=tell))
    print(report.tables(results) if options.markdown else f"{_counts(results)}\n", end="")
    return _exit_code(results)


def _run_testnet(exchanges: Sequence[str], options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    results = {}
    for name in exchanges:
        spec = registry.spec(name)
        credentials = conformance.credentials_in(environment, spec)
        if "testnet" not in spec.urls:
            print(f"{name}: SKIPPED: {spec.capability('testnet').reason or 'it has no testnet'}")
        elif credentials is None:
            print(f"{name}: SKIPPED: set {' and '.join(spec.credential_variables)} to keys of {spec.urls['testnet']}")
        else:
            context = Context(
                name, spec.urls["testnet"], credentials,
                symbol=options.symbol, price=options.price, quantity=options.quantity,
            )  # fmt: skip
            live = [case for case in conformance.live_cases() if case in _chosen(options.case)]
            results[name] = asyncio.run(conformance.check_live_exchange(context, live, tell=_teller(name)))
    if results:
        print(_counts(results))
    return _exit_code(results)


def _chosen(numbers: Sequence[str]) -> list[Case]:
    known = {case.number: case for case in all_cases()}
    for number in numbers:
        if number not in known:
            raise UsageError(f"no case {number!r}; there are {', '.join(known)}")
    return [known[number] for number in numbers] if numbers else list(known.values())


def _teller(exchange: str) -> Callable[[Result], None]:
    def tell(result: Result) -> None:
        reason = f": {result.reason}" if result.reason else ""
        line = f"{exchange} {result.case.number:5} {result.outcome.value:4} {result.case.title}{reason}"
        print(line, flush=True)

    return tell


def _counts(results: Mapping[str, Sequence[Result]]) -> str:
    lines = []
    for name, found in results.items():
        counts = Counter(result.outcome for result in found)
        lines.append(f"{name}: {', '.join(f'{counts[each]} {each.value}' for each in Outcome if counts[each])}")
    return "\n".join(lines)


def _exit_code(results: Mapping[str, Sequence[Result]]) -> int:
    return int(any(result.outcome is Outcome.FAILED for found in results.values() for result in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spotlane.testing", description="Run the conformance checklist.")
    parser.add_argument("exchange", nargs="*", help="registry names; all that are registered where left out")
    parser.add_argument("--case", action="append", default=[], metavar="C12", help="run this case only; repeatable")
    parser.add_argument("--markdown", action="store_true", help="print the README's tables instead of a line a case")
    parser.add_argument("--list", action="store_true", help="print the checklist as Markdown and run nothing")
    parser.add_argument("--testnet", action="store_true", help="run the cases marked L against the exchange's testnet")
    testnet = parser.add_argument_group("testnet", "a buy order of QUANTITY at PRICE must rest there")
    testnet.add_argument("--symbol", type=Symbol.parse, default=SYMBOL, help="default: %(default)s")
    testnet.add_argument("--price", type=_decimal, default=PRICE, help="far below the market; default: %(default)s")
    testnet.add_argument("--quantity", type=_decimal, default=QUANTITY, help="in base; default: %(default)s")
    return parser


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


if __name__ == "__main__":
    # The cases provoke every fault there is; the client's and the server's warnings about them are no news.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    logging.getLogger("spotlane").setLevel(logging.CRITICAL)
    raise SystemExit(main())
