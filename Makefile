# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Whatever these targets make lies below build/ and .venv/, a home directory for the tools included.

SHELL := bash
.DEFAULT_GOAL := help

# The environment that unit, component, e2e and integration run in, where they leave their JUnit reports, and what pytest is
# to run in each: `make matrix` calls them with others.
VENV ?= .venv
REPORTS ?= build/reports
UNIT ?= tests/unit
COMPONENT ?= tests/component -m "not extra"
E2E ?= tests/e2e

# The newest Python that the pinned tools run on.
PYTHON ?= $(shell tests/tools/pythons 3.14 3.13 3.12 3.11 | head -n 1)

DEMO_VENV := build/venv/demo
GALAXY_VENV := build/venv/galaxy
BENCH_VENV := build/venv/bench

# The collection where Ansible looks for collections: a link to this checkout, so that coverage is that of its plugins/.
LINK := build/link/ansible_collections/clickhouse/cloud
# The same as a copy, for tools that do not follow links, or that write beside what they read.
copy = build/$(1)/ansible_collections/clickhouse/cloud

# The Pythons of this machine under the names that ansible-test and nox look for.
PYTHONS := build/pythons

# Runs a command in one of the environments, with a home directory of its own.
run = HOME="$(CURDIR)/build/home" \
	ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/build/link" \
	ANSIBLE_HOME="$(CURDIR)/build/home/.ansible" \
	PATH="$(CURDIR)/$(1)/bin:$(CURDIR)/$(PYTHONS):$$PATH" \
	PYTHONDONTWRITEBYTECODE=1 \
	UV_CACHE_DIR="$${UV_CACHE_DIR:-$(HOME)/.cache/uv}" \
	UV_PYTHON_DOWNLOADS=never
# Trust the certificates that the machine trusts, as pip does.
export UV_SYSTEM_CERTS := 1

with-simulator := python "$(CURDIR)/tests/tools/with_simulator.py"

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environments ----------------------------------------------------------------------------------------------------

require-python = @[ -n "$(PYTHON)" ] || { \
	echo "Python 3.11 or newer is needed, with venv and pip. Not on PATH? make PYTHON=/where/it/is/python3.13" >&2; exit 1; }

$(DEMO_VENV)/installed: requirements/demo.txt
	$(require-python)
	"$(PYTHON)" -m venv --clear $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/demo.txt
	touch $@

.venv/installed: requirements/dev.txt
	$(require-python)
	"$(PYTHON)" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements/dev.txt uv
	.venv/bin/python -m uv pip sync --quiet --compile-bytecode --python .venv/bin/python requirements/dev.txt
	touch $@

# Apart from .venv: galaxy-importer wants older versions than nox, and only the benchmark draws.
$(GALAXY_VENV)/installed $(BENCH_VENV)/installed: build/venv/%/installed: requirements/%.txt .venv/installed
	.venv/bin/python -m uv venv --quiet --clear --python .venv/bin/python $(@D)
	.venv/bin/python -m uv pip install --quiet --compile-bytecode --python $(@D)/bin/python --requirement $<
	touch $@

$(LINK):
	mkdir -p $(@D)
	ln -s ../../../.. $@

$(PYTHONS):
	mkdir -p $@
	tests/tools/pythons 3.14 3.13 3.12 3.11 3.10 3.9 | while read -r python; do \
		ln -sf "$$python" "$@/$$("$$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"; done

build/home:
	mkdir -p $@

.PHONY: venv
venv: .venv/installed $(LINK) $(PYTHONS) build/home ## make the development environment, .venv

pin := ../.venv/bin/python -m uv pip compile --quiet --upgrade --no-annotate

.PHONY: requirements
requirements: venv ## pin the newest versions of the development dependencies anew
	cd requirements && for name in dev test demo galaxy bench; do $(pin) --universal --python-version 3.11 $$name.in --output-file $$name.txt; done
	cd requirements && for name in target target-test; do $(pin) --python-version 3.9 $$name.in --output-file $$name.txt; done

.PHONY: clean
clean: ## remove build/ and .venv/
	rm -rf build .venv

# --- demo, simulator, benchmark -----------------------------------------------------------------------------------

.PHONY: demo
demo: $(DEMO_VENV)/installed $(LINK) build/home ## run examples/demo.yml against a simulator of its own
	@$(call run,$(DEMO_VENV)) ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false \
		ANSIBLE_INVENTORY_UNPARSED_WARNING=false ANSIBLE_LOCALHOST_WARNING=false \
		$(with-simulator) ansible-playbook examples/demo.yml -e demo_report=build/report.html

