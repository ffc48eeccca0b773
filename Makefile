# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that these targets make lies below build/ and .venv/.

SHELL := bash
.DEFAULT_GOAL := help

# The newest Python that the pinned tools run on.
PYTHON ?= $(shell tests/tools/pythons 3.14 3.13 3.12 3.11 | head -n 1)

# What `make test` runs, two layers at a time, the longest first.
LAYERS := e2e lint oldest sanity component docs molecule unit galaxy contract
LINTERS := ansible-lint mypy docs zizmor changelog reuse yamllint ruff
LINT := $(LINTERS)

# What `make matrix` runs the tests on: a release of ansible-core and the controller's Python, the oldest first.
CELLS := 2.16-3.11 2.16-3.12 2.17-3.11 2.18-3.11 2.19-3.11 2.20-3.12 2.20-3.13 2.20-3.14 2.21-3.12 2.21-3.13 2.21-3.14
core-2.16 := ansible-core==2.16.19
core-2.17 := ansible-core==2.17.14
core-2.18 := ansible-core==2.18.19
core-2.19 := ansible-core==2.19.14
core-2.20 := ansible-core==2.20.10
core-2.21 := ansible-core==2.21.5
core-devel := ansible-core @ https://github.com/ansible/ansible/archive/devel.tar.gz
# The oldest Python that is promised on the managed host.
TARGET_PYTHON := 3.9

# What a layer runs in, where it leaves its JUnit reports, and with which options.
VENV := .venv
REPORTS := build/reports
UNIT := tests/unit --cov --cov-report=term-missing:skip-covered
COMPONENT := tests/component -m "not extra"
E2E := tests/e2e -m "not extra"
SANITY := --exclude tests/

# The collection where Ansible looks for collections: a link to this checkout, so that coverage is that of its plugins/.
LINK := build/link/ansible_collections/clickhouse/cloud

# The Pythons of this machine, and the cells that can run on them.
pythons = $(shell ls build/pythons)
cells = $(call with-python,$(pythons))
with-python = $(foreach cell,$(CELLS),$(if $(filter python$(call python-of,$(cell)),$(1)),$(cell)))
core-of = $(core-$(firstword $(subst -, ,$(1))))
python-of = $(lastword $(subst -, ,$(1)))

# Runs a command of an environment, with a home directory of its own, in which the collection is installed.
run = HOME="$(CURDIR)/build/home" \
	ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/build/link" \
	ANSIBLE_HOME="$(CURDIR)/build/home/.ansible" \
	PATH="$(CURDIR)/$(1)/bin:$(CURDIR)/build/pythons:$$PATH" \
	PYTHONDONTWRITEBYTECODE=1
pytest = $(VENV)/bin/python -m pytest --quiet --numprocesses=auto --junit-xml="$(REPORTS)/$@.xml"
copy-collection = .venv/bin/python tests/tools/copy_collection.py
with-simulator := python "$(CURDIR)/tests/tools/with_simulator.py"
layer := $(MAKE) --no-print-directory

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: quick
quick: lint-ruff ## ruff and the unit tests of the plugins, but those that wait for sockets, in seconds
	@.venv/bin/python -m pytest --quiet --hypothesis-profile=quick tests/unit/plugins --ignore-glob='*_wire.py'

.PHONY: test
test: venv ## every layer of tests, in minutes; LAYER=e2e runs one of them
	@$(if $(filter oldest,$(or $(LAYER),oldest)),$(layer) build/venv/$(firstword $(cells))/installed >/dev/null)
	@.venv/bin/python tests/tools/run_layers.py $(or $(LAYER),$(LAYERS))

.PHONY: matrix
matrix: venv ## all tests on every supported ansible-core, in an hour; CELL=2.16-3.11 runs one of them
	@echo "Left out, since this machine lacks their Python: $(or $(filter-out $(cells),$(CELLS)),none)"
	@.venv/bin/python tests/tools/run_layers.py $(or $(CELL:%=cell-%),$(cells:%=cell-%) \
		$(if $(filter python$(TARGET_PYTHON),$(pythons)),target-unit target-$(firstword $(cells)) target-$(lastword $(cells))))

.PHONY: lint
lint: $(LINT:%=lint-%) ## all linters; LINT=mypy runs one of them

# Live, it needs no more than the demo.
.PHONY: contract
contract: $(if $(LIVE),build/venv/demo/installed,venv) $(LINK) ## check what the simulator assumes; LIVE=1 EMAIL=you+contract@example.com asks the real API
	@$(if $(LIVE),$(call run,build/venv/demo) PYTHONPATH=build/link:tests python -m contract --email "$(EMAIL)",$(pytest) tests/contract)

