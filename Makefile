# Everything a developer runs. On a fresh machine with Python 3.11 or newer, make and git, every target sets up what it
# needs, in .venv and nowhere else. `make` alone lists the targets.

VENV := .venv
PY := $(VENV)/bin/python
BUF := $(VENV)/bin/buf
# The interpreter to build .venv from; empty: the first of CANDIDATES that is new enough.
PYTHON ?=
CANDIDATES := $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python
# Passed on to the program that a target runs: make run ARGS="--port 9000", make test ARGS="-k retry".
ARGS ?=
# How many streams `make faults` cuts at a random byte.
CUTS ?= 10000
# How long the faults of `make conformance` last: quick, or full as in docs/conformance.md.
PROFILE ?= quick
# Test processes side by side: a number, auto, or 0 for none.
JOBS ?= 2
UV := 0.13.9

SOURCES := server edge cli options tests
PROTOS := $(shell cd protos && find perpetuo -name '*.proto' | sort)
IMAGE := protos/perpetuo.image.binpb

# What has been set up is known by marks in .venv. They carry a checksum of this directory's path, because the scripts of
# a virtual environment break when it is moved: in another place the marks do not count, and the set-up is made again.
HERE := $(shell printf '%s' '$(CURDIR)' | cksum | cut -d' ' -f1)
MADE := $(VENV)/.made-$(HERE)
RUN := $(VENV)/.run-$(HERE)
DEV := $(VENV)/.dev-$(HERE)
# An interpreter that is gone takes its marks with it.
FORGET := $(shell [ -x $(PY) ] || rm -f $(VENV)/.made-* $(VENV)/.run-* $(VENV)/.dev-*)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-run run generate format lint types test check providers faults faults-cuts faults-cancel faults-down faults-stop conformance conformance-peers contract test-clients bench bench-data bench-peers bench-check faults-storage faults-replicas faults-overload soak-cancel siege build prices requirements release-image clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(DEV) ## Set up .venv with everything for development

setup-run: $(RUN) ## Set up .venv with what the gateway itself needs

run: $(RUN) ## Start the gateway with a demo user, key and provider
	@exec $(VENV)/bin/perpetuo serve --demo $(ARGS)

generate: $(DEV) ## Write generated/ from protos/
	@rm -rf build/generated && mkdir -p build/generated generated
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m grpc_tools.protoc -I protos \
	  --python_out=build/generated --grpc_python_out=build/generated \
	  --mypy_out=quiet:build/generated --mypy_grpc_out=quiet:build/generated \
	  --descriptor_set_out=build/generated/perpetuo.binpb --include_imports --include_source_info $(PROTOS)
	@cd generated && find perpetuo -type f -name '*_pb2*.py*' ! -name '*.pyc' | while read -r file; do \
	  [ -e "../build/generated/$$file" ] || rm "$$file"; done
	@cd build/generated && find . -type f | while read -r file; do \
	  cmp -s "$$file" "../../generated/$$file" || \
	  { mkdir -p "../../generated/$${file%/*}" && cp "$$file" "../../generated/$$file"; }; done
	@$(PY) -m edge.openapi generated/perpetuo/v1/openapi.json

format: $(DEV) ## Format code and protos, and fix what can be fixed
	$(PY) -m ruff check --fix $(SOURCES)
	$(PY) -m ruff format $(SOURCES)
	$(BUF) format --write --exclude-path protos/google protos

lint: $(DEV) ## Check style, formatting, imports and protos
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m ruff format --check $(SOURCES)
	$(VENV)/bin/lint-imports
	$(BUF) lint
	$(BUF) format --diff --exit-code --exclude-path protos/google protos
	$(BUF) breaking --against $(IMAGE)

types: $(DEV) ## Check the types
	$(PY) -m mypy $(SOURCES)

test: $(DEV) ## Run the tests
	$(PY) -m pytest -n $(JOBS) $(ARGS)

