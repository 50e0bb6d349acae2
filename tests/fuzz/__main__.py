"""Look for bytes that end a reader in anything but a result or a sentence.

    python -m tests.fuzz                       # every reader for ten minutes
    python -m tests.fuzz --seconds 60 --total  # all of them for a minute together
    python -m tests.fuzz jsonl parquet
    python -m tests.fuzz --cases 10000         # so many inputs for each, however long it takes
    python -m tests.fuzz --cases 10000 --further  # those of earlier calls count; stop at any time
    python -m tests.fuzz --seconds 60 --total --seed 1  # spoilt in the same places each time

A reader runs in a process of its own, with 500 MB of memory beyond what it has at the start, and
2 s of the processor for each input. What it stumbles over is kept in .hypothesis/fuzz; it becomes a
test before it is mended.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from steadypose.engines.file_io import replace_text
from steadypose.realtime.model.places import ROOT
from tests.fuzz.readers import READERS
from tests.fuzz.trying import try_reader

_MORE_BYTES = 500 << 20
_BLOCK = 150  # inputs between two looks at the clock
_KEPT = ROOT / ".hypothesis" / "fuzz"


def main() -> int:
    """Try the readers that are named, or all; the number of those that failed is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--seconds", type=float, default=600.0, help="for each (default: 600)")
    parser.add_argument("--total", action="store_true", help="for all of them together")
    parser.add_argument("--cases", type=int, help="inputs for each, instead of seconds")
    parser.add_argument(
        "--further", action="store_true", help="go on where earlier calls with --further were"
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="spoil the same places each time (default: others); some samples hold the time",
    )
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--counted", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.further and given.seed is not None:
        parser.error("--further goes on with other inputs: leave --seed out")
    if given.child is not None:
        name, seconds = given.readers[0], given.seconds
        blocks = random.Random(given.seed)  # noqa: S311  # no secret
        return _feed(name, seconds, given.cases, blocks, current=given.child, counted=given.counted)
    names = [name for name in given.readers or READERS if READERS[name].is_here]
    seconds = given.seconds / len(names) if given.total else given.seconds
    failed = 0
    for name in names:
        counted = _KEPT / f"{name}.count" if given.further else None
        done = int(counted.read_text()) if counted is not None and counted.exists() else 0
        if given.cases is not None and done >= given.cases:
            print(f"{name}: {done} inputs before")
            continue
        failed += not _watch(name, seconds, given.cases, given.seed, counted)
    return failed


def _watch(
    name: str, seconds: float, cases: int | None, seed: int | None, counted: Path | None
) -> bool:
    """Run a reader's child; returns whether it came through."""
    _KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder) / "input"
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
        command += ["--cases", str(cases)] if cases is not None else []
        command += ["--seed", str(seed)] if seed is not None else []
        command += ["--counted", str(counted)] if counted is not None else []
        done = subprocess.run(
            [*command, "--child", str(current)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
        if done.returncode and current.exists():
            data = current.read_bytes()
            kept = _KEPT / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
            kept.write_bytes(data)
            print(f"{name}: exit code {done.returncode}; the input is {kept.relative_to(ROOT)}")
    return done.returncode == 0


def _feed(
    name: str,
    seconds: float,
    cases: int | None,
    blocks: random.Random,
    *,
    current: Path,
    counted: Path | None,
) -> int:
    reader = READERS[name]
    end_s = time.monotonic() + seconds
    count = begun = int(counted.read_text()) if counted is not None and counted.exists() else 0

    def tried(data: bytes) -> None:
        nonlocal count
        if count == begun:
            _limit_memory()  # now everything is loaded
        count += 1
        current.write_bytes(data)

    try:
        while count < cases if cases is not None else time.monotonic() < end_s:
            try_reader(reader, examples=_BLOCK, start=blocks.getrandbits(32), tried=tried)
            if counted is not None:
                replace_text(counted, str(count))
    except BaseException:
        traceback.print_exc()
        return 1
    print(f"{name}: {count} inputs", flush=True)
    return 0


def _limit_memory() -> None:
    """This much more than now, where the system can be asked for it."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + _MORE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError):
        return


if __name__ == "__main__":
    sys.exit(main())
