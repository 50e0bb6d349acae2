"""What inference servers are given to serve; a real Triton reads it in tests/engines/remote."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from steadypose.engines.backends.remote.contract import SHA256
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.export.wrap.model_repository import main
from tests.conftest import TINY_SPEC


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_triton_gets_the_model_and_its_contract(tiny_path: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    words = ["--model", str(tiny_path), "--instances", "2", "--batch", "4", "--delay", "500"]
    assert main([str(repo), *words]) == 0
    assert written(repo) == {"tiny/config.pbtxt", "tiny/1/model.onnx"}
    assert (repo / "tiny/1/model.onnx").read_bytes() == tiny_path.read_bytes()
    text = (repo / "tiny/config.pbtxt").read_text()
    for wanted in (
        'name: "tiny"',
        'backend: "onnxruntime"',
        "max_batch_size: 4",
        "data_type: TYPE_UINT8, dims: [ 64, 48, 3 ]",
        "data_type: TYPE_FP32, dims: [ 17, 3 ]",
        "kind: KIND_GPU, count: 2",
        "max_queue_delay_microseconds: 500",
        "batch_size: 4, inputs",
        "version_policy",
    ):
        assert wanted in text
    found = dict(re.findall(r'key: "([\w.]+)", value: \{ string_value: (".*") \}', text))
    assert json.loads(found[SHA256]) == hashlib.sha256(tiny_path.read_bytes()).hexdigest()
    assert ModelSpec.from_json(json.loads(found[METADATA_KEY])) == TINY_SPEC


def test_the_python_backend_gets_its_code_and_the_processor(
    tiny_path: Path, tmp_path: Path
) -> None:
    given = ["--model", str(tiny_path), "--run", "python", "--name", "pose"]
    assert main([str(tmp_path / "repo"), *given]) == 0
    assert "pose/1/model.py" in written(tmp_path / "repo")
    text = (tmp_path / "repo/pose/config.pbtxt").read_text()
    assert "KIND_CPU" in text
    assert 'name: "pose"' in text
    assert main([str(tmp_path / "repo"), *given, "--batch", "2"]) == 0, "its own is replaced"


def test_openvino_model_server_gets_a_list_of_models(tiny_path: Path, tmp_path: Path) -> None:
    assert main([str(tmp_path / "repo"), "--model", str(tiny_path), "--for", "openvino"]) == 0
    assert written(tmp_path / "repo") == {"config.json", "tiny/1/model.onnx"}
    said = json.loads((tmp_path / "repo/config.json").read_text())
    (entry,) = said["model_config_list"]
    assert (entry["config"]["name"], entry["config"]["base_path"]) == ("tiny", "/models/tiny")


def test_other_models_stay_in_the_list(tiny_path: Path, tmp_path: Path) -> None:
    theirs = {"config": {"name": "theirs", "base_path": "/models/theirs", "nireq": 7}}
    listed = tmp_path / "config.json"
    listed.write_text(json.dumps({"model_config_list": [theirs]}))
    for words in ([], ["--instances", "3"], ["--name", "second"]):
        given = [str(tmp_path), "--model", str(tiny_path), "--for", "openvino", *words]
        assert main(given) == 0
    entries = json.loads(listed.read_text())["model_config_list"]
    assert entries[0] == theirs
    assert [entry["config"]["name"] for entry in entries] == ["theirs", "tiny", "second"]
    assert entries[1]["config"]["nireq"] == 3


@pytest.mark.parametrize("kind", ["triton", "openvino"])
def test_a_model_that_somebody_else_put_there_is_not_replaced(
    tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    theirs = tmp_path / "tiny/1/model.onnx"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    given = [str(tmp_path), "--model", str(tiny_path), "--for", kind]
    assert main(given) == 2
    assert "steadypose did not write it" in capsys.readouterr().err
    theirs.unlink()
    (tmp_path / "config.json").write_text('["no list of models"]')
    assert main(given) == 2
    assert "is no list of models" in capsys.readouterr().err


def test_mistakes_are_a_sentence(
    tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: str) -> str:
        assert main([str(tmp_path / "repo"), "--model", str(tiny_path), *words]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        return lines[0]

    assert "does not go with" in refused("--run", "tensorrt")
    assert "cannot be the name of a model" in refused("--name", "../x")
    assert not (tmp_path / "repo").exists()
    (tmp_path / "repo/tiny").mkdir(parents=True)
    (tmp_path / "repo/tiny/config.pbtxt").write_text('name: "mine"')
    assert "steadypose did not write it" in refused()
    assert (tmp_path / "repo/tiny/config.pbtxt").read_text() == 'name: "mine"'
