"""What a run of this program is known by, where the training packages are not at hand."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from steadypose.realtime.command.own_files import BAD, is_ours
from steadypose.realtime.command.written_files import holds_something
from steadypose.realtime.record.picture import MADE_BY, with_comment
from steadypose.realtime.sources.pictures import decode_picture

PICTURE = np.ascontiguousarray(np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 48, 3)))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_of_ours_is_known_and_looks_as_it_did(tmp_path: Path, suffix: str) -> None:
    data = cv2.imencode(suffix, PICTURE)[1].tobytes()
    marked = with_comment(data)
    theirs, ours = tmp_path / f"theirs{suffix}", tmp_path / f"ours{suffix}"
    theirs.write_bytes(data)
    ours.write_bytes(marked)
    assert not is_ours(theirs)
    assert is_ours(ours)
    found, wanted = (decode_picture(np.frombuffer(each, np.uint8)) for each in (marked, data))
    assert found is not None
    assert wanted is not None
    np.testing.assert_array_equal(found, wanted)
    assert len(marked) < len(data) + 60


def test_the_comment_of_a_png_is_a_whole_chunk_after_its_header() -> None:
    marked = with_comment(cv2.imencode(".png", PICTURE)[1].tobytes())
    at, kinds = 8, []
    while at < len(marked):
        length, kind = struct.unpack_from(">I4s", marked, at)
        body = marked[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", marked, at + 8 + length)[0] == zlib.crc32(body)
        kinds.append(kind)
        if kind == b"tEXt":
            assert body == b"tEXtComment\0" + MADE_BY.encode()
        at += 12 + length
    assert kinds[:2] == [b"IHDR", b"tEXt"]
    assert kinds[-1] == b"IEND"


def test_the_comment_of_a_jpeg_is_a_segment_of_its_own_length() -> None:
    marked = with_comment(cv2.imencode(".jpg", PICTURE)[1].tobytes())
    assert marked[2:4] == b"\xff\xfe"
    (length,) = struct.unpack_from(">H", marked, 4)
    assert marked[6 : 4 + length] == MADE_BY.encode()
    assert marked[4 + length : 6 + length] == b"\xff\xe0"  # JFIF's own segment follows


def test_what_is_no_picture_gets_no_comment() -> None:
    assert with_comment(b"GIF89a") == b"GIF89a"


def test_what_cannot_be_read_is_nobodys(tmp_path: Path) -> None:
    assert not is_ours(tmp_path / "none.csv")
    assert not is_ours(tmp_path)


def test_a_pack_of_rendered_people_is_known_and_another_archive_is_not(tmp_path: Path) -> None:
    for name, members in {
        "labels.npz": ("image.npy", "keypoints.npy", "bbox_xyxy.npy"),
        "fewer.npz": ("image.npy", "keypoints.npy"),
        "more.npz": ("image.npy", "keypoints.npy", "bbox_xyxy.npy", "mine.txt"),
    }.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.writestr(member, b"")
    assert is_ours(tmp_path / "labels.npz")
    assert not is_ours(tmp_path / "fewer.npz")
    assert not is_ours(tmp_path / "more.npz")
    (tmp_path / "torn.npz").write_bytes((tmp_path / "labels.npz").read_bytes()[:40])
    assert not is_ours(tmp_path / "torn.npz")


def test_weights_are_known_by_the_recipe_beside_them(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        with zipfile.ZipFile(tmp_path / f"{name}.pth", "w") as archive:
            archive.writestr("data.pkl", b"")
    (tmp_path / "ours.json").write_text('{\n "recipe": {}}')
    (tmp_path / "theirs.json").write_text('{"epochs": 3}')
    assert is_ours(tmp_path / "ours.pth")
    assert is_ours(tmp_path / "ours.json")
    assert not is_ours(tmp_path / "theirs.pth")
    assert not is_ours(tmp_path / "theirs.json")


@pytest.mark.parametrize("magic", [b"ftrt", b"ptrt"])
def test_a_bare_plan_is_taken_for_ours(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "a").write_bytes(magic + bytes(9))
    assert is_ours(tmp_path / "a")


@pytest.mark.parametrize("end", ["", BAD])
def test_an_engine_is_known_by_the_sidecar_beside_it_a_failed_one_as_well(
    tmp_path: Path, end: str
) -> None:
    said = '{"onnx_sha256": "a", "plan_sha256": "b"}'
    (tmp_path / f"a.engine{end}").write_bytes(b"plan")
    assert not is_ours(tmp_path / f"a.engine{end}")
    (tmp_path / f"a.engine.json{end}").write_text(said)
    assert is_ours(tmp_path / f"a.engine{end}")
    assert is_ours(tmp_path / f"a.engine.json{end}")


@pytest.mark.parametrize(("content", "holds"), [(None, False), (b"", False), (b"x", True)])
def test_one_byte_of_somebody_is_something_that_is_not_replaced(
    tmp_path: Path, content: bytes | None, *, holds: bool
) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    assert holds_something(path) == holds
