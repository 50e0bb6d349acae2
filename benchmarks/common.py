"""Helpers shared by all benchmarks: options, external inputs, tables."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from steadypose.engines.base import Engine
from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.model.places import DEFAULT_MODEL, ROOT
from steadypose.realtime.sources.opening import SourceOptions, open_source
from training.measures import results

table = results.table


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every benchmark has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", type=Path, help="also write the result to this file")
    return made


def add_model(made: argparse.ArgumentParser) -> None:
    """The option for a network of one's own, with whatever skeleton it has."""
    made.add_argument(
        "--model", type=Path, default=DEFAULT_MODEL, metavar="FILE",
        help="model file to measure (default: the one that ships)",
    )  # fmt: skip


def included(path: Path, option: str) -> Path:
    """Check an input that users must provide.

    Args:
        path: The input's path.
        option: The option that names it.

    Raises:
        UsageError: It does not exist.
    """
    if not path.exists():
        raise UsageError(
            f"{option} {path} does not exist; it is not included in the repository",
            fix="docs/measured.md#inputs says where each input comes from",
        )
    return path


def open_network(model: Path = DEFAULT_MODEL, *, threads: int | None = None) -> Engine:
    """A network on the fastest backend of this machine, on as many threads as the app takes."""
    options = EngineOptions(threads=threads or default_threads())
    return open_engine(model, backend="auto", options=options).engine


def frames_of(source: str) -> Iterator[Frame]:
    """All frames of a source, which is closed after the last."""
    with closing(open_source(SourceOptions(source))) as opened:
        while not opened.is_over:
            frame = opened.read(5.0)
            if frame is not None:
                yield frame


def output_of(*words: str, variables: Mapping[str, str] | None = None) -> str:
    """What a command prints that this Python runs in the project's folder.

    Args:
        words: After the interpreter.
        variables: Of its environment, in addition.

    Raises:
        UsageError: It failed.
    """
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip()[-400:] or "it ended without a message"
        raise UsageError(f"python {shlex.join(words)[:80]} failed: {said}", fix="run it by hand")
    return done.stdout


def publish(text: str, output: Path | None) -> None:
    """Print a result with its command and machine, and write it to a file if requested."""
    print(results.publish(text, output))


def own_mib(kind: str = "VmRSS") -> float:
    """Memory of this process as Linux counts it, resident by default; 0 if unknown."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024


def p50_p95(seconds: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    low, high = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return f"{low:.2f} / {high:.2f}"


def guarded(main: Callable[[], None]) -> None:
    """Run a benchmark; an expected error prints a sentence and exits with code 2."""
    try:
        main()
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
