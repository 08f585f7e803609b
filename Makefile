# Two commands for a newcomer: `make run` and `make test`. Both need only Python >= 3.11 and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

APP ?= 1
# One more than the cores of a small machine: many tests wait for a process, a page or a disk.
WORKERS ?= 3
SIZES ?= 1000000 10000000
comma := ,
space := $(subst ,, )
BIN := .venv/bin
# Where this is set, as in many images, no compiled module would ever be kept: each start of Python would read pandas,
# numba and us from source again, for a second or more.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS)
SOURCES = $(wildcard intel app.py pages bench examples tests)

.PHONY: help setup run test check soak audit lint format lock bench clean

help:  ## show this list
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /@/' | while IFS=@ read -r name text; \
	do printf 'make %-8s %s\n' "$$name" "$$text"; done

setup: .venv/.ready  ## make .venv with everything requirements.lock names; quick when it is up to date

.venv/.ready: requirements.lock pyproject.toml .ci/setup
	@echo "setting up .venv (two minutes) ..."
	@.ci/setup
	@touch $@

run: setup  ## build a store from the simulated economy and serve the app; APP=0: print a profile instead
ifeq ($(APP),0)
	@$(BIN)/intel demo --no-app
else
	@$(BIN)/intel demo --app
endif

test: setup  ## run the checks and all tests, installing Java and chromium for them where it can
	@.ci/parts
	@$(MAKE) --no-print-directory lint
	$(PYTEST) tests

check: setup lint  ## format, lint, types, floors, unit and contract tests: under two minutes
	$(PYTEST) -m "not slow and not spark and not browser" tests/unit tests/contracts

KILLS ?= 50
soak: setup  ## kill ingests and builds fifty times in each phase (KILLS=N), and fuzz longer; an hour or two
	@.ci/parts
	INTEL_SOAK=$(KILLS) $(BIN)/python -m pytest -s -v -n $(WORKERS) tests/faults/test_killed_builds.py \
		tests/faults/test_killed_ingests.py tests/hostile
	INTEL_SOAK=$(KILLS) $(BIN)/python -m pytest -s -v tests/live/test_kills.py
	@if $(BIN)/python -c "import atheris" 2>/dev/null; \
	then $(BIN)/python -m tests.hostile.fuzz_readers -max_total_time=$$((6 * $(KILLS))) -rss_limit_mb=4000; \
	else echo "libFuzzer was not asked: atheris is not installed ($(BIN)/uv pip install atheris)"; fi

audit: setup  ## ask whether a package of the lock has a known vulnerability; says so where nobody can be asked
	@.ci/audit

lint: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r intel app.py pages

format: setup  ## put the code into the house format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lock: .venv/.ready  ## resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --upgrade \
		--extra dev --extra spark --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock

bench: setup  ## measure the whole way at SIZES="1000000 10000000" and write docs/benchmarks.md
	$(BIN)/python bench/scale.py --sizes $(subst $(space),$(comma),$(strip $(SIZES))) --page docs/benchmarks.md

clean:  ## remove what the tools left; stores and .venv stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache spark-warehouse \
		metastore_db derby.log
	find . -path ./.venv -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
