# A fresh machine needs Python 3.11+ with pip and venv, make and git; everything else is set up here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONHASHSEED := 0

.PHONY: demo test coverage check kernels bytecode types docs style system bench setup lock clean

demo: setup
	rm -rf sameplayer-demo
	$(BIN)/sameplayer demo --out sameplayer-demo

test: setup
	$(MAKE) --jobs 2 kernels bytecode types docs style system
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --durations 10

# The share of lines that the tests run; it takes a third longer than make test.
coverage: setup
	$(MAKE) --jobs 2 kernels bytecode system
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --cov=sameplayer --cov-fail-under=95

check: setup
	$(MAKE) --jobs 2 types docs style

# Compiled once here, not by each process of the tests.
kernels: setup
	$(BIN)/python -m compileall -q src
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.warm

# The libraries of the tests, likewise: a third of what the installer would compile.
bytecode: setup
	$(BIN)/python -W ignore -c "import matplotlib.figure, numba, onnxscript, open_clip, peft, ray, \
		schemathesis, sklearn.metrics, supervision, timm, torchvision.transforms.v2"

types: setup
	$(BIN)/mypy

# The site; a warning is an error (not with --quiet, which drops warnings before they count).
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

style: setup
	$(BIN)/ruff format --no-cache --check src tests benchmarks docs recipes
	$(BIN)/ruff check --no-cache src tests benchmarks docs recipes
	$(BIN)/codespell src tests benchmarks recipes docs README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md
	$(BIN)/lint-imports

# Chromium and PostgreSQL, where they are missing and can be installed.
system:
	sh tests/system.sh

# An hour: ratios against plain dense code and the plain timm loop, and the scaling to 100,000 rows.
bench: setup
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/ranking.py --scale --json benchmarks/ranking.json
	$(BIN)/python benchmarks/ranking.py --turns 468 8703 1024
	$(BIN)/python benchmarks/ranking.py --one-query 10000 256
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/embedding.py speed src/sameplayer/data/real/crops.csv person --threads 1
	$(BIN)/python -m benchmarks.scale.crash --kills 10 --seeds 1
	$(BIN)/python benchmarks/scale/million.py sameplayer-million --rows 100000
	$(BIN)/python benchmarks/explain.py --speed

setup: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv==0.13.8
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# Renew the pins; the result names no index.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
		--no-emit-index-url --all-extras pyproject.toml --output-file requirements.lock --upgrade

clean:
	rm -rf $(VENV) sameplayer-demo site
