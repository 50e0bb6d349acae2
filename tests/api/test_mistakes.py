"""What a user of the library can do wrong is an ``sp.Error`` with a fix, and ends nothing else."""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadypose as sp
from steadypose.api import opening
from steadypose.api.given import check_picture, path_of
from steadypose.api.many import ManyFrames
from steadypose.api.wording import as_arguments, as_words
from steadypose.engines.registry import NAMES as BACKENDS
from steadypose.engines.wording.advice import command
from steadypose.realtime.convert import FORMATS, option_names
from steadypose.realtime.model.places import DEFAULT_MODEL, QUALITIES, ROOT
from steadypose.realtime.sources.opening import SourceOptions, open_source

PICTURE = np.zeros((120, 160, 3), np.uint8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"persons": "2"}, "persons='2' is no whole number"),
        ({"persons": None}, "persons=None is no whole number"),
        ({"quality": ["fast"]}, "quality=['fast'] is no quality"),
        ({"smooth": None}, "smooth=None is no filter"),
        ({"backend": 3}, "backend=3 is no backend"),
        ({"backend": "remote"}, "there is no backend 'remote'"),
        ({"model": ""}, "model='' is no name of a model"),
        ({"model": b"x"}, "model=b'x' is no name of a model"),
        ({"model": "nowhere.onnx"}, "check the path given to model, or leave it out"),
        ({"network": sp.Network}, "is no network"),
        ({"persons": 2.0}, "persons=2.0 is no whole number"),
        ({"threads": "2"}, "threads='2' is no whole number"),
        ({"threads": True}, "threads=True is no whole number"),
        ({"threads": -1}, "-1 threads are not possible"),
        ({"network": "x"}, "'x' is no network"),
        ({"quality": "fast", "model": "x.onnx"}, "quality and model both name a network"),
        ({"model": "movenet_lightning"}, "movenet_lightning"),
    ],
)
def test_an_option_of_the_wrong_kind_is_told_before_anything_is_opened(
    options: Any, said: str
) -> None:
    for make in (sp.Tracker, lambda **given: sp.open("demo", **given)):
        with pytest.raises(sp.Error) as caught:
            make(**options)
        assert said in str(caught.value)
        assert "fix: " in str(caught.value)


def test_a_model_is_named_as_on_the_command_line() -> None:
    with sp.Tracker(model=DEFAULT_MODEL.stem) as tracker:
        assert tracker(PICTURE, time_s=0.0).persons == ()


@pytest.mark.parametrize(
    "source", [None, 1.5, b"demo", True, {"demo"}, [None], ["demo", 2.0], np.array(0), PICTURE]
)
def test_what_is_no_source_is_told_by_its_name(source: Any) -> None:
    with pytest.raises(sp.Error, match=r"^source=.* is no source"):
        sp.open(source)


def test_other_arguments_of_a_source_are_told_by_their_names() -> None:
    with pytest.raises(sp.Error, match=r"^mode='640x480' is no camera mode"):
        sp.open("demo", mode="640x480")  # type: ignore[call-overload]
    with pytest.raises(sp.Error, match=r"^realtime='yes' is neither"):
        sp.open("demo", realtime="yes")  # type: ignore[call-overload]
    with pytest.raises(sp.Error, match=r"^fourcc 'abc' does not have four letters"):
        sp.CameraMode(fourcc="abc")
    with pytest.raises(sp.Error, match=r"^width '640' is no number"):
        sp.CameraMode(width="640")  # type: ignore[arg-type]
    for wrong in (True, np.True_, float("nan"), float("inf"), 0, 1j):
        with pytest.raises(sp.Error, match=r"^fps .* is no number.*\n  fix: .* such as 30$"):
            sp.CameraMode(fps=wrong)  # type: ignore[arg-type]
    with pytest.raises(sp.Error, match=r"^source is empty"):
        sp.open("")


def test_a_source_that_only_a_run_has_is_refused_as_such() -> None:
    sources: list[Any] = ["browser", ["demo", "browser"], Path("browser")]
    for source in sources:
        with pytest.raises(sp.Error) as caught:
            sp.open(source)
        assert caught.value.what == 'source="browser" needs a page, which only a run serves'
        assert "run.py --source browser --serve 8000, or give a camera" in caught.value.fix


