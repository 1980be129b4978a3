"""Many clients against the hostile server, and the verdict: `make hostile`, or `python hostile_run.py --help`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hostile_calls import CLIENTS, PREEMPTION_MS, Account, Client, Notes, Wrong, make_account, margin_ms, run_slot

from spotlane import OutcomeUnknown
from spotlane.errors import NotSent, ReadFailed

HERE = Path(__file__).parent
TIMEOUTS_MS = (150, 200, 300)
SLOTS = 14
_OPENINGS = 20


@dataclass(slots=True)
class Verdict:
    """What a run showed. failures must be empty; limits count what no client can tell, by call and reason.

    refused: replies, of all whole_replies, that came whole, well and in time for their own request and were not taken.
    counts: what the server did and was asked.
    """

    connections: int
    hostile: int
    seconds: float
    notes: Notes
    counts: Counter[str]
    whole_replies: int
    failures: Counter[str] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)

    def fail(self, what: str, *samples: str) -> None:
        """Count a failure for each sample, and keep the first few of them."""
        self.failures[what] += len(samples)
        self.samples += samples[:5]


class HostileServer:
    """The server's process, and its questions and answers."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def tell(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the hostile server has died"
        told: dict[str, Any] = json.loads(line)
        return told


@asynccontextmanager
async def hostile_server(seed: str, certificate: str = "") -> AsyncIterator[HostileServer]:
    """Start the server in a process of its own, and end it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "hostile_server.py"), seed, certificate,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 28,
    )  # fmt: skip
    try:
        server = HostileServer(process, 0)
        server.port = (await server.hear())["port"]
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(
    connections: int,
    *,
    seed: str = "1",
    transport: str = "lane",
    clients: int = 9,
    tls: bool = False,
    exchanges: Sequence[str] = tuple(CLIENTS),
) -> Verdict:
    """Let a number of connections turn hostile and return what that did to the clients."""
    notes = Notes()
    started_s = time.monotonic()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _complain(notes, context))
    async with AsyncExitStack() as stack:
        certificate, context = _certificates(stack) if tls else ("", None)
        server = await stack.enter_async_context(hostile_server(seed, certificate))
        url = f"https://localhost:{server.port}" if tls else f"http://127.0.0.1:{server.port}"
        tasks = asyncio.all_tasks()
        async with AsyncExitStack() as opened:
            accounts = []
            for number in range(clients):
                timeout_ms = Random(f"{seed}:client:{number}").choice(TIMEOUTS_MS)
                exchange = exchanges[number % len(exchanges)]
                options = {"base_url": url, "transport": transport, "ssl_context": context}
                account = make_account(exchange, number, timeout_ms, notes, **options)
                await _open(account)
                opened.push_async_callback(_close, account.client)
                accounts.append(account)
            await server.tell(do="start", connections=connections)
            await _call_until_done(server, accounts, seed)
        left_behind = [repr(task) for task in asyncio.all_tasks() - tasks]
        wrong = [each.question() for each in notes.wrong]
        await server.tell(do="report", wrong=wrong, failed=[each.name for each in notes.failed])
        verdict = judge(notes, await server.hear(), time.monotonic() - started_s)
        if left_behind:
            verdict.fail("task left behind", *left_behind)
        return verdict


async def _open(account: Account) -> None:
    """Open a client. Nothing is hostile yet, but a machine that stalls for long outlasts its short timeout."""
    for _ in range(_OPENINGS):
        with contextlib.suppress(ReadFailed, NotSent):
            return await account.client.open()
    raise TimeoutError(f"{account.key} could not be opened in {_OPENINGS} attempts")


async def _close(client: Client) -> None:
    """Close a client at once, whatever is in doubt: what a hostile server told decides nothing."""
    with suppress(OutcomeUnknown):
        await client.close()


async def _call_until_done(server: HostileServer, accounts: list[Account], seed: str) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(accounts[0].notes.watch_loop())
    slots = [
        asyncio.create_task(run_slot(account, slot, Random(f"{seed}:{account.key}:{slot}"), stop))
        for account in accounts
        for slot in range(SLOTS)
    ]
    await server.hear()
    stop.set()
    await asyncio.gather(*slots)
    watching.cancel()
    await asyncio.wait({watching})


def _certificates(stack: AsyncExitStack) -> tuple[str, ssl.SSLContext]:
    import trustme

    authority = trustme.CA()
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return str(path), context


def _complain(notes: Notes, context: dict[str, Any]) -> None:
    """Note what the event loop complains of, but for one complaint that means nothing.

    uvloop's TLS layer makes it when a connection is aborted while it reads.
    """
    if context["message"] != "Fatal error on SSL protocol":
        notes.complaints.append(f"{context['message']}: {context.get('exception')!r}")


def judge(notes: Notes, report: dict[str, Any], seconds: float) -> Verdict:
    """Put together what the clients and the server saw."""
    verdict = Verdict(
        connections=report["connections"],
        hostile=report["hostile"],
        seconds=seconds,
        notes=notes,
        counts=Counter(report["counts"]),
        whole_replies=report["whole_replies"],
        failures=Counter(report["violations"]),
    )
    for key, spent_by, after_ms in report["used_after"]:
        if after_ms > margin_ms(notes.uncertainties_ms.get(key, 0.0)) + PREEMPTION_MS:
            verdict.fail(f"connection used after: {spent_by}", f"{key}, {after_ms} ms later")
        else:
            verdict.counts["requests that crossed with an end or a stray"] += 1
    for wrong, how in zip(notes.wrong, report["wrong"], strict=True):
        limit = limit_of(wrong, how)
        label = f"{wrong.exchange} {wrong.verb}"
        if limit is None:
            verdict.fail(f"misattributed: {label} ({how['how']})", f"{wrong} {how}")
        else:
            verdict.limits[f"{label}: {limit}"] += 1
    crossed = {each.name for each in notes.wrong}
    for failed, label, was_placed in zip(notes.failed, report["whole"], report["placed"], strict=True):
        if failed.is_rejection and was_placed and failed.name not in crossed:
            verdict.fail("rejected, but placed", str(failed))
        elif label is not None and not failed.is_rejection:
            verdict.refused[f"{failed.reason} <- {label}"] += 1
    for what, found in (
        ("hang", notes.hangs),
        ("untyped error", notes.untyped),
        ("complaint of the event loop", notes.complaints),
        ("sent twice", report["sent_twice"]),
        ("misattributed: resolver", notes.misadopted),
    ):
        if found:
            verdict.fail(what, *found)
    return verdict


def limit_of(wrong: Wrong, how: dict[str, Any]) -> str | None:
    """Say why nobody could have told that a reply was another's, or None where a client can.

    how is what the server says about it: the reply was sent in the place of the right one, or it came unasked, so late
    that the request was already on its way. Whatever lay there before is seen.
    """
    if how["how"] not in ("held", "sent", "swap", "stray"):
        return None
    if how["after_ms"] > margin_ms(wrong.uncertainty_ms) + PREEMPTION_MS:
        return None
    if wrong.is_refusal:
        return "a refusal names nothing"
    if wrong.verb == "balances" or (wrong.verb == "open_orders" and how["is_same_symbol"]):
        return "a list names nothing"
    if wrong.verb == "cancel" and how["is_nameless"] and how["is_same_symbol"]:
        return "the acknowledgement names no client id"
    is_late = how["lag_ms"] > margin_ms(wrong.uncertainty_ms)
    if wrong.exchange == "mexc" and wrong.verb == "place" and how["is_alike"] and not is_late:
        return "equal orders within the clock's uncertainty"
    return None


def show(verdict: Verdict) -> None:
    """Print a verdict."""
    notes = verdict.notes
    print(f"{verdict.hostile:,} hostile connections of {verdict.connections:,} in {verdict.seconds:.0f} s")
    print(f"\n{'call':24} {'made':>9} {'results':>9} {'wrong':>9} {'beyond telling':>15}")
    for call in sorted(notes.calls):
        wrong = sum(count for what, count in verdict.failures.items() if what.startswith(f"misattributed: {call} ("))
        beyond = sum(count for what, count in verdict.limits.items() if what.startswith(f"{call}: "))
        print(f"{call:24} {notes.calls[call]:>9,} {notes.results[call]:>9,} {wrong:>9,} {beyond:>15,}")
    for title, counter, most in (
        ("how calls ended", notes.endings, 20),
        ("what the server did and saw", verdict.counts, 30),
        (f"whole replies of {verdict.whole_replies:,} that were refused", verdict.refused, 15),
        ("beyond telling", verdict.limits, 50),
        ("FAILURES", verdict.failures, 50),
    ):
        print(f"\n{title}: {sum(counter.values()):,}")
        for name, count in counter.most_common(most):
            print(f"  {count:>8,}  {name}")
    print(f"\nthe last call to end did so {notes.slowest_s:+.3f} s after its deadline")
    for sample in verdict.samples[:20]:
        print(sample)


def main() -> int:
    """Run as the command line says; return 1 where there is a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--transport", choices=("lane", "plain"), default="lane")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--clients", type=int, default=9)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    factory = None
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        verdict = runner.run(
            run(
                options.connections,
                seed=options.seed,
                transport=options.transport,
                clients=options.clients,
                tls=options.tls,
            )
        )
    show(verdict)
    return 1 if verdict.failures else 0


if __name__ == "__main__":
    sys.exit(main())
