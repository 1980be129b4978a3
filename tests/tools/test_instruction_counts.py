"""The comparison of instruction counts, and that everything it counts can be run."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.checkout

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    import instruction_counts

    return instruction_counts


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    import instruction_workload

    return instruction_workload


def row(name: str, calls: int, missing: str | None = None) -> dict[str, object]:
    return {"name": name, "calls": calls, "missing": missing}


def counts(tool: ModuleType, per_call: dict[str, float], lacking: dict[str, str] | None = None) -> Any:
    return tool.Counts(per_call, lacking or {})


def test_total_is_read_from_the_end_of_a_part(tool: ModuleType) -> None:
    assert tool.total_of("version: 1\nevents: Ir\nfn=(1)\n0 totals: 7\n16 5\ntotals: 504820\n") == 504_820
    with pytest.raises(ValueError, match="no line of totals"):
        tool.total_of("version: 1\n")


def test_what_both_counts_have_in_common_cancels_out(tool: ModuleType) -> None:
    start, end, each = 1_000_000, 77, 250
    parts = [start, end + 10 * each, end + 20 * each]
    counted = tool.counts_of([row("a", 10), row("absent", 10, "ImportError: b"), row("c", 10)], [*parts, *parts])
    assert counted == ({"a": 250.0, "c": 250.0}, {"absent": "ImportError: b"})


def test_parts_that_are_no_rows_are_refused(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="1 rows have 3 parts, callgrind wrote 4"):
        tool.counts_of([row("a", 10)], [1, 2, 3, 4])


@pytest.mark.parametrize(("now", "fails"), [(1_030.0, False), (1_030.1, True), (970.0, False), (1.0, False)])
def test_more_than_three_percent_fails(tool: ModuleType, now: float, fails: bool) -> None:
    (change,) = tool.compare(counts(tool, {"a": 1_000.0}), counts(tool, {"a": now}), {})
    assert change.fails is fails
    assert ("TOO MANY" in tool.table([change])) is fails


def test_accepted_row_may_be_slower_and_its_reason_is_shown(tool: ModuleType) -> None:
    base, now = counts(tool, {"a": 100.0, "b": 100.0}), counts(tool, {"a": 200.0, "b": 200.0})
    changes = tool.compare(base, now, {"a": "it checks the echo"})
    assert [change.fails for change in changes] == [False, True]
    assert "+100.00%  accepted: it checks the echo" in tool.table(changes)


def test_improvement_is_shown(tool: ModuleType) -> None:
    changes = tool.compare(counts(tool, {"a": 2_000.0}), counts(tool, {"a": 1_000.0}), {})
    assert tool.table(changes).splitlines()[1].split() == ["a", "2,000", "1,000", "-50.00%", "fewer"]


def test_row_that_the_base_lacks_is_new_and_fails_nothing(tool: ModuleType) -> None:
    base, now = counts(tool, {}, {"a": "ModuleNotFoundError: no lane"}), counts(tool, {"a": 1.0})
    (change,) = tool.compare(base, now, {})
    assert not change.fails
    assert "new (ModuleNotFoundError: no lane)" in tool.table([change])


def test_row_that_can_not_be_counted_now_is_an_error(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="a can't be counted: AttributeError"):
        tool.compare(counts(tool, {"a": 1.0}), counts(tool, {}, {"a": "AttributeError: gone"}), {})


def test_trailers_name_a_row_and_a_reason(tool: ModuleType) -> None:
    assert tool.accepted_of(["b  a check that was missing", "a x"], ["a", "b"]) == {
        "a": "x",
        "b": "a check that was missing",
    }
    with pytest.raises(ValueError, match="names no row: 'c because'; there are a, b"):
        tool.accepted_of(["c because"], ["a", "b"])
    with pytest.raises(ValueError, match="a lacks the reason"):
        tool.accepted_of(["a "], ["a", "b"])


def test_without_valgrind_it_says_so_and_passes(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert tool.main() == 0
    assert capsys.readouterr().out.startswith("SKIPPED: valgrind is not installed")


class Repository:
    """A repository in a temporary folder, in which the tool is made to work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=topic")

    def git(self, *arguments: str) -> str:
        own = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *own, *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    return Repository(tmp_path)


