# Every target sets up what it needs: a virtual environment in .venv, from the lock file.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

PROGRAMS := prometheus=prometheus prometheus-alertmanager=prometheus-alertmanager
SHIFT  ?= 0

.PHONY: help demo stack stack-down test lint format score bench dashboards screenshots lock clean

help:           ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml deploy/local/venv.sh
	@sh deploy/local/venv.sh $(PYTHON) $(VENV)
	@touch $(READY)

demo: $(READY)  ## a broker, a small exchange and the monitor, for two minutes
	@$(BIN)/foreshock demo

stack: $(READY) ## Kafka, Prometheus, Alertmanager, a venue and the monitor, on this machine
	@sh deploy/local/programs.sh $(PROGRAMS) java=default-jre-headless mvn=maven
	@$(BIN)/python -m deploy.local up --shift $(SHIFT)

stack-down: $(READY) ## end exactly what `make stack` started
	@$(BIN)/python -m deploy.local down

test: $(READY)  ## all tests; Apache Kafka is started where Java and Maven are there
	@sh deploy/local/programs.sh $(PROGRAMS) "chromium=chromium fonts-dejavu-core"
	@$(BIN)/pytest -q

lint: $(READY)  ## format, lint and types
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy

format: $(READY) ## write the format
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

score: $(READY) ## how well it detects: every table, beside its baselines; not a test
	@$(BIN)/python -m tests.quality

bench: $(READY) ## speed as ratios, in one run; not a test
	@$(BIN)/python -m tests.bench

dashboards: $(READY) ## write grafana/dashboards/ from the code
	@$(BIN)/python -m grafana

screenshots: $(READY) ## draw the dashboards with Grafana's own panels; needs npm and chromium
	@$(BIN)/python -m tests.grafana

lock: $(READY)  ## pin all dependencies anew
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --all-extras pyproject.toml -o requirements.lock

clean:          ## remove the environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
