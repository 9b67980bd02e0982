# What a contributor runs. `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# CI and people may give pytest more, as in: make test PYTEST="-k decide -x"
PYTEST ?=
WORKERS ?= auto
# What `make chaos` is to do otherwise, as in: make chaos CHAOS="--seed 7 --round 12 -v"
CHAOS ?=
# Over how many hosts, as root: make chaos HOSTS=3
HOSTS ?=
# Which parts `make bench` is to measure, and how often, as in: make bench BENCH="idle-pass command-line --rounds 9"
BENCH ?=
# How many histories `make histories` tells.
HISTORIES ?= 2000
TAG ?=

# Bytecode is kept, as it is once envmgr is installed: each of the many processes that tests start would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install parts demo demo-pipeline test quick quick-tests histories lint format docs screenshots bench chaos upgrade instance dist lock clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## make .venv with envmgr and all it needs, from hashed pins

# Two stamps, so that a changed pyproject.toml does not download everything again.
$(VENV)/.pinned: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("envmgr needs Python 3.11 or newer; say which with make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tests/support/install-parts venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.pinned pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

parts:  ## install what only tests need: Azurite, PostgreSQL, sshd … (each only where absent)
	@tests/support/install-parts

demo: install  ## show the whole life of two environments in under a minute
	$(BIN)/envmgr demo

demo-pipeline: install  ## show the way from a push to production: built once, tested, approved, promoted
	$(BIN)/envmgr demo --pipeline

test: install parts  ## run every test; what cannot be had here is skipped with its reason
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST)

# The parts that start within a moment; a tenth of the examples. Lint and tests side by side, since each waits for the other's core.
quick: install  ## lint, unit tests and the contract on SQLite and folders, within a minute; no Terraform, no server
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint quick-tests

quick-tests: install
	@HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q -n $(WORKERS) tests/unit tests/contract -m "not slow" \
	  --ignore=tests/contract/test_forge.py --ignore=tests/contract/test_store_servers.py --ignore=tests/contract/test_store_pooler.py \
	  -k "not postgres and not procrastinate and not s3 and not azure" $(PYTEST)

histories: install  ## tell the engine two thousand histories in memory; HISTORIES=20000 tells more
	@ENVMGR_TEST_HISTORIES=$(HISTORIES) $(BIN)/python -m pytest -q --timeout=0 -o faulthandler_timeout=0 \
	  tests/unit/engine/test_any_history.py $(PYTEST)

lint: install  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## let ruff lay the code out and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install  ## write the reference, build the site into site/ (strict)
	$(BIN)/python -m tests.reference
	$(BIN)/zensical build --clean --strict

screenshots: install parts  ## take the pictures of the documents anew, of a page with records made up
	$(BIN)/python -m tests.browser.screenshots

bench: install parts  ## measure envmgr against the same work done by hand; BENCH="idle-pass --rounds 9"
	$(BIN)/python -m tests.benchmarks $(BENCH)

chaos: install parts  ## kill envmgr and Terraform hundreds of times and count what was lost; CHAOS="--seed 1"
	$(BIN)/python -m tests.chaos $(if $(HOSTS),--hosts $(HOSTS)) $(CHAOS)

upgrade: install parts  ## upgrade two hosts in turn while a team pushes, from FROM=COMMIT to this one; as root, some minutes
	$(BIN)/python -m tests.chaos.hosts.upgrade $(if $(FROM),--from $(FROM)) $(UPGRADE)

instance: install parts  ## try envmgr@.service with its daemon, Terraform and limits, beside a kernel of its own; as root, some minutes
	$(BIN)/python -m pytest -q -o faulthandler_timeout=0 tests/integration/instance_run.py $(PYTEST)

dist: install  ## build a release into dist/; TAG=v1.2.3 must fit the version and the changelog
	@.ci/dist $(TAG)

lock: install  ## pin the newest versions that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv
	env -u UV_INDEX_URL -u UV_FIND_LINKS $(VENV)/lock/bin/uv pip compile --no-config --quiet --upgrade \
	  --universal --python-version 3.11 --group dev pyproject.toml --output-file requirements.lock \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
	npm install --prefix tests/support/npm --package-lock-only --ignore-scripts --no-audit --no-fund

clean:  ## take away everything that make made
	rm -rf $(VENV) .tools .cache site build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
