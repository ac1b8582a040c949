# `make run` serves the dashboard, `make test` checks everything; both need only Python 3.11 or later and make.

PYTHON ?= python3
PORT ?= 8501
LEUKO_DB ?= $(DEMO_DB)

VENV := .venv
PY := $(VENV)/bin/python
RUN_READY := $(VENV)/.run-ready
TEST_READY := $(VENV)/.test-ready
SPARK_READY := $(VENV)/.spark-ready
PIP_INSTALL := $(PY) -m pip install --quiet --no-input --disable-pip-version-check --constraint constraints.txt

DEMO_DB := data/leuko.duckdb
DEMO_FROM := $(wildcard data/*.csv data/*.toml) $(shell find leuko -type f -not -path '*/__pycache__/*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help run demo test test-spark browser postgres bench bench-large bench-others bench-pages soak load look tour clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=python3.12  another interpreter     PORT=8600  another port"
	@echo "  LEUKO_DB=FILE      serve another database than the demonstration"

run: $(RUN_READY) $(LEUKO_DB) ## serve the dashboard on http://localhost:8501
	@echo "leuko: http://localhost:$(PORT)  (Ctrl-C stops it)"
	@LEUKO_DB="$(LEUKO_DB)" exec $(PY) -m streamlit run dashboard.py --server.port $(PORT)

demo: $(DEMO_DB) ## build the demonstration database where it is missing or out of date

$(DEMO_DB): $(DEMO_FROM) | $(RUN_READY)
	@echo "Building the demonstration database $@"
	@$(PY) -m leuko load --from data --db $@

test: $(TEST_READY) browser postgres ## lint, check the imports, run all tests
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports
	@$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-spark: $(SPARK_READY) ## the rule on Spark against the rule on DuckDB, row for row; installs Spark, needs Java
	@LEUKO_SPARK=1 $(PY) -m pytest tests/test_spark.py

bench: $(TEST_READY) ## loading against a copy, the rule against a sort, the audit against the rule: 10 million rows
	@$(PY) -m benchmarks.bench_rule
	@$(PY) -m benchmarks.bench_audit
	@$(PY) -m benchmarks.bench_load
	@$(PY) -m benchmarks.bench_add

bench-large: $(TEST_READY) ## the rule at 1, 10 and 100 million rows against a sort, within 4 GB
	@$(PY) -m benchmarks.bench_large

bench-others: $(TEST_READY) ## the rule against pandas and, where there is Node.js, cql-execution: 1 million rows
	@$(PY) -m benchmarks.bench_others

bench-pages: $(TEST_READY) browser ## clicks on the panel of a million patients against a thousand and a bare page
	@$(PY) -m benchmarks.bench_pages

soak: $(TEST_READY) ## ten minutes of loads, kills, undone loads and readers together; nothing may be lost
	@$(PY) -m tests.soak

load: $(TEST_READY) ## fifty people at once, clicking for minutes: no error, no patient of another; how long a click takes
	@$(PY) -m tests.load

look: $(TEST_READY) browser $(DEMO_DB) ## screenshots of every page and of the hard cases, both themes, three widths, into look/
	@$(PY) -m tests.look

tour: $(TEST_READY) browser $(DEMO_DB) ## the pictures of docs/tour.md anew, into docs/tour/
	@$(PY) -m tests.tour

browser: $(TEST_READY)
	@$(PY) tests/browser.py

postgres: $(TEST_READY)
	@$(PY) tests/postgres.py

clean: ## remove the environment, the demonstration database, its journal and the screenshots
	rm -rf $(VENV) look data/*.duckdb*

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "leuko needs Python 3.11 or later, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)." \
	         "Name another with: make PYTHON=python3.11" >&2; exit 1; }
	@echo "Making the environment $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN_READY): requirements.txt constraints.txt $(PY)
	@echo "Installing what the dashboard needs"
	@$(PIP_INSTALL) --requirement requirements.txt
	@touch $@

$(TEST_READY): requirements-dev.txt $(RUN_READY)
	@echo "Installing what the tests need"
	@$(PIP_INSTALL) --requirement requirements-dev.txt
	@touch $@

$(SPARK_READY): requirements-spark.txt $(TEST_READY)
	@java -version >/dev/null 2>&1 || { echo "Spark needs Java 17 or later, and there is no \`java\` here." >&2; exit 1; }
	@echo "Installing Spark"
	@$(PIP_INSTALL) --requirement requirements-spark.txt
	@touch $@
