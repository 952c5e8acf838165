# Needs git, make and Python 3.11 or newer; everything else is installed into .venv, at the versions of requirements.lock.

SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.installed
# the uv that installs is the one that the lock names
UV := $(shell sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements.lock)
PYTEST_ARGS ?= -n 2 --dist loadfile
DEMO_ARGS ?=
LOCK_ARGS ?=
BENCH_ARGS ?=
# the stages of the demo system run `python`, which must be the one in .venv
WITH_PATH = PATH="$(CURDIR)/$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench bench-integrity bench-drills lock clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-8s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## make .venv and install what the lock names

# A candidate must run, and not only exist: version managers leave names that do not start.
$(STAMP): requirements.lock pyproject.toml
	@set -e; found=; \
	for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo 'error: Python 3.11 or newer not found; name one with make PYTHON=...' >&2; exit 1; fi; \
	"$$found" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@# pip can be configured in ways that uv does not read: where uv cannot install, pip does
	@if $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .; then :; \
	else \
		echo 'uv could not install; trying pip' >&2; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@

demo: $(STAMP) ## run the showcase, from nothing to a report
	$(WITH_PATH) $(BIN)/rca demo $(DEMO_ARGS)

test: $(STAMP) ## run the tests
	$(WITH_PATH) $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP) ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) ## measure speed and coverage
	@for script in tests/bench/bench_coverage.py tests/bench/bench_attribute.py tests/bench/bench_check.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

bench-integrity: $(STAMP) ## plant every damage in real tables and count what is named; BENCH_ARGS="--seeds 5"
	$(BIN)/python tests/bench/bench_integrity.py $(BENCH_ARGS)

bench-drills: $(STAMP) ## run every drill, and count what is named by rca and by two baselines
	$(BIN)/python tests/bench/bench_drills.py $(BENCH_ARGS)

lock: $(STAMP) ## resolve pyproject.toml to requirements.lock; LOCK_ARGS=--upgrade for newer versions
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --no-emit-index-url --no-emit-find-links \
		pyproject.toml -o requirements.lock $(LOCK_ARGS)

clean: ## remove reports, builds and caches
	rm -rf build dist reports .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks .coverage htmlcov
	find rca pipeline tests -name __pycache__ -type d -prune -exec rm -rf {} +
