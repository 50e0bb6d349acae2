"""Files that another program has open, as Windows reports it: tried again, then kept beside."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from steadypose.engines.file_io import replace_text, write_error
from steadypose.engines.foreign import moving
from steadypose.engines.foreign.claims import Claim
from steadypose.realtime import cli, convert, resmooth

Refuse = Callable[..., list[Path]]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Lets another program hold a file for some tries; the paths that were refused."""
    replace = Path.replace
    monkeypatch.setattr(moving, "_PAUSE_S", 0.001)

    def start(
        target: Path, *, tries: float = float("inf"), winerror: int | None = 32
    ) -> list[Path]:
        refused: list[Path] = []

        def busy(self: Path, to: Path) -> Path:
            if Path(to) != target or len(refused) >= tries:
                return replace(self, to)
            refused.append(self)
            error = PermissionError(errno.EACCES, "Permission denied", str(self))
            if winerror is not None:
                error.winerror = winerror  # type: ignore[attr-defined]
            raise error

        monkeypatch.setattr(Path, "replace", busy)
        if tries == float("inf"):
            monkeypatch.setattr(moving, "_TRIED_S", 0.02)
        return refused

    return start


@pytest.mark.parametrize("winerror", [5, 32, 33])
@pytest.mark.parametrize("is_claimed", [False, True])
def test_what_is_refused_twice_is_written(
    tmp_path: Path, refuse: Refuse, winerror: int, *, is_claimed: bool
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    claim = Claim(path) if is_claimed else None
    refused = refuse(path, tries=2, winerror=winerror)
    replace_text(path, "new", owner=claim)
    assert path.read_text() == "new"
    assert len(refused) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    if claim is not None:
        claim.release()


def test_what_can_be_moved_nowhere_is_kept_where_the_sentence_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scanner holds the new file itself."""
    monkeypatch.setattr(moving, "_TRIED_S", 0.0)

    def busy(self: Path, _to: Path) -> Path:
        error = PermissionError(errno.EACCES, "Permission denied", str(self))
        error.winerror = 32  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(Path, "replace", busy)
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(moving.OpenElsewhereError) as told:
        replace_text(path, "new")
    assert told.value.kept.read_text() == "new"
    assert path.read_text() == "old"


def test_it_is_tried_for_two_seconds_twenty_times_each(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, tries = [50.0], []

    def pause(pause_s: float) -> None:
        now_s[0] += pause_s

    def busy() -> None:
        tries.append(now_s[0] - 50.0)
        error = PermissionError(errno.EACCES, "Permission denied")
        error.winerror = 32  # type: ignore[attr-defined]
        raise error

    given = SimpleNamespace(monotonic=lambda: now_s[0], sleep=pause)
    monkeypatch.setattr(moving, "time", given)
    with pytest.raises(PermissionError):
        moving.patiently(busy)
    assert tries[-1] == pytest.approx(2.0, abs=0.06)
    assert len(tries) in {41, 42}
    assert tries[1] == pytest.approx(0.05)


def test_what_is_refused_for_ever_is_kept_beside_under_a_name_that_opens(
    tmp_path: Path, refuse: Refuse
) -> None:
    path = tmp_path / "a b.csv"
    path.write_text("old")
    refused = refuse(path)
    for kept in ("a b.kept.csv", "a b.kept1.csv"):
        with pytest.raises(moving.OpenElsewhereError) as told:
            replace_text(path, f"for {kept}")
        assert told.value.kept == tmp_path / kept
        assert (tmp_path / kept).read_text() == f"for {kept}"
        sentence = write_error(path, told.value)
        assert "it is open in another program" in sentence.what
        assert sentence.what.endswith(str(tmp_path / kept))
        assert sentence.fix.startswith("close 'a b.csv' there, and give ")
    assert path.read_text() == "old"
    assert len(refused) > 4
    assert len(list(tmp_path.iterdir())) == 3


def test_a_refusal_of_another_kind_is_none_of_these(tmp_path: Path, refuse: Refuse) -> None:
    path = tmp_path / "a.csv"
    refused = refuse(path, winerror=None)
    with pytest.raises(PermissionError) as told:
        replace_text(path, "new")
    assert not isinstance(told.value, moving.OpenElsewhereError)
    assert len(refused) == 1
    assert not list(tmp_path.iterdir())


def record(folder: Path, *more: str) -> Path:
    path = folder / "a.jsonl"
    words = ["--source", "demo", "--headless", "--max-frames", "12", "--threads", "1"]
    assert cli.main([*words, "--jsonl", str(path), *more]) == 0
    return path


def test_a_second_pass_onto_an_open_file_is_not_thrown_away(
    tmp_path: Path, refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path)
    before = path.read_text()
    target = tmp_path / "b.csv"
    target.write_text("")
    refuse(target)
    capsys.readouterr()
    assert resmooth.main([str(path), str(target)]) == 2
    said = capsys.readouterr().err
    assert f"what was to be written is in {tmp_path / 'b.kept.csv'}" in said
    assert (tmp_path / "b.kept.csv").read_text().count("\n") > 10
    assert path.read_text() == before


def test_at_the_end_of_a_run_as_well(
    tmp_path: Path, refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    refuse(path)
    words = ["--source", "demo", "--headless", "--max-frames", "12", "--threads", "1"]
    assert cli.main([*words, "--jsonl", str(path), "--offline-smooth"]) == 2
    assert "a.kept.jsonl" in capsys.readouterr().err
    raw, smoothed = path.read_text(), (tmp_path / "a.kept.jsonl").read_text()
    assert raw.count("\n") == smoothed.count("\n") > 10
    assert raw != smoothed


def test_a_folder_of_which_a_scanner_reads_a_file_is_kept(
    tmp_path: Path, refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = record(tmp_path), tmp_path / "frames"
    refuse(target)
    capsys.readouterr()
    assert convert.main([str(path), str(target), "--to", "openpose"]) == 2
    kept = Path(capsys.readouterr().err.split("what was to be written is in ")[1].split("\n")[0])
    files = sorted(kept.glob("*.json"))
    assert len(files) > 10
    assert json.loads(files[0].read_text())["people"]
    assert not target.exists()


def test_a_file_that_a_spreadsheet_has_open_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    error = PermissionError(errno.EACCES, "Permission denied")
    assert write_error(path, error).what.endswith("Permission denied")
    path.touch()
    assert write_error(path, error).what.endswith("Permission denied")
    with monkeypatch.context() as windows:  # pytest's own plugins ask for it, too
        windows.setattr("os.name", "nt")
        assert "it is open in another program" in write_error(path, error).what
