"""Orders under faults, and the verdict: `make chaos`, or `python chaos_run.py --help`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from random import Random
from typing import Any

from chaos_bot import Bot
from chaos_day import run_day, show_day
from chaos_kills import kill_many, show_fate
from chaos_plan import EXCHANGES, Plan, make_plan, silence
from chaos_strategies import publish
from chaos_verdict import Verdict, judge

from spotlane.errors import OutcomeUnknown
from spotlane.registry import client_class
from spotlane.sandbox import run_virtual

BATCH = 250
CI_ORDERS = 50_000
CI_TCP = 1_000
# Of all batches this part has horizons that are too short, on purpose.
_VIOLATED_EVERY = 20
# The longest that doubts are waited for after the last call, in units of the plan.
_REST_UNITS = 400


async def run_batch(plan: Plan, orders: int, *, is_real: bool = False, **venue_options: Any) -> Verdict:
    """Run a batch on the running loop, be it virtual or not, and judge it."""
    loop = asyncio.get_running_loop()
    async with plan.make_venue(**venue_options) as venue:
        bot: Bot
        client = client_class(plan.exchange)(
            venue.credentials, on_resolved=lambda told: bot.hear(told), **plan.options, **venue.client_options
        )
        bot = Bot(plan, client, loop.time, slack_s=0.5 if is_real else 0.02)
        await client.open()
        venue.faults.add(*plan.faults)
        await bot.run(orders)
        venue.faults.clear()
        venue.outages.end()
        for _ in range(_REST_UNITS):
            if client.unresolved():
                await asyncio.sleep(plan.unit_s)
        unresolved = {each.client_order_id: each.doubt for each in client.unresolved()}
        # What is delivered late is executed by now, whatever the client knows of it.
        await asyncio.sleep(3 * plan.unit_s)
        verdict = judge(plan, bot, venue, unresolved)
        with contextlib.suppress(OutcomeUnknown):
            await client.close()
    return verdict


def run_plan(seed: str, orders: int, is_violated: bool) -> Verdict:
    """Run a batch in virtual time."""
    begun_s = time.process_time()
    plan = make_plan(seed, is_violated=is_violated)
    with silence():
        verdict = run_virtual(lambda: run_batch(plan, orders), seed=hash_of(seed))
    verdict.slow.append((round(time.process_time() - begun_s, 2), f"{seed} {plan.label} {plan.exchange}"))
    gc.collect()
    return verdict


def hash_of(seed: str) -> int:
    """Return a number for a seed that is the same in every process."""
    return int.from_bytes(seed.encode()[-8:], "big")


def batches_of(seed: str, orders: int) -> Iterator[tuple[str, int, bool]]:
    """Split a number of orders into batches, and put those between them whose horizons are too short."""
    for number in range(-(-orders // BATCH)):
        yield f"{seed}/{number}", min(BATCH, orders - number * BATCH), False
        if number % _VIOLATED_EVERY == _VIOLATED_EVERY - 1:
            yield f"{seed}/{number}/short", BATCH, True


def run_orders(orders: int, *, seed: str = "1", processes: int = 1, says: bool = False) -> Verdict:
    """Run a number of orders in virtual time."""
    total = Verdict()
    batches = list(batches_of(seed, orders))
    if processes == 1:
        for batch in batches:
            total.add(run_plan(*batch))
        return total
    begun_s = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        running = [pool.submit(run_plan, *batch) for batch in batches]
        for number, done in enumerate(as_completed(running), 1):
            verdict = done.result()
            total.add(verdict)
            if says and verdict.failures:
                print(*verdict.samples, sep="\n", flush=True)
            if says and number % 50 == 0:
                print(f"{total.orders} orders, {time.monotonic() - begun_s:.0f} s, {dict(total.failures)}", flush=True)
    return total


def run_real_plan(seed: str, orders: int) -> Verdict:
    """Run a batch over TCP or TLS, on asyncio's loop or on uvloop, in real time."""
    import uvloop

    draw = Random(f"{seed} real")
    loop_factory = draw.choice((asyncio.new_event_loop, uvloop.new_event_loop))
    plan = make_plan(seed, is_real=True)
    with silence(), asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(run_batch(plan, orders, is_real=True, tls=draw.random() < 0.5))