check: ## Do all that continuous integration does; the tree must be committed
	@$(MAKE) --no-print-directory generate
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory test
	@git diff --exit-code || { echo 'make check: the files above differ from the commit.' >&2; exit 1; }
	@new=$$(git ls-files --others --exclude-standard -- generated protos) && [ -z "$$new" ] || \
	  { echo "make check: these files are not committed: $$new" >&2; exit 1; }
	@echo 'make check: all good'

providers: $(DEV) ## Try every face to every dialect in every scene, and every golden file
	$(PY) -m pytest -n $(JOBS) -q -rs --cells all $(ARGS) tests/matrix tests/providers tests/unit/server/providers

faults: $(DEV) ## Try every fault of the mock on the gateway, in every way
	$(PY) -m pytest tests/faults -n $(JOBS) --faults all --cuts $(CUTS) $(ARGS)

faults-cuts: $(DEV) ## Cut streams of three dialects at random bytes, so many: ARGS=10000
	$(PY) -m pytest tests/faults/test_cuts.py -q --cuts $(or $(ARGS),10000)

faults-cancel: $(DEV) ## Let clients leave in each state, so many, and print how soon they are rid of: ARGS=1000
	$(PY) -m pytest tests/faults/test_leaving.py -q --leavers $(or $(ARGS),1000)

faults-down: $(DEV) ## Take all upstreams away under load, and print what they and the clients see: ARGS="--seconds 60"
	$(PY) -m tests.faults $(ARGS)

faults-stop: $(DEV) ## Stop a gateway under load, so many times, and count what its clients see: ARGS=20
	$(PY) -m pytest tests/faults/test_stop.py -q --rounds $(or $(ARGS),20)

faults-overload: $(DEV) ## Offer three times what the gateway can do; figures: ARGS="--seconds 60 --inside 40"
	$(PY) -m tests.overload $(ARGS)

soak-cancel: $(DEV) ## Soak the gateway in streams whose clients leave, and print its memory: ARGS=50000
	$(PY) -m tests.faults.soak --streams $(or $(ARGS),50000)

siege: $(DEV) ## Attack the gateway with so many slow sockets, and with resets, headers and pings by HTTP/2: ARGS=2000
	$(PY) -m tests.faults.siege --sockets $(or $(ARGS),2000)

conformance: $(DEV) ## Play sixteen well-known faults and more behind the gateway, and print how it did
	$(PY) -m tests.scoreboard perpetuo --profile $(PROFILE) $(ARGS)

conformance-peers: $(DEV) ## The same for other gateways, installed from the registries, into docs/conformance.md
	$(PY) -m tests.scoreboard --profile full --page $(ARGS)

faults-storage: $(DEV) ## Kill the gateway, take its database away, damage its spool; figures: ARGS="--kills 20 --rate 200"
	$(PY) -m tests.durability $(ARGS)

faults-replicas: $(DEV) ## Hold two replicas to one limit for some minutes, with and without Valkey; minutes: ARGS="--windows 5"
	$(PY) -m tests.replicas $(ARGS)

contract: $(DEV) ## Hold every exchange of both REST references against a running gateway, on each database
	$(PY) -m tests.contract.rest.run $(ARGS)

test-clients: $(DEV) ## Try clients of others on the gateway; needs Node.js, npm and a package registry
	$(PY) -m tests.clients.run

bench: $(RUN) ## Measure CPU per request and per streamed event, beside nginx
	$(PY) -m tests.bench $(ARGS)

bench-data: $(RUN) ## Measure a store of 10,000,000 operations; another number: ARGS=1000000
	$(PY) -m tests.bench.data $(ARGS)

bench-peers: $(RUN) ## The same beside other gateways, installed from the registries; needs Node.js and npm
	$(PY) -m tests.bench.peers $(ARGS)

bench-check: $(RUN) ## Count instructions per request, and compare them with the committed baseline; needs valgrind
	$(PY) -m tests.bench.instructions $(ARGS)

build: $(DEV) ## Build the wheel and the source archive into dist/
	$(PY) -m hatchling build

prices: $(DEV) ## Take down what the installed genai-prices package says
	@$(PY) -m server.ledger.price_package

