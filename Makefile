# Needs make and a Python of 3.11 or newer; everything else goes to .venv, once, and again when pyproject.toml changes.
#   make demo     record, repeat and edit-and-repeat the shipped notebook
#   make test     the tests          (ARGS="-k store -x" goes to pytest, JOBS=1 runs one at a time)
#   make lint     ruff and mypy
#   make bench    the measurements   (BENCH=notebooks or BENCH=benchmarks/cells.py picks one, ARGS="..." goes to it)
# PYTHON=... picks the interpreter.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
ARGS ?=
JOBS ?= 2

.PHONY: help demo test lint bench clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/demo.stamp
	@$(BIN)/nbreplay demo $(ARGS)

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Notebooks take about half an hour on two cores. Their files bench.json, bench.svg and bench.png are left here.
bench: $(VENV)/bench.stamp
	@for program in $(or $(BENCH),notebooks $(sort $(wildcard benchmarks/*.py))); do \
	  echo "== $$program"; \
	  if [ "$$program" = notebooks ]; then \
	    $(BIN)/nbreplay bench --size medium --rounds 5 --json bench.json --chart bench $(ARGS) || exit 1; \
	  else $(BIN)/python "$$program" $(if $(BENCH),$(ARGS)) || exit 1; fi; done

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

# One interpreter is looked for once; it must be new enough, and able to make a virtual environment (Debian leaves
# ensurepip out of its python3). uv can do without ensurepip.
$(BIN)/python:
	@set -e; found=""; seen=""; \
	has_uv() { command -v uv >/dev/null 2>&1; }; \
	for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  command -v "$$p" >/dev/null 2>&1 || continue; \
	  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { seen="$$seen $$p (too old)"; continue; }; \
	  "$$p" -c 'import ensurepip, venv' >/dev/null 2>&1 || has_uv || { seen="$$seen $$p (cannot make a virtual environment)"; continue; }; \
	  found="$$p"; break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "make: no Python of 3.11 or newer that can make a virtual environment; seen:$${seen:- none}." >&2; \
	  echo "make: install python3 and python3-venv (Debian, Ubuntu), or name one: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	rm -rf $(VENV); \
	if has_uv && uv venv -q --seed -p "$$found" $(VENV); then :; else rm -rf $(VENV); "$$found" -m venv $(VENV); fi

# The stamp stands for "this extra is installed"; a failed install leaves none.
$(VENV)/%.stamp: pyproject.toml $(wildcard kernelspecs/*/*) | $(BIN)/python
	@echo "setting up $(VENV) for $* (once) ..."
	@if command -v uv >/dev/null 2>&1 && uv pip install -q -p $(BIN)/python -e '.[$*]'; then :; else \
	  $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[$*]'; fi
	@touch $@

.PRECIOUS: $(VENV)/%.stamp $(BIN)/python
