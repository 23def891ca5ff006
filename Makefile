# The same few targets for people and for continuous integration.
# Needs Python 3.11 or newer, git and make; everything else is fetched from the package registry.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
RUN := $(UV) run --frozen --no-sync
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: help setup demo test check bench benchlists remap docs web format clean
help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "riskbridge needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

setup: $(UV) ## Install riskbridge and its development tools into .venv
	@$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON)
	@.venv/bin/python -m compileall -q src

.venv/.demo: $(UV) pyproject.toml uv.lock
	@$(UV) sync --frozen --quiet --inexact --no-default-groups --python $(PYTHON) && touch $@

demo: .venv/.demo ## Pull a simulated Defender tenant over HTTP; show scored assets and findings
	@$(RUN) riskbridge demo $(ARGS)

test: setup ## Run every test
	@$(RUN) pytest --numprocesses 2 --dist loadfile $(ARGS)

check: setup ## Lint, format, types and layers
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) lint-imports

bench: $(UV) ## Measure a full sync against the bare limit and a dlt pipeline, then lists beside runs; writes build/bench*.json
	@$(UV) sync --frozen --quiet --compile-bytecode --group bench --python $(PYTHON)
	@.venv/bin/python -m compileall -q src
	@$(RUN) python benchmarks/sync.py $(ARGS)
	@$(if $(ARGS),,$(RUN) python benchmarks/lists.py)

remap: setup ## Measure mapping a large tenant anew after a map was changed; writes build/remap.json
	@$(RUN) python benchmarks/remap.py $(ARGS)

benchlists: setup ## Measure lists over HTTP at 1.5 M findings while a run publishes; writes build/bench-lists.json
	@$(RUN) python benchmarks/lists.py $(ARGS)

docs: setup ## Write the generated reference pages under docs/reference
	@$(RUN) python -m riskbridge.cli.reference docs/reference

web: ## Build the page's scripts, styles and icons anew from npm, in the versions that web/package-lock.json names
	@cd web && npm ci --silent --no-audit --no-fund && node build.js

format: setup ## Let ruff rewrite the code
	@$(RUN) ruff check --fix . && $(RUN) ruff format .

clean: ## Remove what the other targets made
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .demo
