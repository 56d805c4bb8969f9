# Easel: `make` lists the targets. Each target installs only the environments it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
SAM := .venv-sam/bin/sam
# The laptop cloud and the tests build into separate folders: a build deletes what SAM keeps beside
# another one (dependencies, caches).
BUILD ?= .aws-sam
ARCHITECTURE ?= arm64
PROFILE ?= default

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)


# Environments: one for each set of pins that conflicts with the others.

PYTHON_VERSION := $(shell cat .python-version)
# A pyenv shim works only for the selected version, so pyenv's own folders are tried as well.
PYTHONS = python$(PYTHON_VERSION) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(PYTHON_VERSION)*/bin/python python3
IS_RIGHT = import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON_VERSION)")

# $(call quietly,NAME,COMMAND): the output goes to out/logs/NAME.log and is shown only on failure.
quietly = mkdir -p out/logs; ($(2)) > out/logs/$(1).log 2>&1 || { cat out/logs/$(1).log >&2; exit 1; }

define install
@for python in $(PYTHONS) none; do "$$python" -c '$(IS_RIGHT)' 2>/dev/null && break; done; \
[ "$$python" != none ] || { echo "Easel needs Python $(PYTHON_VERSION): install it, for example with: pyenv install $(PYTHON_VERSION)" >&2; exit 1; }; \
echo "installing $< into $(@D)"; \
"$$python" -m venv --clear $(@D); \
$(call quietly,install$(@D),$(@D)/bin/python -m pip install --no-compile --require-hashes -r $<); \
touch $@
endef

.venv/.stamp: requirements/dev.txt
	$(install)
	@$(call quietly,install-easel,$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .)

.venv-%/.stamp: requirements/%.txt
	$(install)

# OpenAI's Node client, which tests/e2e/sdks runs beside its Python clients.
NODE_CLIENT := tests/e2e/sdks/node/node_modules/.stamp
$(NODE_CLIENT): tests/e2e/sdks/node/package-lock.json
	@command -v npm > /dev/null || { echo "The tests of OpenAI's Node client need Node 20 or newer, with npm." >&2; exit 1; }
	@echo "installing $< into $(@D)"
	@$(call quietly,install-node-client,cd tests/e2e/sdks/node && npm ci --ignore-scripts)
	@touch $@

# MCP's own programs, which tests/contract and tests/campaigns run, and the Node they need.
MCP_PROGRAMS := tests/support/mcp/node/node_modules/.stamp
$(MCP_PROGRAMS): tests/support/mcp/node/package-lock.json
	@command -v npm > /dev/null || { echo "The tests of MCP's own clients need npm." >&2; exit 1; }
	@echo "installing $< into $(@D)"
	@$(call quietly,install-mcp-programs,cd tests/support/mcp/node && npm ci --ignore-scripts)
	@touch $@

# $(call need,NAMES): installs these environments, two at a time.
stamp = $(if $(filter dev,$(1)),.venv/.stamp,$(if $(filter node-client,$(1)),$(NODE_CLIENT),$(if \
	$(filter mcp-programs,$(1)),$(MCP_PROGRAMS),.venv-$(1)/.stamp)))
need = @$(MAKE) -s -j2 $(foreach name,$(1),$(call stamp,$(name)))

.PHONY: setup
setup: ## install every environment
	$(call need,dev sam ministack checkov lambda openai-1 openai-2 node-client mcp-programs)


# The laptop cloud.

.PHONY: demo up down
demo: ## images from the real template on this machine, without an AWS account or a key
	$(call need,dev sam ministack)
	@$(BIN)/python -m local.demo

up: ## start the laptop cloud and leave it running (out/stack.json says where it is)
	$(call need,dev sam ministack)
	@$(BIN)/python -m local.up

down: ## stop what `make up` started
	$(call need,dev)
	@$(BIN)/python -m local.down


# Tests and checks.

.PHONY: test test-fast test-campaigns test-all coverage faults check bench format
# Two processes, each with its own stack, since end-to-end tests mostly wait. Files run in the order of the folders below,
# which puts the longest first; pytest-xdist's own order, by number of tests, would end with the longest.
LAYERS := tests/e2e tests/contract tests/deployment tests/integration tests/unit
test: ## every layer of tests except the campaigns
	$(call need,dev sam ministack checkov lambda openai-1 openai-2 node-client mcp-programs)
	@$(BIN)/pytest $(LAYERS) -n 2 --dist loadfile --no-loadscope-reorder

