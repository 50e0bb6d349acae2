"""The contract inside a model file: round trips, and what is said of broken files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.engines.errors import ModelFileError
from steadypose.engines.model_file import read_metadata, read_spec
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.realtime.model.places import DEFAULT_MODEL
from tests.conftest import TINY_SPEC, tiny_model


def test_spec_survives_json() -> None:
    assert ModelSpec.from_json(TINY_SPEC.to_json()) == TINY_SPEC


@pytest.mark.parametrize("missing", ["name", "skeleton", "input_hw", "version", "weights"])
def test_a_spec_without_a_field_is_refused(missing: str) -> None:
    data = json.loads(TINY_SPEC.to_json())
    del data[missing]
    with pytest.raises(ModelFileError, match="broken"):
        ModelSpec.from_json(json.dumps(data))


def test_a_spec_of_another_version_says_so() -> None:
    data = json.loads(TINY_SPEC.to_json()) | {"version": 99}
    with pytest.raises(ModelFileError, match="version 99"):
        ModelSpec.from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_hw", (8, 8)),
        ("box_padding", 0.5),
        ("box_padding", 9.0),
        ("others", -1),
        ("others", 101),
    ],
)
def test_an_impossible_spec_is_refused(field: str, value: object) -> None:
    with pytest.raises(ModelFileError, match=field):
        ModelSpec(**({"name": "x", "skeleton": COCO17, "input_hw": (64, 48)} | {field: value}))  # type: ignore[arg-type]


def test_further_people_survive_the_json_and_older_files_have_none() -> None:
    spec = replace(TINY_SPEC, others=3)
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert spec.output_rows == 68
    older = json.loads(TINY_SPEC.to_json())
    del older["others"]
    assert ModelSpec.from_json(json.dumps(older)).others == 0


def test_flip_order_is_an_involution() -> None:
    order = COCO17.flip_order
    assert [order[i] for i in order] == list(range(17))
    assert order[COCO17.index("left_wrist")] == COCO17.index("right_wrist")


@pytest.mark.parametrize(
    "change",
    [
        {"keypoints": ("a", "a")},
        {"sigmas": (0.1,)},
        {"limbs": ((0, 2),)},
        {"limbs": ((2, 0),)},
        {"limbs": ((-1, 0),)},
        {"limbs": ((0, -1),)},
        {"flip_pairs": ((0, 1), (1, 0))},
        {"sigmas": (0.1, 0.0)},
    ],
)
def test_an_inconsistent_skeleton_is_refused(change: dict[str, object]) -> None:
    good: dict[str, object] = {
        "name": "two",
        "keypoints": ("a", "b"),
        "limbs": ((0, 1),),
        "flip_pairs": ((0, 1),),
        "sigmas": (0.1, 0.1),
    }
    with pytest.raises(ModelFileError):
        Skeleton(**(good | change))  # type: ignore[arg-type]


def test_read_spec_finds_what_export_wrote(tiny_path: Path) -> None:
    assert read_spec(tiny_path) == TINY_SPEC


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=300), max_size=5))
def test_metadata_equals_what_onnx_reads(pairs: dict[str, str]) -> None:
    model = tiny_model()
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, pairs)
    path = Path(__file__).with_name("metadata_test.onnx")
    try:
        path.write_bytes(model.SerializeToString())
        assert read_metadata(path) == pairs
    finally:
        path.unlink()


def test_a_foreign_onnx_is_told_from_a_broken_one(tmp_path: Path) -> None:
    model = tiny_model()
    del model.metadata_props[:]
    path = tmp_path / "foreign.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="not a steadypose model file"):
        read_spec(path)


@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"\x00" * 100, b"\x08\x09"])
def test_a_file_that_is_not_onnx_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not an ONNX file"):
        read_spec(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_says_so(tmp_path: Path, share: float) -> None:
    data = tiny_model().SerializeToString()
    path = tmp_path / "short.onnx"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFileError):
        read_spec(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        read_spec(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="cannot read"):
        read_spec(tmp_path)


def test_the_shipped_model_has_a_spec_with_provenance() -> None:
    spec = read_spec(DEFAULT_MODEL)
    assert spec.skeleton == COCO17
    assert METADATA_KEY in read_metadata(DEFAULT_MODEL)
    assert {"sha256", "source", "licence"} <= set(spec.weights)


def test_scores_count_as_calibrated_only_where_that_is_said() -> None:
    made = ModelSpec("x", COCO17, (64, 48))
    assert not made.is_calibrated
    told = json.loads(made.to_json())
    del told["is_calibrated"]
    assert not ModelSpec.from_json(json.dumps(told)).is_calibrated
    assert ModelSpec.from_json(json.dumps(told | {"is_calibrated": True})).is_calibrated
