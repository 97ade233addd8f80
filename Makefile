# FPSO System API: `make up` runs it, `make test` tests it; neither needs Docker.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
venv := .venv
bin := $(CURDIR)/$(venv)/bin
sets := backend/requirements

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- the tools, installed into the clone -------------------------------------
# uv comes first, by pip and by hash; it then installs the rest, by hash, and compiles
# it: where PYTHONDONTWRITEBYTECODE is set, every process would do that at every start.
$(venv)/bin/uv: $(sets)/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "FPSO needs Python 3.11 or newer, and $(PYTHON) is not: name another, make PYTHON=python3.13 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make environments: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Installing into $(venv) …"
	@$(PYTHON) -m venv $(venv)
	@"$(bin)/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r $(sets)/uv.txt
	@touch $@

$(venv)/installed: $(venv)/bin/uv $(sets)/dev.txt backend/pyproject.toml
	@"$(bin)/uv" pip sync --quiet --compile-bytecode --python "$(bin)/python" --require-hashes $(sets)/dev.txt || { \
	  echo "The libraries could not be installed. Without Docker, FPSO needs a package index within reach, CPython 3.11 to 3.14, and Linux with glibc 2.28 or newer, or macOS; elsewhere use: docker compose up" >&2; exit 1; }
	@"$(bin)/uv" pip install --quiet --python "$(bin)/python" --no-deps --no-build-isolation --editable backend
	@touch $@

install: $(venv)/installed ## Install everything into .venv

lock: $(venv)/bin/uv ## Lock the dependencies again, with hashes
	cd backend && for set in "runtime:" "embedded:--extra embedded" "dev:--extra embedded --group dev"; do \
	  "$(bin)/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-header $${set#*:} pyproject.toml -o requirements/$${set%%:*}.txt || exit 1; done
	cd backend && echo uv | "$(bin)/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-header -c requirements/dev.txt - -o requirements/uv.txt

# --- the two commands ---------------------------------------------------------
# `exec`: a signal reaches the supervisor, and no shell stands between.
up: install ## Run everything on http://localhost:8088; Ctrl-C stops it
	@exec "$(bin)/python" -m app.embedded

# More workers than four would mean more PostgreSQL servers than a laptop likes.
pytest := "$(bin)/python" -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

test: install ## Run every test
	cd backend && exec $(pytest) app

retest: install ## Run what failed last, alone
	cd backend && exec "$(bin)/python" -m pytest --last-failed --last-failed-no-failures=none app

coverage: install ## Run every test, with coverage, which takes twice as long
	cd backend && exec $(pytest) --cov=app --cov-report=term-missing --cov-fail-under=95 app

.PHONY: help install lock up test retest coverage

# --- what CI asks besides -----------------------------------------------------
check: install ## Lint, types, boundaries, dependencies, migrations, configuration files
	cd backend && "$(bin)/ruff" check --config pyproject.toml . ../alembic ../bench
	cd backend && "$(bin)/ruff" format --config pyproject.toml --check . ../alembic ../bench
	cd backend && "$(bin)/mypy" app ../alembic ../bench compose_tests
	cd backend && "$(bin)/lint-imports"
	cd backend && "$(bin)/deptry" .
	cd backend && sql=$$("$(bin)/alembic" upgrade head --sql) && printf '%s\n' "$$sql" | "$(bin)/squawk" --config ../.squawk.toml --stdin-filepath migrations.sql
	"$(bin)/yamllint" --strict .
	"$(bin)/hadolint" backend/Dockerfile
	"$(bin)/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml

compose-test: install ## Try the compose front door for real; needs a Docker engine
	cd backend && exec "$(bin)/python" -m pytest -v --durations=15 -p no:cacheprovider -o faulthandler_timeout=1800 compose_tests

SIZE ?= full
bench: install ## Measure beside two references (SIZE=small: minutes less)
	exec "$(bin)/python" -m bench --size $(SIZE)

.PHONY: check compose-test bench
