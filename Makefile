# make demo: set up and run the main job on the built-in mannequin. make test: all checks that need
# no more than Python; its last lines say what was left out. make test-all: with everything installed.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

# An installed torch is kept: without an NVIDIA GPU install its CPU build first.
TORCH ?= torch==2.13.0

.PHONY: demo run test test-all test-more test-core test-export test-networks test-lowest test-camera fuzz soak mutants lint format bench \
    doctor reference setup setup-dev setup-export setup-all clean

setup: $(VENV)/.app
setup-dev: $(VENV)/.dev
setup-export: $(VENV)/.export
setup-all: $(VENV)/.all

$(PY):
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info[:2] <= (3, 14); \
	    sys.exit(0 if ok else f"Python 3.10 to 3.14 is needed, this is {sys.version.split()[0]}: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-onnxruntime.txt requirements-record.txt requirements-live.txt \
    requirements-filterpy.txt requirements.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@ $(VENV)/.app

$(VENV)/.export: requirements-train.txt requirements-export.txt $(VENV)/.dev
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-train.txt
	@touch $@

$(VENV)/.all: requirements-train.txt requirements-export.txt requirements-people.txt $(VENV)/.dev
	$(PY) -c 'import torch' 2>/dev/null || $(PY) -m pip install --disable-pip-version-check -q '$(TORCH)'
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-train.txt
	# Not every machine has a build of these two; tests that need them are left out there.
	-$(PY) -m pip install --disable-pip-version-check -q 'tensorrt-rtx>=1.4'
	-$(PY) -m pip install --disable-pip-version-check -q -r requirements-people.txt
	@touch $@ $(VENV)/.export

demo:
	@$(PYTHON) start.py

run: setup
	$(PY) run.py --camera 0

doctor: setup
	$(PY) run.py --doctor

lint: setup-dev
	$(PY) -m ruff format --check -q .
	$(PY) -m ruff check -q .
	$(PY) -m tests.support.lint

# Tests that need a package which is not installed are skipped; the last lines name them.
test: lint test-core test-export
	@$(PY) -m tests.support.optional

test-core: setup-dev
	OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --cov --cov-report=term:skip-covered --ignore=tests/export --ignore=tests/training

# Small networks: a process a core is faster than a thread a core, and coverage would double it.
test-export: setup-dev
	OMP_NUM_THREADS=1 $(PY) -m pytest tests/export tests/training -n auto --dist loadscope

test-all: export POSE_TEST_ALL = 1
test-all: setup-all test

# What a plain `make test` leaves out, without the rest.
test-more: export POSE_TEST_ALL = 1
test-more: setup-all lint test-export
	@$(PY) -m tests.support.optional

# Every network through export, engines and loop: half an hour.
test-networks: setup-export
	POSE_TEST_NETWORKS=all $(PY) -m pytest tests/export/test_networks.py

# The core with the oldest packages that the requirements allow, in an environment of its own.
LOWEST ?= .venv-lowest
test-lowest: | $(PY)
	$(PY) -m venv $(LOWEST)
	$(PY) -m tests.support.lowest requirements-dev.txt > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt -c $(LOWEST)/lowest.txt
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto -q tests/engines tests/realtime $(LOWEST_TESTS)

# The app on cameras of Linux' own (the vivid driver) in an emulated guest; it says what it needs. Ten minutes.
# Some cases: make test-camera CASES="-k unplugged".
test-camera: setup-dev
	$(PY) -m tests.camera $(CASES)

# Spoilt files for every reader of foreign bytes, FUZZ_S seconds each; names in FUZZ choose some.
FUZZ_S ?= 600
fuzz: setup-dev
	$(PY) -m tests.fuzz --seconds $(FUZZ_S) $(FUZZ)

# Break the core a line at a time: does a test notice? Twenty minutes; see CONTRIBUTING.md.
CORE := $(addprefix realtime/,smooth/ tracking/ app/)
MUTANTS ?= --sample 60 --file $(CORE)
mutants: setup-dev
	$(PY) -m tests.mutants --pytest=--ignore=tests/export --pytest=--ignore=tests/training \
		--warm numpy cv2 onnx openvino pyarrow $(MUTANTS)

format: setup-dev
	$(PY) -m ruff format -q .
	$(PY) -m ruff check -q --fix .

bench: setup-dev
	$(PY) -m benchmarks.loop.backends
	$(PY) -m benchmarks.loop.cost
	$(PY) -m benchmarks.loop.age
	$(PY) -m benchmarks.accuracy.app
	$(PY) -m benchmarks.loop.startup
	$(PY) -m benchmarks.loop.recording --minutes 6

# Ten minutes of trouble, then everything is counted; an hour: make soak SOAK="--minutes 60".
soak: setup-dev
	$(PY) -m benchmarks.loop.soak $(SOAK)

# The library's reference, from its docstrings: out/api/index.html.
reference: setup-dev
	$(PY) -m pdoc steadypose -o out/api

clean:
	rm -rf $(VENV) $(LOWEST) out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
