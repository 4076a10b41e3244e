# Thin: each target is the command that a person would type. Needs git, make, python3 (3.11 or newer) and python3-venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
# Tests wait for jails and disks a quarter of their time: half as many workers again as CPUs.
WORKERS ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))
# Tests start thousands of interpreters: each finds Lockgate compiled, as where pip installed it, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
PIP := -m pip --disable-pip-version-check --quiet --quiet
BIN := .venv/bin
# Debian packages that some tests hold Lockgate's output against. Without them those tests are skipped, with the reason.
SYSTEM_PACKAGES := skopeo postgresql runsc podman runc docker-registry softhsm2 sudo strace redis-server prometheus

help:  ## Say what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

demo: .venv-demo/made  ## Real data to a served, proved model, and three attacks refused (about a minute)
	@.venv-demo/bin/python $(PIP) install --no-deps --no-build-isolation .
	@.venv-demo/bin/lockgate demo $(DEMO)

drill: .venv-demo/made  ## A project of its own, more than sixty attacks on it, and its threats (a few minutes)
	@.venv-demo/bin/python $(PIP) install --no-deps --no-build-isolation .
	@place="$$(mktemp -d)"; trap 'rm -rf -- "$$place"' EXIT; lockgate="$$PWD/.venv-demo/bin/lockgate"; code=0; \
	export XDG_CONFIG_HOME="$$place/config" XDG_STATE_HOME="$$place/state"; \
	cp -r examples/phishing "$$place/"; cd "$$place/phishing"; \
	"$$lockgate" init . && "$$lockgate" run && "$$lockgate" deploy latest; \
	"$$lockgate" drill $(DRILL) || code=$$?; "$$lockgate" threats; exit $$code

test: .venv/made packages lint  ## Linters, types, import contracts, all tests
	@$(BIN)/python -m compileall -q src
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: .venv/made  ## Linters, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

nightly: test bench  ## All tests, the benchmarks, the long tests and fault rounds, 1,000 killed jails, ten times as many property cases
	@$(BIN)/pytest -n auto --dist loadfile -m nightly --timeout 7200
	@$(BIN)/python -m bench.killed_jails
	@$(BIN)/python -m bench.log_faults --json bench/log_faults.json
	@$(BIN)/python -m bench.ladders --longer 10 --only stops
	@$(BIN)/python -m bench.drift_null
	@$(BIN)/python -m bench.drift_harmless
	@$(BIN)/python -m bench.screen_triggers
	@$(BIN)/python -m bench.abuse.benign
	@$(BIN)/python -m bench.abuse.sybil
	@$(BIN)/python -m bench.abuse.adaptive
	@$(BIN)/pytest -n auto tests/properties --hypothesis-profile=nightly --timeout 7200
	@$(BIN)/pytest -n auto tests/unit tests/attacks tests/conformance -m "hypothesis and not nightly" --hypothesis-profile=often --timeout 7200
	@$(MAKE) fuzz FUZZ_SECONDS=300

bench: .venv/made  ## The measured claims, each as a ratio in one run
	@$(BIN)/python -m bench.run_vs_plain
	@$(BIN)/python -m bench.run_vs_plain --edited
	@$(BIN)/python -m bench.try_vs_plain
	@$(BIN)/python -m bench.start
	@$(BIN)/python -m bench.validate_rows
	@$(BIN)/python -m bench.jail
	@$(BIN)/python -m bench.environment_warm
	@$(BIN)/python -m bench.sign
	@$(BIN)/python -m bench.verify_chain
	@if command -v docker-registry >/dev/null && command -v skopeo >/dev/null; then $(BIN)/python -m bench.registry; fi
	@$(BIN)/python -m bench.log_append
	@$(BIN)/python -m bench.log_sealed
	@$(BIN)/python -m bench.log_proof
	@$(BIN)/python -m bench.log_replay
	@$(BIN)/python -m bench.log_queries
	@$(BIN)/python -m bench.request_contract
	@$(BIN)/python -m bench.gateway_overload
	@$(BIN)/python -m bench.ladders
	@$(BIN)/python -m bench.ladder_moves
	@$(BIN)/python -m bench.drift
	@$(BIN)/python -m bench.drift_flights
	@$(BIN)/python -m bench.screen_cost
	@$(BIN)/python -m bench.screen_labels
	@$(BIN)/python -m bench.screen_sources
	@$(BIN)/python -m bench.scan_corpus
	@if command -v wrk >/dev/null; then $(BIN)/python -m bench.gateway_controls; fi
	@if command -v wrk >/dev/null; then $(BIN)/python -m bench.gateway; fi

