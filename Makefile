# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Whatever these targets make lies below build/ and .venv/, a home directory for the tools included.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The environment that the layers of `make test` run in; `make matrix` names others.
VENV ?= .venv
PORT ?= 8123
RATE_LIMIT ?= 10

DEMO_VENV := build/venv/demo
# Where Ansible finds the collection: a link to this checkout, so that coverage is that of plugins/ here.
LINK := build/link/ansible_collections/clickhouse/cloud

# The newest Python that the pinned tools run on.
PYTHON ?= $(shell tests/tools/pythons 3.14 3.13 3.12 3.11 | head -n 1)

# Runs a command with $(1)/bin first on PATH and with a home directory of its own.
run = mkdir -p build/home && \
	HOME="$$PWD/build/home" \
	PATH="$$PWD/$(1)/bin:$$PATH" \
	ANSIBLE_HOME="$$PWD/build/home/.ansible" \
	ANSIBLE_COLLECTIONS_PATH="$$PWD/build/link" \
	PYTHONPATH=tests

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environments ----------------------------------------------------------------------------------------------------

$(DEMO_VENV)/installed: requirements/demo.txt
	$(require-python)
	"$(PYTHON)" -m venv --clear $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install --quiet --requirement requirements/demo.txt
	touch $@

.venv/installed: requirements/dev.txt
	$(require-python)
	"$(PYTHON)" -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --constraint requirements/dev.txt uv
	.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --requirement requirements/dev.txt
	touch $@

require-python = @test -n "$(PYTHON)" || { echo 'Python 3.11 or newer, with venv and pip, is needed: install it or name it, as in make PYTHON=/usr/local/bin/python3.13' >&2; exit 1; }

$(LINK):
	mkdir -p $(@D)
	ln -s ../../../.. $@

.PHONY: venv
venv: .venv/installed $(LINK) ## make the development environment in .venv

.PHONY: requirements
requirements: venv ## pin the newest versions of all development dependencies anew
	cd requirements && for name in dev test demo; do \
		../.venv/bin/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate \
			--constraint dev.txt $$name.in --output-file $$name.txt; \
	done

# --- demo and simulator ----------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(DEMO_VENV)/installed $(LINK) ## run examples/demo.yml against a simulator of its own
	@$(call run,$(DEMO_VENV)) python tests/tools/with_simulator.py ansible-playbook --diff examples/demo.yml

.PHONY: simulator
simulator: $(DEMO_VENV)/installed ## serve the simulator on 127.0.0.1 (PORT=8123, RATE_LIMIT=10, 0 for none)
	@$(call run,$(DEMO_VENV)) python -m simulator --port "$(PORT)" --rate-limit "$(RATE_LIMIT)"

# --- the layers of the tests -----------------------------------------------------------------------------------------

.PHONY: unit
unit: venv ## unit tests, with the coverage of plugins/
	@$(call run,$(VENV)) pytest tests/unit --cov --cov-report=term-missing:skip-covered

.PHONY: process
process: venv ## tests that run Ansible against the simulator
	@$(call run,$(VENV)) pytest tests/process

.PHONY: lint
lint: ruff mypy ## all linters

.PHONY: ruff
ruff: venv
	@$(call run,.venv) ruff check
	@$(call run,.venv) ruff format --check

.PHONY: mypy
mypy: venv
	@$(call run,.venv) mypy

.PHONY: clean
clean: ## remove build/ and .venv/
	rm -rf build .venv
