# The workbook's commands. Each works as the first one in a fresh clone; set-up is done once.
PY := .venv/bin/python
ENGINE ?= $(HOME)/.cache/vlnb-engine
NOTEBOOKS := $(sort $(wildcard notebooks/[0-9]*.ipynb))
PAGES := $(wildcard app/*.ipynb)
unexport PYTHONDONTWRITEBYTECODE  # with it, each process would compile all its packages anew: seconds for a notebook

help:  ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

lab: .venv/lab.done  ## open the workbook in JupyterLab, with the embedded engine behind it
	@$(PY) scripts/lab.py

app: .venv/lab.done  ## serve playground, launch, speed and accuracy as pages without code, on this machine
	@$(PY) scripts/app.py

test: lint  ## check the code, run all tests, and every notebook
	@$(PY) -m pytest -n 3 --dist loadgroup --durations=10
	@rm -rf build/nbmake && mkdir -p build/nbmake && cp $(NOTEBOOKS) build/nbmake
	@VLNB_CACHE=$(CURDIR)/build/cache $(PY) -m pytest --nbmake --overwrite --nbmake-timeout=240 -n 2 -p no:hypothesispytest \
		build/nbmake/[0-9]*.ipynb
	@$(PY) scripts/notebook_faults.py build/nbmake/[0-9]*.ipynb
	@echo "commands … $(CURDIR)/.venv/bin/vlnb --help"

check: lint  ## check style, types and the quick tests: under a minute
	@$(PY) -m pytest -n 2 -q -m "not slow"

lint: .venv/dev.done  ## check style, types, and that notebooks are clean
	@$(PY) -m ruff check --quiet && $(PY) -m ruff format --check --quiet && $(PY) -m mypy --no-error-summary
	@$(PY) -m nbstripout --verify --keep-id $(NOTEBOOKS) $(PAGES)

engines:  ## install the real servers that test-engine launches (3.3 GB, once)
	@sh scripts/engine/install.sh $(ENGINE)

test-engine: .venv/dev.done engines  ## launch a real SGLang server on this CPU and test against it
	@VLNB_ENGINE=$(ENGINE) $(PY) -m pytest tests/engine -m alone
	@VLNB_ENGINE=$(ENGINE) $(PY) -m pytest tests/engine -m "not alone" -n 2 --dist loadgroup --durations=10

test-browser: .venv/dev.done  ## drive the notebooks in JupyterLab in Chromium (apt-get install chromium)
	@VLNB_BROWSER=1 VLNB_ENGINE=$(ENGINE) $(PY) -m pytest tests/browser -n 2 --dist loadfile --durations=10

run: .venv/dev.done  ## run every notebook and keep it, with its results, as build/NAME.html
	@mkdir -p build
	@PLOTLY_RENDERER=plotly_mimetype+notebook $(PY) -m nbconvert --log-level=WARN --to html --execute --output-dir build $(NOTEBOOKS)
	@ls build/*.html

bench: .venv/dev.done  ## measure, and print the tables
	@for script in benchmarks/*.py; do $(PY) $$script || exit 1; done

requirements: .venv/dev.done  ## compile both requirements files anew from pyproject.toml
	@sh scripts/requirements.sh

clean:  ## remove the environment and everything that was made
	@rm -rf .venv build runs .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/lab.done: requirements.txt pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh requirements.txt && touch $@

.venv/dev.done: requirements-dev.txt pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh requirements-dev.txt && touch .venv/lab.done $@

.PHONY: help lab app check test engines test-engine test-browser lint run bench requirements clean
