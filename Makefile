# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

# The few commands that README.md and CONTRIBUTING.md name. The rest is in noxfile.py: .venv/bin/nox --list

# What makes the environments: Python 3.11 or newer.
PYTHON ?= python3
NOX := build/venv/nox/bin/nox

# What `make test` runs, two at a time, the longest first.
LAYERS := e2e sanity oldest lint unit galaxy component molecule docs contract
session-oldest := "matrix(2.16-3.11)" -- unit integration

.PHONY: quick test docs contract demo simulator bench venv clean $(LAYERS:%=layer-%)

quick: $(NOX) # ruff and the unit tests of plugins and playbooks
	@$(NOX) --session quick

test: venv # every layer of tests, and the linters
	@rm -rf build/reports && mkdir -p build/reports
	@$(MAKE) --jobs=2 --keep-going --output-sync --no-print-directory $(LAYERS:%=layer-%); \
		$(PYTHON) tests/tools/summary.py --all $(LAYERS)

$(LAYERS:%=layer-%): layer-%:
	@$(NOX) --no-dependencies --report build/reports/$*.json --session $(or $(session-$*),$*) > build/reports/$*.log 2>&1 || \
		cat build/reports/$*.log
	@$(PYTHON) tests/tools/summary.py $*

docs: $(NOX) # the documentation site in build/docs/html
	@$(NOX) --session docs

contract: $(NOX) # what the simulator assumes about the API; LIVE=1 EMAIL=you+contract@example.com asks the real one
	@$(NOX) --session contract $(if $(LIVE),-- --email "$(EMAIL)")

demo: $(NOX) # examples/demo.yml against a simulator of its own
	@$(NOX) --session demo

simulator: $(NOX) # serve the simulator; PORT=8766, RATE_LIMIT=10 (0 is none), SETTINGS=FILE
	@$(NOX) --session simulator -- $(if $(PORT),--port "$(PORT)") $(if $(RATE_LIMIT),--rate-limit "$(RATE_LIMIT)") \
		$(if $(SETTINGS),--settings "$(SETTINGS)")

bench: $(NOX) # the collection's speed beside what else a user would write
	@$(NOX) --session bench

venv: $(NOX) # .venv, in which all of these run
	@$(NOX) --session venv

clean:
	rm -rf build .venv

$(NOX): requirements/nox.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.13" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear build/venv/nox
	build/venv/nox/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/nox.txt