test-campaigns: ## long runs: many requests, statements, crashes or faults in a row
	$(call need,dev sam ministack mcp-programs)
	@$(BIN)/pytest tests/campaigns -n 2 --dist loadfile

FAST := tests/unit tests/integration tests/contract/simulator tests/deployment/local
test-fast: ## the tests that need no deployed stack
	$(call need,dev)
	@$(BIN)/pytest $(FAST)

# Of the functions' code by the fast layers: what runs in the deployed stack is a copy of it, in processes of the emulator.
coverage: ## which lines and branches test-fast runs, as a table and as out/coverage/html
	$(call need,dev)
	@rm -rf out/coverage && mkdir -p out/coverage
	@$(BIN)/coverage run -m pytest $(FAST) -n 2 --dist loadfile
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage html --quiet --directory out/coverage/html
	@$(BIN)/coverage report

faults: ## the fault campaign: every step meets every fault; prints a table of the outcomes
	$(call need,dev)
	@PYTHONPATH=src:. $(BIN)/python -m tests.support.faults

test-all: ## everything: check, demo, test, campaigns
	@$(MAKE) check
	@$(MAKE) demo
	@$(MAKE) test
	@$(MAKE) test-campaigns

check: ## formatting, lint, types, import direction, breaking API changes, workflows, template tests
	$(call need,dev sam checkov)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(call quietly,lint-imports,$(BIN)/lint-imports)
	@$(BIN)/python -m openapi.changes
	@$(call quietly,zizmor,$(BIN)/zizmor --offline --pedantic --no-progress .github)
	@$(BIN)/pytest tests/deployment/template

bench: ## benchmarks of cold starts and of reading the provider's answer, as ratios
	$(call need,dev)
	@$(BIN)/python -m bench.cold_start
	@PYTHONPATH=src $(BIN)/python -m bench.provider_body

format: ## let ruff format and fix
	$(call need,dev)
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix


# The real thing.

.PHONY: build deploy
# SAM looks for a real python3.13 on PATH: the environment's own bin goes first.
build: ## sam build, with bytecode and without unused files (ARCHITECTURE=arm64|x86_64)
	$(call need,dev sam)
	@mkdir -p $(BUILD)
	@$(call quietly,sam-build,cd $(BUILD) && PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 \
		$(CURDIR)/$(SAM) build --template-file $(CURDIR)/template.yaml --base-dir $(CURDIR) \
		--build-dir build --cache-dir cache --parameter-overrides Architecture=$(ARCHITECTURE))
	@$(BIN)/python -m local.finishing $(BUILD)/build

# Until samconfig.toml names the provider's secret for a profile, SAM asks for every parameter.
IS_GUIDED = import tomllib; profile = tomllib.load(open("samconfig.toml", "rb"))["$(PROFILE)"]["deploy"]["parameters"]; \
	print("" if "OpenAiSecretArn" in profile.get("parameter_overrides", "") else "--guided")

deploy: build ## sam deploy to your AWS account (PROFILE=default|prod)
	@SAM_CLI_TELEMETRY=0 $(SAM) deploy --config-env $(PROFILE) $$($(BIN)/python -c '$(IS_GUIDED)')


# Upkeep.

COMPILE = $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-header

.PHONY: openapi requirements clean
openapi: ## regenerate what GET /openapi.json serves, and the schema of recipes
	$(call need,dev)
	@$(BIN)/python -m openapi

requirements: ## recompile the pinned requirements with the newest versions
	$(call need,dev)
	$(COMPILE) -o src/requirements.txt pyproject.toml
	for name in dev sam ministack checkov lambda openai-1 openai-2; do \
		$(COMPILE) -o requirements/$$name.txt requirements/$$name.in; done
	cd tests/e2e/sdks/node && npm install --package-lock-only --save-exact openai@latest

clean: ## stop the laptop cloud, remove builds and environments
	@if [ -e out/stack.json ] && [ -x $(BIN)/python ]; then $(BIN)/python -m local.down; fi
	rm -rf .aws-sam out .venv .venv-* tests/e2e/sdks/node/node_modules tests/support/mcp/node/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
