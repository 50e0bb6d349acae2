"""Weights and recipes of strangers: where files go, and how much memory a small one takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.realtime.model.places import ROOT

torch = pytest.importorskip("torch")

LOAD = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
from steadypose.engines.errors import SteadyposeError
from steadypose.export.weights.state_dict import load_weights
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_weights(Path(sys.argv[1]))
except SteadyposeError as error:
    print(error.what)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 200_000, grown
"""


def hollow(path: Path) -> None:
    tensor = torch.zeros(1, dtype=torch.float16).expand(3_000_000_000)
    torch.save({"conv1.weight": tensor}, path)


def shared(path: Path) -> None:
    one = torch.zeros(1_000_000)
    torch.save({f"layer{n}.weight": one.view(1000, 1000) for n in range(5000)}, path)


def sparse(path: Path) -> None:
    where, what = torch.zeros((2, 1), dtype=torch.int64), torch.ones(1)
    tensor = torch.sparse_coo_tensor(where, what, (10**6, 10**6), check_invariants=True)
    torch.save({"conv1.weight": tensor}, path)


def compressed(path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(80_000_000)}, path.with_suffix(".whole"))
    with (
        zipfile.ZipFile(path.with_suffix(".whole")) as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in whole.infolist():
            packed.writestr(entry.filename, whole.read(entry))
    path.with_suffix(".whole").unlink()


@pytest.mark.parametrize("make", [hollow, shared, sparse, compressed])
@pytest.mark.posix("limits of memory")
def test_small_weights_never_become_large(tmp_path: Path, make: object) -> None:
    path = tmp_path / "w.pth"
    make(path)  # type: ignore[operator]
    assert path.stat().st_size < 8_000_000
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "is damaged" in done.stdout


@pytest.mark.posix("pipes with names")
def test_weights_in_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    from steadypose.export.weights.state_dict import load_weights

    os.mkfifo(tmp_path / "w.pth")
    with pytest.raises(ModelFileError, match="pipe"):
        load_weights(tmp_path / "w.pth")


def test_a_statistic_of_a_million_numbers_is_refused_before_it_is_spread_out() -> None:
    from steadypose.export.weights.recipe import Recipe, build_network

    mean = torch.zeros(1).expand(3_000_000_000)
    with pytest.raises(ModelFileError, match="mean"):
        build_network(Recipe(), {"data_preprocessor.mean": mean})


# Recipes.


def recipe_file(path: Path, **change: object) -> Path:
    from steadypose.export.weights.recipe import Origin, Recipe

    data = json.loads(Origin(Recipe(), "mine", "somewhere").to_json()) | change
    path.with_suffix(".json").write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("name", ["/nowhere/x", "../x", "a/../../x", ".x", "-x", "a\x1b[2Jb", ""])
def test_a_recipe_does_not_choose_where_files_go(tmp_path: Path, name: str) -> None:
    from steadypose.export import export_onnx

    weights = recipe_file(tmp_path / "w.pth", name=name)
    weights.write_bytes(b"nothing that is read")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ModelFileError, match="cannot be called"):
        export_onnx.export(export_onnx.parse(["--weights", str(weights)]))
    with pytest.raises(UsageError, match="cannot be called"):
        recipe_file(weights)
        export_onnx.export(export_onnx.parse(["--weights", str(weights), f"--name={name or '/'}"]))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("text", ["[" * 200_000, '{"recipe": {"sigma": Infinity}}', "[]", "\x00"])
def test_a_recipe_that_no_reader_survives_is_a_sentence(tmp_path: Path, text: str) -> None:
    from steadypose.export.weights.recipe import find_recipe

    (tmp_path / "w.json").write_text(text)
    with pytest.raises(ModelFileError, match="no usable recipe"):
        find_recipe(tmp_path / "w.pth")


def test_where_an_engine_goes_lies_in_the_folder_of_built_ones() -> None:
    from dataclasses import replace

    from tests.conftest import TINY_SPEC

    for name in ("../../x", "/x"):
        with pytest.raises(ModelFileError, match="a name has letters"):
            replace(TINY_SPEC, name=name)


# Foreign networks.


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "sub/w.bin", "link.bin", ".."])
@pytest.mark.posix("links need a right there")
def test_a_foreign_network_takes_weights_only_from_plain_files_beside_it(
    tmp_path: Path, location: str
) -> None:
    onnx = pytest.importorskip("onnx")
    from steadypose.engines.foreign.self_contained import reads_beyond_its_folder
    from steadypose.export.wrap.network import open_network
    from steadypose.export.wrap.options import WrapOptions
    from tests.conftest import tiny_model

    (tmp_path / "secret").write_bytes(b"0" * 16)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret")
    (folder / "w.bin").write_bytes(b"0" * 16)
    for name in (location, "w.bin"):
        model = tiny_model()
        del model.metadata_props[:]
        tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=name)
        model.graph.initializer.append(tensor)
        (folder / "m.onnx").write_bytes(model.SerializeToString())
        found = reads_beyond_its_folder(folder / "m.onnx")
        if name == "w.bin":
            assert found == ""
            continue
        assert found == ascii(location)
        with pytest.raises(ModelFileError, match="no plain file beside it"):
            open_network(folder / "m.onnx", WrapOptions(), [])
