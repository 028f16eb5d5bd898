# `make demo` and `make test` do all the set-up themselves: Python 3.11 or newer, make and git are enough.

PYTHON ?= python3
UV ?= $(shell command -v uv)
BIN := .venv/bin
INSTALLED := .venv/.installed
SERVERS := mysql mariadb-10.11 mariadb-11.8

.PHONY: help demo test unit integration reliability check browser servers requirements clean
.DEFAULT_GOAL := help

help: ## Show these lines
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(INSTALLED) ## Add a helpful and a harmful index to a MySQL started for it, live
	$(BIN)/executor demo

test: unit integration ## Run every test, those on real servers included

unit: $(INSTALLED) ## Run the tests that need no server; the core must be covered whole
	$(BIN)/pytest tests/unit -n 2 --cov --cov-report=term-missing:skip-covered

integration: $(INSTALLED) browser ## Run the tests on real servers; without a server they are skipped, or fail if CI is set
	-$(BIN)/python -m executor_adapters.local_server install $(SERVERS)
	@# One at a time: two tests at once would share two cores with their servers, and starve each other.
	$(BIN)/pytest tests/integration --durations=25

reliability: $(INSTALLED) ## Kill, cut and stop for an hour or so, and write the counts into docs/reliability.md
	$(BIN)/python -m bench.reliability

check: $(INSTALLED) ## Lint, check the format, the types (twice) and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# A browser can't be unpacked into the cache as the servers are: it needs half a system. So it is installed, but only
# on a machine that CI has for itself; anywhere else that is for its owner to do.
browser: ## Install Chromium and its driver for the tests of the console, if this is CI on Debian or Ubuntu
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then :; \
	elif [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium chromium-driver; \
	else echo "the console is not tested in a browser: apt-get install chromium chromium-driver"; fi

servers: $(INSTALLED) ## Find the servers for the tests, or fetch them into the cache
	$(BIN)/python -m executor_adapters.local_server install $(SERVERS)

# The environment is made anew whenever what it is made from has changed. The package itself is built by the pinned
# backend in the environment, which looks for its program on PATH.
$(INSTALLED): requirements/dev.txt pyproject.toml
ifneq ($(UV),)
	$(UV) venv --quiet --allow-existing .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
endif
	@touch $@

requirements: ## Pin the newest versions that pyproject.toml allows, with their hashes (needs uv)
	@test -n "$(UV)" || { echo "make requirements needs uv: make UV=path/to/uv requirements"; exit 1; }
	$(UV) lock --quiet --no-config --upgrade
	$(UV) export --quiet --no-config --frozen --no-header --no-emit-project --no-dev --extra server --output-file requirements/runtime.txt
	$(UV) export --quiet --no-config --frozen --no-header --no-emit-project --output-file requirements/dev.txt

clean: ## Delete the environment and what the tools left in the tree
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov build dist
	find src tests examples bench -name __pycache__ -type d -prune -exec rm -rf {} +
