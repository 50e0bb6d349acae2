"""A visit to a GPU, rehearsed on a made-up one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu.graphs import complete, read_graph
from benchmarks.gpu.machine import FAKE
from benchmarks.gpu.measuring import TOLERANCE_PX, wrong
from benchmarks.gpu.plan import FAULTS, GRAPHS, ROWS, SHIPPED, fake_steps, steps
from benchmarks.gpu.rehearsal import mistakes
from benchmarks.gpu.table import NOT_RUN, blank, to_table
from steadypose.engines.model_file import read_spec
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.model.places import DEFAULT_MODEL, MODELS, ROOT

_MISSING = ("onnx", "onnxscript", "av", "openvino", "torch", "filterpy", "pyarrow")


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has none of these packages."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"import sys\nsys.modules |= dict.fromkeys({_MISSING!r})\n"  # None: importing it fails
    )
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site")}


def visit(*arguments: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu", *arguments],
        cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def read(output: Path) -> dict[str, Any]:
    return json.loads(output.with_suffix(".json").read_text())


@pytest.mark.slow
def test_on_a_bare_machine_every_step_and_every_failure_is_rehearsed(
    bare: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "gpu.md"
    child = visit("--fake", "--output", str(output), env=bare)
    said, error = child.communicate(timeout=280)
    assert child.returncode == 0, error
    assert said.startswith(FAKE)
    assert output.read_text().startswith(FAKE)
    found = read(output)
    assert found["is_complete"]
    assert mistakes(found) == []
    for fault in FAULTS:
        assert f"made to fail ({fault})" in said
    # What was known before it died is in the table.
    assert "made to fail (crash); measure error: died (signal 9)" in said
    # And the judge is not blind.
    del found["rows"]["movenet_lightning_224x192 fp16"]["latency"]
    found["checks"].clear()
    found["rows"]["pose_resnet18_224x192 fp16"]["label_cut"] = "crops by the CPU"
    assert len(mistakes(found)) == 8


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.7, 2.5, 6.0])
def test_killed_at_any_second_it_leaves_a_whole_table_and_no_process(
    bare: dict[str, str], tmp_path: Path, after_s: float
) -> None:
    output = tmp_path / "gpu.md"
    child = visit("--fake", "--output", str(output), env=bare)
    begin_s = time.perf_counter()
    while not output.with_suffix(".json").exists():
        assert time.perf_counter() - begin_s < 60
        time.sleep(0.02)
    time.sleep(after_s)
    running = children_of(child.pid)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    found = read(output)
    assert not found["is_complete"]
    assert output.read_text().startswith(FAKE)
    assert output.read_text().count("movenet_lightning_224x192 | fp16") >= 1
    begin_s = time.perf_counter()
    while any(is_running(pid) for pid in running):
        assert time.perf_counter() - begin_s < 10, "a step goes on without its visit"
        time.sleep(0.1)


def children_of(parent: int) -> list[int]:
    if not Path("/proc").exists():
        pytest.skip("needs /proc")
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_at_the_deadline_the_rest_says_that_it_was_not_begun(
    bare: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "gpu.md"
    child = visit("--fake", "--deadline", "4", "--output", str(output), env=bare)
    child.communicate(timeout=60)
    assert child.returncode == 1  # a rehearsal that is not whole is none
    last = read(output)["rows"]["pose_resnet152_256x192 fp16"]
    assert last["build error"] == "not begun: the deadline had come"
    assert "build error: not begun" in output.read_text()


def test_without_a_gpu_the_table_says_why(bare: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "gpu.md"
    bare["CUDA_VISIBLE_DEVICES"] = ""
    child = visit("--output", str(output), env=bare)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 2
    assert said.startswith("no GPU could be used: ")
    assert "no driver for it (" in said.splitlines()[0]
    assert NOT_RUN in said


@pytest.mark.slow
def test_preparing_needs_nothing_that_a_bare_machine_lacks(bare: dict[str, str]) -> None:
    child = visit("--prepare-only", env=bare)
    said, error = child.communicate(timeout=200)
    assert child.returncode == 0, error
    for network, precisions in GRAPHS.items():
        for precision in precisions:
            assert f"{network}_{precision}.onnx: " in said


def test_the_shipped_model_is_first_and_every_row_has_its_graph() -> None:
    assert ROWS[0] == (DEFAULT_MODEL.stem, "fp16")
    assert SHIPPED[0] == DEFAULT_MODEL.stem
    assert [s.kind for s in steps()[:3]] == ["probe", "build", "measure"]
    for network, precision in ROWS:
        assert precision in GRAPHS[network]
    assert {s.fault for s in fake_steps()} == {"", *FAULTS}
    assert sum(step.timeout_s for step in steps()[:3]) < 420


@pytest.mark.export
@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "within_px"), [("fp32", 0.05), ("fp16", 0.05), ("int8old", 25.0)]
)
def test_a_completed_graph_computes_what_the_model_file_does(
    tmp_path: Path, precision: str, within_px: float
) -> None:
    """If this fails after a change of the model or the export: python -m benchmarks.gpu.making."""
    onnxruntime: Any = pytest.importorskip("onnxruntime")
    graph = read_graph(SHIPPED[0], precision)
    assert graph.has_real_weights
    spec = read_spec(MODELS / graph.source)
    assert ModelSpec.from_json(graph.spec).input_hw == spec.input_hw
    from steadypose.export.checking.real_crops import gather_crops

    crops = gather_crops("demo", spec, count=12)

    def run(path: Path) -> Any:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, {"crops": crops})[0][:, :17]

    wanted, found = run(MODELS / graph.source), run(complete(graph, tmp_path))
    distance = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)[wanted[..., 2] > 0.2]
    assert distance.size > 20
    assert np.percentile(distance, 90) < within_px


@pytest.mark.rtx
@pytest.mark.slow
def test_a_completed_graph_is_built_and_its_convolutions_are_half(tmp_path: Path) -> None:
    from steadypose.export.trt.builder import Job, build

    graph = read_graph("pose_resnet50_256x192", "fp16")
    assert not graph.has_real_weights
    report = build(
        Job(
            str(complete(graph, tmp_path)), str(tmp_path / "plan"), "", "tensorrt-rtx", "fp16",
            1, 1, 8, ModelSpec.from_json(graph.spec).input_hw, graph.convolutions,
        )
    )  # fmt: skip
    assert report["built"] == {"half": len(graph.convolutions)}


def test_no_visit_yet_is_what_the_documents_show() -> None:
    kept = json.loads((ROOT / "benchmarks/results/gpu.json").read_text())
    table = (ROOT / "benchmarks/results/gpu.md").read_text()
    assert table.strip() == to_table(kept).strip()
    if not kept["probe"]:
        assert kept == blank()
        rows = [line for line in table.splitlines() if line.startswith("| movenet")]
        assert all(line.count(NOT_RUN) >= 9 for line in rows)
        assert not any(character.isdigit() for row in rows for character in row.split("|")[3:-1])


def test_limits_are_those_of_the_builds_own_check() -> None:
    pytest.importorskip("onnx")
    from steadypose.export.checking import parity

    assert {name: parity.TOLERANCE_PX[name] for name in TOLERANCE_PX} == TOLERANCE_PX
    assert wrong({"p95": 0.4, "worst": ""}, "fp16") == ""
    assert "wrong: 0.600 px p95 (limit 0.5)" in wrong({"p95": 0.6, "worst": "crop 3"}, "fp16")