def test_base_is_named_or_where_the_branch_left_or_the_commit_before(tool: ModuleType, repository: Repository) -> None:
    assert tool.choose_base("") is None
    commits = [repository.commit(message) for message in "abc"]
    assert tool.choose_base("") == commits[1]
    assert tool.choose_base("0" * 40) == commits[1]
    assert tool.choose_base(commits[0][:12]) == commits[0]
    repository.git("update-ref", "refs/remotes/origin/main", commits[0])
    assert tool.choose_base("") == commits[0]
    repository.git("update-ref", "refs/remotes/origin/main", commits[2])
    assert tool.choose_base("") == commits[1]
    (repository.folder / "uncommitted").touch()
    assert tool.choose_base("") == commits[2]
    with pytest.raises(ValueError, match="no commit of this repository: 'no-such-commit'"):
        tool.choose_base("no-such-commit")


def test_trailers_of_every_commit_since_the_base_are_read(tool: ModuleType, repository: Repository) -> None:
    base = repository.commit("Start\n\nAccept-instructions: old was accepted then")
    repository.commit("Check more\n\nIt has to.\n\nAccept-instructions: b the echo\nAccept-instructions: c so does c")
    repository.commit("Check again\n\nAccept-instructions: a folded\n reason")
    repository.commit("Accept-instructions: d this is a subject\n\nNo trailer.")
    assert tool.trailers_since(base) == ["a folded reason", "b the echo", "c so does c"]


def test_work_is_exported_as_it_stands(tool: ModuleType, repository: Repository, tmp_path: Path) -> None:
    for name, text in ((".gitignore", "built\n"), ("kept", "old"), ("gone", "old")):
        (repository.folder / name).write_text(text)
    repository.git("add", ".")
    base = repository.commit("Start")
    (repository.folder / "kept").write_text("new")
    (repository.folder / "gone").unlink()
    (repository.folder / "folder").mkdir()
    for name in ("folder/added", "built"):
        (repository.folder / name).write_text("new")
    trees = [tmp_path.with_name(f"{tmp_path.name}-{name}") for name in ("base", "work")]
    for tree in trees:
        tree.mkdir()
    tool.export_commit(base, trees[0])
    tool.export_work(trees[1])
    texts = [
        {str(file.relative_to(tree)): file.read_text() for file in tree.rglob("*") if file.is_file()} for tree in trees
    ]
    assert texts[0] == {".gitignore": "built\n", "kept": "old", "gone": "old"}
    assert texts[1] == {".gitignore": "built\n", "kept": "new", "folder/added": "new"}


def test_every_row_runs(workload: ModuleType) -> None:
    for each in workload.ROWS:
        with ExitStack() as stack:
            each.prepare(stack)(2)


def test_rows_have_names_that_a_trailer_can_hold(workload: ModuleType) -> None:
    names = [each.name for each in workload.ROWS]
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.split() != [name]]


def test_canned_exchange_gives_each_order_an_id_and_its_own_stamp(workload: ModuleType) -> None:
    import canned_exchange

    answers = canned_exchange.Answers(canned_exchange.TimerlessClock())
    placed = [
        answers.to(b"POST /api/v3/order?symbol=BTCUSDT&timestamp=%d&signature=ab HTTP/1.1\r\n\r\n" % stamp)
        for stamp in (1_700_000_000_001, 1_700_000_000_002)
    ]
    bodies = [reply.partition(b"\r\n\r\n")[2] for reply in placed]
    assert [b'"transactTime":170000000000%d}' % number in body for number, body in enumerate(bodies, 1)] == [True] * 2
    assert len({body.partition(b"orderListId")[0] for body in bodies}) == 2
    with pytest.raises(ValueError, match="GET /api/v3/account") as refused:
        answers.to(b"GET /api/v3/account?signature=secret HTTP/1.1\r\n\r\n")
    assert "secret" not in str(refused.value)
