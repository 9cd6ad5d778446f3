# Everything runs on Python 3.11+ and what set-up brings; see README.md.
.POSIX:
.PHONY: help setup demo up test site lint style types fuzz mutants bench lock clean

PY = .venv/bin/python
# A demo or a run of the tests starts dozens of processes: none shall compile what another has.
export PYTHONDONTWRITEBYTECODE =

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup:  ## .venv by the lock, and a Temporal dev server (a minute the first time, no time afterwards)
	@sh tools/setup.sh
	@$(PY) -m tools.temporal_cli

demo:  ## the story, with live progress; stays up on a terminal until Ctrl-C (DEMO_EXIT=1: ends by itself)
	@started=$$(date +%s) && sh tools/setup.sh && PEGLINE_SETUP_STARTED=$$started exec $(PY) cli.py demo

up:  ## worker, gateway and servers without the story; keeps its state in .run/up
	@started=$$(date +%s) && sh tools/setup.sh && PEGLINE_SETUP_STARTED=$$started exec $(PY) cli.py up

test: setup style  ## every check: lint, types, architecture, tests (of the pages, too, where there is or may be a Chromium)
	@$(PY) -m tools.chromium
	@$(PY) -m tools.schemathesis
	@echo "Tests, and types and dependency rules beside them"
	@mkdir -p .cache
	@$(PY) -m tools.tryton_server >/dev/null 2>&1 & \
	{ $(CHECK_TYPES); } > .cache/types.txt 2>&1 & types=$$!; \
	$(PY) -m pytest -q $(BESIDE); failed=$$?; \
	wait $$types || failed=1; cat .cache/types.txt; exit $$failed

# Tryton is installed beside the first tests; those against it wait for that.
# Each process has servers of its own, and half of a story's time is waiting: three fit on two cores.
# Four are no quicker.
BESIDE = --numprocesses 3 --dist worksteal
# Temporal's servers collect garbage half as often as they would: tests make much of it.
test: export GOGC = 200

site:  ## docker-compose.yml's installation without a container engine; builds Temporal's server once, half an hour
	@sh tools/setup.sh
	@$(PY) -m tools.temporal_cli server
	@$(PY) -m pytest -q --site -s tests/site

lint: style types  ## format, lint, types and the dependency rules

style:
	@sh tools/setup.sh
	@echo "Format and lint (ruff)"
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check .

types:
	@$(CHECK_TYPES)

# No recipe of its own that another one makes: `make -n` would run it.
CHECK_TYPES = echo "Types (mypy --strict)" && .venv/bin/mypy --no-error-summary . && \
	echo "Dependency rules (import-linter)" && \
	{ said=$$(.venv/bin/lint-imports --no-cache 2>&1) || { echo "$$said"; exit 1; }; }

fuzz:  ## the API by its own description, for FUZZ_SECONDS (300), by schemathesis in an environment of its own
	@sh tools/setup.sh
	@$(PY) -m tools.schemathesis
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-300} $(PY) -m pytest -q tests/gateway/test_fuzzed.py

mutants:  ## mutation testing of the rules, ten minutes and more (MODULES="lots schedule": these only)
	@sh tools/setup.sh
	@$(PY) -m tools.mutants $(MODULES)

bench:  ## the figures of docs/performance.md but those of plan runs, twenty minutes (BENCH=--quick: whether they work)
	@sh tools/setup.sh
	@$(PY) -m benchmarks $(BENCH)

lock:  ## the locks anew from pyproject.toml; newer versions too with `make lock UPGRADE=--upgrade`
	@sh tools/setup.sh
	@$(PY) -m uv pip compile $(UPGRADE) $(COMPILE) -o requirements.lock pyproject.toml
	@$(PY) -m uv pip compile $(UPGRADE) $(COMPILE) -c requirements.lock --group dev -o requirements-dev.lock pyproject.toml

COMPILE = --quiet --universal --python-version 3.11 --generate-hashes --no-header --annotation-style line

clean:  ## what was made here: .venv, .run, caches (the Temporal dev server stays in the user's cache)
	@rm -rf .venv .run .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
