# p2pd: `make run` starts a node, `make test` passes the tests; both set everything up first.
# Needs Python 3.11 or newer, a C compiler and libgmp-dev (py-libp2p builds fastecdsa from source).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_ARGS ?=
PYTEST_ARGS ?=
INTEROP_PEERS ?=
BENCH_ARGS ?=
# Most of what the tests do is to wait for processes: files run side by side, each in order.
PARALLEL ?= -n 4 --dist loadfile
# Without compiled modules each start of the daemon would compile a thousand of them where PYTHONDONTWRITEBYTECODE is set.
COMPILE = @$(BIN)/python -m compileall -q -j 0 daemon cli bootstrap

.PHONY: run setup dev check format lint types contracts docs test test-all interop interop-table browser screenshots bench lock protos clean help

help:            ## lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/'

run: $(VENV)/.run   ## sets everything up and starts a node (RUN_ARGS='--nick ann')
	@exec $(BIN)/p2pd start $(RUN_ARGS)

setup: $(VENV)/.run

dev: $(VENV)/.dev   ## sets up what tests and checks need

$(VENV)/bin/python:
	@scripts/preflight $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(COMPILE)
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(COMPILE)
	@touch $@ $(VENV)/.run

check: $(VENV)/.dev format lint types contracts docs   ## format, lint, types, import contracts, documentation

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/python scripts/check_docs.py

test: $(VENV)/.dev   ## the tests, under 5 minutes on two cores
	$(BIN)/python -m pytest -m "not all" $(PARALLEL) $(PYTEST_ARGS)

test-all: $(VENV)/.dev   ## what is slow as well: namespaces, many seeds, fuzzing
	$(BIN)/python -m pytest $(PYTEST_ARGS)

interop:         ## builds the peers of Go, Rust and JavaScript that tests and benchmarks use (INTEROP_PEERS='go js')
	@tests/interop/build $(INTEROP_PEERS)

interop-table: $(VENV)/.dev interop   ## runs the tests with them and writes the README's table
	$(BIN)/python -m pytest tests/interop -m all
	$(BIN)/python scripts/gen_interop_table.py

browser:         ## installs what the tests of the page need beside Chromium, which comes from your system
	@tests/web/build

screenshots: $(VENV)/.dev   ## takes the documentation's pictures of the page anew
	P2PD_SCREENSHOTS=1 $(BIN)/python -m pytest tests/web/test_screenshots.py

bench: $(VENV)/.dev   ## builds the other implementations' peers, prints the benchmarks' tables (BENCH_ARGS=--quick)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

lock: $(VENV)/.dev   ## writes the lock files anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
