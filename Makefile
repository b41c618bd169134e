# Every target sets up the virtual environment first, where needed.
#   ARGS    arguments for the command: make run ARGS="mnist --epochs 3"
#   PYTHON  the interpreter that the environment is made with: make PYTHON=python3.12 run
#   VENV    its folder, if not .venv
ARGS =
PYTHON =
VENV = .venv

.PHONY: help setup run test slow faults lesson ports docs check format bench certify floor torture mutants versions clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv and install the pinned packages
	@sh tools/setup.sh '$(VENV)' '$(PYTHON)'

run: setup ## train the experiments side by side
	'$(VENV)/bin/lockstep' run $(ARGS)

# Some hundred processes start: each would compile all of this anew.
PYTEST = env -u PYTHONDONTWRITEBYTECODE '$(VENV)/bin/pytest' -n 3 --dist loadfile

test: setup ## run the tests but for the slow ones; with ARGS, all that these name
	$(PYTEST) $(or $(ARGS),-m 'not slow')

slow: setup ## run the tests that start whole commands or train at length
	$(PYTEST) -m slow $(ARGS)

faults: setup ## plant every fault, look for false alarms, and write docs/faults.md
	'$(VENV)/bin/pytest' -q tests/faults --clean-seeds 200 --faults-table docs/faults.md $(ARGS)

lesson: setup ## run the notebooks of the lesson, and keep what they print and draw
	'$(VENV)/bin/python' tools/notebooks.py $(ARGS)

ports: setup ## compare eight ported models and forty mistakes, and write docs/ports.md
	'$(VENV)/bin/pytest' -q tests/live/ports --ports-steps 200 --ports-table docs/ports.md $(ARGS)

docs: setup ## build the pages, the API reference and a run's report into site/index.html
	'$(VENV)/bin/lockstep' run --data stand-in --out runs/site
	[ -x .versions/docs/bin/mkdocs ] || '$(VENV)/bin/python' -m venv .versions/docs
	.versions/docs/bin/pip install --quiet --requirement docs/site/requirements.txt
	NO_MKDOCS_2_WARNING=1 .versions/docs/bin/mkdocs build --strict --config-file docs/site/mkdocs.yml

check: setup ## lint, check the formatting and the types
	'$(VENV)/bin/ruff' check
	'$(VENV)/bin/ruff' format --check
	'$(VENV)/bin/mypy'

format: setup ## format the code and fix what ruff can fix
	'$(VENV)/bin/ruff' format
	'$(VENV)/bin/ruff' check --fix

bench: setup ## compare the speeds
	'$(VENV)/bin/lockstep' bench $(ARGS)

certify: setup ## compute the certified losses again, and compare them
	'$(VENV)/bin/lockstep' certify --check $(ARGS)

floor: setup ## judge 204 clean pairs in float32 by the noise floor: how many false alarms?
	'$(VENV)/bin/lockstep' run perceptron xor circle --dtype float32 --seeds 17 --epochs 500
	'$(VENV)/bin/lockstep' run churn --dtype float32 --seeds 17 --epochs 2 --data stand-in

torture: setup ## kill, damage and repeat at length: the figures of docs/reliability.md
	'$(VENV)/bin/pytest' -q tests/reliability --torture $(ARGS)

mutants: setup ## change scratch/ in small ways: which changes do the tests miss?
	'$(VENV)/bin/python' -m tests.mutants $(ARGS)

versions: ## test the library beside other versions: make versions ARGS="keras --keras 3.13.*"
	@'$(or $(PYTHON),python3)' tools/versions.py $(ARGS)

clean: ## remove .venv, caches and build products; runs/ is kept
	@if [ -e '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)'; fi
	rm -rf build site *.egg-info .versions .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
