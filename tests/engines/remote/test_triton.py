"""A real Triton, where there is one (tests/support/triton.py says how), and the app against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.options import EngineOptions, RemoteOptions
from steadypose.engines.registry import open_engine
from steadypose.export.wrap.model_repository import main as write_repository
from steadypose.realtime.model.places import DEFAULT_MODEL, QUALITIES, ROOT
from steadypose.realtime.sources.opening import SourceOptions, open_source
from tests.support.triton import Triton, home

pytest.importorskip("tritonclient.grpc")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    site = home().parents[1]
    folder = tmp_path_factory.mktemp("triton")
    assert write_repository([str(folder / "repo"), "--run", "python", "--name", "pose"]) == 0
    code = folder / "repo/pose/1/model.py"  # the wheel's stub does not look at PYTHONPATH
    head, future, rest = code.read_text().partition("from __future__ import annotations\n")
    code.write_text(f"{head}{future}import sys\nsys.path.insert(0, {str(site)!r})\n{rest}")
    with Triton(folder / "repo", folder) as server:
        yield server


def options(*servers: str, model: str = "pose") -> EngineOptions:
    return EngineOptions(remote=RemoteOptions(servers, model, timeout_s=5.0))


def test_poses_equal_the_local_ones(triton: Triton) -> None:
    source = open_source(SourceOptions("demo"))
    frame = source.read(5.0)
    source.close()
    assert frame is not None
    local = EngineOptions(precision="fp32", threads=1)
    own = open_engine(DEFAULT_MODEL, backend="openvino", options=local).engine
    height, width = own.spec.input_hw
    image = frame.image_bgr
    crops = np.stack(
        [image[y : y + height, x : x + width] for y, x in ((0, 0), (60, 200), (120, 400))]
    )
    crops = np.ascontiguousarray(np.repeat(crops, 4, axis=0))  # more than the server's batch
    wanted = own.infer(crops).copy(), own.others.copy()
    for place in (f"127.0.0.1:{triton.grpc}", f"http://127.0.0.1:{triton.http}"):
        engine = open_engine(DEFAULT_MODEL, backend="remote", options=options(place)).engine
        np.testing.assert_allclose(engine.infer(crops), wanted[0], atol=0.1)
        np.testing.assert_allclose(engine.others, wanted[1], atol=0.1)
        engine.close()
    own.close()


def test_another_model_or_name_is_a_sentence(triton: Triton) -> None:
    place = f"127.0.0.1:{triton.grpc}"
    with pytest.raises(EngineError, match="refuses the model 'none'"):
        open_engine(DEFAULT_MODEL, backend="remote", options=options(place, model="none"))
    with pytest.raises(ModelFileError, match="another than the one here"):
        open_engine(QUALITIES["best"], backend="remote", options=options(place))
    with pytest.raises(EngineError, match="does not answer"):
        open_engine(DEFAULT_MODEL, backend="remote", options=options(f"grpcs://{place}"))


def run(triton: Triton, table: Path, *words: str) -> subprocess.Popen[str]:
    given = ["--source", "demo", "--realtime", "--headless", "--jsonl", str(table)]
    server = [
        "--backend",
        "remote",
        "--server",
        f"127.0.0.1:{triton.grpc}",
        "--server-model",
        "pose",
    ]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *given, *server, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def rows(table: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in table.read_text().splitlines()[1:]]


def until_rows(table: Path, count: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not (
        table.exists() and len(table.read_text().splitlines()) > count
    ):
        time.sleep(0.02)


def test_a_short_stall_keeps_ids_and_ages(triton: Triton, tmp_path: Path) -> None:
    figures, table = tmp_path / "figures.json", tmp_path / "a.jsonl"
    with run(triton, table, "--max-frames", "120", "--benchmark", str(figures)) as process:
        until_rows(table, 30, process)
        triton.stall()
        threading.Timer(0.6, triton.wake).start()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    ids = {person["id"] for row in rows(table) for person in row["persons"]}  # type: ignore[attr-defined]
    assert ids == {1}
    assert "did not answer within 0.25 s; the run goes on" in said
    assert "answers again" in said


def test_killed_and_started_again_the_recording_goes_on(triton: Triton, tmp_path: Path) -> None:
    table = tmp_path / "a.jsonl"
    with run(triton, table, "--max-frames", "400") as process:
        until_rows(table, 30, process)
        triton.kill()
        time.sleep(1.5)
        triton.start()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    people = [len(row["persons"]) for row in rows(table)]  # type: ignore[arg-type]
    assert len(people) == 400
    assert 0 in people, "nobody is seen while it is away"
    assert people[-1] == 1
    assert "answers again" in said
