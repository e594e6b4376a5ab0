PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
STAMP_APP = $(VENV)/.app-installed
STAMP_DEV = $(VENV)/.dev-installed

.PHONY: app test lint soak bench screenshots clean

app: $(STAMP_APP)
	$(PY) -m streamlit run app.py

test: $(STAMP_DEV) lint
	$(PY) -m pytest -n 2 --dist loadgroup -m "not soak"

lint: $(STAMP_DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

soak: $(STAMP_DEV)
	$(PY) -m pytest -m soak

bench: $(STAMP_DEV)
	$(PY) benchmarks/guard.py

screenshots: $(STAMP_DEV)
	$(PY) docs/make_screenshots.py

$(PY):
	$(PYTHON) -m venv $(VENV)

$(STAMP_APP): requirements.txt pyproject.toml | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements.txt
	$(PY) -m pip install --disable-pip-version-check -q --no-deps -e .
	touch $@

$(STAMP_DEV): requirements-dev.txt $(STAMP_APP)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
