# Every command a developer or an operator types. `make` alone lists them.

PYTHON ?= python3
APP := .venvs/app/bin/python
RASA := .venvs/rasa/bin/python
UV := .venvs/app/bin/uv
KILLS ?= 100

# `make test T=tests/store` runs just that; of the two environments, the one it belongs to.
T ?= tests
BOT_TESTS := $(if $(filter tests,$(T)),tests/bot,$(filter tests/bot%,$(T)))
APP_TESTS := $(filter-out tests/bot%,$(T))

.DEFAULT_GOAL := help
.PHONY: help run prepare test check format train index adapt watch bench bench-knowledge bench-index storm agent import-purchases screenshots \
        feedback status lock migration environments clean

help:  ## List these commands
	@echo "make COMMAND, where COMMAND is:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environments  ## Set up what is missing, start everything, stop it with Ctrl-C
	@$(APP) -m operate run

prepare: environments  ## Set up what is missing, and start nothing
	@$(APP) -m operate prepare

test: prepare  ## Run every test, or those of T=tests/store
	@failed=; \
	if [ -n "$(APP_TESTS)" ]; then $(APP) -m pytest --ignore=tests/bot $(APP_TESTS) || failed=1; fi; \
	if [ -n "$(BOT_TESTS)" ]; then $(RASA) -m pytest $(BOT_TESTS) || failed=1; fi; \
	test -z "$$failed"

check: environments  ## Style, format and types
	@failed=; \
	$(APP) -m ruff check . || failed=1; \
	$(APP) -m ruff format --check . || failed=1; \
	$(APP) -m mypy || failed=1; \
	test -z "$$failed"

format: environments  ## Format the code, and mend what can be mended
	@$(APP) -m ruff check --fix . ; $(APP) -m ruff format .

train: environments  ## Train the bot
	@$(APP) -m operate train

index: environments  ## Read the articles into the knowledge index
	@$(APP) -m operate index

adapt: environments  ## Teach the encoder your articles' phrases (minutes), and read the articles again
	@$(APP) -m operate adapt

watch: environments  ## Read an article again whenever it is saved, until Ctrl-C
	@$(APP) -m operate watch

bench: prepare  ## Measure answers, latency and load
	@$(APP) -m benchmarks

bench-knowledge: prepare  ## Measure one question on one core: PASSAGES=10000
	@$(APP) -m benchmarks.knowledge $(if $(PASSAGES),--passages $(PASSAGES))

bench-index: environments  ## Measure search up to a million passages: SIZES=1000,10000
	@$(APP) -m benchmarks.index $(if $(SIZES),--sizes $(SIZES))

storm: prepare  ## Kill the processes at random under load: KILLS=100
	@$(APP) -m benchmarks.storm --kills $(KILLS)

agent: environments  ## Add an agent: EMAIL=mira@example.org NAME=Mira
	@test -n "$(EMAIL)" -a -n "$(NAME)" || { echo 'Say who: make agent EMAIL=mira@example.org NAME=Mira' >&2; exit 2; }
	@$(APP) -m operate agent add --email "$(EMAIL)" --name "$(NAME)"

import-purchases: environments  ## Import purchases: FILE=purchases.csv
	@test -n "$(FILE)" || { echo 'Say which: make import-purchases FILE=purchases.csv' >&2; exit 2; }
	@$(APP) -m operate purchases import "$(FILE)"

screenshots: prepare  ## Make the README's pictures anew, by the browser's tests
	@$(APP) -m pytest -q tests/browser/test_first_conversation.py
	@mkdir -p docs/images
	@cp tests/artefacts/widget-step.png docs/images/widget.png
	@cp tests/artefacts/console-packet.png docs/images/console.png

feedback: environments  ## List the articles that their owners should look at
	@$(APP) -m operate feedback

status: environments  ## Say how the running parts are
	@$(APP) -m operate status

lock: environments  ## Resolve both lists of packages anew
	@$(UV) pip compile -q --upgrade --config-file operate/lock.toml --python-version 3.11 \
	    --extra dev --generate-hashes --no-emit-package torch --no-emit-find-links \
	    --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	@$(UV) pip compile -q --upgrade --python-version 3.10 --generate-hashes \
	    --no-emit-find-links --no-emit-index-url \
	    --custom-compile-command "make lock" bot/requirements.in -o bot/requirements.txt

migration: environments  ## Write a migration from what changed in store/schema.py: NAME="Add a table"
	@test -n "$(NAME)" || { echo 'Say what it does: make migration NAME="Add a table"' >&2; exit 2; }
	@$(APP) -m alembic revision --autogenerate -m "$(NAME)" \
	    --rev-id "$$(printf '%04d' $$(($$(ls store/migrations/versions/[0-9]*.py | wc -l) + 1)))"

environments:
	@$(PYTHON) -m operate.environments

clean:  ## Remove what can be made again: environments, models, index, caches. Data stays
	rm -rf .venvs models .rasa .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf var/encoder var/encoder-adapted var/knowledge var/stamps var/log var/run var/supervisord.conf
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
