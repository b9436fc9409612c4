PYTHON ?= python3
BIN := .venv/bin
SOURCES := medx classify retrieval reportgen tests benchmarks docker docs/notebooks

.PHONY: demo test lint format check rehearse constraints clean

demo: .venv/demo.stamp  ## the whole chain; writes outputs/demo/index.html
	$(BIN)/medx demo

# One thread a worker: two workers with a thread a core each would fight over two cores.
test: .venv/test.stamp  ## the whole test suite
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

lint: .venv/test.stamp  ## style, types, who imports whom
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/test.stamp
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

check: lint test  ## what CI runs

rehearse: .venv/test.stamp  ## the Dockerfile's own steps in a scratch folder, and medx from it
	$(BIN)/python docker/rehearse.py

constraints:  ## pin the newest set that resolves for every supported Python; needs uv
	uv pip compile pyproject.toml --extra dev --extra test --universal --python-version 3.10 \
		--upgrade --no-annotate --no-header -o constraints.txt
	sed -i '1i # The exact set known to work, for every supported Python. Made by: make constraints' constraints.txt

clean:
	rm -rf .venv

.venv/demo.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/test.stamp: .venv/demo.stamp
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[test]'
	touch $@
