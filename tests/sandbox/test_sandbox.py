from __future__ import annotations

import asyncio
import builtins
import dataclasses
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from server_rig import LOOPS, run, until

from spotlane import registry
from spotlane.errors import UsageError
from spotlane.sandbox import FAULT_POINTS, Fault, Sandbox
from spotlane.sandbox.__main__ import main
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.settings import ServerSettings


@dataclasses.dataclass(frozen=True)
class ToySettings:
    greeting: str = "hello"


class ToyDialect:
    name: ClassVar[str] = "toy"
    settings_type: ClassVar[type[ToySettings]] = ToySettings
    engine_settings: ClassVar[EngineSettings] = EngineSettings(open_order_limit=7)

    def __init__(self, engine: Engine, settings: ToySettings) -> None:
        self.engine, self.settings = engine, settings
        self.api_key, self.api_secret = f"toy-key-{engine.seed}", "toy-secret"

    def handle(self, request: HttpRequest) -> HttpReply:
        if request.path == "/broken":
            raise RuntimeError("the dialect is broken")
        now_ms = self.engine.clock.now_ms()
        return HttpReply(200, json.dumps({"greeting": self.settings.greeting, "now_ms": now_ms}).encode())


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "dialect_class", lambda name: ToyDialect)


def get(url: str, context: ssl.SSLContext | None = None) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10, context=context) as reply:
        document = json.load(reply)
    assert isinstance(document, dict)
    return document


