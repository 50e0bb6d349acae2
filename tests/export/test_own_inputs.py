"""No command that makes models or weights writes over what it reads, or over files of others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

pytest.importorskip("torch")

from steadypose.engines.backends.tensorrt.cuda_driver import Device
from steadypose.engines.errors import RecordError
from steadypose.export import build_trt, export_onnx, quantize, wrap_onnx
from steadypose.export.trt.options import parse
from steadypose.export.weights.recipe import Recipe
from steadypose.realtime.command.own_files import is_ours
from steadypose.realtime.model.places import POSE_RESNET
from tests.support.systems import IS_POSIX
from training import mix, train
from training.people import __main__ as people

pytestmark = pytest.mark.export
Main = Callable[[list[str]], int]
EXPORT = ["--weights", "IN", "--convention", "microsoft", "--input", "256x192", "--name", "x"]
OWN = '[skeleton]\nkeypoints = ["a", "b"]\n'
TOOLS: dict[str, tuple[Main, list[str]]] = {
    "export": (export_onnx.main, [*EXPORT, "--output", "OUT"]),
    "wrap": (wrap_onnx.main, ["--onnx", "IN", "--output", "OUT"]),
    "wrap by a table": (
        wrap_onnx.main,
        ["--onnx", str(POSE_RESNET), "--config", "IN", "--output", "OUT"],
    ),
    "export, a skeleton": (
        export_onnx.main,
        ["--weights", str(POSE_RESNET), "--skeleton", "IN", "--name", "x", "--output", "OUT"],
    ),
    "wrap, a skeleton": (
        wrap_onnx.main,
        ["--onnx", str(POSE_RESNET), "--skeleton", "IN", "--output", "OUT"],
    ),
    "quantize": (quantize.main, ["--onnx", "IN", "--output", "OUT"]),
    "plan": (build_trt.main, ["--onnx", "IN", "--plan", "OUT"]),
    "graph": (build_trt.main, ["--onnx", "IN", "--save-onnx", "OUT"]),
    "calibration": (build_trt.main, ["--calibration", "IN", "--plan", "OUT"]),
    "mix": (mix.main, ["IN", str(POSE_RESNET), "--out", "OUT"]),
    "mix, second": (mix.main, [str(POSE_RESNET), "IN", "--out", "OUT"]),
    "people": (people.main, ["--count", "1", "--backgrounds", "IN", "--out", "OUT"]),
    "sheet": (
        people.main,
        ["--count", "1", "--backgrounds", "IN", "--out", "new.tar", "--sheet", "OUT"],
    ),
}
TABLES = {"wrap by a table": "", "export, a skeleton": OWN, "wrap, a skeleton": OWN}
END = {"mix": ".pt", "mix, second": ".pt", "people": ".tar", **dict.fromkeys(TABLES, ".toml")}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lay(name: str, way: str) -> tuple[Path, Path]:
    """An input, and another name of it."""
    end = END.get(name, ".onnx")
    given, out = Path(f"in{end}"), Path(f"out{end}")
    if name in TABLES:
        given.write_text(TABLES[name])
    else:
        shutil.copy(POSE_RESNET, given)
    if way == "same":
        return given, given
    if way == "hard":
        out.hardlink_to(given)
    elif not IS_POSIX:
        pytest.skip("not on this system: links need a right there")
    else:
        out.symlink_to(given)
    return given, out


def words_of(words: list[str], given: Path, out: Path) -> list[str]:
    return [{"IN": str(given), "OUT": str(out)}.get(word, word) for word in words]


@pytest.mark.parametrize("way", ["same", "soft", "hard"])
@pytest.mark.parametrize("name", TOOLS)
def test_no_command_writes_over_what_it_reads(
    capsys: pytest.CaptureFixture[str], name: str, way: str
) -> None:
    given, out = lay(name, way)
    before = given.read_bytes()
    main, words = TOOLS[name]
    assert main([*words_of(words, given, out), "--force"]) == 2
    assert "is read, by this run or a later one, and would be destroyed" in capsys.readouterr().err
    assert given.read_bytes() == before
    assert {path.name for path in Path().iterdir()} == {given.name, out.name}


@pytest.mark.parametrize("name", [name for name in TOOLS if name not in {"sheet"}])
def test_no_command_replaces_what_no_run_wrote(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    given, _ = lay(name, "same")
    out = Path("theirs").with_suffix(given.suffix)
    out.write_text("theirs")
    main, words = TOOLS[name]
    assert main(words_of(words, given, out)) == 2
    assert "no run of steadypose wrote it" in capsys.readouterr().err
    assert out.read_text() == "theirs"


def test_the_recipe_beside_weights_is_read_too(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(POSE_RESNET, "in.pt")
    Recipe().save(Path("in.pt"), name="x", source="")
    words = words_of(TOOLS["export"][1], Path("in.pt"), Path("in.json"))
    assert export_onnx.main([*words, "--force"]) == 2
    assert "would be destroyed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "beside",
    ["x.engine.json", "x.unproved.engine", "x.unproved.engine.json", "x.unproved.engine.bad"],
)
def test_what_a_build_writes_beside_its_engine_is_looked_at_first(beside: str) -> None:
    Path(beside).write_text("theirs")
    with pytest.raises(Exception, match="no run of steadypose wrote it"):
        parse(["--output", "x.engine"], description="")
    parse(["--output", "x.engine", "--force"], description="")


@pytest.mark.parametrize("end", ["", ".bad"])
def test_an_engine_is_known_by_its_sidecar(end: str) -> None:
    engine = Path(f"x.engine{end}")
    engine.write_bytes(b"a plan")
    assert not is_ours(engine)
    sidecar = Path(f"x.engine.json{end}")
    sidecar.write_text('{"onnx_sha256": "", "plan_sha256": ""}')
    assert is_ours(engine)
    assert is_ours(sidecar)


CONFIG = """
name = "x"
[network]
weights = "run/weights.pt"
[[train]]
kind = "mannequin"
count = 8
[[validate]]
kind = "mannequin"
count = 8
[[stage]]
input = [64, 64]
epochs = 1
"""


@pytest.mark.parametrize("way", ["config", "option", "link"])
def test_training_does_not_write_over_its_first_weights(
    capsys: pytest.CaptureFixture[str], way: str
) -> None:
    Path("run").mkdir()
    Path("run/weights.pt").write_bytes(b"weights of a week")
    config = CONFIG if way == "config" else CONFIG.replace('weights = "run/weights.pt"', "")
    Path("c.toml").write_text(config)
    words = ["--config", "c.toml", "--out", "run"]
    if way == "option":
        words += ["--weights", "run/weights.pt"]
    if way == "link":
        Path("base.pt").hardlink_to("run/weights.pt")
        words += ["--weights", "base.pt"]
    assert train.main(words) == 2
    said = capsys.readouterr().err
    assert "would be destroyed" in said
    assert [path.name for path in Path("run").iterdir()] == ["weights.pt"]


@pytest.mark.posix("modes of files")
def test_a_timing_cache_of_others_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build_trt, "BUILT", tmp_path / "built")
    api, device = Mock(flavor="tensorrt", version="10.1"), Device(0, "GPU", "8.9", "12")
    assert build_trt._timing_cache(api, device) == str(
        tmp_path / "built" / "timing-sm89-trt10.1.cache"
    )
    (tmp_path / "built").chmod(0o777)
    with pytest.raises(RecordError, match="others may write"):
        build_trt._timing_cache(api, device)
    assert not build_trt._timing_cache(Mock(flavor="tensorrt-rtx"), device)
