#!/bin/sh
# Builds the sdist, the wheel from that sdist, and proves both: the wheel holds no source of a compiled module, and in an
# environment that has never seen this folder's code the tests pass that load each part of it.
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
# What may differ between a wheel and the checkout: that every module is there, compiled as it should be, and that a
# whole client, the sandbox, the kit and the command line work. Every case of each is make test's.
"$work/venv/bin/python" -m pytest -q -p no:cacheprovider -m "not checkout" -n "${PYTEST_WORKERS:-4}" --dist loadgroup \
    tests/core tests/structs tests/conformance tests/cli tests/exchanges/test_mexc_lifecycle.py \
    tests/guardian/test_guardian_process.py tests/test_contract.py tests/test_errors.py tests/test_registry.py
"$work/venv/bin/spotlane" demo --quick