requirements: ## Pin the requirements anew; UPGRADE=1 takes the newest versions that fit
	@[ -x build/uv/bin/uv ] || { $(FIND_PYTHON); "$$found" -m venv build/uv; \
	  build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV); }
	@build/uv/bin/uv pip compile $(COMPILE) --extra speed --extra postgres --extra redis -o requirements/run.txt pyproject.toml
	@build/uv/bin/uv pip compile $(COMPILE) --extra speed --extra postgres --extra redis --extra dev -c requirements/run.txt \
	  -o requirements/dev.txt pyproject.toml
	@build/uv/bin/uv pip compile $(COMPILE) -o tests/clients/requirements.txt tests/clients/requirements.in
	@cd tests/clients && npm install --package-lock-only --omit-lockfile-registry-resolved $(SILENT_NPM)
	@$(PINS_ONLY) tests/clients/package-lock.json

SILENT_NPM := --no-audit --no-fund --ignore-scripts --loglevel=error
# Of what npm writes about a package only what installing needs is kept; none of it is an address.
PINS_ONLY := build/uv/bin/python -c 'import json, sys; path = sys.argv[1]; lock = json.load(open(path)); \
  [package.pop("funding", None) for package in lock["packages"].values()]; \
  open(path, "w").write(json.dumps(lock, indent=2) + "\n")'
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-header --annotation-style line $(if $(UPGRADE),--upgrade)

release-image: $(DEV) ## Take the protos as released: what later changes must stay compatible with
	$(BUF) build --exclude-source-info -o $(IMAGE)

clean: ## Remove what was built, but not .venv and data
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# --- set-up ---

# Puts an interpreter that is new enough and can make virtual environments into $found, or says what is missing.
define FIND_PYTHON
found=; seen=; \
for name in $(CANDIDATES); do \
  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
  seen=$$name; \
  found=$$("$$name" -c 'import ensurepip, sys, venv; print(sys._base_executable)' 2>/dev/null) && break; \
done; \
if [ -z "$$found" ] && [ -n "$$seen" ]; then \
  echo "$$seen cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
elif [ -z "$$found" ]; then \
  echo 'Python 3.11 or newer is needed and none was found. Name one with: make PYTHON=/path/to/python' >&2; exit 1; \
fi
endef

# The project itself is not built: a path file, the metadata that tells its version, and a command, all of them relative.
define INSTALL_PROJECT
@site=$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
version=$$($(PY) -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])') && \
rm -rf "$$site"/perpetuo-*.dist-info && mkdir "$$site/perpetuo-$$version.dist-info" && \
printf '%s\n' 'Metadata-Version: 2.1' 'Name: perpetuo' "Version: $$version" \
  > "$$site/perpetuo-$$version.dist-info/METADATA" && \
printf '%s\n' ../../../.. ../../../../generated > "$$site/perpetuo.pth"
@printf '%s\n' '#!/bin/sh' '# The perpetuo command of the working tree around this environment.' \
  'exec "$$(dirname "$$(readlink -f "$$0")")/python" -P -c \' \
  '  "import sys; sys.argv[0] = \"perpetuo\"; from cli.main import main; sys.exit(main())" "$$@"' \
  > $(VENV)/bin/perpetuo
@chmod +x $(VENV)/bin/perpetuo
endef

PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes

# An environment without a mark of any place was made by hand: it is taken as it is.
$(MADE):
	@if [ -x $(PY) ] && ! ls $(VENV)/.made-* >/dev/null 2>&1; then :; else \
	  $(FIND_PYTHON); \
	  echo "Setting up $(VENV) with $$("$$found" -V)"; \
	  rm -rf $(VENV); \
	  "$$found" -m venv $(VENV); \
	fi
	@touch $@

$(RUN): requirements/run.txt pyproject.toml Makefile | $(MADE)
	$(PIP_INSTALL) -r requirements/run.txt
	$(INSTALL_PROJECT)
	@touch $@

# requirements/dev.txt holds every pin of requirements/run.txt, so it makes both marks.
$(DEV): requirements/dev.txt requirements/run.txt pyproject.toml Makefile | $(MADE)
	$(PIP_INSTALL) -r requirements/dev.txt
	$(INSTALL_PROJECT)
	@touch $(RUN) $@
