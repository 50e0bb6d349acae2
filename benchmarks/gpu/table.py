"""Format GPU measurements as Markdown."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.models import PRECISIONS


def to_table(found: dict[str, Any]) -> str:
    """Format as Markdown; latencies are p50 / p95 in milliseconds."""
    lines = [
        found["machine"],
        "",
        "| network | precision | built | build s | MB | batch | enqueue | graph | infer | "
        "infer / graph | parity p95 px | loop frame | outside GPU |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for entry in found["results"]:
        name = f"PoseResNet-{entry['depth']} | {entry['precision']}"
        if "error" in entry:
            lines.append(f"| {name} | {entry['error'][:80]} |" + " |" * 10)
            continue
        built = " ".join(f"{n} {kind}" for kind, n in entry["built"].items())
        loop = entry["loop"]
        for latency in entry["latency"]:
            cells = [
                *(name, built, f"{entry['build_s']:.1f}", f"{entry['plan_mb']:.1f}"),
                *(str(latency["batch"]), _pair(latency["enqueue_ms"])),
                *(_pair(latency.get("graph_ms")), _pair(latency["infer_ms"])),
                f"{latency['infer_over_graph']:.2f}" if "infer_over_graph" in latency else "",
                f"{entry['parity']['p95']:.3f}",
                *(_pair(loop.get("frame_ms")), _pair(loop.get("outside_gpu_ms"))),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines += _baseline_row(entry)
    return "\n".join(lines)


def _baseline_row(entry: dict[str, Any]) -> list[str]:
    torch = entry["torch"]
    if entry["precision"] != PRECISIONS[-1] or "eager_ms" not in torch:
        return []
    name = f"PoseResNet-{entry['depth']} | fp16"
    how = f"torch {torch['torch']}: eager {_pair(torch['eager_ms'])}"
    return [f"| {name} | {how} | | | 1 | | {_pair(torch['graph_ms'])} |" + " |" * 5]


def _pair(values: Any) -> str:
    return "" if values is None else f"{values[0]:.3f} / {values[1]:.3f}"