.PHONY: simulator
simulator: $(DEMO_VENV)/installed ## serve the simulator on 127.0.0.1 (PORT=8766, RATE_LIMIT=10, 0 for no limit, SETTINGS=FILE)
	@PYTHONPATH=tests $(DEMO_VENV)/bin/python -m simulator $(if $(PORT),--port "$(PORT)") \
		$(if $(RATE_LIMIT),--rate-limit "$(RATE_LIMIT)") $(if $(SETTINGS),--settings "$(SETTINGS)")

.PHONY: bench
bench: venv $(BENCH_VENV)/installed ## compare the collection's speed with what else a user would write
	@$(call run,$(BENCH_VENV)) PYTHONPATH=tests python -m benchmark

# --- tests -----------------------------------------------------------------------------------------------------------

LINTERS := ruff mypy yamllint reuse workflows changelog docs-lint ansible-lint

.PHONY: test
test: venv ## run all of the below, on the newest ansible-core that this machine can run and on the oldest supported
	@.venv/bin/python tests/tools/run_layers.py oldest $(LINTERS) docs integration molecule galaxy sanity e2e contract component unit

.PHONY: lint
lint: $(LINTERS) ## all linters

.PHONY: ruff
ruff: venv
	@$(call run,.venv) ruff check --quiet
	@$(call run,.venv) ruff format --check --quiet

.PHONY: mypy
mypy: venv
	@$(call run,.venv) mypy

.PHONY: yamllint
yamllint: venv
	@$(call run,.venv) yamllint --strict .

.PHONY: reuse
reuse: venv
	@$(call run,.venv) reuse lint --quiet || $(call run,.venv) reuse lint

.PHONY: workflows
workflows: venv
	@$(call run,.venv) zizmor --offline --strict-collection --persona=pedantic --quiet --no-progress .github

.PHONY: changelog
changelog: venv
	@$(call run,.venv) antsibull-changelog lint

.PHONY: docs-lint
docs-lint: venv
	@$(call run,.venv) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .

# antsibull-docs writes into no folder into which others may write. Its index of the collection gives way to a start page.
.PHONY: docs
docs: venv ## build the documentation site in build/docs/html, and follow its links
	@rm -rf build/docs
	@mkdir -p build/docs/rst && chmod go-w build/docs/rst
	@$(call run,.venv) antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir build/docs/rst \
		clickhouse.cloud
	@{ printf ':orphan:\n\n'; cat build/docs/rst/index.rst; } > build/docs/rst/collection.rst
	@cp docs/site/index.rst build/docs/rst/ && cp -r docs/site/images build/docs/rst/docsite/
	@$(call run,.venv) sphinx-build --quiet --fail-on-warning -c docs/site -d build/docs/doctrees build/docs/rst build/docs/html
	@.venv/bin/python tests/tools/check_links.py build/docs/html

# All rules, which is more than the production profile has: given that, it leaves out its check of the modules' arguments.
.PHONY: ansible-lint
ansible-lint: venv
	@.venv/bin/python tests/tools/copy_collection.py $(call copy,lint)
	@cd $(call copy,lint) && $(call run,.venv) ansible-lint

test-venv := $(if $(filter .venv,$(VENV)),.venv/installed) $(LINK) $(PYTHONS) build/home

.PHONY: quick
quick: venv ## lint and run the unit tests of the plugins, in seconds
	@$(call run,.venv) ruff check --quiet
	@$(call run,.venv) ruff format --check --quiet
	@.venv/bin/python -m pytest --quiet --hypothesis-profile=quick tests/unit/plugins

.PHONY: unit
unit: $(test-venv) ## tests of single files, with the coverage of plugins/
	@$(call run,$(VENV)) pytest --numprocesses=auto $(UNIT) $(if $(filter tests/unit,$(UNIT)),--cov --cov-report=term-missing:skip-covered) --junit-xml="$(REPORTS)"/unit.xml

.PHONY: component
component: $(test-venv) ## tests of whole modules against the simulator, in one process
	@$(call run,$(VENV)) pytest --numprocesses=auto $(COMPONENT) --junit-xml="$(REPORTS)"/component.xml

