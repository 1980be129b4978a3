#!/bin/sh
# Builds the sdist, the wheel from that sdist, and proves both: the wheel holds no source of a compiled module, and the
# tests pass on it in an environment that has never seen this folder's code.
# usage: tools/package.sh PYTHON-WITH-build
set -eu
python=$1
rm -rf dist
"$python" -m build --outdir dist .
"$python" tools/check_artifacts.py dist

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
wheel=$(ls dist/*.whl)
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[cli,test]"
# A copy, so that neither src/ nor the build of the checkout can be imported in place of the wheel.
cp -r tests docs pyproject.toml README.md "$work/"
cd "$work"
"$work/venv/bin/python" -m pytest -q -p no:cacheprovider -m "not checkout"
"$work/venv/bin/spotlane" demo --quick
