"""What happens where the compiled modules are missing, or can't be used."""

from __future__ import annotations

import importlib
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import spotlane
from spotlane._core import _built

ROOT = Path(__file__).parents[2]


def test_a_missing_module_says_how_to_build(tmp_path: Path) -> None:
    source = Path(spotlane.__file__).parent
    shutil.copytree(source / "_core", tmp_path / "spotlane" / "_core", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    (tmp_path / "spotlane" / "__init__.py").touch()
    found = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import spotlane._core", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert found.returncode != 0
    assert "ImportError" in found.stderr
    assert "spotlane._core.decimals is not built" in found.stderr
    assert "pip install" in found.stderr


@pytest.fixture
def free_threaded(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sysconfig.get_config_var
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else real(name))


@pytest.mark.usefixtures("free_threaded")
def test_free_threaded_python_is_refused_at_import() -> None:
    with pytest.raises(ImportError, match=r"use the ordinary build .*python3\.14, not python3\.14t"):
        importlib.reload(_built)


@pytest.mark.checkout
@pytest.mark.usefixtures("free_threaded")
def test_free_threaded_python_builds_nothing() -> None:
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    with pytest.raises(SystemExit, match="not built for free-threaded Python"):
        runpy.run_path(str(ROOT / "setup.py"))


@pytest.mark.checkout
def test_no_module_declares_that_it_runs_without_the_interpreters_lock() -> None:
    sources = [ROOT / "setup.py", *(ROOT / "_ext").rglob("*.p[yx][xd]")]
    assert len(sources) > 20
    assert not [path.name for path in sources if "freethreading_compatible" in path.read_text()]
