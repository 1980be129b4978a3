"""No error, log line or local variable of the client gives a secret away."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Iterable, Iterator
from decimal import Decimal

import pytest
from mexc_rig import (
    BTC_USDT,
    WITHDRAW_PATH,
    connect,
    every_key,
    listening,
    resting,
    until,
)

from spotlane import (
    Credentials,
    Side,
    WithdrawalPolicy,
    WithdrawalRequest,
    WithdrawalTarget,
)
from spotlane.errors import (
    DecodeError,
    ExchangeAPIError,
    SpotlaneError,
    TransportError,
)
from spotlane.exchanges.mexc import MexcPrivateRest
from spotlane.sandbox import FAULT_POINTS, Fault, ReplaceReply, Sandbox
from spotlane.testing.loop_clock import LoopClock

ACCOUNT_PATH = "/api/v3/account"
SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")


def _frames(error: BaseException) -> Iterator[str]:
    """Give the message of an error and of all behind it, and the local variables of the client's own frames."""
    told: traceback.TracebackException | None = traceback.TracebackException.from_exception(error, capture_locals=True)
    waiting = [told]
    while waiting:
        told = waiting.pop()
        if told is None:
            continue
        waiting += [told.__cause__, told.__context__]
        yield "".join(told.format_exception_only())
        for frame in told.stack:
            if "/spotlane/" in frame.filename and "/sandbox/" not in frame.filename:
                yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"


async def _failures(venue: Sandbox, keys: Iterable[Credentials]) -> list[SpotlaneError]:
    """Fail in as many ways as there are."""
    failures: list[SpotlaneError] = []

    async def attempt(call: Awaitable[object]) -> None:
        try:
            await call
        except SpotlaneError as error:
            failures.append(error)

    for credentials in keys:
        async with connect(venue, credentials) as exchange:
            await attempt(exchange.place_order(resting()))
            await attempt(exchange.get_account_balance())
    target = WithdrawalTarget("USDT", "TRX", "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm")
    async with connect(
        venue, timeout_s=0.1, clock=LoopClock(venue), withdrawals=WithdrawalPolicy([target])
    ) as exchange:
        for point in FAULT_POINTS:
            for method in ("POST", "DELETE", "GET"):
                venue.faults.add(Fault.named(point) if point.endswith("-on-accept") else Fault.named(point, method))
                if method == "POST":
                    # What looks a lost order up fails, too.
                    venue.faults.add(Fault.named("html-200", "GET", times=None))
                    await attempt(exchange.place_order(resting(side=Side.SELL, price=Decimal(90_000))))
                elif method == "DELETE":
                    await attempt(exchange.cancel_order(BTC_USDT, "C02__1"))
                else:
                    await attempt(exchange.get_open_orders())
                venue.faults.clear()
                await until(listening(venue))
        venue.faults.add(Fault.named("html-200", "POST", WITHDRAW_PATH))
        await attempt(exchange.withdraw(WithdrawalRequest("USDT", Decimal(10), target.address, "TRX")))
        await venue.down()
        await attempt(exchange.place_order(resting()))
        failures.append(DecodeError(repr(exchange.status()) + repr(exchange) + repr(exchange.unresolved())))
        # Some of the orders were never executed: what is told of them at the end counts, too.
        await attempt(exchange.close())
    return failures


async def test_no_error_and_no_log_line_holds_a_secret(venue: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = every_key(venue).values()
    ring = vars(venue.dialect)["keys"]
    issued = [ring.find(key.api_key) for key in keys]
    secrets = {venue.api_secret, venue.api_secret[::-1], *(key.api_secret for key in issued if key is not None)}
    assert len(secrets) == 6

    failures = await _failures(venue, keys)

    assert len(failures) > 80
    texts = [text for error in failures for text in (*_frames(error), repr(error), str(error), repr(error.args))]
    for frames_of in ("_client.py", "_placing.py"):
        assert sum(frames_of in text for text in texts) > 60
    for text in (*texts, *(record.getMessage() for record in caplog.records), caplog.text):
        assert not SIGNATURE.search(text), text
        assert not any(secret in text for secret in secrets), text


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "body",
    [
        b'{"code":1,"msg":"GET /api/v3/account?timestamp=1&signature=%b"}' % (b"ab" * 32),
        b"<a href='/api/v3/account?timestamp=1&signature=%b'>here</a>" % (b"ab" * 32),
        b'{"balances":"%b"}' % (b"ab" * 32),
    ],
)
async def test_a_signature_that_a_reply_repeats_is_not_passed_on(
    venue: Sandbox, exchange: MexcPrivateRest, status: int, body: bytes
) -> None:
    venue.faults.add(Fault(ReplaceReply(status, body, "application/json"), path=ACCOUNT_PATH, times=None))
    with pytest.raises((DecodeError, ExchangeAPIError)) as failure:
        await exchange.get_account_balance()
    error: BaseException | None = failure.value
    while error is not None:
        assert "ab" * 16 not in f"{error} {error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__


async def test_errors_of_the_transport_lead_to_nothing_of_aiohttp(venue: Sandbox) -> None:
    for point in ("reset-before-read", "cut-body", "cut-status-line", "drop-request"):
        async with connect(venue, timeout_s=0.1, clock=LoopClock(venue)) as exchange:
            venue.faults.add(Fault.named(point, "GET", ACCOUNT_PATH, times=None))
            with pytest.raises(TransportError) as failure:
                await exchange.get_account_balance()
            assert failure.value.__context__ is None
            assert failure.value.__cause__ is None
