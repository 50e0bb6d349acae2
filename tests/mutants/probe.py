"""A pytest plugin that reports what every test does; it is copied to the private copies.

It imports nothing of ours, since any project may be judged.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import sys
from pathlib import Path

import pytest


def _say(**line: object) -> None:
    with Path(os.environ["PROBE_OUT"]).open("a") as out:
        out.write(json.dumps(line) + "\n")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the chosen tests, in their order; name the fixtures that serve several of them."""
    if "PROBE_TESTS" in os.environ:
        chosen = json.loads(Path(os.environ["PROBE_TESTS"]).read_text())
        rank = {test: n for n, test in enumerate(chosen)}
        items[:] = sorted((i for i in items if i.nodeid in rank), key=lambda i: rank[i.nodeid])
    for item in items:
        fixtures = getattr(item, "_fixtureinfo", None)
        wide = [
            name
            for name, found in (fixtures.name2fixturedefs.items() if fixtures else ())
            if found[-1].scope != "function" and found[-1].baseid
        ]
        if wide:
            _say(test=item.nodeid, wide=wide)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be imported has failed."""
    if report.failed:
        _say(test=report.nodeid, outcome="failed", seconds=0.0)


_running: list[str] = []


def pytest_runtest_logstart(nodeid: str) -> None:
    """Attribute the coverage of processes that a test starts to the test."""
    _running[:] = [nodeid]
    if "PROBE_TESTS" not in os.environ:
        _forget()
    _say(test=nodeid, outcome="begun", seconds=0.0)
    text = os.environ.get("COVERAGE_PROCESS_CONFIG")
    if text:
        settings = json.loads(base64.b64decode(text)) | {"context": nodeid}
        text = base64.b64encode(json.dumps(settings).encode()).decode()
        os.environ["COVERAGE_PROCESS_CONFIG"] = text


def _forget() -> None:
    """Clear what functions of the tests have kept, so that each test is seen to reach it anew."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if "tests" in Path(file).parts and "site-packages" not in file:
            for made in list(vars(module).values()):
                is_kept = isinstance(made, functools._lru_cache_wrapper)
                if is_kept and made.__module__ == module.__name__:
                    made.cache_clear()


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """Report during which test a fixture is made that serves several."""
    if fixturedef.scope != "function" and fixturedef.baseid and _running:
        _say(test=_running[0], made=fixturedef.argname)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Report each of setup, call and teardown."""
    _say(test=report.nodeid, outcome=report.outcome, seconds=report.duration, when=report.when)
