# Every command of the project. Needs Python 3.11 or newer, a C++20 compiler and make; the rest comes from PyPI.

VENV  := .venv
BIN   := $(VENV)/bin
BUILD := build
ARGS  ?=

# The first interpreter that is new enough and can make a virtual environment.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && \
	echo $$p && break; done)

SOURCES := $(shell find src CMakeLists.txt README.md LICENSE -type f \
	-not -name '*.so' -not -name '*.pyc' 2>/dev/null)
CODE    := src tests examples $(wildcard benchmark docs/conf.py)

# What the choice of the kernel can change most directly; `make slow` runs everything with NumPy's.
CORE := $(addprefix tests/,kernel covariance prior model fit laws test_moments.py estimator/test_sklearn_checks.py)

.DEFAULT_GOAL := help
.PHONY: help install demo test check slow bench docs format clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: install  ## fit a real data set from a file and compare with scikit-learn
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: install  ## run the tests, those of the numerical core with the NumPy kernel too (ARGS="tests/fit" for some)
	$(BIN)/pytest -n auto $(ARGS)
	GAUSSMIX_KERNEL=reference $(BIN)/pytest -n auto $(or $(ARGS),$(CORE))

check: $(VENV)/.dependencies  ## lint, types, layers
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports

slow: install $(VENV)/.spark  ## the long tests, and all others with the NumPy kernel
	$(BIN)/pytest -n auto -m slow $(ARGS)
	GAUSSMIX_KERNEL=reference $(BIN)/pytest -n auto $(ARGS)

bench: install  ## compare speed with other packages, in a venv of their own
	$(BIN)/python -m benchmark $(ARGS)

docs: install $(VENV)/.docs  ## build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

format: $(VENV)/.dependencies  ## let ruff lay out the code
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

install: $(VENV)/.installed  ## build the package into .venv

clean:  ## remove all that make made
	rm -rf $(VENV) $(VENV)-bench $(BUILD) docs/_build docs/auto_examples docs/sg_execution_times.rst

# The tools and the dependencies; made again when pyproject.toml changes.
$(VENV)/.dependencies: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 with the venv module found; name one: make PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
	$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print("\n".join(p["dependencies"]))' > $(VENV)/dependencies.txt
	$(BIN)/python -m pip install -qq --group dev -r $(VENV)/dependencies.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.dependencies
	$(BIN)/python -m pip install -qq --group docs
	@touch $@

# Spark is 400 MB and runs on Java: its tests are skipped where either is missing.
$(VENV)/.spark: $(VENV)/.dependencies
	@if command -v java >/dev/null; then $(BIN)/python -m pip install -qq --group spark; \
		else echo "make: no Java found: the tests of Spark are skipped"; fi
	@touch $@

# The package itself, as a user gets it: a wheel, installed. CMake's files stay in build/, so that only the C++
# that changed is compiled again.
$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES)
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --force-reinstall \
		-Cbuild-dir=$(BUILD)/wheel .
	@touch $@
