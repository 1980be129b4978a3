"""`python -m spotlane.sandbox mexc`: a local exchange that serves until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from spotlane.errors import UsageError
from spotlane.registry import dialect_class, exchange_names
from spotlane.sandbox import FAULT_POINTS, Fault, Sandbox
from spotlane.sandbox.settings import read_settings


class _Parser(argparse.ArgumentParser):
    @property
    def spellings(self) -> list[str]:
        """The options."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m spotlane.sandbox") -> int:
    """Run the command; returns its exit code: 0 after an interrupt, 2 for bad input (told in one line).

    program is what the command calls itself.
    """
    parser = _make_parser(program)
    chosen, unknown = parser.parse_known_args(arguments)
    if unknown:
        near = difflib.get_close_matches(unknown[0].partition("=")[0], parser.spellings, n=1)
        parser.error(f"unknown argument {unknown[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if chosen.list_faults:
        print(_fault_table())
        return 0
    if chosen.exchange is None:
        parser.error(f"which exchange? known: {', '.join(exchange_names())}")
    if chosen.authority_file is not None and not chosen.tls:
        parser.error("--authority-file goes with --tls")
    try:
        dialect = dialect_class(chosen.exchange)
        settings = {"latency_s": chosen.latency_ms / 1_000, "keepalive_timeout_s": chosen.keepalive_s}
        settings |= read_settings(dialect.name, dialect.engine_settings, dialect.settings_type, chosen.set)
        venue = Sandbox(
            chosen.exchange,
            host=chosen.host,
            port=chosen.port,
            tls=chosen.tls,
            seed=chosen.seed,
            faults=[Fault.parse(text) for text in chosen.fault],
            **settings,
        )
        asyncio.run(_serve(venue, chosen.authority_file))
    except (UsageError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def _make_parser(program: str) -> _Parser:
    parser = _Parser(prog=program, description="Serve a simulated exchange on a local TCP port.")
    parser.add_argument("exchange", nargs="?", help="name of the exchange, such as mexc")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--tls", action="store_true", help="serve HTTPS with a certificate made for this run")
    parser.add_argument(
        "--authority-file", type=Path, metavar="FILE", help="write the certificate authority to trust, as PEM"
    )
    parser.add_argument("--seed", type=int, default=0, help="order book, keys and random faults (default %(default)s)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="point[=value][:method[:path[:nth]]], may be repeated; nth: a number, * for all, or a percentage",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting, such as duplicate_client_ids=override or visibility_lag_ms=3000; may be repeated",
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="wait before executing each request")
    parser.add_argument("--keepalive-s", type=float, default=75.0, help="idle limit of a connection")
    parser.add_argument("--list-faults", action="store_true", help="list the faults and exit")
    return parser


async def _serve(venue: Sandbox, authority_file: Path | None) -> None:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    async with venue:
        if authority_file is not None and venue.authority_pem is not None:
            await asyncio.to_thread(authority_file.write_bytes, venue.authority_pem)
        print(f"url     {venue.url}\nkey     {venue.api_key}\nsecret  {venue.api_secret}", flush=True)
        await interrupted.wait()
    print(f"stopped after {venue.requests.total} requests", flush=True)


def _fault_table() -> str:
    rows = []
    for point in FAULT_POINTS.values():
        value = f"={point.default:g}" if point.value_name else ""
        unit = f" ({point.value_name})" if point.value_name else ""
        rows.append(f"{point.code:4} {point.name + value:28} {point.summary}{unit}")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
