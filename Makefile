# Two doors: `make demo` and `make test`. Everything is installed into this folder, from PyPI and npm.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
CONTRACTS := ParticipantRegistry SecurityToken DvP CollateralRegister JournalAnchor
export SOLCX_BINARY_PATH := $(CURDIR)/.build/solcx

.DELETE_ON_ERROR:
.PHONY: demo demo-collateral demo-reconcile test check simulate bench bench-collateral bench-engine bench-gas bench-rebuild bench-reconcile bench-rtgs bench-simulate deep mutants contracts slither clean

demo: .venv/.base
	$(BIN)/lockstep demo

demo-collateral: .venv/.base
	$(BIN)/lockstep demo collateral

# Five days beside a legacy book; the page is for a browser.
demo-reconcile: .venv/.base
	$(BIN)/lockstep demo reconcile --page .build/parallel-week.html

.venv/.base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Lockstep needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.simulation: .venv/.base
	$(PIP) --editable '.[simulation]'
	touch $@

# The whole system in a world where everything goes wrong: SEEDS=1000 for more.
simulate: .venv/.simulation
	$(BIN)/lockstep simulate --seeds $(or $(SEEDS),200)

.venv/.dev: .venv/.base
	$(PIP) --editable '.[dev,ape]'
	touch $@

node_modules/.installed: package.json
	npm install --no-save --loglevel=error
	touch $@

.build/.solc: .venv/.dev node_modules/.installed
	$(BIN)/python -m lockstep.chain.compiler --install
	touch $@

.venv-slither/.installed:
	$(PYTHON) -m venv .venv-slither
	.venv-slither/bin/python -m pip --disable-pip-version-check install --quiet slither-analyzer==0.11.6
	touch $@

# Every test. The closing lines name what could not run here and why. A worker more than there are cores, as tests of
# processes wait half of their time.
test: .build/.solc .venv-slither/.installed
	$(BIN)/pytest -n $(or $(WORKERS),3) --dist loadfile --no-loadscope-reorder
	$(MAKE) --no-print-directory --jobs 2 ape static slither

.PHONY: ape
ape: .build/.solc
	$(BIN)/ape test tests/ape

# The quick loop.
check: .venv/.dev
	$(MAKE) --no-print-directory static
	$(BIN)/pytest -q -n $(or $(WORKERS),2) tests/unit tests/test_architecture.py

.PHONY: static
static:
	$(BIN)/ruff format --check --quiet src tests scripts bench
	$(BIN)/ruff check --quiet src tests scripts bench
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	test ! -d node_modules/solhint || npm run --silent lint:sol

slither: .venv-slither/.installed .build/.solc
	for name in $(CONTRACTS); do .venv-slither/bin/slither contracts/$$name.sol || exit 1; done

# Writes the compiled contracts that ship with the package, and the exceptions for their errors.
contracts: .build/.solc
	$(BIN)/python -m lockstep.chain.compiler
	$(BIN)/python -m lockstep.chain.binding

bench: .venv/.dev
	$(BIN)/python bench/first_day.py

# Gas of every call that has a goal, into bench/gas.json.
bench-gas: .venv/.dev
	$(BIN)/python bench/gas.py

# Messages, postings and offsetting of the simulated RTGS, into bench/rtgs.json.
bench-rtgs: .venv/.dev
	$(BIN)/python bench/messages.py
	$(BIN)/python bench/rtgs.py

# Collateral: eligibility, allocation and inventory of many positions, gas of the register, into bench/collateral.json.
bench-collateral: .venv/.dev
	$(BIN)/python bench/collateral.py

# 100,000 trades rebuilt from both ledgers and their instructions, into bench/rebuild.json.
bench-rebuild: .venv/.dev
	$(BIN)/python bench/rebuild.py

# Reconciliation: books of millions compared and loaded, planted errors found, evidence verified, into
# bench/reconcile.json.
bench-reconcile: .venv/.dev
	$(BIN)/python bench/reconcile.py

# The settlement engine: trades per second, and where the time goes, into bench/engine.json. Hours; goes on where it
# stopped. TRADES=300 for a try, ONLY=sqlite_1 for one figure, LIMIT=SECONDS for each.
bench-engine: .build/.solc
	$(BIN)/python bench/engine.py $(if $(TRADES),--trades $(TRADES)) $(if $(ONLY),--only $(ONLY)) \
		$(if $(LIMIT),--limit $(LIMIT))

# Seeds of the simulated world per minute, into bench/simulate.json.
bench-simulate: .venv/.dev
	$(BIN)/python bench/simulate.py

# What takes longer than `make test` may: see tests/deep.
deep: .build/.solc
	$(BIN)/pytest -n $(or $(WORKERS),2) -m deep --override-ini addopts="--strict-markers --strict-config -ra -p no:ape_test" tests/deep tests/acceptance

# Every mutant of the contracts, hours of them; goes on where it stopped. BUDGET=SECONDS ends it before.
mutants: .build/.solc
	nice -n 15 $(BIN)/python scripts/mutate.py run --jobs $(or $(WORKERS),2) $(if $(BUDGET),--budget $(BUDGET))

clean:
	rm -rf .venv .venv-slither node_modules .build