.PHONY: demo
demo: build/venv/demo/installed $(LINK) ## run examples/demo.yml against a simulator of its own
	@$(call run,build/venv/demo) ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false \
		ANSIBLE_INVENTORY_UNPARSED_WARNING=false ANSIBLE_LOCALHOST_WARNING=false \
		$(with-simulator) ansible-playbook examples/demo.yml -e demo_report=build/report.html

.PHONY: simulator
simulator: build/venv/demo/installed ## serve the simulator on 127.0.0.1; PORT=8766, RATE_LIMIT=10 (0 is none), SETTINGS=FILE
	@PYTHONPATH=tests build/venv/demo/bin/python -m simulator $(if $(PORT),--port "$(PORT)") \
		$(if $(RATE_LIMIT),--rate-limit "$(RATE_LIMIT)") $(if $(SETTINGS),--settings "$(SETTINGS)")

.PHONY: bench
bench: venv ## compare the collection's speed with what else a user would write, in a quarter of an hour
	@$(call run,.venv) PYTHONPATH=tests python -m benchmark

# antsibull-docs writes into no folder that others may write to. Its index of the collection gives way to a start page.
.PHONY: docs
docs: venv ## build the documentation site in build/docs/html, and follow its links
	@rm -rf build/docs
	@mkdir -p build/docs/rst && chmod go-w build/docs/rst
	@$(call run,.venv) antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir build/docs/rst \
		clickhouse.cloud
	@{ printf ':orphan:\n\n'; cat build/docs/rst/index.rst; } > build/docs/rst/collection.rst
	@cp docs/site/index.rst build/docs/rst/ && cp -r docs/docsite/rst/images build/docs/rst/docsite/
	@$(call run,.venv) sphinx-build --quiet --fail-on-warning -c docs/site -d build/docs/doctrees build/docs/rst build/docs/html
	@.venv/bin/python tests/tools/check_links.py build/docs/html

# antsibull-changelog lists the plugins by ansible-doc, which it looks for on PATH.
.PHONY: release-notes
release-notes: venv ## make the changelog of the version in galaxy.yml from its fragments
	@$(call run,.venv) antsibull-changelog release --update-existing

pin := ../.venv/bin/python -m uv pip compile --quiet --upgrade --no-annotate

.PHONY: requirements
requirements: venv ## pin the newest versions of the development dependencies
	cd requirements && for name in dev demo; do $(pin) --universal --python-version 3.11 $$name.in --output-file $$name.txt; done
	cd requirements && $(pin) --python-version $(TARGET_PYTHON) target.in --output-file target.txt

.PHONY: clean
clean: ## remove build/ and .venv/
	rm -rf build .venv

# --- layers of `make test` -------------------------------------------------------------------------------------------

.PHONY: unit
unit: $(VENV)/installed
	@$(pytest) $(UNIT)

.PHONY: component
component: $(VENV)/installed
	@$(pytest) $(COMPONENT)

.PHONY: e2e
e2e: $(VENV)/installed
	@$(pytest) $(E2E)

.PHONY: integration
integration: $(VENV)/installed venv
	@$(call run,$(VENV)) python tests/tools/run_ansible_test.py integration

.PHONY: sanity
sanity: $(VENV)/installed venv
	@$(call run,$(VENV)) python tests/tools/run_ansible_test.py sanity $(SANITY)

# What depends on ansible-core most, so the oldest runs it. On the newest, e2e and molecule run the modules.
.PHONY: oldest
oldest: venv
	@$(layer) unit integration VENV=build/venv/$(firstword $(cells)) \
		UNIT="tests/unit/plugins/modules tests/unit/plugins/module_utils/test_module.py"

# ansible-core announces by a deprecation what it will drop.
.PHONY: molecule
molecule: venv
	@$(call run,.venv) $(with-simulator) molecule test --all --report 2>&1 | tee build/molecule.log; exit $${PIPESTATUS[0]}
	@! grep --quiet 'DEPRECATION WARNING' build/molecule.log

