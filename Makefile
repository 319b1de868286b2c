# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
export PYTHONPATH := $(CURDIR)/layers/muster:$(CURDIR)
export SAM_CLI_TELEMETRY := 0

.PHONY: help demo play test lint format workflows locks build clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ ##/' | awk -F' ## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/demo.ok  ## the whole story on this machine, in about a minute: train, judge, approve, deploy, drift, retrain, roll back
	@$(BIN)/python -m ops demo

play: $(VENV)/demo.ok  ## the demo's rehearsal, kept up for the AWS CLI, boto3 and the muster command
	@$(BIN)/python -m ops rehearse --serve

test: $(VENV)/test.ok $(VENV)/checkov.ok lint  ## every test and every check, within 3 minutes on 2 cores
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -q tests

lint: $(VENV)/test.ok $(VENV)/checkov.ok  ## ruff, mypy, import-linter, cfn-lint and checkov for GovCloud
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && echo "ruff: clean"
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-python lint-cfn lint-checkov

.PHONY: lint-python lint-cfn lint-checkov
lint-python:
	@$(BIN)/mypy
	@$(BIN)/lint-imports 2>&1 | tail -1
lint-cfn:
	@$(BIN)/cfn-lint --regions us-gov-west-1 -- template.yaml stacks/*.yaml && echo "cfn-lint: clean for us-gov-west-1"
lint-checkov:
	@$(BIN)/python tests/template/checkov_translated.py $(VENV)/checkov/bin/checkov

format: $(VENV)/test.ok  ## ruff's fixes and formatting
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

workflows: $(VENV)/test.ok  ## render state_machines/*.py to *.asl.json, and the table of image accounts
	@$(BIN)/python -m state_machines

build: $(VENV)/test.ok  ## sam validate and sam build of the whole application (needs python3.12 on the PATH)
	@$(BIN)/sam validate --lint --region us-gov-west-1 --template template.yaml
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sam build --cached --parallel

# Environments. pip gets no index address from here: a mirror is set in pip's own configuration.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed, this is %d.%d: set PYTHON=python3.12" % v[:2])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.ok: requirements/demo.lock | $(BIN)/python
	@echo "Setting up for the demo in $(VENV): about 100 MB to download, 400 MB on disk, half a minute. Nothing else on this machine is changed."
	@$(PIP) -r requirements/demo.lock && touch $@

$(VENV)/test.ok: requirements/demo.lock requirements/test.lock requirements/authoring.lock requirements/sam.lock | $(BIN)/python
	@echo "Setting up for the tests in $(VENV): about 300 MB to download, 800 MB on disk, two to three minutes."
	@$(PIP) -r requirements/demo.lock -r requirements/test.lock -r requirements/authoring.lock -r requirements/sam.lock && touch $(VENV)/demo.ok $@

$(VENV)/checkov.ok: requirements/checkov.lock | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)/checkov && $(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/checkov.lock && touch $@

locks:  ## compile requirements/*.lock and the layer's (needs uv)
	@requirements/compile.sh

clean:  ## remove what make and sam build wrote here
	rm -rf $(VENV) .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis
