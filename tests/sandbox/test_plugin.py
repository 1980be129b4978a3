"""The fixtures, used the way a bot's tests use them: in a pytest run of their own."""

from __future__ import annotations

import importlib.metadata

import pytest

pytest_plugins = ["pytester"]

# Not installed, only importable, the package has no entry point to load the plugin by.
REGISTERED = {entry.value for entry in importlib.metadata.entry_points(group="pytest11")}
PLUGIN = () if "spotlane.testing.plugin" in REGISTERED else ("-p", "spotlane.testing.plugin")

BOT_TESTS = """
    import asyncio
    import urllib.request
    import pytest

    venues = []

    def ask(url):
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status

    {mark}
    async def test_default(mexc_sandbox):
        venues.append(mexc_sandbox)
        assert await asyncio.to_thread(ask, mexc_sandbox.url + "/api/v3/time") == 200
        assert mexc_sandbox.requests.count("GET", "/api/v3/time") == 1

    {mark}
    async def test_factory(sandbox):
        first, second = await sandbox("mexc", seed=1), await sandbox(faults=["html-200"])
        venues.extend((first, second))
        assert first.port != second.port
        assert second.faults.armed

    def test_all_are_stopped():
        assert len(venues) == 3
        for venue in venues:
            with pytest.raises(OSError):
                ask(venue.url)
"""


@pytest.mark.parametrize(
    ("mode", "mark"),
    [("auto", ""), ("strict", "@pytest.mark.asyncio")],
)
def test_fixtures_start_and_stop_sandboxes(pytester: pytest.Pytester, mode: str, mark: str) -> None:
    pytester.makepyfile(BOT_TESTS.format(mark=mark))
    pytester.makeini(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)


def test_failure_of_the_sandbox_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import asyncio
        import urllib.error
        import urllib.request
        import pytest

        def ask(url):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(url, timeout=10)

        async def test_broken(mexc_sandbox, monkeypatch):
            def fail(request):
                raise RuntimeError("the dialect is broken")

            monkeypatch.setattr(mexc_sandbox._server, "_handle", fail)
            await asyncio.to_thread(ask, mexc_sandbox.url + "/api/v3/time")
    """)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the sandbox itself failed*", "*the dialect is broken*"])
