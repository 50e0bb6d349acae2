"""A page is made to be handed on: it tells no folder and allows nothing but itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT
from steadypose.realtime.report.page import build_page
from steadypose.realtime.report.sidecar_text import find_run_info
from tests.realtime.report.test_report import noisy, parsed, recording

FOLDER = "/home/anna/patient-17"


def page_with(tmp_path: Path, text: str) -> str:
    path = tmp_path / "out.csv"
    (tmp_path / "out.meta.json").write_text(text)
    made = replace(recording(noisy()), path=path)
    return build_page(made, find_run_info(path))


def test_the_page_does_not_say_where_it_was_made(tmp_path: Path) -> None:
    options = [f"--source={FOLDER}/a.mp4", "--csv", f"{FOLDER}/out.csv", "rtsp://me:pw@cam/k/1"]
    page = page_with(tmp_path, json.dumps({"format": "steadypose", "options": options}))
    assert "a.mp4" in page
    assert "patient-17" not in page
    assert "pw" not in page.split("</style>")[1]
    assert str(tmp_path) not in page


def test_not_even_where_the_sidecar_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "out.csv"
    (tmp_path / "out.meta.json").write_text("{}")
    monkeypatch.setattr("steadypose.realtime.report.sidecar_text.read_json", refuse)
    found = find_run_info(path)
    assert found is not None
    assert "Permission denied" in found.problem
    assert str(tmp_path) not in found.problem


def test_names_on_the_page_are_visible_and_it_is_still_xml(tmp_path: Path) -> None:
    evil = "a\x1b[2J\u202e\ufffe\nb"
    page = page_with(tmp_path, json.dumps({"format": "steadypose", "model": evil, evil: evil}))
    parsed(page)
    assert "a\\x1b[2J\\u202e" in page


def test_a_sidecar_of_another_form_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "out.meta.json").write_text("[3, 4]")
    found = find_run_info(tmp_path / "out.csv")
    assert found is not None
    assert found.problem == ""
    assert [*found.main, *found.rest] == [("content", "3, 4")]


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 brings the variable")
def test_a_foreign_folder_runs_nothing_where_the_documents_are_followed(tmp_path: Path) -> None:
    assert "PYTHONSAFEPATH=1" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    (tmp_path / "realtime.py").write_text("print('foreign')")
    done = subprocess.run(
        [sys.executable, "-m", "realtime.report", "none.csv"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "none.csv" in done.stderr


def test_a_browser_is_told_to_load_and_run_nothing(tmp_path: Path) -> None:
    page = page_with(tmp_path, "{}")
    head = page.partition("<title>")[0]
    assert "Content-Security-Policy" in head
    assert "default-src 'none'" in head
    assert "script-src" not in head
