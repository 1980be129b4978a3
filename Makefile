# Every target sets up what it needs: a virtual environment in .venv, the compiled modules, the tools.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What the compiled modules and the installed metadata are made of.
SOURCES := setup.py pyproject.toml $(wildcard _ext/spotlane/_core/*)

# The compiled modules, whose stubs are compared with them.
CORE    := $(filter-out __init__,$(notdir $(basename $(wildcard _ext/spotlane/_core/*.pyx))))

# The tools find each other, as cython-lint does pycodestyle.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo test conformance hostile integration chaos canary lint format bench bench-report instructions peers \
        addresses package lock audit sbom clean sanitize fuzz coverage-native refcounts valgrind
help:
	@echo "make demo     the whole lifecycle of orders and a withdrawal, against an exchange in this process"
	@echo "make test     every test"
	@echo "make conformance [EXCHANGE=...]   the checklist of every exchange against its sandbox, a line each"
	@echo "make hostile  a hundred thousand connections with a server that does everything wrong"
	@echo "make chaos    a million orders under every fault, a day of outages, thousands of kills (about an hour)"
	@echo "make canary   a unique secret through every fault, then looked for in logs, errors, memory and a core dump"
	@echo "make integration EXCHANGE=gateio  its non-destructive part against the exchange's own testnet"
	@echo "make lint     ruff, mypy, stubtest, cython-lint, import rules"
	@echo "make bench [BENCH_FLAGS=--quick]  the benchmarks, each beside its baseline, and a page of them"
	@echo "make bench-report                 the last results into the README, with page and plots"
	@echo "make instructions [SPOTLANE_BASE=...]  instruction counts beside those of a base commit (needs valgrind)"
	@echo "make sanitize [PYTEST_FLAGS=...]  every test on modules built with ASan and UBSan"
	@echo "make fuzz [FUZZ=\"decoder --runs 1000000\"]  libFuzzer on the compiled modules, against their oracles"
	@echo "make coverage-native  which lines of the compiled modules run (needs gcc)"
	@echo "make refcounts        references left behind by each compiled function (needs a debug build of Python)"
	@echo "make valgrind         tests of the compiled modules under memcheck"
	@echo "make peers    independent clients (ccxt, Gate's own) trading against the sandbox"
	@echo "make addresses  a hundred thousand addresses, valid and corrupted, judged by an oracle too"
	@echo "make package  sdist, wheel from the sdist, and tests on the installed wheel"
	@echo "make lock     the versions and hashes of everything that is installed here, anew, into requirements/"
	@echo "make audit    known vulnerabilities of what is locked, where the index answers"
	@echo "make sbom     what the package brings with it, as CycloneDX, into dist/"
	@echo "make clean    remove everything that was built"

demo: $(VENV)/.runtime
	$(BIN)/spotlane demo

# The tests are shared out to so many processes, more than there are cores: most tests wait. 0 runs them in one.
PYTEST_WORKERS ?= 4

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup $(PYTEST_FLAGS)

conformance: $(VENV)/.test
	$(BIN)/python -m spotlane.testing $(EXCHANGE)

# HOSTILE="--connections 1000 --transport plain --loop uvloop --tls --seed 7" and the like.
hostile: $(VENV)/.test
	$(BIN)/python tests/hostile/hostile_run.py $(HOSTILE)

# CHAOS="--orders 20000 --seed 7", CHAOS="--day" and the like; docs/outcomes.md has them all.
chaos: $(VENV)/.test
	$(BIN)/python tests/chaos/chaos_run.py $(CHAOS)

# The tests have a third of it: each fault with one kind of request.
canary: $(VENV)/.test
	CANARY=whole $(BIN)/python -m pytest -n $(PYTEST_WORKERS) tests/exchanges/test_canary.py

# Keys come from the environment variables that the exchange's spec names; without them it says SKIPPED.
integration: $(VENV)/.test
	$(BIN)/python -m spotlane.testing --testnet $(EXCHANGE)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest $(addprefix spotlane._core.,$(CORE))
	$(BIN)/cython-lint _ext
	$(BIN)/lint-imports

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# BENCH_FLAGS=--quick takes two minutes instead of a quarter of an hour; its figures can't be published.
bench: $(VENV)/.bench
	$(BIN)/python bench/all_ratios.py
	$(BIN)/python bench/whole_requests.py $(BENCH_FLAGS)
	$(BIN)/python bench/many_requests.py $(BENCH_FLAGS)
	$(BIN)/python bench/report.py

# Page and plots of the last results, and these into the README.
bench-report: $(VENV)/.bench
	$(BIN)/python bench/report.py --publish

instructions: $(VENV)/.instructions
	$(BIN)/python tools/instruction_counts.py

# What each of these needs beside the virtual environment is named by its first lines; without that it says SKIPPED.
sanitize: $(VENV)/.native
	$(BIN)/python tools/native_sanitize.py -n $(PYTEST_WORKERS) --dist loadgroup $(PYTEST_FLAGS)

fuzz: $(VENV)/.native
	PYTHONPATH=fuzz:tools:tests/core $(BIN)/python fuzz/fuzz_run.py $(FUZZ)

coverage-native: $(VENV)/.native
	$(BIN)/python tools/native_coverage.py

refcounts: $(VENV)/.native
	$(BIN)/python tools/native_refcounts.py

valgrind: $(VENV)/.native
	$(BIN)/python tools/native_valgrind.py

peers: $(VENV)/.peers
	$(BIN)/python -m pytest -ra tests/sandbox/test_independent_clients*.py

# ADDRESSES="--addresses 5000 --seed 7" and the like.
addresses: $(VENV)/.addresses
	$(BIN)/python tests/safety/addresses/oracle_run.py $(ADDRESSES)

package: $(VENV)/.package
	sh tools/package.sh $(BIN)/python

# LOCK=--upgrade takes the newest versions that pyproject.toml allows; without it only what changed there.
lock: $(VENV)/.lock
	sh tools/lock.sh $(BIN)/uv $(foreach name,$(STAGES),$(name)=$(EXTRAS_$(name))) -- $(LOCK)

audit: $(VENV)/.audit
	$(BIN)/python tools/audit.py $(BIN)/pip-audit $(wildcard requirements/*.txt)

sbom: $(VENV)/.audit
	sh tools/sbom.sh $(BIN)/cyclonedx-py

clean:
	rm -rf $(VENV) build dist src/*.egg-info src/spotlane/_core/*.so src/spotlane/_core/*.pyd

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V): make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "a C compiler is needed: on Debian and Ubuntu, apt install gcc; on macOS, xcode-select --install"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "Python's C headers are missing: on Debian and Ubuntu, apt install python3-dev"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One environment, in which each of these is a stage: what it installs beside the package itself. Versions and hashes are
# those of requirements/, whatever pyproject.toml would allow; build.in is what the package is built with.
EXTRAS_runtime := cli
EXTRAS_test    := cli,test
EXTRAS_lint    := cli,test,lint,bench
EXTRAS_bench   := bench
EXTRAS_instructions := instructions
EXTRAS_native  := cli,test,instructions
EXTRAS_peers   := cli,test,peers
EXTRAS_addresses := oracle
EXTRAS_package := package
EXTRAS_lock    := lock
EXTRAS_audit   := audit
STAGES := runtime test lint bench instructions native peers addresses package lock audit

define stage
$(VENV)/.$(1): $(VENV)/bin/python $(SOURCES) requirements/$(1).txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/$(1).txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $$@
endef
$(foreach name,$(STAGES),$(eval $(call stage,$(name))))
