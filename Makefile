# Every target sets up what it needs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench docs lock clean

VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
DEMO    := examples/first-plan/scenario.yaml
WORKERS := 2

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

test: $(READY) ## run the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) -rs -m "not alone"
	$(BIN)/python -m pytest -m alone

check: $(READY) ## format, lint, types and the fast tests: under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not alone"
	$(BIN)/python -m pytest -m alone

bench: $(READY) ## measure what is promised, methods side by side: half an hour
	$(BIN)/python -m benchmarks promises fleet methods melange profile forecast engine ingest logs replay whatif --limit 20

docs: $(READY) ## rebuild the reference pages that are made from the code
	$(BIN)/python docs/build.py

lock: ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.12 --generate-hashes --upgrade --quiet \
		--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" -o requirements.lock

clean: ## remove .venv, caches and runs/
	rm -rf $(VENV) runs dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
