# Two commands: `make app` opens the page, `make test` checks everything. Each does its whole set-up in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: app test clean

app: .venv/app
	$(BIN)/streamlit run app.py --server.port 8501

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile --ignore tests/e2e
	$(BIN)/pytest tests/e2e  # one after another: a page alone on the machine is what visitors wait for

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/app: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q -r requirements.txt
	touch $@

.venv/dev: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	touch $@ .venv/app
