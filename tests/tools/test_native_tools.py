"""What the tools for compiled code make of what compilers tell them, and that they say so where they can't run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tools"

GENERATED = """\
/* "spotlane/_core/signing.pyx":7
 * def f(x):             # <<<<<<<<<<<<<<
 */
static PyObject *f(PyObject *x) {
  int r;
  /* "spotlane/_core/signing.pyx":8
 *     if x:             # <<<<<<<<<<<<<<
 */
  r = test(x);
  if (r) {
    /* "spotlane/_core/_put.pxd":3
 *         raise ValueError             # <<<<<<<<<<<<<<
 */
    fail();
    __pyx_L5:;
  }
  /* function exit code */
  leave();
}
static int other(void) {
"""


@pytest.fixture
def coverage(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    import native_coverage

    return native_coverage


@pytest.fixture
def native_build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    import native_build

    return native_build


def test_a_line_of_c_belongs_to_the_statement_before_it(coverage: ModuleType) -> None:
    found = coverage.origins(GENERATED.splitlines())
    assert {number: found[number] for number in (9, 10, 14)} == {
        9: ("signing.pyx", 8),
        10: ("signing.pyx", 8),
        14: ("_put.pxd", 3),
    }
    assert not {17, 18, 19, 20} & set(found)


def test_a_statement_has_run_when_its_beginning_has(coverage: ModuleType) -> None:
    origins = coverage.origins(GENERATED.splitlines())
    # The label behind the statement is reached, the statement is not.
    assert coverage.ran({9: 5, 10: 5, 14: 0, 15: 5}, origins) == {("signing.pyx", 8): True, ("_put.pxd", 3): False}
    assert coverage.ran({9: 5, 14: 1}, origins)["_put.pxd", 3]


def test_the_report_names_the_lines_that_did_not_run(coverage: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    lines = {("echoes.pyx", number): number not in (3, 4, 5, 9) for number in range(1, 11)}
    assert coverage.report(lines) == 0.6
    assert "echoes.pyx" in (told := capsys.readouterr().out)
    assert "60.0%  3-5, 9" in told


def test_a_compiler_is_asked_what_it_can(native_build: ModuleType) -> None:
    assert not native_build.compiles("no-such-compiler", "-O1")
    assert not native_build.compiles("cc", "-fno-such-flag-at-all")


@pytest.mark.parametrize(
    "tool", ["native_sanitize.py", "native_coverage.py", "native_refcounts.py", "native_valgrind.py"]
)
def test_a_tool_without_what_it_needs_says_so(tool: str, tmp_path: Path) -> None:
    environment = {**os.environ, "CC": "no-such-compiler", "PATH": str(tmp_path), "PYTHON_DEBUG": "no-such-python"}
    found = subprocess.run(
        [sys.executable, str(TOOLS / tool)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("SKIPPED: ")
    assert "apt install" in found.stdout


def test_fuzzing_without_libfuzzer_says_so(tmp_path: Path) -> None:
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("src", "fuzz", "tools", "tests/core"))
    found = subprocess.run(
        [sys.executable, str(ROOT / "fuzz" / "fuzz_run.py")],
        cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("SKIPPED: ")


def test_every_input_of_the_fuzzer_agrees_with_its_oracle() -> None:
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("src", "fuzz", "tests/core"))
    found = subprocess.run(
        [sys.executable, str(ROOT / "fuzz" / "fuzz_replay.py")],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert [line.split()[0] for line in found.stdout.splitlines()] == [
        "decoder", "encoder", "reader", "signer", "journal",
    ]  # fmt: skip


def test_the_kept_inputs_are_few() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "fuzz").rglob("*.jsonl")) < 300 * 1024
