"""What measures throughput, memory and imports measures something."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.checkout

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)


@pytest.mark.parametrize("tls", [False, True])
def test_every_connection_is_used_and_counted(tls: bool) -> None:
    from scale.run import Bench, Setting
    from whole.launch import serve

    with serve() as server:
        bench = Bench(server, "mexc", core=None, transport=None)
        told = bench.measure("throughput", "spotlane", Setting("asyncio", tls, 3), seconds=0.2)
        assert (told["client"], told["loop"], told["tls"]) == ("spotlane", "asyncio", tls)
        assert told["orders"] > 3
        if sys.platform == "linux":
            assert 2 <= told["opened"] <= 3


def test_growth_is_counted_from_the_second_tenth_to_the_last_and_a_peak_is_told() -> None:
    from scale.run import _grown

    resident_kib = [1_024 * each for each in range(1, 101)]
    resident_kib[-2] = 200 * 1_024
    assert _grown(resident_kib) == {"rss_mib": 15.5, "growth_kib": 80 * 1_024, "most_kib": round(184.5 * 1_024)}


@pytest.mark.skipif(sys.platform != "linux", reason="connections are counted in Linux's /proc")
def test_only_established_connections_are_counted() -> None:
    from scale import memory

    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = memory.connections()
        with socket.create_connection(listener.getsockname()), listener.accept()[0]:
            assert memory.connections() == before + 2
        assert memory.connections() == before


def test_a_slower_client_takes_more_than_spotlanes_time() -> None:
    from scale.run import _medians

    def rounds(*per_s: float) -> list[dict[str, Any]]:
        figures = {"orders": 10, "p50_us": 1.0, "p99_us": None, "cpu_us": 2.0, "client": "one", "opened": 4}
        return [figures | {"orders_per_s": each} for each in per_s]

    row = _medians(rounds(500, 100, 50), rounds(1_000, 1_000, 1_000), 4)
    assert (row["over_spotlane"][1], row["orders"], row["p99_us"]) == (10, 30, None)
    with pytest.raises(AssertionError, match="one opened 4 connections, 16 were allowed"):
        _medians(rounds(500), rounds(500), 16)


def test_an_import_may_store_what_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    import ratios_import

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    told = ratios_import._import_once("import spotlane\nassert not sys.dont_write_bytecode")
    assert told["modules"] > 10
    assert told["ms"] > 0
