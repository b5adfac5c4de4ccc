# The targets set up the virtual environment in .venv themselves; nothing is needed beforehand
# but Python 3.11 or newer and make. PYTHON=/path/to/python3 chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
# Tests run in this many processes.
TEST_JOBS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?=
E2E_REPORT ?= .work/e2e
FAULTS_ARGS ?=
DEMO_SOURCE := examples/agent-platform/strapi.db
# Tests with nginx and Chromium need them on the PATH; continuous integration installs them (.ci/system-packages).
WITHOUT := $(if $(shell command -v nginx),, and not nginx)
WITHOUT += $(if $(shell command -v chromium chromium-browser google-chrome),, and not browser)
# Neighbours stay on one process, which shares what a module sets up; who is done takes over from the other.
PYTEST := $(BIN)/pytest -n $(TEST_JOBS) --dist worksteal $(PYTEST_ARGS)

# Compiled modules are kept, whatever the machine's habit: tests start the program many times.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo platform test test-long test-all test-shared e2e lint format docs references dist bench bench-quick bench-sizes bench-api \
	bench-live bench-backup bench-compare fuzz faults clean

help:
	@echo "make demo         migrate the example to the embedded PostgreSQL and show the report's path"
	@echo "make platform     the example's platform: embedded PostgreSQL, content API, nginx; prints the URLs"
	@echo "make test         the test suite (minutes); test-long what takes seconds each: faults, every"
	@echo "                  example of the documentation; test-all everything, with sweeps of hours"
	@echo "make e2e          the example's whole way, from its SQLite file to the accepted platform; report in .work/e2e"
	@echo "make test-shared  the tests on the files of ../shared (HOWDAH_SHARED=... elsewhere)"
	@echo "make lint         ruff and mypy; make format puts the code in shape"
	@echo "make docs         the documentation site into site/; fails at a broken link"
	@echo "make references   the pages of docs/reference that are written by the code"
	@echo "make dist         wheel and source distribution into dist/, the same bytes every time"
	@echo "make bench        the benchmark at 600 MB into bench/results/; bench-quick at 40 MB,"
	@echo "                  bench-sizes from 10 MB to 6 GB"
	@echo "make bench-api    the content API under load, by wrk, into bench/results/api.md"
	@echo "make bench-backup backup and restore beside bare pg_dump and pg_restore"
	@echo "make bench-compare what arrives by other tools, into docs/explanation/comparison.md"
	@echo "make bench-live   the pause of a cutover at 60 MB, 600 MB and 3 GB"
	@echo "make fuzz         random databases, migrated, proven and checked twice; FUZZ_ARGS=--help"
	@echo "make faults       faults at places of every verb, and their report; FAULTS_ARGS=--help"
	@echo "make clean        remove the virtual environment and everything that was built"

# Demo needs the tool alone; the other targets need the development tools too.
$(VENV)/.installed: pyproject.toml .ci/make-venv
	@.ci/make-venv $(VENV)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@.ci/make-venv $(VENV) dev
	@touch $@

# Ends with Ctrl-C; run again, it goes on with what is there.
platform: $(VENV)/.installed-dev
	@$(BIN)/python examples/agent-platform/scripts/up

$(VENV)/.installed-apps-heavy: $(VENV)/.installed-dev
	@.ci/make-venv $(VENV) apps-heavy
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/howdah migrate $(DEMO_SOURCE)

test: $(VENV)/.installed-dev
	$(PYTEST) -m "not long and not slow and not shared and not e2e$(WITHOUT)"

# What takes seconds each: faults, the documentation's examples, whole applications, servers that come and go.
test-long: $(VENV)/.installed-dev
	$(PYTEST) -m "long and not slow and not shared and not e2e$(WITHOUT)"

test-all: $(VENV)/.installed-apps-heavy
	$(PYTEST)

test-shared: $(VENV)/.installed-dev
	$(PYTEST) -m "shared and not slow"

# Needs Chromium on the PATH; continuous integration installs it (.ci/system-packages).
e2e: $(VENV)/.installed-dev
	E2E_REPORT=$(E2E_REPORT) $(BIN)/pytest -m e2e $(PYTEST_ARGS) tests/e2e

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev
	$(BIN)/sphinx-build -q -W --keep-going -b html docs site

# The pages of docs/reference that the code writes; tests/docs/test_references.py holds them against it.
references: $(VENV)/.installed-dev
	$(BIN)/python -m howdah.cli.reference > docs/reference/cli.md
	$(BIN)/python -m howdah.planning.findings_reference > docs/reference/findings.md
	$(BIN)/python docs/scripts/errors_page.py > docs/reference/errors.md
	$(BIN)/python -m howdah.service.settings_reference > docs/reference/settings.md
	$(BIN)/python docs/scripts/metrics_page.py > docs/reference/metrics.md
	$(BIN)/python -m howdah.codecs.registry > docs/reference/codecs.md
	$(BIN)/python -m howdah.planning.policies > docs/reference/policies.md
	$(BIN)/python -m howdah.audit.reference > docs/reference/audit.md

dist: $(VENV)/.installed-dev
	$(BIN)/python -m hatchling build -d dist

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench.run --megabytes 600 $(BENCH_ARGS)

bench-api: $(VENV)/.installed-dev
	$(BIN)/python -m bench.api $(BENCH_ARGS)

bench-quick: $(VENV)/.installed-dev
	$(BIN)/python -m bench.run --megabytes 40 --runs 1 --results .work/bench $(BENCH_ARGS)

bench-backup: $(VENV)/.installed-dev
	$(BIN)/python -m bench.backup $(BENCH_ARGS)

bench-compare: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m bench.compare

bench-sizes: $(VENV)/.installed-dev
	$(BIN)/python -m bench.run --megabytes 10 --megabytes 100 --megabytes 1000 --megabytes 6000 \
		--runs 1 --no-others $(BENCH_ARGS)

fuzz: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m fuzz.run $(FUZZ_ARGS)

faults: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m faults.run $(FAULTS_ARGS)

bench-live: $(VENV)/.installed-dev
	$(BIN)/python -m bench.live --megabytes 60 600 3000 --runs 3 $(BENCH_ARGS)

clean:
	rm -rf $(VENV) dist build site .work .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
