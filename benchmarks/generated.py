"""Generate parts of the documents: the options of run.py, and the README's summary.

``python -m benchmarks.readme`` puts them into the pages; a test keeps them up to date.
"""

from __future__ import annotations

import argparse

from steadypose.engines.errors import UsageError
from steadypose.realtime.command.options.command_line import build_parser
from steadypose.realtime.model.places import ROOT

RESULTS = ROOT / "benchmarks" / "results"


def option_tables() -> str:
    """A Markdown table for each group of options, from the parser itself."""
    parts = []
    for group in build_parser()._action_groups:  # noqa: SLF001 - argparse has no public list
        actions = [a for a in group._group_actions if a.option_strings]  # noqa: SLF001
        if actions:
            title = "general" if group.title == "options" else group.title
            rows = [f"| {_usage(action)} | {_meaning(action)} |" for action in actions]
            parts.append("\n".join([f"## {title}", "", "| option | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def _usage(action: argparse.Action) -> str:
    value = "|".join(action.choices) if action.choices else action.metavar
    usages = [f"`{option}{f' {value}' if value else ''}`" for option in action.option_strings]
    return ", ".join(usages).replace("|", "\\|")


def _meaning(action: argparse.Action) -> str:
    return ((action.help or "") % vars(action)).replace("|", "\\|")


def summary_table() -> str:
    """The README's table: a row for each long table, all figures taken from the results."""
    ours, lightning = "steadypose balanced", "movenet_lightning_224x192"
    speed, shipped, smoothing = "speed.md", "shipped.md", "smoothing_summary.md"

    def pck(network: str) -> str:
        return _cell(shipped, (network,), "LSPET @0.2")

    def calm(name: str) -> str:
        jitter, lag = (_cell(smoothing, (name,), c) for c in ("jitter at rest", "lag, ms"))
        return f"{jitter} %, {lag} ms"

    frame_rates = (
        _cell(speed, ("balanced (default), 2 threads (its default)", "AVX2 fp32"), "fps"),
        _cell(speed, ("MediaPipe Pose full", "AVX2"), "fps"),
    )
    start = _cell("startup.md", ("command to first annotated frame, s",), "median")
    rows = [
        "| | steadypose, default | compared with | all figures |",
        "|---|---:|---|---|",
        f"| frame rate of the whole program, two threads, AVX2 only | {frame_rates[0]} fps "
        f"| MediaPipe Pose full: {frame_rates[1]} fps | [speed](docs/measured.md#speed) |",
        "| accuracy: PCK@0.2 on sports pictures, which people labelled "
        f"| {pck(f'balanced: {lightning}')} "
        f"| MoveNet as published: {pck(f'{lightning}_published')} "
        "| [model card](models/README.md#compared) |",
        f"| steadiness: jitter at rest (of the body height), lag in motion | {calm(ours)} "
        f"| One Euro filter, as published: {calm('One Euro, published')} "
        "| [steadiness](docs/measured.md#steadiness) |",
        f"| start: from the command to the first annotated frame | {start} s | "
        "| [start](docs/measured.md#start) |",
    ]
    return "\n".join(rows)


def _cell(name: str, row: tuple[str, ...], column: str) -> str:
    """A cell of the first table of a result that has this column and a row that begins so."""
    lines = (RESULTS / name).read_text().splitlines()
    tables = [[c.strip() for c in line[1:].split("|")] for line in lines if line.startswith("|")]
    heads = [cells for cells in tables if column in cells]
    found = [cells for cells in tables if tuple(cells[: len(row)]) == row]
    if not heads or not found:
        raise UsageError(
            f"{name} has no cell in row {' | '.join(row)!r} and column {column!r}",
            fix="name the row and the column as in the result, in benchmarks/generated.py",
        )
    return found[0][heads[0].index(column)]
