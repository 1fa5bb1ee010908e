# Soban. `make demo` and `make test` each set up everything they need in .venv.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help demo test test-cluster images wheels check format bench bench-generation proto lock clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: .venv/runtime ## Start the whole stack and chat in Korean on this machine's CPU
	@$(BIN)/soban demo

test: check ## Everything that needs no cluster: checks, unit, contract and integration tests
	$(BIN)/pytest

test-cluster: .venv/dev ## Everything that needs a cluster: brings a real one up here (root), or ARGS=--kubeconfig=FILE
	PYTHONPATH=tests $(BIN)/python -m cluster run $(ARGS)

images: .venv/dev ## Build the container images with docker or buildah (ARGS=--help, such as --base debian)
	PYTHONPATH=tools $(BIN)/python -m images build $(ARGS)

wheels: .venv/dev ## Only collect what the images install, to carry build/wheels to an air-gapped site
	PYTHONPATH=tools $(BIN)/python -m images wheels $(ARGS)

check: .venv/dev ## Format, lint, types, imports, generated code, contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_protos.py --check
	$(BIN)/python tools/check_contract.py

format: .venv/dev ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev ## Measure: whole stack against the engine alone, tokenization, safety, choice of replicas
	PYTHONPATH=tests $(BIN)/python tests/bench/run.py

bench-generation: .venv/dev ## Measure beside LiteLLM and vllm-router (ARGS=--quick: three minutes; ARGS=--help)
	PYTHONPATH=tests/bench $(BIN)/python -m peers $(ARGS)

proto: .venv/dev ## Generate the code of protos/ (services/soban/v1, scaler/keda)
	$(BIN)/python tools/generate_protos.py

lock: .venv/dev ## Resolve the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile $(LOCK) --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile $(LOCK) --extra all --extra build -c requirements-dev.lock pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) $(SERVICES) --excludes tools/images/excludes.txt -c requirements-dev.lock pyproject.toml \
		-o tools/images/services.lock
	$(BIN)/uv pip compile $(LOCK) --extra engine -c requirements-dev.lock pyproject.toml -o tools/images/engine.lock
	$(BIN)/uv pip compile $(LOCK) tools/images/pip.in -o tools/images/pip.lock
	$(BIN)/uv pip compile $(LOCK) tests/bench/peers/litellm.in -o tests/bench/peers/litellm.lock
	$(BIN)/uv pip compile $(LOCK) tests/bench/peers/vllm-router.in -o tests/bench/peers/vllm-router.lock

clean: ## Remove the environment and everything built
	rm -rf .venv .bench node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"

# The extras of the image of the services: all but the engine.
SERVICES := --extra tokenization --extra tgi --extra kubernetes --extra safety --extra gateway --extra scaler

# Installs from a lock file with hashes, then the project itself.
define install
	@echo "Installing $(1) into .venv (once; a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Soban needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

.venv/runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(call install,requirements.lock)

.venv/dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(call install,requirements-dev.lock)
	@touch .venv/runtime
