# Everything a developer does starts here. `make help` lists it.
# Needs make and Python 3.11 or newer; all else is installed into .venv from the hashed locks in requirements/.

VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check -qq
# How many processes share the tests. JOBS=0 runs them in one, in order.
JOBS   ?= 2
# More words for pytest, for example: make test ARGS="-k lock -x"
ARGS   ?=
UV     ?= uv

export PIP_REQUIRE_VIRTUALENV := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-as test test-slow check lint types layers format bench lock clean venv

help:  ## list what make can do
	@echo 'cstui: what make can do'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
	    printf '  make %-10s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.installed-run  ## open cstui on made-up customers and orders
	@$(PY) -m cstui demo

demo-as: $(VENV)/.installed-run  ## the same desk as a colleague: make demo-as AS=bob (or sue, adam)
	@$(PY) -m cstui demo --user $(or $(AS),bob)

test: $(VENV)/.installed-dev  ## run the tests on SQLite and on a throw-away PostgreSQL
	@$(PY) -m pytest -n $(JOBS) $(ARGS)

test-slow: $(VENV)/.installed-dev  ## run the long tests (soak, load, crashes)
	@$(PY) -m pytest -m slow $(ARGS)

check: lint types layers  ## check format, lint, types and layers

lint: $(VENV)/.installed-dev
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .

types: $(VENV)/.installed-dev
	@$(PY) -m mypy

layers: $(VENV)/.installed-dev
	@$(PY) -m pytest -q tests/test_architecture.py

format: $(VENV)/.installed-dev  ## write the format and the safe lint fixes
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(VENV)/.installed-dev  ## measure what must stay fast (benchmarks/README.md)
	@for script in benchmarks/bench_*.py; do \
	    [ -e "$$script" ] || { echo 'There is no benchmarks/bench_*.py yet.'; exit 1; }; \
	    echo "== $$script"; $(PY) "$$script" $(ARGS) || exit 1; done

venv: $(VENV)/.installed-dev  ## build or refresh .venv with all developer tools

lock:  ## write the locks again (maintainers; needs uv)
	@command -v $(UV) >/dev/null || { echo 'make lock needs uv: install it outside .venv, or pass UV=/path/to/uv.'; exit 1; }
	@# The run lock is held to the versions of the dev lock, so that one .venv serves both.
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	    --extra postgres --group dev $(ARGS) -o requirements/dev.txt pyproject.toml
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	    --extra postgres --constraint requirements/dev.txt $(ARGS) -o requirements/run.txt pyproject.toml
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	    --group pyproject.toml:build $(ARGS) -o requirements/build.txt
	@! grep -nE '[a-z]+://|index-url|find-links' requirements/*.txt || { echo 'A lock names a host.'; exit 1; }

clean:  ## remove .venv and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment whose Python has gone (upgraded away, copied from elsewhere) is built anew.
ifneq ($(wildcard $(VENV)/.python),)
ifneq ($(shell $(PY) -c 'print(1)' 2>/dev/null),1)
$(shell rm -rf $(VENV))
endif
endif

# The first Python that runs, is new enough and can build an environment.
$(VENV)/.python:
	@found=; old=; \
	for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { old="$$old $$python=$$version"; continue; }; \
	    $$python -c 'import ensurepip, venv' 2>/dev/null || { bare="$$bare $$python"; continue; }; \
	    found=$$python; break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'cstui needs Python 3.11 or newer.' >&2; \
	    [ -z "$$old" ] || echo "Too old:$$old." >&2; \
	    [ -z "$$bare" ] || echo "Without venv:$$bare. On Debian and Ubuntu: apt install python3-venv." >&2; \
	    echo 'Name another one with: make PYTHON=/path/to/python3' >&2; \
	    exit 1; \
	fi; \
	echo "Building $(VENV) with $$found ($$version)."; \
	$$found -m venv --clear $(VENV) && echo "$$version" > $@

$(VENV)/.installed-run: pyproject.toml requirements/run.txt requirements/build.txt | $(VENV)/.python
	@echo 'Installing what cstui needs (half a minute, once).'
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-index --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements/dev.txt requirements/build.txt | $(VENV)/.python
	@echo 'Installing cstui and the developer tools (a minute, once).'
	@$(PIP) install --require-hashes -r requirements/dev.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-index --no-build-isolation -e .
	@touch $(VENV)/.installed-run $@
