"""Names that Windows would change are refused with their reason, by every command that writes."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import check_writable
from steadypose.engines.foreign import windows_names
from steadypose.engines.foreign.windows_names import check_name
from steadypose.engines.wording import advice
from steadypose.realtime import cli, convert
from steadypose.realtime.command.config import writing


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_names, "IS_WINDOWS", True)


DEVICE = "Windows keeps the name {}, with any ending, for a device"


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NUL", DEVICE.format("NUL")),
        ("aux.csv", DEVICE.format("aux")),
        ("Con.tar.gz", DEVICE.format("Con")),
        ("com1.csv", DEVICE.format("com1")),
        ("LPT².csv", DEVICE.format("LPT²")),
        ("conin$", DEVICE.format("conin$")),
        ("prn .csv", DEVICE.format("prn")),
        ("out/nul/a.csv", DEVICE.format("nul")),
        (r"C:\out\aux\a.csv", DEVICE.format("aux")),
        ("run 12:30.csv", "Windows allows no : in a name"),
        ("a<b.csv", "Windows allows no < in a name"),
        ("x?.csv", "Windows allows no ? in a name"),
        ("a\tb.csv", r"Windows allows no \t in a name"),
        ("a.csv.", "Windows drops a dot or a space at the end of a name"),
        ("a.csv ", "Windows drops a dot or a space at the end of a name"),
        ("out./a.csv", "Windows drops a dot or a space at the end of a name"),
    ],
)
def test_a_name_that_windows_would_change_is_refused(name: str, reason: str) -> None:
    with pytest.raises(RecordError) as refused:
        check_name(PureWindowsPath(name), "--csv")  # type: ignore[arg-type]
    assert refused.value.what.startswith("--csv ")
    assert refused.value.what.endswith(f": {reason}")


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    "name",
    [
        "a.csv",
        "console.csv",
        "com.csv",
        "com10.csv",
        "auxiliary/nulls.csv",
        r"C:\Users\Jürgen\ポーズ.csv",
        r"\\server\share\a.csv",
        r"..\a.csv",
        r".\a.csv",
        "C:a.csv",
        "(1) #a' b%.csv",
    ],
)
def test_any_other_name_is_good(name: str) -> None:
    check_name(PureWindowsPath(name), "--csv")  # type: ignore[arg-type]


def test_elsewhere_every_name_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_names, "IS_WINDOWS", False)
    for name in ("NUL", "aux.csv", "run 12:30.csv", "a."):
        check_name(tmp_path / name, "--csv")


@pytest.mark.usefixtures("windows")
def test_every_command_that_writes_refuses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RecordError, match="for a device"):
        check_writable(tmp_path / "nul", "recording to")
    outputs = ("--csv", "--jsonl", "--save-video", "--benchmark")
    runs = [
        *(
            (cli.main, ["--source", "demo", "--headless", o, str(tmp_path / "aux.mp4")])
            for o in outputs
        ),
        (convert.main, [str(tmp_path / "a.csv"), str(tmp_path / "aux.trc")]),
        (writing.main, [str(tmp_path / "aux.toml")]),
    ]
    (tmp_path / "a.csv").write_text("frame,time_s,person,score\n")
    for main, words in runs:
        assert main(words) == 2
        assert (
            "Windows keeps the name aux, with any ending, for a device" in capsys.readouterr().err
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_fixes_are_what_is_typed_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:  # pytest's own plugins ask for it, too
        here.setattr("os.name", "posix")
        assert advice.make_folder("out/new one") == "mkdir -p 'out/new one'"
        assert advice.environment_python() == ".venv/bin/python"
        assert advice.without_variable("X") == "unset X"
        here.setattr("os.name", "nt")
        assert advice.make_folder("out/new one") == 'mkdir "out/new one"'  # -p would be a folder
        assert advice.environment_python() == r".venv\Scripts\python"
        assert advice.without_variable("X") == "Remove-Item Env:X"


def test_git_is_advised_where_there_is_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "IS_CHECKOUT", True)
    monkeypatch.setattr(advice, "HAS_GIT", True)
    assert advice.restore("models/") == "git checkout models/"
    monkeypatch.setattr(advice, "HAS_GIT", False)
    assert "git" not in advice.restore("models/")
    monkeypatch.setattr(advice, "IS_CHECKOUT", False)
    assert advice.restore("models/") == "pip install --force-reinstall steadypose"
