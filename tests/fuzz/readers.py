"""Every reader of foreign bytes, and healthy bytes to begin from."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.engine_file import EngineInfo, read_info, sidecar_of
from steadypose.engines.model_file import read_spec
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.realtime.command.config.reading import read_words
from steadypose.realtime.command.options.command_line import build_parser
from steadypose.realtime.datatypes import State
from steadypose.realtime.model import zoo
from steadypose.realtime.model.places import MODELS, ROOT
from steadypose.realtime.record.formats.blocks import ReadState
from steadypose.realtime.record.formats.reading import read_frames, read_recording
from steadypose.realtime.record.formats.tables import Table, find_table
from steadypose.realtime.record.formats.trc import to_markers, write_trc
from steadypose.realtime.record.recorder import record_table
from steadypose.realtime.report.page import build_page
from steadypose.realtime.report.sidecar_text import find_run_info
from steadypose.realtime.sources.address import is_half_an_address, shown, shown_option
from steadypose.realtime.sources.opening import SourceOptions, open_source
from tests.fuzz import training_readers as training
from tests.realtime.record.test_formats import random_run

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Reader:
    """What reads foreign bytes.

    Attributes:
        read: Takes a file; may raise only ``SteadyposeError``.
        samples: Makes healthy files' contents.
        suffix: Of the file.
        package: Without which it cannot be tried.
    """

    read: Read
    samples: Callable[[], list[bytes]]
    suffix: str = ".bin"
    package: str = "numpy"

    @property
    def is_here(self) -> bool:
        """Whether its package is installed."""
        return importlib.util.find_spec(self.package) is not None


def _recorded(option: str, layout: str = "", *, is_journal: bool = False) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{option}"
        recorder = record_table(Table(find_table(option, layout), path), COCO17)
        for entry in random_run(5, 12):
            recorder.put(entry)
        recorder.close()
        if is_journal:
            return [_journal(Path(folder))]
        return [path.read_bytes()]


def _journal(folder: Path) -> bytes:
    from steadypose.realtime.record.formats.parquet import ParquetSink

    sink = ParquetSink(folder / "j.parquet", COCO17)
    for entry in random_run(5, 6):
        sink.add(entry)
        sink.flush()
    return (folder / "j.parquet.journal").read_bytes()


def _read_recording(path: Path) -> None:
    recording = read_recording(path)
    for person in recording.people:
        assert ((person.state >= State.LOST) & (person.state <= State.MEASURED)).all()
    for _ in read_frames(ReadState(path)):
        pass


def _read_for_page(path: Path) -> None:
    build_page(read_recording(path))


def _read_for_trc(path: Path) -> None:
    for height_m in (None, 1.8):
        markers = to_markers(read_recording(path), None, height_m)
        write_trc(path.with_suffix(".trc"), markers, title=path.name)


def _spec() -> ModelSpec:
    return FakeEngine().spec


def _read_spec(path: Path) -> None:
    ModelSpec.from_json(path.read_text("latin-1"))


def _model_file() -> list[bytes]:
    import onnx

    model = onnx.load(MODELS / "movenet_lightning_192x128.onnx")
    for tensor in model.graph.initializer:  # small, so that more is tried
        tensor.ClearField("raw_data")
    model.metadata_props.add(key=METADATA_KEY, value=_spec().to_json())
    return [model.SerializeToString()]


def _read_engine(path: Path) -> None:
    sidecar_of(path).write_bytes(path.read_bytes())
    read_info(path)


def _engine() -> list[bytes]:
    info = EngineInfo(
        *(_spec(), "m.onnx", "0" * 64, "tensorrt", "10.3", "fp16", {"half": 3}, 4, "GPU"),
        capabilities=("8.9",),
    )
    return [json.dumps(asdict(info)).encode()]


def _read_sidecar(path: Path) -> None:
    find_run_info(path.with_name(path.name.replace(".meta.json", ".csv")))


def _sidecar() -> list[bytes]:
    content = {
        "format": "steadypose",
        "files": [{"names": ["x.csv"], "rows": 3}],
        "options": ["--csv=x.csv", "--source", "rtsp://a:b@c/d"],
        "versions": {"numpy": "1"},
    }
    return [json.dumps(content).encode()]


def _read_recipe(path: Path) -> None:
    from steadypose.export.weights.recipe import find_recipe

    find_recipe(path.with_suffix(".pth"))


def _recipe() -> list[bytes]:
    from steadypose.export.weights.recipe import Origin, Recipe

    return [Origin(Recipe("pose_resnet18"), "n", "s", "l").to_json().encode()]


def _read_wrap(path: Path) -> None:
    from steadypose.export.wrap.options import load_toml
    from steadypose.export.wrap_onnx import add_options
    from steadypose.realtime.command.options.parser import Parser

    parser = Parser(add_help=False)
    add_options(parser)
    load_toml(path, parser)


def _read_training(path: Path) -> None:
    from training.config import load_config

    load_config(path)


def _read_options(path: Path) -> None:
    read_words(path, build_parser())


def _read_published(path: Path) -> None:
    zoo.read_table(path)


def _read_address(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    shown(text), shown_option(text), is_half_an_address(text)


def _read_video(path: Path) -> None:
    os.utime(path, (0, 0))  # nobody is writing it
    source = open_source(SourceOptions(str(path)))
    try:
        while not source.is_over:
            source.read(5.0)
    finally:
        source.close()


def _videos() -> list[bytes]:
    from tests.support.films import even, write

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"a.{end}" for end in ("mp4", "mkv", "avi", "ts")]
        return [
            write(path, even(12), codec="mpeg4", base=Fraction(1, 30), size=(32, 32)).read_bytes()
            for path in paths
        ]


def _texts(*patterns: str) -> list[bytes]:
    return [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


_WRAP = b"""input = "256x192"
normalise = "imagenet"
mean = [0.1, 0.2, 0.3]
simcc = ["x", "y"]
name = "arm"
[skeleton]
name = "x"
keypoints = ["a", "b"]
limbs = [["a", "b"]]
flip_pairs = []
sigmas = [0.1, 0.1]
"""

_RUN = b"""camera = 0
fps = 29.97
headless = true
camera-control = "brightness=3,auto_exposure=1"
roi = "0,0,640,480"
split = "10min"
csv = "out.csv"
"""

READERS = {
    "spec": Reader(
        lambda p: ModelSpec.from_json(p.read_text("latin-1")), lambda: [_spec().to_json().encode()]
    ),
    "model_file": Reader(read_spec, _model_file, ".onnx", "onnx"),
    "engine_sidecar": Reader(_read_engine, _engine, ".engine"),
    "recording_sidecar": Reader(_read_sidecar, _sidecar, ".meta.json"),
    "csv_wide": Reader(_read_recording, lambda: _recorded("csv", "wide"), ".csv"),
    "csv_long": Reader(_read_recording, lambda: _recorded("csv", "long"), ".csv"),
    "csv_to_page": Reader(_read_for_page, lambda: _recorded("csv", "wide"), ".csv"),
    "csv_to_trc": Reader(_read_for_trc, lambda: _recorded("csv", "wide"), ".csv"),
    "jsonl": Reader(_read_recording, lambda: _recorded("jsonl"), ".jsonl"),
    "parquet": Reader(_read_recording, lambda: _recorded("parquet"), ".parquet", "pyarrow"),
    "journal": Reader(
        _read_recording, lambda: _recorded("parquet", is_journal=True), ".journal", "pyarrow"
    ),
    "recipe": Reader(_read_recipe, _recipe, ".json", "torch"),
    "wrap_toml": Reader(_read_wrap, lambda: [_WRAP], ".toml", "onnx"),
    "training_toml": Reader(
        _read_training, lambda: _texts("training/configs/*.toml"), ".toml", "torch"
    ),
    "run_toml": Reader(_read_options, lambda: [_RUN], ".toml"),
    "coco_labels": Reader(training.read_labels, training.labels, ".json"),
    "matlab_labels": Reader(training.read_matlab, training.matlab, ".mat", "scipy"),
    "weights": Reader(training.read_weights, training.weights, ".pth", "torch"),
    "safetensors": Reader(
        training.read_weights, training.safetensors, ".safetensors", "safetensors"
    ),
    "published": Reader(_read_published, lambda: _texts("realtime/model/published.json"), ".json"),
    "video": Reader(_read_video, _videos),
    "address": Reader(_read_address, lambda: [b"rtsp://me:secret@cam:554/live/key/ch1?token=x#f"]),
}
