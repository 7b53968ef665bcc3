# Two commands for a newcomer: `make demo` and `make test`. The rest is what CI runs, each runnable alone.
PYTHON ?= python3
# Has the CPU build of torch; empty takes PyPI's, which is for CUDA on Linux, and gigabytes larger.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PACKAGES := edgebert export/edgebert_export quantize/edgebert_quantize runtime/edgebert_runtime runtime/native/edgebert_native

.PHONY: demo native page page-app test serve-tests cuda dry-cuda slow exhaustive lint types architecture interop interop-page openvino engines arm64 pages batch-tests clusters web docs documents dist bench-envs bench bench-quick bench-long install

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt runtime/pyproject.toml export/pyproject.toml quantize/pyproject.toml
	@echo "installing into $(VENV) (about a minute)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps torch $(addprefix --extra-index-url ,$(TORCH_INDEX))
	$(BIN)/pip install --quiet --constraint constraints.txt --editable './runtime[cpu]' --editable ./export --editable ./quantize --editable '.[dev,docs]'
	@PYTHON=$(BIN)/python .ci/install-native
	@touch $@

# Builds the native encoder with a compiler of PyPI, and installs it.
native: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/native-wheels
	PYTHON=$(BIN)/python .ci/install-native

demo: $(INSTALLED)
	$(BIN)/python -m examples.demo

# The demo's bundle as a page in the browser; it says how to open it.
page: page-app
	$(BIN)/python -m examples.page

# The scripts and the engine of `edgebert page`, which wheels have; takes Node 20 and npm.
page-app: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/page-app

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow and not exhaustive and not browser and not documents and not explained and not serving and not batch and not cluster" --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Servers in processes of their own, asked by real clients.
serve-tests: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/serving

# Damaged files and odd arguments for ten minutes; FUZZ='--seconds 60 --seed 3' for less, or for the same again.
fuzz: $(INSTALLED)
	$(BIN)/python -W ignore -m tests.support.fuzz $(FUZZ)

cuda: $(INSTALLED)
	$(BIN)/python -m pytest -m cuda tests/cuda

dry-cuda: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/dry-cuda

slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Longer than CI has time for: every family by the native encoder, 500 explained texts, a distilled MiniLM.
exhaustive: $(INSTALLED)
	$(BIN)/python -m pytest -m exhaustive

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	.ci/workflows

types: $(INSTALLED)
	$(BIN)/mypy $(PACKAGES) benchmarks examples tests/typing_surface.py
	for system in win32 darwin; do $(BIN)/mypy --platform $$system runtime/edgebert_runtime/storage || exit 1; done
	$(BIN)/pyright --pythonpath $(BIN)/python

architecture: $(INSTALLED)
	$(BIN)/lint-imports

interop: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/interop

# Also writes docs/interop.md and the table in README, which `make interop` compares.
interop-page: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/interop --write

pages: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/pages

# Batch jobs whose processes are killed; ten times as many kills where CI is not set.
batch-tests: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/batch

# Batch jobs on Ray and Spark, in environments of their own.
clusters: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/clusters

web: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/web

# The site, into build/site; a broken link is an error.
docs: $(INSTALLED)
	$(BIN)/python -m tests.support.site_source

documents: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/documents

engines: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/engines

# The runtime on an emulated arm64: the CPUs of a Raspberry Pi 5 and 3.
arm64: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/arm64

openvino: $(INSTALLED)
	PYTHON=$(BIN)/python .ci/openvino

dist: page-app
	rm -rf dist
	for folder in runtime export quantize .; do $(BIN)/python -m build --wheel --outdir dist $$folder; done

bench-envs: $(INSTALLED)
	$(BIN)/python -m benchmarks prepare

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks run all

bench-quick: $(INSTALLED)
	$(BIN)/python -m benchmarks run quick

bench-long: $(INSTALLED)
	$(BIN)/python -m benchmarks run long
