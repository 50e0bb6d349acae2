"""What a visit found, as Markdown; what it did not come to says so."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.machine import FAKE
from benchmarks.gpu.plan import ROWS, Step

NOT_RUN = "not run yet"
_HEAD = (
    "network", "precision", "convolutions built", "parity p95, px", "CUDA graph, ms",
    "Engine.infer, ms", "infer / graph", "at 30 Hz, ms", "loop 720p, ms", "outside engine 720p, ms",
    "torch graph, ms", "note",
)  # fmt: skip
_LOOPS = {"loop_720": "720p", "loop_720_cut": "720p, GPU's crops", "loop_360": "360p"}


def blank(*, is_fake: bool = False) -> dict[str, Any]:
    """Nothing was measured yet."""
    rows = {
        Step("build", *row).row: {"network": row[0], "precision": row[1], "fault": ""}
        for row in ROWS
    }
    return {"is_fake": is_fake, "is_complete": False, "probe": {}, "rows": rows, "checks": {}}


def to_table(found: dict[str, Any]) -> str:
    """Format as Markdown; times are p50 / p95."""
    begin = [f"{_machine(found)}  ", f"`python -m benchmarks.gpu`; {_state(found)}", ""]
    rows = [_row(row) for row in found["rows"].values()]
    parts = ["\n".join([*begin, *_table(_HEAD, rows)])]
    latencies = [cells for row in found["rows"].values() for cells in _batches(row)]
    if latencies:
        head = ("network", "precision", "batch", "first, ms", "queued, ms", "graph, ms",
                "infer, ms", "GPU, ms")  # fmt: skip
        parts.append("\n".join(_table(head, latencies)))
    stages = [cells for row in found["rows"].values() for cells in _stages(row)]
    if stages:
        names = ("network", "precision", "frame", "crop", "engine", "track", "draw", "record",
                 "show", "outside engine")  # fmt: skip
        parts.append("\n".join(["Stages of the loop, ms p50:", "", *_table(names, stages)]))
    checks = {k: v for k, v in found["checks"].items() if k not in {"seconds", "open_s"}}
    if checks:
        parts.append(
            "\n".join(f"- {key.replace('_', ' ')}: {text}" for key, text in checks.items())
        )
    return "\n\n".join(parts)


def _machine(found: dict[str, Any]) -> str:
    probe = found["probe"]
    known = probe.get("machine")
    if known:
        return str(known)
    failed = probe.get("probe error")
    text = f"no GPU could be used: {failed}" if failed else "No GPU was at hand yet"
    return f"{FAKE if found['is_fake'] else ''}{text}"


def _state(found: dict[str, Any]) -> str:
    if "cut" in found:
        return str(found["cut"])
    if found["is_complete"]:
        return "times are p50 / p95"
    return "the table of a visit that is not over, or was cut" if found["probe"] else NOT_RUN


def _table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + [
        "| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows
    ]


def _row(row: dict[str, Any]) -> list[str]:
    first: dict[str, Any] = next(iter(row.get("latency", ())), {})
    loop = row.get("loop_720", {})
    built = " ".join(f"{n} {kind}" for kind, n in row.get("built", {}).items())
    parity = row.get("parity", {})
    cells = [
        built,
        f"{parity['p95']:.3f}" if "p95" in parity else "random weights" if parity else "",
        _pair(first.get("graph_ms")),
        _pair(first.get("infer_ms")),
        f"{first['infer_over_graph']:.2f}" if "infer_over_graph" in first else "",
        _pair(row.get("paced", {}).get("infer_ms")),
        _pair(loop.get("frame_ms")),
        _pair(loop.get("outside_ms")),
        _pair(row.get("torch", {}).get("graph_ms")),
    ]
    errors = [f"{key}: {text}" for key, text in row.items() if key.endswith(" error")]
    doing = [f"running: {row['running']}"] if "running" in row else []
    notes = "; ".join([row["fault"] and f"made to fail ({row['fault']})", *errors, *doing])
    cells = [cell or NOT_RUN for cell in cells]
    return [row["network"], row["precision"], *cells, notes.strip("; ")[:200]]


def _batches(row: dict[str, Any]) -> list[list[str]]:
    return [
        [
            row["network"], row["precision"], str(latency["batch"]), f"{latency['first_ms']:.3f}",
            _pair(latency["enqueue_ms"]), _pair(latency.get("graph_ms")),
            _pair(latency["infer_ms"]), f"{latency['gpu_ms']:.3f}",
        ]
        for latency in row.get("latency", ())
    ]  # fmt: skip


def _stages(row: dict[str, Any]) -> list[list[str]]:
    found = []
    for key, name in _LOOPS.items():
        stages = row.get(key, {}).get("stages_ms")
        if stages:
            outside = f"{row[key]['outside_ms'][0]:.3f}"
            times = [f"{value:.3f}" for value in stages.values()]
            found.append([row["network"], row["precision"], name, *times, outside])
    return found


def _pair(values: Any) -> str:
    return "" if values is None else f"{values[0]:.3f} / {values[1]:.3f}"
