# Each target sets up what it needs: a machine with Python 3.11 or later is enough.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := .venv/bin
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url $(if $(UPGRADE),--upgrade)
PYTEST := $(BIN)/python -m pytest --quiet
SPREAD := --numprocesses=auto --maxprocesses=4
# Where tests are marked `proof`.  They run apart: what is forked and killed reports no coverage.
PROOF_IN := tests/proof tests/mutants/test_mutants.py tests/app/test_buffer.py tests/cli/test_usage.py

# What is played at length, by whole programs or pages, or read by checkers: coverage slows it down by
# half and is reached without it.
LONG_IN := tests/properties tests/stories tests/typing tests/test_docs.py

# The catalogues of `make run`, and where it serves them.
EXAMPLES := examples/products.yaml examples/plans.toml
# A catalogue, a plan of it and a month of usage: shown by `make run`, kept in .tallystick/.
DEMO := examples/shapes.yaml cloud-monthly examples/usage-2026-10.jsonl

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve the example catalogues and an example month of usage; print the addresses
	@scripts/setup.sh run
	@exec $(BIN)/tallystick serve $(EXAMPLES) --demo $(DEMO)

.PHONY: setup
setup: ## Make .venv ready for work
	@scripts/setup.sh dev

.PHONY: test
test: setup lint types imports ## The gate: lint, types, imports, tests, samples, coverage, proof
	@echo "• tests, doc samples, coverage"
	@$(PYTEST) $(SPREAD) --ignore=tests/proof $(LONG_IN:%=--ignore=%) -m "not proof" --cov --cov-report=
	@$(PYTEST) $(SPREAD) $(LONG_IN) -m "not proof"
	@echo "• a share of the proof: crashes, kills, lost answers, a full disk"
	@PROOF=share $(PYTEST) $(SPREAD) $(PROOF_IN) -m proof

.PHONY: lint
lint: setup
	@echo "• lint"
	@$(BIN)/ruff check --quiet
	@echo "• format"
	@$(BIN)/ruff format --check --quiet || { echo "run: make fix"; exit 1; }

.PHONY: types
types: setup
	@echo "• types"
	@$(BIN)/mypy --no-error-summary

.PHONY: imports
imports: setup
	@echo "• import contracts"
	@report=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$report"; exit 1; }

.PHONY: test-browser
test-browser: setup ## The tests in a real Chromium (installed as it can be); a skip fails here
	@echo "• tests in a browser"
	@chromium=$$(scripts/chromium.sh) || exit 1; \
	TALLYSTICK_BROWSER=required TALLYSTICK_CHROMIUM="$$chromium" $(PYTEST) tests/browser

.PHONY: test-stripe
test-stripe: setup ## The stories of selling, asked of Stripe's test mode with TALLYSTICK_STRIPE_KEY
	@case "$$TALLYSTICK_STRIPE_KEY" in \
	sk_test_?* | rk_test_?*) ;; \
	"") echo "set TALLYSTICK_STRIPE_KEY to a key of your account's test mode: sk_test_…" >&2; exit 1 ;; \
	*) echo "TALLYSTICK_STRIPE_KEY is no key of a test mode: only sk_test_… and rk_test_… are used" >&2; exit 1 ;; \
	esac
	@echo "• tests that ask Stripe's test mode"
	@TALLYSTICK_TEST_STRIPE_KEY="$$TALLYSTICK_STRIPE_KEY" $(PYTEST) -m stripe tests/providers/stripe/test_stories.py

.PHONY: proof
proof: setup ## All of the proof: every crash on both databases, many kills and lost answers
	@echo "• crashes, kills, lost answers, a full disk"
	@PROOF=full $(PYTEST) $(SPREAD) $(PROOF_IN) -m proof
	@PROOF=full $(PYTEST) $(SPREAD) tests/stories/test_stories.py tests/storage/test_migrate.py

.PHONY: mutants
mutants: setup ## Put each known fault into a copy of the engine: the tests have to notice it
	@echo "• faults that tests have to notice"
	@$(BIN)/python -m tests.mutants

.PHONY: coverage
coverage: ## Lines that the last `make test` did not reach
	@$(BIN)/coverage report

.PHONY: conformance
conformance: setup ## Run the public conformance cases
	@$(BIN)/tallystick conformance

.PHONY: bench
bench: setup ## Measure what the speed claims are made of
	@$(BIN)/python -m bench

.PHONY: fix
fix: setup ## Let ruff mend and format what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: lock
lock: setup ## Compile requirements/*.txt again (UPGRADE=1: to the newest versions)
	@$(LOCK) --extra documents --extra server --extra postgres --extra stripe --extra tax --group dev --output-file requirements/dev.txt
	@$(LOCK) --extra documents --extra server --extra postgres --extra stripe --extra tax --group build \
		--constraint requirements/dev.txt --output-file requirements/run.txt

.PHONY: clean
clean: ## Remove .venv, caches and reports
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.coverage .coverage.* htmlcov build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