async def fetch(venue: Sandbox, path: str = "/api/v3/time") -> dict[str, Any]:
    """Ask with the standard library's client, from a thread as a synchronous bot would."""
    return await asyncio.to_thread(get, venue.url + path, venue.ssl_context)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_default_sandbox(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with Sandbox("mexc", tls=tls) as venue:
            assert venue.url == f"{'https' if tls else 'http'}://127.0.0.1:{venue.port}"
            assert abs((await fetch(venue))["serverTime"] - venue.clock.now_ms()) < 10_000
            assert venue.credentials.api_key == venue.api_key
            assert venue.requests.count("GET", "/api/v3/time") == venue.requests.total == 1
            assert venue.ledger is venue.engine.ledger
            assert {asset: held.available for asset, held in venue.engine.balances().items()} == {
                "USDT": 100_000,
                "BTC": 10,
            }
            assert venue.errors == ()
            assert venue.api_secret not in repr(venue)

    run(loop, scenario())


def test_authority_is_trusted_and_the_certificate_is_verified() -> None:
    async def scenario() -> None:
        async with Sandbox("mexc", tls=True) as venue:
            assert venue.ssl_context is not None
            assert venue.ssl_context.verify_mode is ssl.CERT_REQUIRED
            assert venue.ssl_context.check_hostname
            assert venue.authority_pem is not None
            own = ssl.create_default_context(cadata=venue.authority_pem.decode())
            assert await asyncio.to_thread(get, f"https://localhost:{venue.port}/api/v3/time", own)
            with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
                await asyncio.to_thread(get, venue.url + "/api/v3/time", ssl.create_default_context())

    run("asyncio", scenario())


def test_tls_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_trustme(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name == "trustme":
            raise ImportError(name)
        return real_import(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without_trustme)
    with pytest.raises(UsageError, match=r"pip install 'spotlane\[sandbox\]'"):
        Sandbox("mexc", tls=True)
    Sandbox("mexc")


@pytest.mark.usefixtures("toy")
def test_settings_go_where_they_belong() -> None:
    venue = Sandbox("toy", seed=5, greeting="moin", refill=False, latency_s=0.5)
    assert isinstance(venue.dialect, ToyDialect)
    assert venue.dialect.settings == ToySettings("moin")
    assert (venue.engine.settings.open_order_limit, venue.engine.settings.refill) == (7, False)
    assert venue.latency_s == 0.5
    assert venue.api_key == "toy-key-5"
    assert Sandbox("toy", open_order_limit=9).engine.settings.open_order_limit == 9


@pytest.mark.parametrize("exchange", registry.exchange_names())
def test_no_setting_has_two_meanings(exchange: str) -> None:
    kinds = (ServerSettings, EngineSettings, registry.dialect_class(exchange).settings_type)
    names = [field.name for kind in kinds for field in dataclasses.fields(kind)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"latencys": 1}, "no setting 'latencys'; did you mean 'latency_s'?"),
        ({"zzz": 1}, "no setting 'zzz' Known: "),
        ({"latency_s": -1}, "latency_s must be at least 0, was -1"),
        ({"keepalive_timeout_s": 0}, "keepalive_timeout_s must be at least"),
        ({"kept_requests": -1}, "kept_requests must be at least 0"),
        ({"port": 70_000}, "port must be an int from 0"),
        ({"port": True}, "port must be an int from 0"),
        ({"port": "8080"}, "port must be an int from 0"),
        ({"faults": ["gzipp"]}, "did you mean 'gzip'?"),
    ],
)
def test_bad_options(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Sandbox("mexc", **options)
    assert told in str(caught.value)


def test_unknown_exchange() -> None:
    with pytest.raises(UsageError, match="no exchange named 'mexx'; known: "):
        Sandbox("mexx")


@pytest.mark.usefixtures("toy")
def test_url_needs_a_started_sandbox_and_starting_happens_once() -> None:
    async def scenario() -> None:
        venue = Sandbox("toy")
        with pytest.raises(UsageError, match="before it is started"):
            _ = venue.url
        with pytest.raises(UsageError, match="not started"):
            await venue.up()
        await venue.stop()
        await venue.start()
        with pytest.raises(UsageError, match="already started"):
            await venue.start()
        port = venue.port
        await venue.stop()
        await venue.stop()
        await venue.start()
        assert venue.port == port
        assert (await fetch(venue, "/"))["greeting"] == "hello"
        await venue.stop()

    run("asyncio", scenario())


@pytest.mark.usefixtures("toy")
def test_taken_port_is_an_os_error_and_leaves_nothing_open() -> None:
    async def scenario() -> None:
        async with Sandbox("toy") as venue:
            second = Sandbox("toy", port=venue.port)
            with pytest.raises(OSError, match="in use"):
                await second.start()
            await second.stop()

    run("asyncio", scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.usefixtures("toy")
def test_outage_and_freeze(loop: str) -> None:
    async def scenario() -> None:
        async with Sandbox("toy") as venue:
            await venue.down()
            with pytest.raises(urllib.error.URLError, match="refused"):
                await fetch(venue)
            await venue.up()
            assert await fetch(venue)
            venue.freeze()
            asking = asyncio.ensure_future(fetch(venue))
            await until(lambda: venue.connections_accepted == 2)
            assert not asking.done()
            assert venue.requests.total == 1
            venue.thaw()
            assert (await asking)["greeting"] == "hello"

    run(loop, scenario())


@pytest.mark.usefixtures("toy")
def test_clock_jump_moves_the_exchange_and_stays() -> None:
    async def scenario() -> None:
        async with Sandbox("toy", faults=["clock-jump=-7000:GET:/jump"]) as venue:
            venue.clock.freeze()
            before = venue.clock.now_ms()
            assert (await fetch(venue, "/"))["now_ms"] == before
            jumped = (await fetch(venue, "/jump"))["now_ms"]
            assert abs(jumped - (before - 7_000)) < 5_000
            assert (await fetch(venue, "/"))["now_ms"] == jumped

    run("asyncio", scenario())


@pytest.mark.usefixtures("toy")
def test_errors_of_the_dialect_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> tuple[Exception, ...]:
        async with Sandbox("toy") as venue:
            with pytest.raises(urllib.error.HTTPError, match="500") as caught:
                await fetch(venue, "/broken")
            caught.value.close()
            return venue.errors

    with caplog.at_level("CRITICAL", "aiohttp.server"):
        assert [str(error) for error in run("asyncio", scenario())] == ["the dialect is broken"]


@pytest.mark.usefixtures("toy")
def test_latency_may_be_changed_while_running() -> None:
    async def scenario() -> None:
        async with Sandbox("toy", latency_s=3_600) as venue:
            asking = asyncio.ensure_future(fetch(venue))
            await until(lambda: venue.requests.total)
            assert venue.connections_open == 1
            await venue.down()
            with pytest.raises((urllib.error.URLError, ConnectionError)):
                await asking
            assert venue.connections_open == 0
            await venue.up()
            with pytest.raises(UsageError, match="latency_s"):
                venue.latency_s = -1.0
            venue.latency_s = 0.0
            assert await fetch(venue)

    run("asyncio", scenario())


@pytest.mark.usefixtures("toy")
def test_same_seed_same_faults_whatever_the_timing() -> None:
    async def scenario() -> list[int]:
        fault = Fault.named("gateway-error-refused", path="/*", times=None, probability=0.4)
        async with Sandbox("toy", seed=11, faults=[fault]) as venue:
            refused = []
            for number in range(30):
                try:
                    await fetch(venue)
                except urllib.error.HTTPError as error:
                    error.close()
                    refused.append(number)
        return refused

    first = run("asyncio", scenario())
    assert first == run("uvloop", scenario())
    assert 0 < len(first) < 30


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "spotlane.sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_it_is_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    with command(
        "mexc", "--tls", "--authority-file", str(authority), "--seed", "3", "--fault", "html-200:GET:/api/v3/ping"
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split(maxsplit=1) for _ in range(3)]
        told = {line[0]: line[1].strip() for line in lines}
        expected = Sandbox("mexc", seed=3)
        assert (told["key"], told["secret"]) == (expected.api_key, expected.api_secret)
        context = ssl.create_default_context(cafile=str(authority))
        assert "serverTime" in get(told["url"] + "/api/v3/time", context)
        with urllib.request.urlopen(told["url"] + "/api/v3/ping", timeout=10, context=context) as reply:
            assert reply.read().startswith(b"<html>")
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
        assert output == "stopped after 2 requests\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mexx"], "did you mean 'mexc'?"),
        ([], "which exchange? known:"),
        (["mexc", "--port", "eighty"], "invalid int value: 'eighty'"),
        (["mexc", "--port", "70000"], "port must be an int"),
        (["mexc", "--fault", "gzipp"], "did you mean 'gzip'?"),
        (["mexc", "--latency-ms", "-1"], "latency_s must be at least 0"),
        (["mexc", "--authority-file", "x.pem"], "--authority-file goes with --tls"),
        (["mexc", "--tls", "--authority-file", "/no/such/folder/x.pem"], "No such file"),
        (["mexc", "--host", "256.1.1.1"], ""),
    ],
)
def test_bad_command_line_is_one_line_and_exit_code_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as leaving:
        code = leaving.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert told in captured.err


def test_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FAULT_POINTS)
    assert lines[0].startswith("F0   outage=0.5 ")