.PHONY: galaxy
galaxy: venv
	@$(copy-collection) build/galaxy/ansible_collections/clickhouse/cloud
	@rm -f build/galaxy/*.tar.gz
	@$(call run,.venv) ansible-galaxy collection build --output-path build/galaxy build/galaxy/ansible_collections/clickhouse/cloud
	@.venv/bin/python tests/tools/check_artifact.py build/galaxy/*.tar.gz
	@cd build/galaxy && $(call run,.venv) ANSIBLE_COLLECTIONS_PATH=installed \
		ansible-galaxy collection install --force --offline *.tar.gz
	@cd build/galaxy && $(call run,.venv) python -m galaxy_importer.main *.tar.gz | tee importer.log
	@grep --quiet 'completed successfully' build/galaxy/importer.log
	@! grep -E --quiet '^(WARNING|ERROR)' build/galaxy/importer.log

# --- linters ---------------------------------------------------------------------------------------------------------

.PHONY: $(LINTERS:%=lint-%)
$(LINTERS:%=lint-%): venv

# All rules, more than the production profile has: with a profile, it does not check the arguments of modules.
lint-ansible-lint:
	@$(copy-collection) build/lint/ansible_collections/clickhouse/cloud
	@cd build/lint/ansible_collections/clickhouse/cloud && $(call run,.venv) ansible-lint

lint-changelog:
	@$(call run,.venv) antsibull-changelog lint

lint-docs:
	@$(call run,.venv) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .

lint-mypy:
	@$(call run,.venv) mypy

lint-reuse:
	@$(call run,.venv) reuse lint --quiet || $(call run,.venv) reuse lint

lint-ruff:
	@$(call run,.venv) ruff check --quiet
	@$(call run,.venv) ruff format --check --quiet

lint-yamllint:
	@$(call run,.venv) yamllint --strict .

lint-zizmor:
	@$(call run,.venv) zizmor --offline --strict-collection --persona=pedantic --quiet --no-progress .github

# --- cells of `make matrix` ------------------------------------------------------------------------------------------

# The tests marked as extra, which depend on ansible-core little, run on the oldest and on the newest alone.
everything := UNIT="tests/unit/plugins --hypothesis-profile=matrix" E2E=tests/e2e \
	COMPONENT="tests/component --hypothesis-profile=matrix"
cell-%: build/venv/%/installed
	@$(layer) unit component e2e integration sanity VENV=build/venv/$* UNIT=tests/unit/plugins SANITY= \
		$(if $(filter $(firstword $(cells)) $(lastword $(cells)),$*),$(everything))
	@! $(call run,build/venv/$*) $(with-simulator) ansible-playbook examples/demo.yml 2>&1 | grep -A 5 'DEPRECATION WARNING'

.PHONY: target-unit
target-unit: build/venv/target-unit/installed
	@build/venv/target-unit/bin/python -m pytest --quiet tests/unit/plugins --junit-xml="$(REPORTS)/$@.xml"

target-%: build/venv/%/installed build/venv/target/installed
	@CLICKHOUSE_CLOUD_TEST_INTERPRETER="$(CURDIR)/build/venv/target/bin/python" $(layer) e2e integration VENV=build/venv/$*

# --- environments ----------------------------------------------------------------------------------------------------

# uv trusts the certificates that the machine trusts, as pip does, and takes the Pythons that are there.
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never

uv := .venv/bin/python -m uv
require-python = @[ -n "$(PYTHON)" ] || { \
	echo "Python 3.11 or newer is needed, with venv and pip. Not on PATH? make PYTHON=/where/it/is/python3.13" >&2; exit 1; }

.PHONY: venv
venv: .venv/installed $(LINK) build/pythons build/home

.venv/installed: requirements/dev.txt
	$(require-python)
	"$(PYTHON)" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements/dev.txt uv
	$(uv) pip sync --quiet --compile-bytecode --python .venv/bin/python requirements/dev.txt
	touch $@

build/venv/demo/installed: requirements/demo.txt
	$(require-python)
	"$(PYTHON)" -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/demo.txt
	touch $@

# The managed host, on which the modules find nothing but requests.
build/venv/target/installed: requirements/target.txt | venv
	$(uv) venv --quiet --clear --python "$(CURDIR)/build/pythons/python$(TARGET_PYTHON)" $(@D)
	$(uv) pip install --quiet --python $(@D)/bin/python --constraint requirements/target.txt requests
	touch $@

build/venv/target-unit/installed: requirements/target.txt | venv
	$(uv) venv --quiet --clear --python "$(CURDIR)/build/pythons/python$(TARGET_PYTHON)" $(@D)
	$(uv) pip install --quiet --python $(@D)/bin/python --requirement requirements/target.txt
	touch $@

# A cell of the matrix: the development environment with another ansible-core.
build/venv/%/installed: requirements/dev.txt | venv
	$(uv) venv --quiet --clear --python "$(CURDIR)/build/pythons/python$(call python-of,$*)" $(@D)
	echo "$(call core-of,$*)" > $(@D)/ansible-core.txt
	$(uv) pip install --quiet --compile-bytecode --python $(@D)/bin/python \
		--requirement requirements/dev.txt --override $(@D)/ansible-core.txt
	touch $@

$(LINK):
	mkdir -p $(@D)
	ln -s ../../../.. $@

# The Pythons of this machine under the names that ansible-test looks for.
build/pythons:
	mkdir -p $@
	tests/tools/pythons 3.14 3.13 3.12 3.11 3.10 3.9 | while read -r python; do \
		ln -sf "$$python" "$@/$$("$$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"; done

build/home:
	mkdir -p $@