def run_real_orders(orders: int, *, seed: str = "1", processes: int = 1, batch: int = BATCH) -> Verdict:
    """Run a number of orders over real sockets."""
    total = Verdict()
    batches = [(f"{seed}/tcp/{number}", min(batch, orders - at)) for number, at in enumerate(range(0, orders, batch))]
    with ProcessPoolExecutor(processes) as pool:
        for verdict in pool.map(run_real_plan, *zip(*batches, strict=True)):
            total.add(verdict)
    return total


def show(verdict: Verdict) -> None:
    """Print a verdict."""
    faults = sorted({fault for fault, _ in verdict.outcomes})
    outcomes = sorted({outcome for _, outcome in verdict.outcomes})
    print("| fault | " + " | ".join(outcomes) + " |")
    print("|---" * (len(outcomes) + 1) + "|")
    for fault in faults:
        print(f"| {fault} | " + " | ".join(str(verdict.outcomes[fault, outcome]) for outcome in outcomes) + " |")
    print(
        f"{verdict.orders} orders in {verdict.batches} batches, {verdict.struck} struck by a fault, "
        f"{verdict.requests} requests, digest {verdict.digest}"
    )
    if verdict.violated_orders:
        print(f"horizons too short on purpose: {verdict.violated_orders} orders, {dict(verdict.violated)}")
    print("slowest:", verdict.slow)
    for sample in verdict.samples:
        print(sample)
    for seed in sorted({sample.split(": ")[1] for sample in verdict.samples}):
        print(f"again: python tests/chaos/chaos_run.py --batch {seed}")
    print("failures:", dict(verdict.failures) or "none")


def main() -> int:
    """Run what the command line asks for."""
    options = _options()
    begun_s = time.monotonic()
    failed = False
    if options.batch:
        failed |= _shows(_replay(options.batch, options.orders or BATCH))
    elif options.orders:
        failed |= _shows(run_orders(options.orders, seed=options.seed, processes=options.processes, says=True))
    if options.tcp:
        failed |= _shows(run_real_orders(options.tcp, seed=options.seed, processes=options.processes))
    for exchange in EXCHANGES if options.day else ():
        print(f"the day at {exchange}")
        day = run_day(exchange, options.seed)
        show_day(day)
        failed |= bool(day.failures())
    if options.kills:
        fate = asyncio.run(kill_many(options.kills, seed=options.seed))
        show_fate(fate)
        failed |= bool(fate.failures)
    if options.publish:
        publish(Path(__file__).parents[2], 200)
    print(f"seed {options.seed}: {'FAILED' if failed else 'as promised'} after {time.monotonic() - begun_s:.0f} s")
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=0, help="orders in virtual time")
    parser.add_argument("--tcp", type=int, default=0, help="orders over TCP and TLS, in real time")
    parser.add_argument("--day", action="store_true", help="two hours with ten outages, in virtual time")
    parser.add_argument("--kills", type=int, default=0, help="SIGKILLs of a bot with a journal")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batch", help="replay one batch, by its seed")
    parser.add_argument("--ci", action="store_true", help=f"{CI_ORDERS} orders in virtual time and {CI_TCP} over TCP")
    parser.add_argument("--publish", action="store_true", help="compare strategies and write docs/outcomes.md")
    options = parser.parse_args()
    if options.ci:
        options.orders, options.tcp = CI_ORDERS, CI_TCP
    elif not (options.orders or options.tcp or options.day or options.kills or options.batch or options.publish):
        options.orders, options.tcp, options.day, options.kills = 1_000_000, 20_000, True, 2_000
    return options


def _replay(seed: str, orders: int) -> Verdict:
    if "/tcp/" in seed:
        return run_real_plan(seed, orders)
    is_violated = seed.endswith("short")
    print(make_plan(seed, is_violated=is_violated))
    return run_plan(seed, orders, is_violated)


def _shows(verdict: Verdict) -> bool:
    show(verdict)
    return bool(verdict.failures)


if __name__ == "__main__":
    sys.exit(main())
