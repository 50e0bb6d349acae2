"""What data sets yield, and what they say about files that cannot be true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.sources.demo import DemoScene
from tests.support.drawn import write_picture
from tests.training.made_up import NAMES, coco_file, pack
from training.config import DataConfig
from training.datasets import Remapped, open_dataset, open_datasets
from training.datasets.coco import CocoDataset
from training.datasets.lsp import LspDataset
from training.datasets.mannequin import MannequinDataset
from training.datasets.mpii import MpiiDataset
from training.datasets.pack import PackDataset
from training.datasets.skeletons import skeleton_of


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    scene = DemoScene(size_hw=(90, 120))
    truth = np.stack([scene.truth(40 * i)[0] for i in range(4)])
    keypoints = np.concatenate((truth, np.full((4, 17, 1), 2.0)), axis=2).astype(np.float32)
    keypoints[0, 3, 2], keypoints[0, 4, 2] = 0, 1
    return pack(tmp_path, [scene.draw(40 * i) for i in range(4)], keypoints)


def test_a_pack_yields_pictures_labels_and_a_tight_box(packed: Path) -> None:
    data = PackDataset(packed)
    sample = data.sample(0)
    assert (len(data), data.skeleton, sample.image_bgr.shape) == (4, COCO17, (90, 120, 3))
    assert not sample.is_known[3]
    assert sample.is_known[4]
    assert not sample.is_counted[4]  # a teacher's label trains, but does not measure
    known = sample.xy[sample.is_known]
    np.testing.assert_allclose(sample.bbox, (*known.min(0), *known.max(0)))


def test_a_range_of_a_pack_is_taken_by_the_number_in_the_name(packed: Path) -> None:
    assert [PackDataset(packed, first=2, last=3).sample(i).name for i in (0, 1)] == [
        "im00002.jpg",
        "im00003.jpg",
    ]
    with pytest.raises(SourceError, match="no picture numbered 9 to 12"):
        PackDataset(packed, first=9, last=12)


def names_of(data: PackDataset) -> list[str]:
    return [data.sample(row).name for row in range(len(data))]


def test_pictures_of_a_pack_are_chosen_by_prefix_and_by_lists(packed: Path) -> None:
    some = packed.with_name("some.txt")
    some.write_text("im00001.jpg\nim00003.jpg\n")
    assert len(PackDataset(packed, prefix="im0000")) == 4
    assert names_of(PackDataset(packed, prefix="im00002")) == ["im00002.jpg"]
    assert names_of(PackDataset(packed, only=some)) == ["im00001.jpg", "im00003.jpg"]
    assert names_of(PackDataset(packed, without=some)) == ["im00002.jpg", "im00004.jpg"]
    assert names_of(PackDataset(packed, only=some, first=2)) == ["im00003.jpg"]
    chosen = PackDataset(packed, only=some).sample(1)
    np.testing.assert_array_equal(chosen.xy, PackDataset(packed).sample(2).xy)


def test_a_pack_with_nothing_left_or_a_missing_list_is_a_sentence(packed: Path) -> None:
    some = packed.with_name("some.txt")
    some.write_text("im00001.jpg")
    for options in ({"prefix": "coco"}, {"only": some, "without": some}):
        with pytest.raises(SourceError, match="or all are left out") as caught:
            PackDataset(packed, **options)
        assert "prefix, only and without" in caught.value.fix
    some.write_text("im00001.jpg\nelsewhere.jpg\n")
    with pytest.raises(SourceError, match="lacks 1 of the pictures"):
        PackDataset(packed, only=some)
    for option in ("only", "without"):
        with pytest.raises(SourceError, match=r"cannot read the list .*none\.txt"):
            PackDataset(packed, **{option: packed.with_name("none.txt")})  # type: ignore[arg-type]


def test_a_teachers_keypoints_replace_all_but_peoples(packed: Path) -> None:
    table = np.load(packed.with_name("made_labels.npz"))["keypoints"]
    said = np.concatenate((table[..., :2] + 1, np.full((4, 17, 1), 0.9)), axis=2)
    said[0, 4, 2] = 0.3  # the teacher is not sure here
    teacher = packed.with_name("teacher.npz")
    np.savez(teacher, keypoints=said)
    data = PackDataset(packed, teacher=teacher, outside="keep")
    sample = data.sample(0)
    np.testing.assert_allclose(sample.xy[5], table[0, 5, :2])  # labelled by people
    assert sample.is_counted[5]
    np.testing.assert_allclose(sample.xy[3], table[0, 3, :2] + 1)  # was unknown
    assert sample.is_known[3]
    assert not sample.is_counted[3]  # a teacher's label trains, but does not measure
    assert not sample.is_known[4]  # an older teacher's label, which this one does not confirm
    later = PackDataset(packed, teacher=teacher, first=3, outside="keep").sample(0)
    np.testing.assert_allclose(later.xy[5], table[2, 5, :2])  # rows stay with their pictures


def test_a_teacher_of_other_pictures_is_a_sentence(packed: Path) -> None:
    teacher = packed.with_name("teacher.npz")
    np.savez(teacher, keypoints=np.zeros((3, 17, 3)))
    with pytest.raises(SourceError, match=r"\(3, 17, 3\), the labels \(4, 17, 3\)"):
        PackDataset(packed, teacher=teacher)
    np.savez(teacher, other=np.zeros(3))
    with pytest.raises(SourceError, match=r"cannot read .*teacher\.npz"):
        PackDataset(packed, teacher=teacher)
    with pytest.raises(SourceError, match=r"cannot read .*none\.npz"):
        PackDataset(packed, teacher=packed.with_name("none.npz"))


def test_a_label_outside_its_picture_is_named_or_dropped(packed: Path) -> None:
    labels = packed.with_name("made_labels.npz")
    table = dict(np.load(labels))
    table["keypoints"][1, 9, :2] = (900, 20)
    np.savez(labels, **table)
    with pytest.raises(SourceError, match=r"im00002.jpg: left_wrist at \(900, 20\) lies outside"):
        PackDataset(packed).sample(1)
    kept = PackDataset(packed, outside="keep").sample(1)
    assert kept.is_known[9]  # known not to be in the picture: trained, not measured
    assert not kept.is_counted[9]
    dropped = PackDataset(packed, outside="drop").sample(1)
    assert not dropped.is_known[9]
    assert dropped.is_known[10]


def test_broken_and_missing_files_of_a_pack_are_sentences(packed: Path, tmp_path: Path) -> None:
    labels = packed.with_name("made_labels.npz")
    table = dict(np.load(labels))
    with pytest.raises(SourceError, match="cannot read"):
        PackDataset(tmp_path / "none.tar")
    np.savez(labels, image=[*table["image"][:3], "other.jpg"], keypoints=table["keypoints"])
    with pytest.raises(SourceError, match=r"has no picture other\.jpg"):
        PackDataset(packed)
    np.savez(labels, image=table["image"], keypoints=table["keypoints"][:, :5])
    with pytest.raises(SourceError, match="shape"):
        PackDataset(packed)
    labels.write_bytes(b"no numbers")
    with pytest.raises(SourceError, match="labels"):
        PackDataset(packed)
    np.savez(labels, **table)
    packed.write_bytes(packed.read_bytes()[:700])
    with pytest.raises(SourceError, match=r"made\.tar"):
        PackDataset(packed)


def test_a_coco_file_brings_its_own_skeleton(tmp_path: Path) -> None:
    data = CocoDataset(coco_file(tmp_path, count=3))
    assert data.skeleton.keypoints == NAMES
    assert data.skeleton.flip_pairs == ((1, 2),)
    assert data.skeleton.limbs == ((0, 1), (0, 2), (0, 3))
    sample = data.sample(1)
    assert (len(data), data.image_id(1), sample.name) == (3, 2, "1.png#101")
    assert sample.is_counted.all()
    low, high = sample.xy.min(0), sample.xy.max(0)
    # A COCO box is measured from the pixels' corners.
    np.testing.assert_allclose(sample.bbox, (*(low - 0.5), *(high - 0.5)), atol=1e-3)


def test_cocos_own_names_give_cocos_skeleton() -> None:
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.keypoints), "skeleton": []}
    assert skeleton_of(category) is COCO17


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_wrist", "right_wrist"), ("l_small_toe", "r_small_toe"),
        ("shoulder_l", "shoulder_r"), ("wrist_left", "wrist_right"), ("LShoulder", "RShoulder"),
        ("leftEye", "rightEye"), ("L-heel", "R-heel"), ("LEFT_KNEE", "RIGHT_KNEE"),
    ],
)  # fmt: skip
def test_mirror_pairs_are_found_by_whole_words(left: str, right: str) -> None:
    category = {"id": 1, "name": "x", "keypoints": ["tail", left, right, "shell", "leftover"]}
    assert skeleton_of(category).flip_pairs == ((1, 2),)


@pytest.mark.parametrize(
    "options",
    [
        {"outside": "eror"},
        {"outside": "keep"},
        {"annotations": 5},
        {"images": ["x"]},
        {"category": 3},
    ],
)
def test_options_of_the_wrong_kind_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    given = {"annotations": "labels.json", **options}
    with pytest.raises(UsageError, match="cannot be"):
        open_dataset(DataConfig("coco", options=given), root=tmp_path)


def test_crowds_and_empty_annotations_are_left_out(tmp_path: Path) -> None:
    path = coco_file(tmp_path, count=4)
    data = json.loads(path.read_text())
    data["annotations"][0]["iscrowd"] = 1
    data["annotations"][1]["keypoints"] = [0] * 12
    del data["annotations"][2]["bbox"]
    path.write_text(json.dumps(data))
    kept = CocoDataset(path)
    assert len(kept) == 2
    sample = kept.sample(0)
    np.testing.assert_allclose(sample.bbox, (*sample.xy.min(0), *sample.xy.max(0)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d.pop("categories"), "no COCO keypoint file"),
        (lambda d: d["annotations"][0].update(keypoints=[1, 2, 2]), "3 numbers for 4 keypoints"),
        (lambda d: d["annotations"][0].update(image_id=99), "image 99, which the file does not"),
        (lambda d: d.update(annotations=[]), "no annotation with labelled keypoints"),
        (lambda d: d["categories"].append({**d["categories"][0], "id": 8}), "2 categories"),
        (lambda d: d["categories"][0].update(flip_pairs=[[0, 9]]), "outside 0..3"),
    ],
)
def test_a_coco_file_that_cannot_be_true_is_a_sentence(
    tmp_path: Path, damage: Any, message: str
) -> None:
    path = coco_file(tmp_path, count=2)
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(SourceError, match=message):
        CocoDataset(path)


def test_broken_and_missing_pictures_are_named(tmp_path: Path) -> None:
    data = CocoDataset(coco_file(tmp_path, count=2))
    (tmp_path / "0.png").write_bytes(b"not a picture")
    (tmp_path / "1.png").unlink()
    with pytest.raises(SourceError, match=r"0\.png is not a readable picture"):
        data.sample(0)
    with pytest.raises(SourceError, match=r"cannot read .*1\.png"):
        data.sample(1)
    (tmp_path / "labels.json").write_text("{")
    with pytest.raises(SourceError, match="no JSON"):
        CocoDataset(tmp_path / "labels.json")


def test_a_picture_of_another_size_than_labelled_is_named(tmp_path: Path) -> None:
    data = CocoDataset(coco_file(tmp_path, count=1))
    write_picture(tmp_path / "0.png", np.zeros((60, 90, 3), np.uint8))
    with pytest.raises(SourceError, match=r"0\.png is 90x60, and was labelled at 120x120"):
        data.sample(0)


def test_hidden_keypoints_are_told_apart(tmp_path: Path) -> None:
    path = coco_file(tmp_path, count=1)
    data = json.loads(path.read_text())
    data["annotations"][0]["keypoints"][2::3] = [2, 1, 0, 2]
    path.write_text(json.dumps(data))
    sample = CocoDataset(path).sample(0)
    assert sample.is_known.tolist() == [True, True, False, True]
    assert sample.is_hidden is not None
    assert sample.is_hidden.tolist() == [False, True, False, False]


def _lsp(folder: Path, *, is_extended: bool) -> tuple[Path, Any]:
    sio = pytest.importorskip("scipy.io")
    rng = np.random.default_rng(0)
    joints = np.concatenate((rng.uniform(5, 50, (14, 2, 2)), np.ones((14, 1, 2))), axis=1)
    joints[3, :, 1] = 0  # the left hip of the second picture is unknown
    if not is_extended:
        joints[3, :2, 1] = -20
    (folder / "images").mkdir(parents=True)
    digits = 5 if is_extended else 4
    for i in (1, 2):
        image = np.full((60, 60, 3), 90, np.uint8)
        write_picture(folder / "images" / f"im{i:0{digits}d}.jpg", image)
    stored = joints if is_extended else joints.transpose(1, 0, 2)
    sio.savemat(folder / "joints.mat", {"joints": stored})
    return folder, joints


@pytest.mark.parametrize("is_extended", [False, True])
def test_both_layouts_of_lsp_are_read(tmp_path: Path, *, is_extended: bool) -> None:
    folder, joints = _lsp(tmp_path / "lsp", is_extended=is_extended)
    data = LspDataset(folder)
    sample = data.sample(0)
    right_ankle, left_wrist = COCO17.index("right_ankle"), COCO17.index("left_wrist")
    np.testing.assert_allclose(sample.xy[right_ankle], joints[0, :2, 0] - 1, rtol=1e-5)
    np.testing.assert_allclose(sample.xy[left_wrist], joints[11, :2, 0] - 1, rtol=1e-5)
    assert sample.is_known.sum() == 12
    points = joints[:, :2, 0] - 1  # neck and head top shape the box too
    np.testing.assert_allclose(sample.bbox, (*points.min(0), *points.max(0)), rtol=1e-5)
    assert not data.sample(1).is_known[COCO17.index("left_hip")]
    assert len(LspDataset(folder, first=2)) == 1
    name = "im00001.jpg" if is_extended else "im0001.jpg"
    picture = folder / "images" / name
    write_picture(picture, np.zeros((30, 60, 3), np.uint8))
    with pytest.raises(SourceError, match=rf"{name}: \w+ at .* lies outside its picture of 60x30"):
        LspDataset(folder, outside="error").sample(0)
    picture.unlink()
    with pytest.raises(SourceError, match=rf"cannot read .*{name}"):
        data.sample(0)


def test_a_wrong_matlab_file_is_a_sentence(tmp_path: Path) -> None:
    sio = pytest.importorskip("scipy.io")
    with pytest.raises(SourceError, match="cannot read"):
        LspDataset(tmp_path)
    (tmp_path / "joints.mat").write_text("nothing of the kind " * 20)
    with pytest.raises(SourceError, match="no Matlab file"):
        LspDataset(tmp_path)
    sio.savemat(tmp_path / "joints.mat", {"joints": np.zeros((3, 5))})
    with pytest.raises(SourceError, match=r"shape \(3, 5\)"):
        LspDataset(tmp_path)
    with pytest.raises(SourceError, match="not MPII's"):
        MpiiDataset(tmp_path / "joints.mat", images=tmp_path)


def test_mpii_is_read_as_published(tmp_path: Path) -> None:
    sio = pytest.importorskip("scipy.io")
    point = [
        {"x": 20.0 + i, "y": 30.0 + i, "id": i, "is_visible": int(i != 3)}
        for i in range(16)
        if i != 6
    ]
    person = {
        "x1": 10.0, "y1": 10.0, "x2": 40.0, "y2": 50.0, "scale": 0.2,
        "objpos": {"x": 31.0, "y": 41.0}, "annopoints": {"point": point},
    }  # fmt: skip
    unlabelled = {"x1": 1.0, "y1": 1.0, "x2": 4.0, "y2": 5.0}
    release = {
        "annolist": [
            {"image": {"name": "a.jpg"}, "annorect": [person, unlabelled]},
            {"image": {"name": "b.jpg"}, "annorect": unlabelled},
        ],
        "img_train": np.array([1, 0]),
    }
    sio.savemat(tmp_path / "mpii.mat", {"RELEASE": _struct(release)})
    write_picture(tmp_path / "a.jpg", np.zeros((80, 80, 3), np.uint8))
    data = MpiiDataset(tmp_path / "mpii.mat", images=tmp_path)
    assert (len(data), data.skeleton) == (1, MPII16)
    sample = data.sample(0)
    assert sample.is_known.tolist() == [i != 6 for i in range(16)]
    np.testing.assert_allclose(sample.xy[2], (21, 31))  # Matlab counts from 1
    # scale 0.2 is a person of 40 px; the centre moves down by 15 * 0.2.
    np.testing.assert_allclose(sample.bbox, (15, 23, 45, 63))
    assert sample.head_px == pytest.approx(0.6 * 50)
    assert sample.is_hidden is not None
    assert np.flatnonzero(sample.is_hidden).tolist() == [3]
    write_picture(tmp_path / "a.jpg", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(SourceError, match=r"a\.jpg: \w+ at .* lies outside its picture of 20x20"):
        MpiiDataset(tmp_path / "mpii.mat", images=tmp_path, outside="error").sample(0)
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"a\.jpg is not a readable picture"):
        data.sample(0)


def _struct(value: Any) -> Any:
    """Nested dicts and lists as scipy wants them: object arrays of structs."""
    if isinstance(value, dict):
        return {key: _struct(inner) for key, inner in value.items()}
    if isinstance(value, list):
        made = np.empty(len(value), dtype=object)
        for i, inner in enumerate(value):
            made[i] = _struct(inner)
        return made
    return value


def test_the_mannequin_is_repeatable_and_labelled_where_it_is_drawn() -> None:
    data = MannequinDataset(count=20)
    a, b = data.sample(3), data.sample(3)
    np.testing.assert_array_equal(a.image_bgr, b.image_bgr)
    assert (data.sample(4).image_bgr != a.image_bgr).any()
    for row in range(20):
        sample = data.sample(row)
        height, width = sample.image_bgr.shape[:2]
        inside = sample.xy[sample.is_counted]
        assert len(inside) > 4
        assert (inside >= 0).all()
        assert (inside < (width, height)).all()
        assert sample.bbox[2] > sample.bbox[0]


def test_data_sets_are_mixed_by_keypoint_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shares too few keypoint names"):
        Remapped(CocoDataset(coco_file(tmp_path, count=1)), COCO17)


def test_a_remapped_sample_keeps_every_known_keypoint_at_its_place() -> None:
    inner = MannequinDataset(count=3)
    mapped = Remapped(inner, MPII16)
    a, b = inner.sample(0), mapped.sample(0)
    for k, name in enumerate(MPII16.keypoints):
        if name in COCO17.keypoints:
            np.testing.assert_array_equal(b.xy[k], a.xy[COCO17.index(name)])
            assert b.is_known[k]
        else:
            assert not b.is_known[k]


def test_a_config_names_kinds_and_their_options(tmp_path: Path) -> None:
    coco_file(tmp_path, count=2)
    data = open_dataset(DataConfig("coco", options={"annotations": "labels.json"}), root=tmp_path)
    assert len(data) == 2
    with pytest.raises(UsageError, match="kind 'voc' is not known"):
        open_dataset(DataConfig("voc"), root=tmp_path)
    with pytest.raises(UsageError, match="has no option 'size'"):
        open_dataset(DataConfig("mannequin", options={"size": 3}), root=tmp_path)
    with pytest.raises(UsageError, match="annotations"):
        open_dataset(DataConfig("coco"), root=tmp_path)
    mixed = open_datasets([DataConfig("mannequin"), DataConfig("mannequin")], root=tmp_path)
    assert all(d.skeleton is COCO17 for d in mixed)
