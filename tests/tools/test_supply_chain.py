"""What is installed for development and what builds a release is fixed to the byte."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
STAGES = dict(re.findall(r"^EXTRAS_(\w+)\s*:=\s*(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def entries(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Give each locked requirement with the hashes it is allowed to have."""
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        head, *hashes = entry.split(" --hash=")
        yield Requirement(head), [each.strip() for each in hashes]


def wanted(stage: str) -> Iterator[Requirement]:
    yield from map(Requirement, PROJECT["project"]["dependencies"])
    for extra in STAGES.get(stage, "").split(","):
        yield from map(Requirement, PROJECT["project"]["optional-dependencies"].get(extra, ()))


def test_every_stage_of_the_makefile_is_locked() -> None:
    assert STAGES
    assert {lock.stem for lock in LOCKS} == {*STAGES, "dependencies"}
    assert re.search(r"pip install .*--require-hashes", (ROOT / "Makefile").read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_one_version_and_its_hashes(lock: Path) -> None:
    for requirement, hashes in entries(lock):
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_is_what_the_project_asks_for(lock: Path) -> None:
    locked: dict[str, list[str]] = {}
    for each, _ in entries(lock):
        locked.setdefault(canonicalize_name(each.name), []).append(str(each.specifier).lstrip("="))
    for requirement in wanted(lock.stem):
        versions = locked.get(canonicalize_name(requirement.name))
        assert versions, f"make lock: {requirement} is missing in {lock.name}"
        for version in versions:
            assert requirement.specifier.contains(version, prereleases=True), f"make lock: {requirement}, not {version}"


def test_the_locks_agree_with_each_other() -> None:
    # A package may have one version for each of several Pythons, told apart by its marker.
    versions: dict[tuple[str, str], set[str]] = {}
    for lock in LOCKS:
        for requirement, _ in entries(lock):
            versions.setdefault((requirement.name, str(requirement.marker)), set()).add(str(requirement.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_every_action_is_pinned_to_a_commit(workflow: Path) -> None:
    used = re.findall(r"uses:\s*(.+)", workflow.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each.strip()), each
