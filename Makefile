# Every target sets up what it needs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check types kernels fast alone bench docs lock clean

VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
DEMO    := examples/first-plan/scenario.yaml
WORKERS := 2
TESTS   := not alone

# Tests start many short processes: what one of them compiles, the next shall find.
unexport PYTHONDONTWRITEBYTECODE

# Half of the tests in a row to each worker: what they share is made, and its kernels are loaded, once.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

help: ## list the targets
	@echo "usage: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  %-8s %s\n' "$$name" "$$text"; done

setup: $(READY) ## make .venv and install (PYTHON=... names the interpreter)

$(READY): pyproject.toml requirements.lock hatch_build.py tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh
	@touch $@

demo: $(READY) ## solve the shipped example and print its result card
	$(BIN)/dynamo-plan solve $(DEMO) -d runs/first-plan --force

test: kernels ## run the whole test suite (TESTS=slow: only what check leaves out)
	$(PYTEST) -rs -m "($(TESTS)) and not alone"
	@$(MAKE) --no-print-directory alone

check: $(READY) ## format, lint, types and the fast tests: about a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory -j 2 types fast
	@$(MAKE) --no-print-directory alone

types: $(READY)
	$(BIN)/mypy

# Compiled here once, not in every worker at the same time.
kernels: $(READY)
	$(BIN)/dynamo-plan doctor

fast: kernels
	$(PYTEST) -m "not slow and not alone"

# What measures time has the machine to itself; only its files are collected.
alone: $(READY)
	$(BIN)/python -m pytest -m alone $$(grep -rl --include='*.py' mark.alone tests)

bench: $(READY) ## measure what is promised, methods side by side: half an hour
	$(BIN)/python -m benchmarks promises fleet methods melange profile forecast engine ingest logs replay compare whatif --limit 20

docs: $(READY) ## rebuild the reference pages that are made from the code
	$(BIN)/python docs/build.py

lock: ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.12 --generate-hashes --upgrade --quiet \
		--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" -o requirements.lock

clean: ## remove .venv, caches and runs/
	rm -rf $(VENV) runs dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
