"""Which room may import which: what import-linter checks, and what it cannot see."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import spotlane

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[1]
PACKAGE = Path(spotlane.__file__).parent
COMPILED = ROOT / "_ext" / "spotlane" / "_core"
EXCHANGES = sorted(
    folder for folder in (PACKAGE / "exchanges").iterdir() if folder.is_dir() and not folder.name.startswith("__")
)

CORE_MAY_IMPORT = {
    "spotlane._core",
    "spotlane.errors",
    "httptools",
    "cpython",
    "libc",
    "cython",
    *sys.stdlib_module_names,
}


def imports_of(path: Path) -> Iterator[str]:
    """Give the full name of every module that a Python file imports, wherever it does so."""
    package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_below(name: str, *rooms: str) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def test_the_rooms_import_downwards_only() -> None:
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("source", sorted(COMPILED.glob("*.p[yx][xd]")), ids=lambda path: path.name)
def test_compiled_code_imports_only_itself_and_the_errors(source: Path) -> None:
    names = re.findall(r"^\s*(?:from\s+(\S+)\s+c?import|c?import\s+(\S+))", source.read_text(), re.MULTILINE)
    outside = [name for pair in names for name in pair if name and not is_below(name.rstrip(","), *CORE_MAY_IMPORT)]
    assert outside == []


def test_no_other_room_uses_compiled_code() -> None:
    allowed = {"_core", "structs", "credentials.py", "transport", "safety", "exchanges"}
    for file in PACKAGE.rglob("*.py"):
        room = file.relative_to(PACKAGE).parts[0]
        if room not in allowed:
            assert not [name for name in imports_of(file) if is_below(name, "spotlane._core")], file


def test_addresses_are_checked_with_the_standard_library_alone() -> None:
    room = "spotlane.safety.addresses"
    for file in (PACKAGE / "safety" / "addresses").glob("*.py"):
        names = [name for name in imports_of(file) if name.partition(".")[0] not in sys.stdlib_module_names]
        assert [name for name in names if not is_below(name, room, "spotlane.errors")] == [], file


@pytest.mark.parametrize("folder", EXCHANGES, ids=lambda folder: folder.name)
def test_an_exchange_imports_no_other_exchange(folder: Path) -> None:
    others = [f"spotlane.exchanges.{other.name}" for other in EXCHANGES if other != folder]
    for file in folder.rglob("*.py"):
        assert not [name for name in imports_of(file) if is_below(name, *others)], file


@pytest.mark.parametrize("folder", EXCHANGES, ids=lambda folder: folder.name)
def test_a_dialect_is_written_without_the_client(folder: Path) -> None:
    own = f"spotlane.exchanges.{folder.name}"
    for file in folder.glob("dialect*.py"):
        for name in imports_of(file):
            if is_below(name, "spotlane"):
                assert is_below(name, "spotlane.sandbox", "spotlane.structs") or name.startswith(f"{own}.dialect"), (
                    f"{file.name} imports {name}"
                )


@pytest.mark.parametrize("folder", EXCHANGES, ids=lambda folder: folder.name)
def test_a_client_is_written_without_the_dialect(folder: Path) -> None:
    for file in folder.glob("*.py"):
        if not file.name.startswith("dialect"):
            names = [name for name in imports_of(file) if is_below(name, "spotlane.sandbox") or ".dialect" in name]
            assert names == [], file


def test_the_shared_floor_names_no_exchange() -> None:
    names = "|".join(folder.name for folder in EXCHANGES)
    for file in PACKAGE.rglob("*.py"):
        if EXCHANGES and not any(folder in file.parents for folder in EXCHANGES):
            compared = re.findall(rf"""[=!]=\s*["'](?:{names})["']|["'](?:{names})["']\s*[=!]=""", file.read_text())
            assert compared == [], file


def test_every_module_keeps_to_the_house_limits() -> None:
    for file in [*PACKAGE.rglob("*.py"), *COMPILED.glob("*.pyx")]:
        lines = file.read_text().count("\n")
        assert lines <= (500 if file.suffix == ".pyx" else 400), f"{file.name} has {lines} lines"
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{file.name}: {node.name}"


def test_exported_names_exist_and_are_sorted() -> None:
    for name in spotlane.__all__:
        assert hasattr(spotlane, name), name
    assert list(spotlane.__all__) == sorted(spotlane.__all__)
