# make demo: set up and run the main job on the built-in mannequin. make test: all checks.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: demo run test test-networks lint format bench doctor setup setup-dev setup-export clean

setup: $(VENV)/.app
setup-dev: $(VENV)/.dev
setup-export: $(VENV)/.export

$(PY):
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info[:2] <= (3, 13); \
	    sys.exit(0 if ok else f"Python 3.10 to 3.13 is needed, this is {sys.version.split()[0]}: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-onnxruntime.txt requirements.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@ $(VENV)/.app

$(VENV)/.export: requirements-train.txt requirements-export.txt $(VENV)/.dev
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-train.txt
	@touch $@

demo: setup
	@mkdir -p out
	$(PY) run.py --source demo --csv out/demo.csv --save-video out/demo.mp4 --headless
	@echo "Look at out/demo.mp4 and out/demo.csv. With a camera: $(PY) run.py --camera 0"

run: setup
	$(PY) run.py --camera 0

doctor: setup
	$(PY) run.py --doctor

lint: setup-dev
	$(PY) -m ruff format --check -q .
	$(PY) -m ruff check -q .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache > $(VENV)/imports.log || (cat $(VENV)/imports.log; exit 1)

test: lint
	$(PY) -m pytest --cov --cov-report=term:skip-covered --ignore=tests/export --ignore=tests/training
	# Small networks: a process a core is faster than a thread a core, and coverage would double it.
	OMP_NUM_THREADS=1 $(PY) -m pytest tests/export tests/training -n auto --dist loadscope

# Every network through export, engines and loop: half an hour.
test-networks: setup-export
	POSE_TEST_NETWORKS=all $(PY) -m pytest tests/export/test_networks.py

format: setup-dev
	$(PY) -m ruff format -q .
	$(PY) -m ruff check -q --fix .

bench: setup-dev
	$(PY) -m benchmarks.backends
	$(PY) -m benchmarks.loop
	$(PY) -m benchmarks.age
	$(PY) -m benchmarks.accuracy
	$(PY) -m benchmarks.startup
	$(PY) -m benchmarks.recording --minutes 6

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
