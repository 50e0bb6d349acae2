"""Model files and texts of strangers: what is refused before anything believes it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines import registry
from steadypose.engines.errors import ModelFileError, SteadyposeError
from steadypose.engines.foreign.names import as_name, is_name
from steadypose.engines.foreign.texts import parse_json, read_json, read_toml
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.realtime.model import zoo
from steadypose.realtime.model.places import QUALITIES, SHIPPED
from tests.conftest import TINY_SPEC, tiny_model

# Model files that point outside themselves.


def outside(name: str = "w", location: str = "../../secret") -> TensorProto:
    """Weights that lie in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def in_an_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(outside())


def in_a_sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(outside())


def in_the_indices_of_a_sparse_initializer(model: onnx.ModelProto) -> None:
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "w"))
    sparse.indices.CopyFrom(outside())


def in_an_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside()))


def in_a_list_of_attributes(model: onnx.ModelProto) -> None:
    node = helper.make_node("Custom", [], ["c"])
    node.attribute.add(name="many", type=onnx.AttributeProto.TENSORS).tensors.append(outside())
    model.graph.node.append(node)


def in_a_sparse_attribute(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"])
    attribute = node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.values.CopyFrom(outside())
    model.graph.node.append(node)


def in_a_nested_graph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [outside()])
    outer = helper.make_graph(
        [helper.make_node("If", ["x"], ["y"], then_branch=inner)], "o", [], []
    )
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], else_branch=outer))


def in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=outside())
    model.functions.append(
        helper.make_function("own", "F", [], ["c"], [node], [helper.make_opsetid("", 18)])
    )


def in_a_training_graph(model: onnx.ModelProto) -> None:
    model.training_info.add().algorithm.initializer.append(outside())


def in_a_training_graphs_beginning(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.initializer.append(outside())


def by_a_location_alone(model: onnx.ModelProto) -> None:
    tensor = outside()
    tensor.ClearField("data_location")
    model.graph.initializer.append(tensor)


def by_a_mark_alone(model: onnx.ModelProto) -> None:
    tensor = outside()
    del tensor.external_data[:]
    model.graph.initializer.append(tensor)


def by_compiled_code(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("EPContext", [], ["c"], domain="com.microsoft"))


WAYS = [
    *(in_an_initializer, in_a_sparse_initializer, in_the_indices_of_a_sparse_initializer),
    *(in_an_attribute, in_a_list_of_attributes, in_a_sparse_attribute, in_a_nested_graph),
    *(
        in_a_function,
        in_a_training_graph,
        in_a_training_graphs_beginning,
        by_a_location_alone,
        by_a_mark_alone,
        by_compiled_code,
    ),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_file_that_points_outside_itself_is_refused_before_any_backend(
    tmp_path: Path, way: Callable[[onnx.ModelProto], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = tiny_model(), tmp_path / "m.onnx"
    way(model)
    path.write_bytes(model.SerializeToString())
    tried: list[Any] = []
    monkeypatch.setattr(registry, "_load", tried.append)
    for backend in ("auto", "openvino", "onnxruntime"):
        with pytest.raises(ModelFileError, match="not self-contained"):
            registry.open_engine(path, backend=backend, options=EngineOptions("fp32", 1))
    assert tried == []


def test_a_graph_hidden_behind_a_field_number_that_parsers_cut_is_no_onnx(tmp_path: Path) -> None:
    model = tiny_model()
    hidden = helper.make_graph([], "g", [], [], [outside()]).SerializeToString()
    key = (7 << 3 | 2) | 1 << 32  # protobuf keeps 32 bits of it
    data = model.SerializeToString() + _varint(key) + _varint(len(hidden)) + hidden
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="not an ONNX file"):
        read_spec(path)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def test_onnxruntimes_own_format_under_onnx_clothes_is_no_onnx(tmp_path: Path) -> None:
    inner = b"..ORTM"  # onnxruntime looks at bytes 4 to 8
    data = bytes([2 << 3 | 2, len(inner)]) + inner + tiny_model().SerializeToString()
    assert data[4:8] == b"ORTM"
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match="not an ONNX file"):
        read_spec(tmp_path / "m.onnx")


@pytest.mark.posix("pipes with names")
def test_a_pipe_is_no_model_file_and_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("m.onnx", "m.engine", "m.engine.json", "m.json", "m.toml"):
        os.mkfifo(tmp_path / name)
    for name in ("m.onnx", "m.engine"):
        with pytest.raises(SteadyposeError, match="pipe"):
            registry.open_engine(tmp_path / name, backend="auto", options=EngineOptions())
    for read in (read_json, read_toml):
        with pytest.raises(OSError, match="pipe"):
            read(tmp_path / "m.json")


# Names.


@pytest.mark.parametrize(
    "name",
    [
        *("", ".hidden", "-rf", "a/b", "a\\b", "..", "/etc/x", "a\x1b[2J", "a\nb", "a b", "a,b"),
        *("=cmd|'/c calc'!A0", "a:b", "x" * 65, "a\u202eb", "nul\x00"),
    ],
)
def test_a_name_that_is_none_is_refused_for_models_skeletons_and_keypoints(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ModelFileError, match="a name has letters") as caught:
        replace(TINY_SPEC, name=name)
    assert not set(caught.value.what) & {"\x1b", "\n", "\u202e", "\x00"}
    skeleton = TINY_SPEC.skeleton
    with pytest.raises(ModelFileError, match="a name has letters"):
        replace(skeleton, name=name)
    with pytest.raises(ModelFileError, match="a name has letters"):
        replace(skeleton, keypoints=(name, *skeleton.keypoints[1:]))
    assert not as_name(name) or is_name(as_name(name))


def test_every_name_of_the_project_is_a_name() -> None:
    names = [path.stem for path in SHIPPED] + list(zoo.MODELS) + list(QUALITIES)
    for skeleton in SKELETONS.values():
        names += [skeleton.name, *skeleton.keypoints]
    names += [read_spec(path).name for path in SHIPPED]
    assert len(names) > 40
    assert [name for name in names if not is_name(name)] == []
    assert is_name("linkes_Ohrläppchen.2-b")


# JSON and TOML.


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DEEP, "nested too deeply"),
        ('{"a": Infinity}', "no number"),
        ('{"a": [NaN]}', "no number"),
        ('{"a": 1e999}', "no number"),
        (f'{{"a": {"9" * 400}}}', "too large"),
        (" " * 4_000_001, "more than 4000000"),
        ("{", "Expecting"),
    ],
)
def test_a_json_that_no_reader_survives_is_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_json(tmp_path / "x.json")


