# Two commands do everything: `make demo` runs the main job, `make test` passes the tests.
# Both make the environment from pinned versions first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long bench lint types clean

# Options of the benchmark suite, e.g. make bench BENCH="--full --output figures"
BENCH ?=

demo: $(VENV)/.ready
	$(BIN)/sinks demo demo-out

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto -m "not long"

test-long: $(VENV)/.ready
	$(BIN)/python -m pytest -n auto

bench: $(VENV)/.bench
	PYTHONPATH=tests $(BIN)/python -m bench $(BENCH)

lint: $(VENV)/.ready
	$(BIN)/ruff check .

types: $(VENV)/.ready
	$(BIN)/mypy

$(VENV)/.ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q aoi sinks methodologies
	touch $@

$(VENV)/.bench: requirements-bench.txt $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements-bench.txt
	touch $@

clean:
	rm -rf $(VENV) demo-out
