# `make help` lists what there is. Everything runs from .venv, which `make setup` makes.
PYTHON ?= python3
BIN := .venv/bin
# More at once than there are cores: many tests wait for other processes.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$(( (3 * n + 1) / 2 )))

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-wandb test-frameworks fuzz chaos lint format bench bench-search pictures clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## a .venv with everything; .venv/bin/sweep works then

.venv/.ready: pyproject.toml hatch_build.py controller/dashboard/package-lock.json
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "opensweep needs Python 3.11 or newer; $(PYTHON) is %d.%d. Say which one: make setup PYTHON=python3.12" % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) cannot make a virtual environment: install Debian's python3-venv, or name another with PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup ## a sweep over a real training script: progress, the best configuration, what next
	@cd sweep_configs && PATH="$(CURDIR)/$(BIN):$$PATH" OPENSWEEP_HOME="$(CURDIR)/demo-home" \
		sweep run digits.yaml --slots 2

# PostgreSQL cannot be installed by pip: where it is missing its tests are skipped and say so; CI
# installs it and runs them all.
test: export OPENSWEEP_TEST_NO_POSTGRES ?= $(shell command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo 1)
# Nor can a browser: likewise.
test: export OPENSWEEP_TEST_NO_BROWSER ?= $(shell command -v chromium >/dev/null || echo 1)
test: setup ## the whole suite, in parallel
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal $(ARGS)

fuzz: export OPENSWEEP_TEST_DEPTH ?= 20
fuzz: setup ## the fuzz tests for longer than the suite does (OPENSWEEP_TEST_DEPTH=20 times)
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --timeout 3600 tests/property/test_fuzz_*.py $(ARGS)

# Each version in an environment of its own, made once under .venv-wandb/.
test-wandb: setup ## every version of the real wandb client against our server (`make test`: the newest, and a little of an old one)
	OPENSWEEP_TEST_WANDB=all $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 tests/wandb_client $(ARGS)

# In an environment of their own: the frameworks are large, and none is needed for anything else.
test-frameworks: setup ## our callbacks and W&B's with the real frameworks (7 GB in .venv-frameworks)
	test -x .venv-frameworks/bin/python || $(PYTHON) -m venv .venv-frameworks
	.venv-frameworks/bin/python -m pip install --quiet --disable-pip-version-check -r tests/integrations/requirements.txt
	.venv-frameworks/bin/python -m pytest -c tests/integrations/pytest.ini tests/integrations $(ARGS)
	$(BIN)/python -m pytest tests/wandb_client/frameworks $(ARGS)

# A failing round prints the line that runs it again.
chaos: setup ## kill, stop, cut and restart everything for a while, then check the books (SECONDS, SEED, TRIALS, AGENTS, PAUSE)
	$(BIN)/python tests/chaos/run.py --seconds $(or $(SECONDS),300) $(if $(SEED),--seed $(SEED)) \
		--trials $(or $(TRIALS),300) --agents $(or $(AGENTS),4) $(if $(PAUSE),--pause $(PAUSE))

# What checks the pages: not in package.json, which names what the wheel ships. Some platforms have
# no build of them, and `npm ci` would insist on all.
PAGE_TOOLS := @biomejs/biome@2.6.8 typescript@7.0.2
NODE_TOOLS := controller/dashboard/node_modules/.tools

$(NODE_TOOLS): Makefile | setup
	cd controller/dashboard && PATH="$(CURDIR)/$(BIN):$$PATH" \
		npm install --no-save --no-package-lock --ignore-scripts --silent $(PAGE_TOOLS)
	@touch $@

lint: setup $(NODE_TOOLS) ## ruff and mypy; for the pages biome and tsc; as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd controller/dashboard && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent lint

format: setup $(NODE_TOOLS) ## let ruff and biome put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd controller/dashboard && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent format

bench: setup ## measure every figure in the README again
	$(BIN)/python -m benchmarks

# Goes on where it was broken off; what the peers need is installed into environments of their own.
bench-search: setup ## search and early termination beside other tools (a day of one core)
	$(BIN)/python -m benchmarks search --peers all --hours 24
	$(BIN)/python -m benchmarks search curves --peers all --hours 24
	$(BIN)/python -m benchmarks search latency --peers all

pictures: setup ## take the pictures in docs/pictures again, of a real sweep
	$(BIN)/python -m benchmarks.pictures

clean: ## remove what setup and the tests made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-home dist
