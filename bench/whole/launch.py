"""Starts the canned-reply server and the workers, and speaks with them: one line of JSON each way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. authority is a PEM file; loop says what it runs on."""

    host: str
    ports: dict[str, dict[str, int]]
    authority: Path
    loop: str

    def url(self, exchange: str, *, tls: bool) -> str:
        """Return the base URL of an exchange."""
        scheme = "https" if tls else "http"
        return f"{scheme}://{self.host}:{self.ports[exchange][scheme]}"


@contextmanager
def serve(core: int | None = None) -> Iterator[Server]:
    """Run the server in a process of its own, on a core of its own, for the time of a with block."""
    with tempfile.TemporaryDirectory() as folder, _run("whole.server", *_core(core)) as process:
        told = _read(process)
        authority = Path(folder) / "authority.pem"
        authority.write_text(told["authority"])
        yield Server(told["host"], told["ports"], authority, told["loop"])


class Worker:
    """A process with one client of one kind, which measures when it is asked to. what says what is compared."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.what: str = _read(process)["ready"]

    def ask(self, **command: object) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return _read(self._process)


@contextmanager
def work(
    client: str,
    server: Server,
    *,
    exchange: str,
    loop: str,
    tls: bool,
    core: int | None = None,
    transport: str | None = None,
    stamp_writes: bool = False,
) -> Iterator[Worker]:
    """Run a worker with one client for the time of a with block. loop is "asyncio" or "uvloop"."""
    arguments = ["--client", client, "--exchange", exchange, "--loop", loop, "--url", server.url(exchange, tls=tls)]
    if tls:
        arguments += ["--authority", str(server.authority)]
    if transport is not None:
        arguments += ["--transport", transport]
    if stamp_writes:
        arguments.append("--stamp-writes")
    with _run("whole.worker", *arguments, *_core(core)) as process:
        yield Worker(process)


def _core(core: int | None) -> list[str]:
    return [] if core is None else ["--core", str(core)]


@contextmanager
def _run(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module until the end of a with block; it ends by itself when its standard input does."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(BENCH), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _read(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with {process.wait()}: see its traceback above")
    told: dict[str, Any] = json.loads(line)
    return told
