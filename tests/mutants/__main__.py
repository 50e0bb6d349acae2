"""Break the code one line at a time and see which tests fail.

    python -m tests.mutants --sample 80 --seed 1 --json out.json
    python -m tests.mutants --file smooth/ --sample 0      # every line of some files
    python -m tests.mutants --kind float boolean           # only numbers with a point, and flags
    python -m tests.mutants --reach reach.json --seed 2    # the first run only once for several

Works on private copies. All tests run once under coverage, which records the lines that each
test reaches, also in the Python processes it starts (a killed one leaves no record). Then one
line after another is changed and every test that reaches it runs until one fails: those of its
room first, then the others, quickest first. Each run is a fork of a process that imported the
packages of ``--warm`` before, which saves most of its time.
Code that runs at import (constants, defaults) is reached by every test that reaches a line using
its name, however indirectly, and so is what a cache or a wide fixture computes once for many.

killed: a test failed that passes on the unchanged copy; of tests over a second, twice.
survived: all tests that reach the line passed. not run: there is none. Counts as survived.
unfinished: the time limit came first. Counts as neither.

Lines are drawn evenly over all files, so a file is drawn in proportion to its length. Strings,
annotations, decorators, assertions (zip's ``strict`` is one) and __repr__ are not
changed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path

from tests.mutants.copies import Copies
from tests.mutants.judge import Judge
from tests.mutants.project import Project
from tests.mutants.sources import KINDS, Mutant, draw


def build_parser() -> argparse.ArgumentParser:
    """The options of the command."""
    p = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    several = {"nargs": "+", "action": "extend", "default": []}
    p.add_argument("app", type=Path, nargs="?", default=Path(), help="project (default: here)")
    p.add_argument("--paths", nargs="+", default=["realtime", "engines"], help="to change")
    p.add_argument("--file", **several, help="only paths that hold one of these")  # type: ignore[arg-type]
    p.add_argument("--leave", **several, help="no paths that hold one of these")  # type: ignore[arg-type]
    p.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS, help="what is changed")
    p.add_argument("--sample", type=int, default=80, help="lines; 0: every change of every line")
    today = int(f"{date.today():%Y%m%d}")
    p.add_argument("--seed", type=int, default=today, help="of the sample (default: the date)")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--limit", type=float, default=400, help="seconds a mutant at most")
    p.add_argument("--json", type=Path, help="write all verdicts here")
    reach_help = "keep here which tests reach what, or read it: of the same sources and --pytest"
    p.add_argument("--reach", type=Path, help=reach_help)
    p.add_argument("--warm", **several, help="packages to import once for all")  # type: ignore[arg-type]
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--pytest", **several, help="for the first run: --pytest=--ignore=X")  # type: ignore[arg-type]
    return p


def rate(mutants: Sequence[Mutant]) -> str:
    """Share of killed ones; unfinished ones do not count."""
    found = Counter(m.result for m in mutants)
    total = sum(found.values()) - found["unfinished"]
    return f"{found['killed']} of {total} killed ({100 * found['killed'] / max(1, total):.0f} %)"


def summary(chosen: Sequence[Mutant]) -> str:
    """The survivors, and rates by folder and kind."""
    survivors = [m for m in chosen if m.result in {"survived", "not run"}]
    lines = ["", "survivors:", *map(str, survivors), ""]
    for folder in sorted({str(Path(m.file).parent) for m in chosen}):
        inside = [m for m in chosen if str(Path(m.file).parent) == folder]
        lines.append(f"{folder:30s} {rate(inside)}")
    lines += [f"{kind:30s} {rate([m for m in chosen if m.kind == kind])}" for kind in KINDS]
    found = Counter(m.result for m in chosen)
    lines.append(f"{rate(chosen)}; {found['not run']} not run, {found['unfinished']} unfinished")
    return "\n".join(lines)


def possible_in(project: Project, options: argparse.Namespace) -> list[Mutant]:
    """All changes that the options allow."""
    files = [file for file in project.sources if file.startswith(tuple(options.paths))]
    files = [file for file in files if any(part in file for part in options.file or [""])]
    files = [file for file in files if not any(part in file for part in options.leave)]
    return [m for file in files for m in project.sources[file].mutants if m.kind in options.kind]


def find_reach(project: Project, options: argparse.Namespace) -> None:
    """Have all tests run once, or read what that found before.

    Raises:
        ValueError: It was found in other sources.
    """
    if options.reach and options.reach.exists():
        project.load(options.reach)
        return
    bad = project.look(options.pytest)
    print(f"{len(project.seconds)} tests pass; left out, they fail: {bad}", flush=True)
    if options.reach:
        project.save(options.reach)


def main(argv: Sequence[str] | None = None) -> int:
    """Judge a sample; returns the exit code, 0 even if mutants survive."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if not hasattr(os, "fork"):
        parser.error("it needs a system with fork, such as Linux or WSL")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if started with "&"
    python = str(options.python)
    if "/" in python:
        python = str(Path(python).absolute())  # keep a link into a venv
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room,
        closing(
            Copies(options.app, Path(room), python=python, jobs=options.jobs, warm=options.warm)
        ) as copies,
    ):
        project = Project(copies, options.paths)
        for part in options.file:
            if not any(part in file for file in project.sources):
                parser.error(f"--file {part}: no file's path holds it")
        possible = possible_in(project, options)
        chosen = draw(possible, options.sample, options.seed)
        print(f"{len(chosen)} of {len(possible)} changes, seed {options.seed}", flush=True)
        try:
            find_reach(project, options)
        except ValueError as error:
            parser.error(f"--reach {options.reach}: {error}; remove it, or name another")
        copies.collect(list(project.seconds))
        judge = Judge(copies, project, options.limit)
        with ThreadPoolExecutor(options.jobs) as pool:
            for mutant in pool.map(judge.judge, chosen):
                print(mutant, flush=True)
    print(summary(chosen))
    if options.json:
        content = {
            "seed": options.seed,
            "mutants": [asdict(m) for m in chosen],
            "killers": judge.killers,
            "passed_where_another_failed": judge.watched,
        }
        options.json.write_text(json.dumps(content, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
