# Easel: `make` lists the targets. Each target installs only the environments it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Images of containers often set it. Each of a thousand short processes would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
SAM := .venv-sam/bin/sam
# The local deployment builds into a folder of its own, since a build deletes the dependencies and caches of another one
# beside it.
BUILD ?= .aws-sam
ARCHITECTURE ?= arm64
PROFILE ?= default
ROUNDS ?= 9

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)


# Environments: one for each set of pins that conflicts with the others.

PYTHON_VERSION := $(shell cat .python-version)
# A shim of pyenv works only for the selected version, so pyenv's folders are searched as well.
PYTHONS = python$(PYTHON_VERSION) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(PYTHON_VERSION)*/bin/python python3
IS_RIGHT = import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON_VERSION)")

# $(call quietly,NAME,COMMAND): writes the output to out/logs/NAME.log, and shows it only if the command fails. Every
# ten seconds it says that it is still at work.
define quietly
mkdir -p out/logs; \
(while sleep 10 > /dev/null 2>&1; do echo "  $(1): $$SECONDS s"; done) & clock=$$!; trap "kill $$clock" EXIT; \
($(2)) > out/logs/$(1).log 2>&1 || { cat out/logs/$(1).log >&2; exit 1; }
endef

define install
@for python in $(PYTHONS) none; do "$$python" -c '$(IS_RIGHT)' 2>/dev/null && break; done; \
[ "$$python" != none ] || { echo "Easel needs Python $(PYTHON_VERSION): install it, for example with: pyenv install $(PYTHON_VERSION)" >&2; exit 1; }; \
echo "installing $< into $(@D)"; \
"$$python" -m venv --clear $(@D); \
$(call quietly,install$(@D),$(@D)/bin/python -m pip install --no-compile --require-hashes -r $<)
endef

# A newcomer's first picture does not wait for the tools of tests and checks, which are added to the same environment.
.venv/.stamp-local: requirements/local.txt
	$(install)
	@$(call quietly,install-easel,$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .)
	@touch $@

.venv/.stamp: requirements/dev.txt .venv/.stamp-local
	@echo "installing $< into $(@D)"
	@$(call quietly,install$(@D),$(BIN)/python -m pip install --no-compile --require-hashes -r $<)
	@touch $@

.venv-%/.stamp: requirements/%.txt
	$(install)
	@touch $@

# OpenAI's Node client, for tests/e2e/sdks.
NODE_CLIENT := tests/e2e/sdks/node/node_modules/.stamp
$(NODE_CLIENT): tests/e2e/sdks/node/package-lock.json
	@command -v npm > /dev/null || { echo "The tests need Node 20 or newer, with npm, for OpenAI's Node client." >&2; exit 1; }
	@echo "installing $< into $(@D)"
	@$(call quietly,install-node-client,cd tests/e2e/sdks/node && npm ci --ignore-scripts)
	@touch $@

# MCP's own programs, for tests/contract and tests/campaigns, and the version of Node that they need.
MCP_PROGRAMS := tests/support/mcp/node/node_modules/.stamp
$(MCP_PROGRAMS): tests/support/mcp/node/package-lock.json
	@command -v npm > /dev/null || { echo "The tests need Node 20 or newer, with npm, for MCP's own programs." >&2; exit 1; }
	@echo "installing $< into $(@D)"
	@$(call quietly,install-mcp-programs,cd tests/support/mcp/node && npm ci --ignore-scripts)
	@touch $@

# Other people's JavaScript frameworks, for tests/clients.
CLIENT_PROGRAMS := tests/clients/node/node_modules/.stamp
$(CLIENT_PROGRAMS): tests/clients/node/package-lock.json
	@command -v npm > /dev/null || { echo "These tests need Node 20 or newer, with npm." >&2; exit 1; }
	@echo "installing $< into $(@D)"
	@$(call quietly,install-client-programs,cd tests/clients/node && npm ci --ignore-scripts)
	@touch $@

# $(call need,NAMES): installs these environments unless they are up to date, two at a time.
stamp = $(if $(filter dev,$(1)),.venv/.stamp,$(if $(filter local,$(1)),.venv/.stamp-local,$(if \
	$(filter node-client,$(1)),$(NODE_CLIENT),$(if $(filter mcp-programs,$(1)),$(MCP_PROGRAMS),$(if \
	$(filter client-programs,$(1)),$(CLIENT_PROGRAMS),.venv-$(1)/.stamp)))))
need = @$(MAKE) -s -j2 $(foreach name,$(1),$(call stamp,$(name)))

.PHONY: setup
setup: ## install every environment
	$(call need,dev sam ministack checkov docs lambda openai-1 openai-2 litellm node-client client-programs mcp-programs)


# The local deployment.

.PHONY: demo up down webhooks
demo: ## make images with the real template on this machine, without an AWS account or a key
	$(call need,local sam ministack)
	@$(BIN)/python -m local.demo

up: ## start a local deployment, leave it running and open its playground; its URLs and a key are in out/stack.json
	$(call need,local sam ministack)
	@$(BIN)/python -m local.up

down: ## stop what `make up` started
	$(call need,local)
	@$(BIN)/python -m local.down

webhooks: ## receive the webhooks of that deployment and print them, until Ctrl-C
	$(call need,local)
	@$(BIN)/python -m local.receiver


# Tests and checks.

