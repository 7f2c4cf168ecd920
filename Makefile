# Few commands, no lore: `make demo`, `make test`, `make check`, `make bench`. All of them set up what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.dev
MESH   := demo

.PHONY: demo down test check bench setup format
.DEFAULT_GOAL := demo

$(READY): pyproject.toml constraints.txt scripts/setup
	scripts/setup $(PYTHON) $(VENV)

$(DEV): $(READY) scripts/stubs.py
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --group dev
	$(BIN)/python scripts/stubs.py
	touch $@

setup: $(DEV)

demo: $(READY)  ## Bookinfo at http://localhost:8080/productpage; Ctrl-C ends it, DETACH=1 leaves it running (then: make down)
	$(BIN)/ostria up --name $(MESH) -f examples/bookinfo/manifests --gateway-port 8080 $(if $(DETACH),--detach)

down: $(READY)
	$(BIN)/ostria down --name $(MESH)

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: $(DEV)  ## format, lint, types, import contracts, unit tests: under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > .import-contracts.log || { cat .import-contracts.log; exit 1; }
	$(BIN)/pytest --hypothesis-profile=quick tests/unit -x -n 2 --dist worksteal

test: $(DEV)  ## everything: unit, real Envoy, soak and bad clients, end to end as root and rootless
	scripts/test $(BIN)

bench: $(DEV)
	$(BIN)/python -m benchmarks
