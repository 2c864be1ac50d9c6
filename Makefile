# make run    serve the bundled demo album on http://127.0.0.1:7777/ (ARGS="--backend tar.gz" adds flags)
# make test   lint, types, import contracts, unit tests, and one path through each backend, the browser and a proxy

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
MARKS ?= not docker and not slow
# Script that starts a Docker engine if none is running, and prints its DOCKER_CONFIG
DOCKER_ENGINE ?= ../shared/tools/docker-engine

.PHONY: run test test-all lint unit test-docker test-pythons bench fuzz tools clean

run: $(VENV)/.ready
	$(BIN)/python server.py $(ARGS)

test: lint unit

# The slow tests as well: the whole service under load, faults, fuzzing, other programs, proxies, restarts
test-all:
	$(MAKE) lint unit MARKS="not docker"

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: tools $(VENV)/.ready-dev
	$(BIN)/python -X dev -m pytest -n $(JOBS) -m "$(MARKS)" $(ARGS)

test-docker: $(VENV)/.ready-dev
	@test ! -x $(DOCKER_ENGINE) || tests/install-tools dockerd:docker.io iptables:iptables mmdebstrap:mmdebstrap zstd:zstd
	@docker info >/dev/null 2>&1 || ! test -x $(DOCKER_ENGINE) || $(DOCKER_ENGINE) start
	export DOCKER_CONFIG=$${DOCKER_CONFIG:-$$(test -x $(DOCKER_ENGINE) && $(DOCKER_ENGINE) config)}; \
		test -n "$$DOCKER_CONFIG" || unset DOCKER_CONFIG; \
		$(BIN)/python -m pytest -m docker $(ARGS)

# Every interpreter from 3.11 on in PATH or in pyenv, each with a separate environment
test-pythons:
	@for python in $$(tests/pythons); do \
		echo "== $$python"; \
		$(MAKE) unit MARKS="not docker" PYTHON=$$python VENV=.venv-$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || exit 1; \
	done

# The fuzzing and DoS tests of tests/fuzz, for minutes: docs/fuzzing.md (ARGS="--cases 1000000 --seed 3")
fuzz: tools $(VENV)/.ready-dev
	$(BIN)/python -m tests.fuzz $(ARGS)

bench: tools $(VENV)/.ready-dev .venv-bench/.ready
	$(BIN)/python -m benchmarks $(ARGS)

# The implementations to compare with; benchmarks omit them if they cannot be installed
.venv-bench/.ready: benchmarks/requirements.txt | $(BIN)/python
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@ || rm -rf .venv-bench

tools:
	@tests/install-tools

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }

$(VENV)/.ready: requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.ready-dev: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ $(VENV)/.ready

clean:
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
