"""Whether a visit to a made-up GPU did everything, and failed only where it was made to."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.plan import BATCHES, FAULTS, ROWS

_TOLD = {
    "build error": ("build error", "made-up refusal"),
    "time-out": ("build error", "timed out after"),
    "wrong parity": ("parity error", "wrong: "),
    "out of memory": ("measure error", "out of memory"),
    "crash": ("measure error", "died (signal 9)"),
}
_CHECKS = ("garbage", "batch_changes", "open_and_close", "GPU's crops, crops differ by",
           "GPU's crops, 1 of 720p", "GPU's crops, auto")  # fmt: skip


def mistakes(found: dict[str, Any]) -> list[str]:
    """A sentence for each thing that is not as it should be."""
    wrong = []
    for network, precision in ROWS:
        row = found["rows"].get(f"{network} {precision}", {})
        errors = [f"{key}: {text}" for key, text in row.items() if key.endswith(" error")]
        wrong += [f"{network} {precision}: {error}" for error in errors]
        if [each["batch"] for each in row.get("latency", ())] != list(BATCHES):
            wrong.append(f"{network} {precision} was not measured at every batch size")
        wrong += [
            f"{network} {precision} has no {key}"
            for key in ("paced", "loop_360", "loop_720_cut")
            if key not in row
        ]
        if not row.get("label_cut", "").endswith("crops by the GPU"):
            wrong.append(f"{network} {precision} did not have its crops cut by the GPU")
    for fault in FAULTS:
        key, text = _TOLD[fault]
        rows = [row for row in found["rows"].values() if row["fault"] == fault]
        if not rows or text not in rows[0].get(key, ""):
            wrong.append(f"{fault} was not noticed")
    for key in _CHECKS:
        if key not in found["checks"]:
            wrong.append(f"{key.replace('_', ' ')} was not tried")
    return wrong