fuzz: .venv-fuzz/made  ## Fuzz each parser of strangers' bytes (FUZZ_SECONDS=60 each; FUZZ="onnx npy" for some)
	@OMP_NUM_THREADS=1 .venv-fuzz/bin/python -m scripts.fuzz $(FUZZ)

torch: .venv-torch/made  ## Tests with torch and Keras, in an environment of their own (large)
	@PYTHONPATH=src OMP_NUM_THREADS=1 .venv-torch/bin/python -m pytest -p no:randomly \
	  tests/unit/train/test_export_torch.py tests/unit/train/test_train_torch.py tests/unit/register/test_convert_torch.py

art: .venv-art/made  ## Our attacks on models against those of ART, in an environment of its own (a quarter of an hour)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-art/bin/python -m bench.attacks_vs_art $(ART)

# Only what is said on make's own command line: a KEY that the shell happens to have is nobody's word.
RELEASE = $(foreach name,KEY PUBLIC_KEY,$(if $(filter command,$(origin $(name))),--$(if $(filter KEY,$(name)),key,public-key) '$($(name))'))
release: .venv/made  ## A rehearsal of a release into dist/; with KEY=release.pem, the release
	@$(BIN)/python -m scripts.release $(RELEASE)

docs: .venv/made  ## Write docs/reference/ from the code
	@$(BIN)/python scripts/reference.py

lock: .venv/made  ## Resolve requirements/*.in anew
	@$(BIN)/python scripts/lock.py

clean:  ## Remove what these targets made
	rm -rf .venv .venv-art .venv-demo .venv-fuzz .venv-torch build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv-demo/made: requirements/runtime.txt | python
	@echo "making .venv-demo from requirements/runtime.txt, each wheel checked against its hash" >&2
	@$(PYTHON) -m venv --clear .venv-demo
	@.venv-demo/bin/python $(PIP) install --no-deps --require-hashes --only-binary :all: -r requirements/runtime.txt
	@touch $@

.venv-torch/made: requirements/torch.in pyproject.toml | python
	@$(PYTHON) -m venv --clear .venv-torch
	@.venv-torch/bin/python $(PIP) install -r requirements/torch.in
	@.venv-torch/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-fuzz/made: requirements/fuzz.txt pyproject.toml | python
	@echo "making .venv-fuzz from requirements/fuzz.txt, each wheel checked against its hash" >&2
	@$(PYTHON) -m venv --clear .venv-fuzz
	@.venv-fuzz/bin/python $(PIP) install --no-deps --require-hashes --only-binary :all: -r requirements/fuzz.txt
	@.venv-fuzz/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-art/made: requirements/art.txt pyproject.toml | python
	@echo "making .venv-art from requirements/art.txt, each wheel checked against its hash" >&2
	@$(PYTHON) -m venv --clear .venv-art
	@.venv-art/bin/python $(PIP) install --no-deps --require-hashes --only-binary :all: -r requirements/art.txt
	@.venv-art/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/made: requirements/dev.txt pyproject.toml | python
	@echo "making .venv from requirements/dev.txt, each wheel checked against its hash" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP) install --no-deps --require-hashes --only-binary :all: -r requirements/dev.txt
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

python:
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Lockgate needs Python 3.11 or newer with venv: apt-get install python3 python3-venv" >&2; exit 4; }

packages:
	@for tool in $(SYSTEM_PACKAGES); do \
	  if command -v $$tool $$tool-util >/dev/null || ls /usr/lib/$$tool/*/bin/initdb >/dev/null 2>&1; then continue; fi; \
	  if [ "$$(id -u)" = 0 ]; then root=(); elif [ -n "$${CI:-}" ]; then root=(sudo -n); else root=(false); fi; \
	  if command -v apt-get >/dev/null && { "$${root[@]}" apt-get update -qq && \
	    "$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $$tool; } >/dev/null 2>&1; \
	  then echo "installed $$tool" >&2; \
	  else echo "no $$tool here and no right to install it: the tests that need it will be skipped" >&2; fi; \
	done

.PHONY: help demo test lint nightly bench fuzz art release docs lock clean python packages
