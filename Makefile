# The tasks of this project; `make` alone lists them. CI runs the same ones.

.DEFAULT_GOAL := help
.PHONY: help install run demo test check format bench schema
.DELETE_ON_ERROR:

BIN := .venv/bin
INSTALLED := .venv/.installed

# uv from PATH, or else one of our own: it needs nothing but Python 3.11 or later.
UV := $(or $(shell uv --version >/dev/null 2>&1 && command -v uv),.uv/bin/uv)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## Install everything from the lock file into .venv

run: $(INSTALLED) ## Serve on http://127.0.0.1:8000/graphql, with a database of its own
	@exec $(BIN)/passportx serve

demo: $(INSTALLED) ## Serve with a synthetic PassportX chain played into it
	@exec $(BIN)/passportx demo

test: check ## Run the checks and all tests, with coverage
	$(BIN)/pytest --cov --cov-report=term

check: $(INSTALLED) ## Lint, check the format, the types and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED) ## Format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(INSTALLED) ## Measure ingest, answers, frames and memory
	$(BIN)/python -m benchmarks

schema: $(INSTALLED) ## Export schema.graphql
	$(BIN)/passportx schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

$(INSTALLED): pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen
	@touch $@

# A directory of its own, for `uv sync` removes from .venv what the lock file does not name.
.uv/bin/uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or later is needed, as python3 on PATH.' >&2; exit 1; }
	@rm -rf .uv
	@python3 -m venv .uv && .uv/bin/python -m pip install --quiet uv \
		|| { rm -rf .uv; python3 -m pip install --quiet --target .uv uv; } \
		|| { rm -rf .uv; echo 'This Python has neither venv nor pip. Install one of them (Debian and' \
			'Ubuntu: apt install python3-venv), or uv.' >&2; exit 1; }
	@echo '*' > .uv/.gitignore
