# Everything a developer types; `make help` lists it. Needs Python 3.11 to 3.13 and make, nothing else.
# Paths are relative and programs run as `python -m`, so a directory with spaces in its name does no harm.

VENV ?= .venv
PY := $(VENV)/bin/python
LOCK := requirements.lock
# One more than cores: a test waits for its servers a third of its time. In the order of the tree: the slowest first.
PROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

.DEFAULT_GOAL := help
.PHONY: help install demo flow test coverage chaos fuzz check bench lock example histories pictures clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

install: ## create .venv from requirements.lock (done by every target that needs it)
	@sh .ci/install "$(VENV)" $(LOCK)

demo: install ## start everything and run a bulk sync; ARGS="--products 200000 --exit"
	@"$(PY)" -m cli demo $(ARGS)

flow: install ## orders in, call-backs out: five steps against the running demo; RECEIPTS=order-101,order-115
	@"$(PY)" -m cli marketplace flow $(ARGS)

test: install ## all tests, a process per core and one more
	@"$(PY)" -m pytest -q --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

coverage: install ## the same with the branches they take
	@"$(PY)" -m pytest -q --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

chaos: install ## random faults and seeded interleavings: make chaos SEEDS=100, or one again: make chaos SEED=17
	@CHAOS_SEEDS=$(or $(SEEDS),20) CHAOS_SEED=$(SEED) "$(PY)" -m pytest -q tests/chaos

fuzz: install ## every operation of the API against its document: make fuzz EXAMPLES=200 SEED=7
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),50) FUZZ_SEED=$(or $(SEED),1) "$(PY)" -m pytest -q tests/integration/fuzzing

check: install ## format, lint, types, layering
	"$(PY)" -m ruff format --check .
	"$(PY)" -m ruff check .
	"$(PY)" -m mypy .
	"$(PY)" -m pytest -q --no-header tests/unit/test_layering.py

bench: install ## all benchmarks, or one: make bench ONLY=bulk N=1000000 FULL=1
	@"$(PY)" -m bench $(if $(ONLY),--only $(ONLY)) $(if $(N),--n $(N)) $(if $(FULL),--full)

lock: install ## resolve pyproject.toml into requirements.lock for Python 3.11 to 3.13
	@"$(PY)" -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file $(LOCK) $(LOCK_ARGS)
	@"$(PY)" -m uv pip compile bench/peer.in --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file bench/peer.lock $(LOCK_ARGS)

example: install ## write .env.example from the settings class
	@"$(PY)" -m cli settings example > .env.example

histories: ## record the runs of tests/replay anew (see docs/operations.md first); ARGS="happy"
	@"$(PY)" -m tests.replay.refresh $(ARGS)

pictures: install ## take the dashboard's pictures in docs/images anew, of a service that runs; needs Chromium
	@DASHBOARD_PICTURES=1 "$(PY)" -m pytest -q tests/integration/dashboard/test_pictures.py

clean: ## remove caches and the demo's data, keep .venv
	rm -rf .devstack .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov build