class Named:
    """A path of a third library."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_any_path_is_a_path(tmp_path: Path) -> None:
    recording = tmp_path / "a.csv"
    recording.write_text("nothing")
    (entry,) = os.scandir(tmp_path)
    for path in (entry, Named(recording)):
        assert path_of(path, "path") == recording
        with pytest.raises(sp.Error, match=r"a\.csv"):
            sp.read(path)
        with pytest.raises(sp.Error, match=r"a\.csv"):
            sp.open(path)
        with pytest.raises(sp.Error, match=r"a\.csv"):
            sp.Tracker(model=path)
    (entry_b,) = os.scandir(os.fsencode(tmp_path))
    for wrong in (entry_b, Named(Path())):
        with pytest.raises(sp.Error, match=r"^path=.* is no name of a file"):
            sp.read(wrong)  # type: ignore[arg-type]


def test_whatever_gives_sources_is_several() -> None:
    for several in (("demo:2" for _ in range(2)), {"demo": 1, "demo:2": 2}, np.array(["demo"])):
        with sp.open(several) as frames:
            assert isinstance(frames, ManyFrames)
    asked: list[str] = []

    def note(options: Any) -> Any:
        asked.append(options.text)
        return open_source(SourceOptions("demo"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "open_source", note)
        for cameras in (range(2), np.arange(2)):
            sp.open(cameras).close()
        sp.open(np.int64(3)).close()  # type: ignore[call-overload]
    assert asked == ["0", "1", "0", "1", "3"]


def test_numbers_of_numpy_are_numbers() -> None:
    mode = sp.CameraMode(np.int64(640), np.int32(480), np.float32(30))  # type: ignore[arg-type]
    assert mode == sp.CameraMode(640, 480, 30.0)
    assert (type(mode.width), type(mode.fps)) == (int, float)
    with sp.Tracker(persons=np.int64(2), threads=np.int32(1)) as tracker:  # type: ignore[arg-type]
        assert type(tracker(PICTURE, time_s=np.float32(1.5)).time_s) is float  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("picture", "said", "fix"),
    [
        (PICTURE[..., 0], "uint8 (120, 160), expected", "COLOR_GRAY2BGR"),
        (np.zeros((9, 9, 4), np.uint8), "uint8 (9, 9, 4), expected", "image[..., :3]"),
        (PICTURE / 255, "float64 (120, 160, 3), expected", "astype(np.uint8)"),
        (PICTURE[:0], "uint8 (0, 160, 3), expected", "without pixels"),
        (None, "None is no picture", "cv2.imread"),
        (PICTURE.tolist(), "of type list is no picture", "np.asarray"),
    ],
)
def test_a_picture_of_another_kind_is_told_by_its_name_with_the_way_out(
    picture: Any, said: str, fix: str
) -> None:
    with pytest.raises(sp.Error) as caught:
        check_picture(picture)
    assert caught.value.what.startswith("image_bgr ")
    assert said in caught.value.what
    assert fix in caught.value.fix


@pytest.mark.parametrize("path", [None, 3, "", b"a.csv"])
def test_what_is_no_name_of_a_file_is_told(path: Any) -> None:
    with pytest.raises(sp.Error, match=r"^path=.* is no name of a file"):
        sp.read(path)
    with pytest.raises(sp.Error, match=r"^source=.* is no name of a file"):
        sp.resmooth(path, "b.csv")
    with pytest.raises(sp.Error, match=r"^recording=.* is no name of a file"):
        sp.report(path)


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("--source is empty", "source is empty"),
        ("try --source demo", 'try source="demo"'),
        ("--quality fast is what you mean", 'quality="fast" is what you mean'),
        ("pip install x, or run with --backend openvino", "or run with backend="),
        ("x is here already; add --force to replace it", "add force=True to replace it"),
        ("not here; or add --fetch to this command", "not here"),
        ("--parquet me.parquet needs pyarrow", "me.parquet needs pyarrow"),
        ("build it again: python export/build_trt.py --device 1", "build_trt.py --device 1"),
        ("choose one that --list-cameras shows", "run.py --list-cameras"),
        ("take another --person", "take another person"),
        ("a--source b.mp4 does not exist", "a--source b.mp4 does"),
        ("x/--source y.mp4 does not exist", "x/--source y.mp4 does"),
        ("leave out --camera-control", "leave out controls of mode"),
        ("refuses --camera-control gain=5: busy", "refuses the control gain=5: busy"),
        ("a file that --csv, --jsonl or --parquet wrote", "that --csv, --jsonl or --parquet wrote"),
        ("start it again; with --csv it goes on", "with --csv it goes on"),
        ("give --model what the server serves", "give model what the server serves"),
        ("-o a.html would be replaced", "output a.html would be replaced"),
        ("record with --csv-layout long or --jsonl", f"{command('run')} --csv-layout long or"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_whoever_made_it(option: str, argument: str) -> None:
    assert argument in as_arguments(option)
    assert as_arguments(as_arguments(option)) == as_arguments(option)


def sentences() -> Iterator[str]:
    """Every sentence with options that an error of ours can say; what varies is ``7``."""
    for package in ("engines", "realtime", "steadypose"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
                    for given in (*node.args, *(keyword.value for keyword in node.keywords)):
                        yield from filter(_has_option, _texts(given))


def _has_option(text: str) -> bool:
    return re.search(r"(?<![\w-])--[a-z]", text) is not None


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
        yield "".join(map(str, parts))
    else:
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr):
                yield from _texts(inner)


def test_no_sentence_loses_a_word_when_it_is_told_to_a_program() -> None:
    found = list(sentences())
    assert len(found) > 100
    for text in found:
        said = as_arguments(text)
        rest = re.sub(r"(; or| \(or) add --(fetch|auto-build)\b[^;)]*\)?", "", text)  # not there
        kept = re.findall(r"[A-Za-z]+", re.sub(r"(?<![\w-])--[a-z-]+", "", rest))
        assert set(kept) <= set(re.findall(r"[A-Za-z]+", said)), (text, said)
        assert not re.search(r"  | [,;.]|(\bor|\band|\bwith) (wrote|it)\b", said), said
        for value in re.findall(r'="([a-z]+)"', said):
            assert f" {value}" in text
            assert value in {*BACKENDS, *QUALITIES, "demo", "browser"}, said
        in_words = as_words(text, option_names(), FORMATS)
        said_words = re.findall(r"[A-Za-z-]+", in_words)
        assert set(re.findall(r"[A-Za-z-]+", text)) - {"-o", "OUT"} <= set(said_words), in_words
        assert not re.search(r'\b(python|steadypose) [^;:,]*"--', in_words), in_words


def _told(work: Callable[[], object]) -> str:
    with pytest.raises(sp.Error) as caught:
        work()
    return f"{caught.value.what}; {caught.value.fix}"


def test_mistakes_with_recordings_are_told_whole_and_in_the_words_of_their_functions(
    tmp_path: Path,
) -> None:
    wide, out, mine = tmp_path / "me.csv", tmp_path / "q.csv", tmp_path / "mine.csv"
    wide.write_text("frame,time_s,person,score,nose_x,nose_y,nose_score\n0,0,1,0.5,1,2,0.5\n")
    mine.write_text("mine\n")
    other = "give keypoints that a run recorded: .csv, .jsonl or .parquet"
    for read in (lambda: sp.read(mine), lambda: sp.report(mine), lambda: sp.resmooth(mine, out)):
        assert other in _told(read)
    raw = "--csv-layout long, --jsonl or --parquet"
    assert f"record with {command('run')} {raw}" in _told(lambda: sp.resmooth(wide, out))
    assert f"output {mine} would be" in _told(lambda: sp.resmooth(wide, mine))
    assert f"output {mine} would be" in _told(lambda: sp.report(wide, mine))
    told = _told(lambda: sp.convert(wide, mine))
    assert f"output {mine} would be" in told
    assert 'add "--force"' in told
    told = _told(lambda: sp.convert(wide, tmp_path / "q.xyz"))
    assert 'give the format: "--to", "openpose", or another of' in told
    trc = tmp_path / "q.trc"
    assert '"--person", "9" is not in' in _told(lambda: sp.convert(wide, trc, "--person", "9"))
    longer = 'record longer, or choose another with "--person"'
    assert _told(lambda: sp.convert(wide, trc)).endswith(f"; {longer}")
    told = _told(lambda: sp.convert(wide, out, "--bogus"))
    assert told.endswith(f"{command('convert')} --help lists the options")


def test_what_is_no_picture_or_no_time_is_told_and_the_tracker_goes_on() -> None:
    with sp.Tracker() as tracker:
        for wrong in (None, "x.jpg", [1, 2]):
            with pytest.raises(sp.Error, match="is no picture"):
                tracker(wrong)  # type: ignore[arg-type]
        with pytest.raises(sp.Error, match="'soon' is no time"):
            tracker(PICTURE, time_s="soon")  # type: ignore[arg-type]
        tracker(PICTURE, time_s=1764357429.5)
        with pytest.raises(sp.Error, match=r"time runs backwards by 0\.25 s"):
            tracker(PICTURE, time_s=1764357429.25)
        tracker(PICTURE, time_s=1764357430.0)
    with pytest.raises(sp.Error, match="this tracker is closed"):
        tracker(PICTURE, time_s=1764357431.0)


@pytest.mark.parametrize("ending", ["", "next(iter(left))", "next(iter(left)); raise OSError"])
def test_a_source_that_is_left_open_does_not_abort_python(ending: str, tmp_path: Path) -> None:
    code = f"import steadypose as sp\nleft = sp.open('demo:3')\n{ending}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        timeout=60,
    )
    assert done.returncode == ("raise" in ending), done.stderr
    assert "terminate called" not in done.stderr


def test_nothing_is_sent_or_left_in_the_users_home(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    code = (
        "import sys, steadypose as sp\n"
        "with sp.open('demo') as frames: next(iter(frames))\n"
        "import openvino; print(openvino.convert_model, 'openvino_telemetry' in sys.modules)\n"
    )
    given = {name: value for name, value in os.environ.items() if name in {"SYSTEMROOT", "PATH"}}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**given, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)},
    )
    assert "convert_model" in done.stdout  # OpenVINO itself is whole
    assert done.stdout.endswith(" False\n")
    assert not (tmp_path / "intel").exists()


def test_a_failed_import_of_openvino_leaves_its_telemetry_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    for name in ("openvino_telemetry", (quiet := "steadypose.engines.backends.quiet_openvino")):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError):
        importlib.import_module(quiet)
    assert "openvino_telemetry" not in sys.modules


def test_a_frame_is_shown_on_a_line() -> None:
    with sp.open("demo:2", persons=2) as frames:
        frame = next(iter(frames))
    shown = repr(frame)
    assert shown.startswith(f"<Frame 0 at 0.000 s, 640x360: <Person {frame.persons[0].id}: ")
    assert "\n" not in shown
    assert len(shown) < 250


def test_frames_go_to_other_processes_whole() -> None:
    with sp.open("demo:2", persons=2) as frames:
        for frame in frames:
            if frame.index == 4:
                break
        there = pickle.loads(pickle.dumps(frame))  # noqa: S301 - our own
        assert repr(there) == repr(frame)
        np.testing.assert_array_equal(there.image_bgr, frame.image_bgr)
        assert len(there.persons) == 2
        for one, other in zip(frame.persons, there.persons, strict=True):
            for name in ("xy", "raw_xy", "score", "state", "covariance"):
                sent, got = getattr(one, name), getattr(other, name)
                np.testing.assert_array_equal(got, sent)
                assert got.dtype == sent.dtype
                assert not got.flags.writeable
                assert sent.flags.c_contiguous
            assert one.angles == other.angles
        np.testing.assert_array_equal(there.draw(angles=True), frame.draw(angles=True))
        with pytest.raises(sp.Error, match="not known to a copy"):
            there.at(frame.time_s + 0.05)
        for wrong in ("x", None, float("nan")):
            with pytest.raises(sp.Error, match=r"^time_s=.* is no time"):
                frame.at(wrong)  # type: ignore[arg-type]


def test_a_frame_keeps_what_was_not_asked_while_others_come() -> None:
    at_once, later = [], []
    with sp.open("demo") as frames:
        for frame in frames:
            at_once.append([one.covariance.copy() for one in frame.persons])
            if frame.index == 12:
                break
    with sp.open("demo") as frames:
        for frame in frames:
            later.append(frame)
            if frame.index == 12:
                break
    assert any(at_once)
    for known, frame in zip(at_once, later, strict=True):
        for one, covariance in zip(frame.persons, known, strict=True):
            assert one.covariance is one.covariance
            np.testing.assert_array_equal(one.covariance, covariance)


def test_many_sources_are_followed_once_however_often_one_begins() -> None:
    many = sp.open(["demo", "demo"])
    assert next(iter(many)).index == 0
    assert next(iter(many)).index <= 1
    many.close()
    many.close()
    assert list(many) == []


def test_completion_offers_what_there_is() -> None:
    assert dir(sp) == sorted(sp.__all__)
