"""Start pytest again and again in processes that have imported the large packages already.

    python warm.py PACKAGE [PACKAGE ...]

Says "ready", then reads a job a line, in JSON: folder, arguments, environment. Answers with two
lines: the number of the process, which leads a group of its own, and its exit code; whatever is
left of the group is ended. It is copied to the private copies and imports nothing of ours, since
any project may be judged.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import warnings
from typing import Any


def _run(job: dict[str, Any]) -> None:
    """In a process of its own; does not return."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.environ.clear()
    os.environ.update(job["environment"])
    # The interpreter has read this when it started.
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    os.chdir(job["folder"])
    sys.path.insert(0, job["folder"])
    sys.argv = ["pytest", *job["arguments"]]
    code = 3  # as pytest's own for an internal error
    try:
        import pytest

        code = int(pytest.main(job["arguments"]))
    finally:
        os._exit(code)


def main() -> None:
    """Import the packages that are there, then work until the input ends."""
    for name in sys.argv[1:]:
        with contextlib.suppress(Exception):  # a broken one is found by the tests
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or the first collection in a child would copy every page
    print("ready", flush=True)
    for line in sys.stdin:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads that only wait
            child = os.fork()
        if not child:
            _run(json.loads(line))
        print(child, flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        print(code, flush=True)


if __name__ == "__main__":
    main()
