# Two commands: `make app` opens the page, `make test` checks everything. Each does its whole set-up in .venv.
# What `make test` runs one after another can be run alone, see tests/README.md.
PYTHON ?= python3
BIN := .venv/bin

TWO := -n 2 --dist loadfile --no-loadscope-reorder
PLAIN := -m "not cost and not jax"
PAGE := tests/ui tests/test_app.py

.PHONY: app test lint test-core test-training test-page test-jax test-cost clean

app: .venv/app
	$(BIN)/streamlit run app.py --server.port 8501

# Each of the first two keeps one processor busy.
test: .venv/dev
	$(MAKE) -j 2 lint test-jax
	$(MAKE) test-core test-training test-page test-cost

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-core: .venv/dev
	$(BIN)/pytest $(TWO) $(PLAIN) tests $(PAGE:%=--ignore %) --ignore tests/training --ignore tests/e2e

test-training: .venv/dev
	$(BIN)/pytest $(TWO) $(PLAIN) tests/training

test-page: .venv/dev
	$(BIN)/pytest $(TWO) $(PLAIN) $(PAGE)
	$(BIN)/pytest $(TWO) $(PLAIN) tests/e2e

test-jax: .venv/dev
	$(BIN)/pytest -m jax tests/training/test_jax.py

test-cost: .venv/dev
	$(BIN)/pytest -m cost  # one after another: what is measured is alone on the machine

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/app: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q -r requirements.txt
	touch $@

.venv/dev: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q --no-compile -r requirements-dev.txt
	$(BIN)/python -m compileall -qq -j 0 .venv/lib || true  # what pip would do on one processor alone
	touch $@ .venv/app
