"""The entry point: bad input is one line and code 2, and nothing is imported that is not needed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request

import click
import pytest
from terminal_rig import COMMAND, PATIENCE_S, environment

from spotlane.cli import _group
from spotlane.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dmeo"], "spotlane: no command named 'dmeo'; did you mean 'demo'?"),
        (["xyz"], "spotlane: no command named 'xyz'; there are demo, sandbox"),
        (["--debgu"], "'--debug'"),
        (["demo", "--exchang", "mexc"], "'--exchange'"),
        (["demo", "--exchange", "mexx"], "spotlane: no exchange named 'mexx'; known: "),
        (["demo", "--exchange", "mexx"], "did you mean 'mexc'?"),
        (["demo", "--seed", "x"], "'x' is not a valid integer"),
        (["demo", "more"], "unexpected extra argument (more)"),
        (["sandbox"], "spotlane sandbox: which exchange? known: "),
        (["sandbox", "mxec"], "did you mean 'mexc'?"),
        (["sandbox", "mexc", "--prot", "3"], "spotlane sandbox: unknown argument '--prot'; did you mean '--port'?"),
        (["sandbox", "mexc", "--fault", "outge"], "did you mean 'outage'?"),
        (["sandbox", "mexc", "--port", "70000"], "70000"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(arguments)
    except SystemExit as ended:  # argparse's way, below `sandbox`
        code = int(ended.code or 0)
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_missing_extra_is_one_line_and_code_2(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == f"spotlane: the command line needs {missing}: pip install 'spotlane[cli]'\n"


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"), [(["--version"], r"spotlane \d"), (["-h"], "Exit codes"), (["demo", "-h"], "--quick")]
)
def test_help_and_version(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert re.search(told, capsys.readouterr().out)


def test_help_imports_no_command() -> None:
    script = (
        "import sys; from spotlane.cli.main import main; main(['--help'])\n"
        "print([name for name in ('rich.live', 'spotlane.sandbox', 'spotlane.cli.demo') if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment(),
        check=True,
    )
    assert told.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (RuntimeError("broken\nin two"), 1, "RuntimeError: broken in two; with --debug comes the traceback"),
        (OSError("no such port"), 1, "OSError: no such port"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_traceback_only_with_debug(
    raised: BaseException, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command("demo")
    def broken() -> None:
        raise raised

    monkeypatch.setattr(_group.CommandGroup, "get_command", lambda *_: broken)
    assert main(["demo"]) == code
    assert capsys.readouterr().err.lstrip("\n") == f"spotlane: {told}\n"
    if isinstance(raised, Exception):
        assert main(["--debug", "demo"]) == code
        assert "Traceback" in capsys.readouterr().err


def test_sandbox_command_serves_until_interrupted() -> None:
    with subprocess.Popen(
        [*COMMAND, "sandbox", "mexc", "--seed", "3"], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        told = dict(process.stdout.readline().split() for _ in range(3))
        assert set(told) == {"url", "key", "secret"}
        with urllib.request.urlopen(f"{told['url']}/api/v3/time", timeout=PATIENCE_S) as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        assert "stopped after 1 requests" in process.stdout.read()
        assert process.wait(PATIENCE_S) == 0
