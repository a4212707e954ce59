# make app    set up and open the app on a bundled example
# make test   set up and run everything that must hold: lint, types, Python, JavaScript and browser tests, the bundle

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
VIEWER := graphtools/viewer
# Python tests run in so many processes; each takes up to 3 GB.
JOBS ?= 2

.PHONY: app test lint types python javascript browser bundle setup setup-test clean

app: setup
	$(BIN)/streamlit run app/main.py

test: lint types bundle javascript python browser

setup: $(VENV)/.app
setup-test: $(VENV)/.test

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: pyproject.toml requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.test: pyproject.toml requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --editable '.[test]'
	touch $@

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-test
	$(BIN)/mypy

$(VIEWER)/node_modules: $(VIEWER)/package-lock.json
	npm --prefix $(VIEWER) ci --no-audit --no-fund
	touch $@

# The committed bundle is what the sources give.
bundle: $(VIEWER)/node_modules
	npm --prefix $(VIEWER) run --silent build
	git diff --exit-code --stat -- $(VIEWER)/static

javascript:
	node --test tests/js/

python: setup-test
	$(BIN)/python -m pytest --ignore tests/browser --numprocesses $(JOBS) --dist worksteal

browser: setup-test
	$(BIN)/python -m pytest tests/browser

clean:
	rm -rf $(VENV) $(VIEWER)/node_modules
