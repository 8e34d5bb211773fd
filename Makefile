# Two commands do everything: `make night` and `make test`. Both make the environment if it is missing.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
KERNELS := $(wildcard ext/*.pyx ext/*.pxd ext/*.pxi)
STAMP := $(VENV)/.ready
BUILT := $(VENV)/.built
HOME_DIR ?= sample-home
NIGHTS ?= 3
ROWS ?= 2000
SEED ?= 7

export AIRFLOW_HOME := $(CURDIR)/.airflow
export AIRFLOW_CONFIG := $(CURDIR)/airflow.cfg
export GX_ANALYTICS_ENABLED := false

.PHONY: env night test lint types bench nightly clean

env: $(BUILT)  ## the environment and the compiled kernels

$(STAMP): requirements.lock requirements-bootstrap.lock
	@echo "Making the environment in $(VENV) (minutes on the first run) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock requirements-bootstrap.lock
	@rm -f $(BUILT)
	@touch $@

$(BUILT): $(STAMP) $(KERNELS) setup.py pyproject.toml
	@echo "Building the kernels ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

night: env  ## make a sample programme and settle its nights through Airflow
	@$(BIN)/python dags/run_nights.py --home $(HOME_DIR) --nights $(NIGHTS) --rows $(ROWS) --seed $(SEED)

test: env  ## every test, with lint, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -n 2 --dist worksteal

lint: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache

types: env
	@$(BIN)/mypy

bench: env  ## the match at ten million rows a side beside other engines, sums, whole processes, a night (some 20 minutes)
	@$(BIN)/python -m tests.benchmarks

nightly: env  ## the same random tests on ten million cases (about half an hour)
	@SETTLEMENT_CASES=10000000 $(BIN)/python -m pytest tests/kernels -k oracle

clean:
	rm -rf $(VENV) .airflow build *.egg-info settlement/kernels/*.so ext/*.c