.PHONY: e2e
e2e: $(test-venv) ## tests that run Ansible against the simulator
	@$(call run,$(VENV)) pytest --numprocesses=auto $(E2E) --junit-xml="$(REPORTS)"/e2e.xml

# Run live, it needs no more than the demo does.
.PHONY: contract
ifdef LIVE
contract: $(DEMO_VENV)/installed $(LINK) build/home
	@$(call run,$(DEMO_VENV)) PYTHONPATH=build/link:tests python -m contract --email "$(EMAIL)"
else
contract: $(test-venv) ## hold the simulator to what it assumes of the API; with LIVE=1 EMAIL=..., observe a real organization
	@$(call run,$(VENV)) pytest tests/contract --junit-xml="$(REPORTS)"/contract.xml
endif

# ansible-test keeps the environment from the targets: what they need goes through a file. It also writes shebangs, where a
# path with a blank cannot stand, hence the link.
.PHONY: integration
integration: $(test-venv) ## ansible-test integration, against the simulator
	@$(VENV)/bin/python tests/tools/copy_collection.py $(call copy,integration-$(notdir $(VENV)))
	@link=$$(mktemp -d) && trap 'rm -r "$$link"' EXIT && ln -s "$(CURDIR)/$(VENV)" "$$link/venv" && \
	cd $(call copy,integration-$(notdir $(VENV)))/tests/integration && $(call run,$(VENV)) $(with-simulator) sh -ec ' \
		{ \
			python -c "import os, sys; print(os.path.expandvars(sys.stdin.read()))" < integration_config.yml.template; \
			echo "ansible_python_interpreter: $${CLICKHOUSE_CLOUD_TEST_INTERPRETER:-$$0/python}"; \
		} > integration_config.yml; \
		cd ../..; \
		"$$0/python" "$$0/ansible-test" integration --color no' "$$link/venv/bin"

# ansible-core deprecates what it will drop: a warning about it is a failure.
.PHONY: molecule
molecule: venv ## molecule's scenarios, against the simulator
	@$(call run,.venv) $(with-simulator) molecule test --all --report 2>&1 | tee build/molecule.log; \
		exit $${PIPESTATUS[0]}
	@! grep --quiet 'DEPRECATION WARNING' build/molecule.log

# ansible-test wants to download the script that puts pip into its virtual environments.
.PHONY: sanity
sanity: $(test-venv) ## ansible-test sanity, on every Python that this machine has
	@$(VENV)/bin/python tests/tools/copy_collection.py $(call copy,sanity)
	@mkdir -p build/home/.ansible/test/cache
	@sed -n "s/^ *pip='\(.*\)',$$/\1/p" $(VENV)/lib/python*/site-packages/ansible_test/_internal/python_requirements.py | \
		tr . _ | while read -r version; do \
			cp tests/tools/get_pip.py build/home/.ansible/test/cache/get_pip_$$version.py; done
	@cd $(call copy,sanity) && $(call run,$(VENV)) ansible-test sanity --venv --color no

.PHONY: galaxy
galaxy: venv $(GALAXY_VENV)/installed ## build the artifact, check and install it as Galaxy does
	@.venv/bin/python tests/tools/copy_collection.py $(call copy,galaxy)
	@rm -f build/galaxy/*.tar.gz
	@$(call run,$(GALAXY_VENV)) ansible-galaxy collection build --output-path build/galaxy $(call copy,galaxy)
	@.venv/bin/python tests/tools/check_artifact.py build/galaxy/*.tar.gz
	@cd build/galaxy && $(call run,$(GALAXY_VENV)) ANSIBLE_COLLECTIONS_PATH=installed \
		ansible-galaxy collection install --force --offline *.tar.gz
	@cd build/galaxy && $(call run,$(GALAXY_VENV)) python -m galaxy_importer.main *.tar.gz | tee importer.log
	@grep --quiet 'completed successfully' build/galaxy/importer.log
	@! grep -E --quiet '^(WARNING|ERROR)' build/galaxy/importer.log

# The plugins are listed by ansible-doc, which antsibull-changelog looks for on PATH.
.PHONY: release-notes
release-notes: venv ## make the changelog of the version in galaxy.yml from its fragments
	@$(call run,.venv) antsibull-changelog release --update-existing

.PHONY: oldest
oldest: venv ## what depends on it most, on the oldest ansible-core
	@$(call run,.venv) nox --session oldest

.PHONY: matrix
matrix: venv ## all tests that depend on it, on every supported ansible-core
	@$(call run,.venv) nox