def test_a_toml_that_no_reader_survives_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    for text, reason in (
        (f"a = {DEEP}", "deeply"),
        ("a = inf", "no number"),
        (f"a = {'9' * 400}", "too large"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=reason):
            read_toml(path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "Infinity"},
        {"others": "Infinity"},
        {"input_hw": "[Infinity, 64]"},
        {"box_padding": "9" * 400},
        {"skeleton": DEEP},
        {"weights": "{" * 200_000},
    ],
)
def test_a_spec_with_impossible_values_is_a_sentence(change: dict[str, str]) -> None:
    told = {key: json.dumps(value) for key, value in json.loads(TINY_SPEC.to_json()).items()}
    text = ", ".join(f'"{key}": {value}' for key, value in (told | change).items())
    with pytest.raises(ModelFileError, match="spec inside the model file is broken"):
        ModelSpec.from_json(f"{{{text}}}")


def test_the_sentence_about_a_spec_reaches_the_user(tmp_path: Path) -> None:
    model, path = tiny_model(), tmp_path / "m.onnx"
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = DEEP
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="deeply"):
        read_spec(path)


def test_a_text_may_have_so_many_bytes_and_not_one_more(tmp_path: Path) -> None:
    for read, text in ((read_json, '{"a":1}'), (read_toml, "a = 1\n")):
        path = tmp_path / "x"
        path.write_text(text.ljust(100))
        assert read(path, most_bytes=100) == {"a": 1}
        with pytest.raises(ValueError, match="more than 99"):
            read(path, most_bytes=99)


def test_a_mark_of_windows_before_a_text_is_no_fault(tmp_path: Path) -> None:
    for read, text in ((read_json, '{"a":1}'), (read_toml, "a = 1\n")):
        (tmp_path / "x").write_text(text, encoding="utf-8-sig")
        assert read(tmp_path / "x") == {"a": 1}
    assert parse_json('\ufeff{"a":1}') == {"a": 1}


def test_whole_numbers_go_as_far_as_sixty_three_bits() -> None:
    far = 2**63
    assert parse_json(f"[{far}, {-far}]") == [far, -far]
    for number in (far + 1, -far - 1):
        with pytest.raises(ValueError, match="too large"):
            parse_json(str(number))
        assert parse_json(str(number), is_number_checked=False) == number
    with pytest.raises(ValueError, match="no number"):
        parse_json("[1e999]")
    assert parse_json("1e999", is_number_checked=False) == float("inf")
