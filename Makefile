# Two commands: `make app` opens the page, `make test` checks everything. Each does its whole set-up in .venv.
# What `make test` runs one after another can be run alone, see tests/README.md.
PYTHON ?= python3
BIN := .venv/bin

# Bytecode is written when a module is first imported: most of what is installed never is.
unexport PYTHONDONTWRITEBYTECODE
export UV_HTTP_TIMEOUT ?= 300

TESTS := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long and not jax and not load"
PAGE := tests/ui tests/test_app.py tests/e2e

.PHONY: app test lint test-all test-core test-training test-page test-jax test-load test-long clean

app: .venv/app
	$(BIN)/streamlit run app.py --server.port 8501

test: .venv/dev
	$(MAKE) -j 2 lint test-jax
	$(MAKE) -j 2 test-all test-load

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# All layers in one run, so that no processor waits for the end of each of them.
test-all: .venv/dev
	$(TESTS)

test-core: .venv/dev
	$(TESTS) tests $(PAGE:%=--ignore %) --ignore tests/training

test-training: .venv/dev
	$(TESTS) tests/training

test-page: .venv/dev
	$(TESTS) $(PAGE)

test-jax: .venv/dev
	$(BIN)/pytest -m jax tests/training/test_jax.py

# What the others leave of the processors: many who wait make no haste.
test-load: .venv/dev
	nice -n 10 $(BIN)/pytest -m load tests/attack/test_load.py

test-long: .venv/dev
	$(BIN)/pytest -m long  # one after another: where time is measured, nothing runs beside it

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

# uv installs in a fraction of pip's time; pip is there for a mirror that only its own configuration knows.
install = $(BIN)/python -m pip install -q 'uv<1' && $(BIN)/uv pip install -q --python $(BIN)/python -r $(1) \
	|| $(BIN)/python -m pip install -q --no-compile -r $(1)

.venv/app: requirements.txt pyproject.toml | .venv/bin/python
	$(call install,$<)
	touch $@

.venv/dev: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(call install,$<)
	touch $@ .venv/app
