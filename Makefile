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
DB ?=

export AIRFLOW_HOME := $(CURDIR)/.airflow
export AIRFLOW_CONFIG := $(CURDIR)/airflow.cfg
export GX_ANALYTICS_ENABLED := false

SANITIZED := build/sanitized
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g

.PHONY: env night test lint types bench nightly sanitize clean

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

night: env  ## make a sample programme and settle its nights through Airflow; DB=postgresql+psycopg://... keeps its books there
	@$(if $(DB),SETTLEMENT_BOOKS_URL='$(DB)' )$(BIN)/python dags/run_nights.py --home $(HOME_DIR) --nights $(NIGHTS) --rows $(ROWS) --seed $(SEED)

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

bench: env  ## the match at ten million rows a side beside other engines, sums, whole processes, rating, a night (some 25 minutes)
	@$(BIN)/python -m tests.benchmarks

sanitize: env  ## the kernels' own tests over kernels built with the compiler's address and undefined-behaviour sanitizers
	@echo "Building the kernels with sanitizers in $(SANITIZED) ..."
	@rm -rf $(SANITIZED) && mkdir -p $(SANITIZED)
	@tar -c --exclude='*.so' --exclude=__pycache__ settlement ext contracts tests setup.py pyproject.toml README.md | tar -x -C $(SANITIZED)
	@sed -i 's/"-O3"/"-O1"/' $(SANITIZED)/setup.py
	@cd $(SANITIZED) && CFLAGS="$(SANITIZERS)" LDFLAGS="$(SANITIZERS)" $(CURDIR)/$(BIN)/python setup.py --quiet build_ext --inplace --parallel 2
	@cd $(SANITIZED) && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	  PYTHONPATH=. PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(CURDIR)/$(BIN)/python -m pytest -n 0 -q --capture=sys -p no:cacheprovider tests/kernels -k "not oracle"

nightly: env  ## the same random tests on ten million cases of kernels, a million mutated records of each format, a million random histories of contracts, many runs
	@SETTLEMENT_CASES=10000000 $(BIN)/python -m pytest tests/kernels -k oracle
	@SETTLEMENT_CASES=1000000 $(BIN)/python -m pytest tests/parse/test_mutated_records.py tests/parse/test_mastercard_round_trip.py -k mutated
	@SETTLEMENT_CASES=20000 $(BIN)/python -m pytest tests/kernels tests/match tests/parse tests/reconcile
	@SETTLEMENT_CASES=8000 $(BIN)/python -m pytest tests/rate/test_random_terms.py tests/rate/test_changes.py tests/rate/test_event_measures.py

clean:
	rm -rf $(VENV) .airflow build *.egg-info settlement/kernels/*.so ext/*.c