.PHONY: test test-fast test-clients test-campaigns test-all coverage faults check docs prices bench format
# Three processes for two cores, since the two with a deployed stack mostly wait (tests/conftest.py). They take files in
# the order of the folders: pytest-xdist's own order, by number of tests, would run the longest last.
LAYERS := tests/e2e tests/browser tests/contract tests/deployment tests/integration tests/unit
test: ## run every layer of tests except the campaigns, the nightly ones and the linters of `make check`
	$(call need,dev sam ministack checkov docs lambda litellm node-client client-programs mcp-programs)
	@$(BIN)/pytest $(LAYERS) tests/clients -m "not nightly" --ignore tests/deployment/template/test_linters.py -n 3 --dist loadfile \
		--no-loadscope-reorder

test-campaigns: ## run the long tests: every permission, crash, fault, printed command and page
	$(call need,dev sam ministack node-client mcp-programs)
	@$(BIN)/pytest tests/campaigns $(LAYERS) -m nightly --ignore tests/e2e/sdks -n 2 --dist loadfile --no-loadscope-reorder -rs

test-clients: ## run OpenAI's SDKs and other people's programs against a deployed stack
	$(call need,dev sam ministack openai-1 openai-2 node-client clients litellm client-programs)
	@$(BIN)/pytest tests/e2e/sdks tests/clients

FAST := tests/unit tests/integration tests/contract/simulator tests/deployment/local
test-fast: ## run the tests that need no deployed stack
	$(call need,dev)
	@$(BIN)/pytest $(FAST)

# By the fast layers only: in a deployed stack, a copy of the code runs in processes of the emulator.
coverage: ## measure the lines and branches that test-fast covers; writes out/coverage/html
	$(call need,dev)
	@rm -rf out/coverage && mkdir -p out/coverage
	@$(BIN)/coverage run -m pytest $(FAST) -n 2 --dist loadfile
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage html --quiet --directory out/coverage/html
	@$(BIN)/coverage report

faults: ## run the fault campaign and print a table of the outcomes
	$(call need,dev)
	@PYTHONPATH=src:. $(BIN)/python -m tests.support.faults

test-all: ## run everything: check, demo, test, test-clients, test-campaigns
	@$(MAKE) check
	@$(MAKE) demo
	@$(MAKE) test
	@$(MAKE) test-clients
	@$(MAKE) test-campaigns

check: ## check format, lint, types, import direction, breaking API changes, workflows, documentation and the template
	$(call need,dev sam checkov docs)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(call quietly,lint-imports,$(BIN)/lint-imports)
	@$(BIN)/python -m openapi.changes
	@$(call quietly,zizmor,$(BIN)/zizmor --offline --pedantic --no-progress .github)
	@$(BIN)/python -m local.site
	@$(BIN)/pytest tests/deployment/template

docs: ## build the documentation, with links that all lead somewhere, into out/site
	$(call need,dev docs)
	@$(BIN)/python -m local.site

prices: ## compare the catalog's prices and shutdown dates with a public list
	$(call need,dev prices)
	@$(BIN)/python -m local.prices .venv-prices

bench: ## benchmark the built package beside its peers (PARTS="cold path", ROUNDS=9): tables in out/bench and docs/performance.md
	$(call need,dev sam ministack bench peers)
	@$(BIN)/python -m bench $(PARTS) --rounds $(ROUNDS)
	@.venv-bench/bin/python -m bench.page

format: ## format, and fix what ruff can fix
	$(call need,dev)
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix


# The real thing.

.PHONY: build deploy
# SAM looks for python3.13 on PATH, so the environment's own comes first. It builds one function, out of which the others'
# packages are made: it would copy the same files for each of them.
BUILT := ApiFunction
build: ## build the functions with sam build (ARCHITECTURE=arm64|x86_64)
	$(call need,local sam)
	@mkdir -p $(BUILD)
	@$(call quietly,sam-build,cd $(BUILD) && PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 \
		$(CURDIR)/$(SAM) build $(BUILT) --template-file $(CURDIR)/template.yaml --base-dir $(CURDIR) \
		--build-dir build --cache-dir cache --parameter-overrides Architecture=$(ARCHITECTURE))
	@$(BIN)/python -m local.finishing $(BUILD)/build

deploy: build ## deploy to your AWS account with sam deploy (PROFILE=default|prod)
	@options=$$($(BIN)/python -m local.before_deploy $(PROFILE)); \
		SAM_CLI_TELEMETRY=0 $(SAM) deploy --config-env $(PROFILE) $$options


# Upkeep.

COMPILE = $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-header

.PHONY: openapi requirements clean
openapi: ## regenerate the API description and the schema of recipes
	$(call need,dev)
	@$(BIN)/python -m openapi

requirements: ## update the pinned requirements to the newest versions
	$(call need,dev)
	$(COMPILE) -o src/requirements.txt pyproject.toml
	for name in local dev sam ministack checkov docs lambda openai-1 openai-2 clients litellm prices bench peers; do \
		$(COMPILE) -o requirements/$$name.txt requirements/$$name.in; done
	cd tests/e2e/sdks/node && npm install --package-lock-only --save-exact openai@latest

clean: ## stop the local deployment, remove builds and environments
	@if [ -e out/stack.json ] && [ -x $(BIN)/python ]; then $(BIN)/python -m local.down; fi
	rm -rf .aws-sam out .venv .venv-* {tests/e2e/sdks,tests/clients,tests/support/mcp}/node/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
