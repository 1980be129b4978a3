"""What happens where the compiled modules are missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import spotlane


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
