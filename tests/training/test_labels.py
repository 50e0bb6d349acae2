"""Labels as tools write them, and labels that cannot be true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton
from tests.support.drawn import write_picture
from tests.training.made_up import coco_file
from training.datasets.coco import CocoDataset
from training.datasets.coco_file import as_id
from training.datasets.lsp import LspDataset
from training.datasets.pack import _read_list
from training.datasets.review import review, review_one
from training.datasets.skeletons import lone_sides, skeleton_of, twin_notes
from training.examples.sample import usable, usable_from

Change = Callable[[dict[str, Any]], object]


def changed(folder: Path, change: Change, *, count: int = 6) -> Path:
    path = coco_file(folder, count=count)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


def each(key: str, value: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        for a in data["annotations"]:
            a[key] = value(a) if callable(value) else value

    return change


def quoted(data: dict[str, Any]) -> None:
    """Every number of the file in quotes."""
    for image in data["images"]:
        image.update({k: str(image[k]) for k in ("id", "width", "height")})
    for a in data["annotations"]:
        a.update({k: str(a[k]) for k in ("id", "image_id", "category_id", "area", "iscrowd")})
        a.update({k: [str(v) for v in a[k]] for k in ("keypoints", "bbox")})
    data["categories"][0]["id"] = str(data["categories"][0]["id"])


def words(data: dict[str, Any]) -> None:
    for image in data["images"]:
        image["id"] = f"frame_{image['id']}"
    for a in data["annotations"]:
        a.update(image_id=f"frame_{a['image_id']}", id=f"a{a['id']}", category_id="arrow")
    data["categories"][0]["id"] = "arrow"


@pytest.mark.parametrize("change", [quoted, words])
def test_numbers_in_quotes_and_words_as_ids_are_read_as_what_they_are(
    tmp_path: Path, change: Change
) -> None:
    plain = CocoDataset(coco_file(tmp_path / "plain", count=3))
    other = CocoDataset(changed(tmp_path / "other", change, count=3))
    assert len(other) == 3
    for row in range(3):
        a, b = plain.sample(row), other.sample(row)
        np.testing.assert_array_equal(a.xy, b.xy)
        np.testing.assert_array_equal(a.bbox, b.bbox)


@pytest.mark.parametrize(
    ("text", "wanted"), [("7", 7), ("-7", -7), ("007", "007"), (7.0, 7), ("7.5", "7.5"), ("²", "²")]
)
def test_an_id_is_a_number_only_where_it_is_written_as_one(text: Any, wanted: Any) -> None:
    assert as_id(text) == wanted
    assert type(as_id(text)) is type(wanted)


@pytest.mark.parametrize("value", [None, True, [1], 1.5, {}])
def test_what_is_no_id_is_a_sentence(tmp_path: Path, value: Any) -> None:
    path = changed(tmp_path, lambda d: d["images"][0].update(id=value))
    with pytest.raises(SourceError, match="no COCO keypoint file"):
        CocoDataset(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "wide", None, [3], True])
def test_a_box_that_is_no_box_names_file_and_annotation(tmp_path: Path, value: Any) -> None:
    path = changed(tmp_path, lambda d: d["annotations"][2].update(bbox=[1, 2, value, 4]))
    with pytest.raises(SourceError, match=r"labels\.json: annotation 102 holds something"):
        CocoDataset(path)


def test_a_box_of_five_numbers_is_a_sentence(tmp_path: Path) -> None:
    path = changed(tmp_path, each("bbox", [1, 2, 3, 4, 5]))
    with pytest.raises(SourceError, match="has 5 numbers, not 4"):
        CocoDataset(path)


def test_when_everything_was_left_out_it_is_counted_why(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        rows = data["annotations"]
        for row in rows[:3]:
            row["category_id"] = 99
        rows[3]["iscrowd"] = 1
        for row in rows[4:]:
            row["keypoints"] = [0] * 12

    with pytest.raises(SourceError) as kept:
        CocoDataset(changed(tmp_path, change))
    said = str(kept.value)
    assert "3 of another category, 1 for a crowd, 2 without a labelled keypoint" in said


def test_a_category_without_names_says_what_it_lacks(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda d: d["categories"][0].pop("keypoints"))
    with pytest.raises(SourceError, match="no list of keypoints in the category arrow"):
        CocoDataset(path)


def test_two_pictures_with_one_id_are_named(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda d: d["images"][1].update(id=1))
    with pytest.raises(SourceError, match=r"0\.png and 1\.png have the same id 1"):
        CocoDataset(path)


def test_a_picture_listed_twice_word_for_word_is_a_note(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda d: d["images"].append(dict(d["images"][0])))
    assert any("listed twice" in note for note in review_one(CocoDataset(path)))


def share(a: dict[str, Any]) -> list[float]:
    return [v / 120 if n % 3 < 2 else v for n, v in enumerate(a["keypoints"])]


def quarter(a: dict[str, Any]) -> list[float]:
    return [v / 4 if n % 3 < 2 else v for n, v in enumerate(a["keypoints"])]


def keypoint(where: int | slice, value: Any) -> Change:
    return lambda d: d["annotations"][4]["keypoints"].__setitem__(where, value)


def as_corners(a: dict[str, Any]) -> list[float]:
    x, y, w, h = a["bbox"]
    return [x, y, x + w, y + h]


def as_middle(annotation: dict[str, Any]) -> list[float]:
    x, y, w, h = annotation["bbox"]
    return [x + w / 2, y + h / 2, w, h]


def from_corner(annotation: dict[str, Any]) -> list[float]:
    offset = (*annotation["bbox"][:2], 0)
    return [v - offset[n % 3] for n, v in enumerate(annotation["keypoints"])]


def wide(box: Change) -> Change:
    """Arrows that lie far to the right in a wide picture, with such a box."""

    def change(data: dict[str, Any]) -> None:
        for image in data["images"]:
            image["width"] = 900
        for a in data["annotations"]:
            a["keypoints"] = [v + 700 if n % 3 == 0 else v for n, v in enumerate(a["keypoints"])]
            a["bbox"][0] += 700
        each("bbox", box)(data)

    return change


def test_boxes_that_leave_the_picture_by_a_few_pixels_as_written_are_corners(
    tmp_path: Path,
) -> None:
    def change(data: dict[str, Any]) -> None:
        for a in data["annotations"]:
            a["keypoints"] = [48, 30, 2, 75, 60, 2, 20, 60, 2, 62, 100, 2]
            a["bbox"] = [10, 20, 110, 101]  # ends at 121 of 120

    with pytest.raises(SourceError, match="fits as x1, y1, x2, y2"):
        review_one(CocoDataset(changed(tmp_path, change)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (each("bbox", [0.1, 0.15, 0.8, 0.7]), "6 of 6 people .* a box between 0 and 1"),
        (each("keypoints", share), "keypoints between 0 and 1"),
        (each("bbox", as_corners), "fits as x1, y1, x2, y2"),
        (each("bbox", as_middle), "only if x and y are its middle"),
        (wide(lambda a: [a["bbox"][k] for k in (1, 0, 3, 2)]), "fits as y, x, height, width"),
        (each("keypoints", from_corner), "only if they are counted from its corner"),
        (each("bbox", [100, 2, 18, 9]), "does not hold half of the keypoints"),
        (each("bbox", [60, 60, -5, 20]), "a box without area"),
        (each("keypoints", [50, 50, 2] * 4), "all keypoints in one place"),
        (each("keypoints", [0, 0, 2] * 4), "all keypoints in one place"),
    ],
)
def test_labels_that_contradict_themselves_are_an_error_before_anything_is_learnt(
    tmp_path: Path, change: Change, message: str
) -> None:
    data = CocoDataset(changed(tmp_path, change))
    with pytest.raises(SourceError, match=message):
        review([data], [data])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["annotations"][4].update(bbox=[0.1, 0.2, 0.5, 0.5]), "1 of 6 .* 0 and 1"),
        (lambda d: d["annotations"][4].update(bbox=[100, 2, 18, 9]), "1 of 6 people .4.png#104."),
        (keypoint(slice(3), [0, 0, 2]), "exactly 0, 0"),
        (keypoint(2, 0.7), "visibility other than"),
        (lambda d: d["annotations"].append({**d["annotations"][0], "id": 9}), "same keypoints"),
        (each("id", 7), "several annotations have the id 7"),
        (lambda d: d["images"][1].update(file_name="0.png"), "0.png is listed with several ids"),
        (each("keypoints", lambda a: [0, 0, 0, *a["keypoints"][3:]]), "never labelled: tip"),
        (each("keypoints", quarter), "upper left"),
    ],
)  # fmt: skip
def test_what_is_only_unlikely_is_a_note_with_a_number_and_an_example(
    tmp_path: Path, change: Change, message: str
) -> None:
    import re

    def without_boxes(data: dict[str, Any]) -> None:
        change(data)
        if message == "upper left":
            each("bbox", None)(data)

    notes = review_one(CocoDataset(changed(tmp_path, without_boxes)))
    assert any(re.search(message, note) for note in notes), notes


def test_good_labels_have_no_note_even_where_boxes_leave_the_picture(tmp_path: Path) -> None:
    assert review_one(CocoDataset(coco_file(tmp_path / "a", count=30))) == []

    def cut_off(data: dict[str, Any]) -> None:  # tools that keep a box whole at the picture's edge
        for a in data["annotations"][:9]:
            x, y, w, h = a["bbox"]
            a["bbox"] = [x, y, w + 80, h]

    assert review_one(CocoDataset(changed(tmp_path / "b", cut_off, count=30))) == []


def test_a_label_outside_its_picture_is_said_before_the_first_step(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda d: d["annotations"][3]["keypoints"].__setitem__(0, 5000))
    with pytest.raises(SourceError, match=r"1 of 6 people .* 3\.png#103: tip at \(5000"):
        review_one(CocoDataset(path))
    assert review_one(CocoDataset(path, outside="drop")) == []


@pytest.mark.parametrize("has_size", [True, False])
def test_a_person_without_a_label_inside_is_nobody_for_everyone(
    tmp_path: Path, *, has_size: bool
) -> None:
    def change(data: dict[str, Any]) -> None:
        a = data["annotations"][3]
        a.pop("bbox")
        a["keypoints"] = [v + 5000 if n % 3 == 0 else v for n, v in enumerate(a["keypoints"])]
        for image in data["images"]:
            if not has_size:
                image.pop("width")

    data = CocoDataset(changed(tmp_path, change), outside="drop")
    assert len(data) == (5 if has_size else 6)
    assert len(list(usable(data, range(len(data))))) == 5
    assert usable_from(data, 3).name == "4.png#104"
    if has_size:
        assert any("no keypoint inside" in note for note in review_one(data))


def test_every_picture_is_looked_for_before_the_first_step(tmp_path: Path) -> None:
    one, two = (CocoDataset(coco_file(tmp_path / x, count=4)) for x in ("a", "b"))
    review([one], [two])
    (tmp_path / "b" / "3.png").unlink()
    with pytest.raises(SourceError, match=r"1 of 8 pictures are not there, such as .*3\.png"):
        review([one], [two])


def test_pictures_that_are_learnt_and_measured_are_a_note(tmp_path: Path) -> None:
    data = CocoDataset(coco_file(tmp_path, count=4))
    assert any("4 of 4 pictures of" in note for note in review([data], [data]).notes)


def test_the_digest_knows_what_is_learnt_and_nothing_else(tmp_path: Path) -> None:
    def digest(folder: str, change: Change) -> str:
        return review([CocoDataset(changed(tmp_path / folder, change))], []).digest

    def move(data: dict[str, Any]) -> None:
        data["annotations"][2]["keypoints"][0] += 1

    def about(data: dict[str, Any]) -> None:
        data["info"] = "another day"
        data["annotations"][2]["keypoints"][3:6] = [7, 7, 0]

    def unlabelled(data: dict[str, Any]) -> None:
        data["annotations"][2]["keypoints"][3:6] = [9, 9, 0]

    plain = digest("a", lambda _: None)
    assert digest("b", lambda _: None) == plain
    assert digest("c", move) != plain
    assert digest("f", lambda d: d["categories"][0].update(flip_pairs=[])) != plain
    assert digest("g", lambda d: d["categories"][0].update(skeleton=[])) == plain
    assert digest("d", about) == digest("e", unlabelled) != plain


def test_names_written_on_windows_are_found(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        (tmp_path / "images").mkdir()
        for image in data["images"]:
            (tmp_path / image["file_name"]).rename(tmp_path / "images" / image["file_name"])
            image["file_name"] = f"images\\{image['file_name']}"

    data = CocoDataset(changed(tmp_path, change))
    assert data.sample(2).name == "2.png#102"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("\u00f6.png", "o\u0308.png"),
        ("o\u0308.png", "\u00f6.png"),
        ("a b.png", "a%20b.png"),
        ("a.png", "C:\\Users\\me\\d\\a.png"),
        ("a.png", "/home/me/d/a.png"),
        ("a.png", "https://host/data/a.png"),
        ("a.png", "./a.png"),
        ("100%.png", "100%.png"),
    ],
)
def test_names_written_elsewhere_are_found(tmp_path: Path, there: str, said: str) -> None:
    path = changed(tmp_path, lambda d: d["images"][0].update(file_name=said))
    (tmp_path / "0.png").rename(tmp_path / there)
    assert CocoDataset(path).sample(0).image_bgr.shape == (120, 120, 3)


@pytest.mark.parametrize("name", ["0.png\0", "x" * 3000, "", "C:\\no.png", "..\\0.png"])
def test_names_that_no_file_has_are_a_sentence(tmp_path: Path, name: str) -> None:
    data = CocoDataset(changed(tmp_path, lambda d: d["images"][0].update(file_name=name)))
    with pytest.raises(SourceError, match="1 of 6 pictures are not there"):
        review([data], [])


def test_a_mark_before_the_text_is_no_text(tmp_path: Path) -> None:
    from steadypose.engines.foreign.texts import parse_json, read_toml

    path = coco_file(tmp_path, count=2)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert len(CocoDataset(path)) == 2
    (tmp_path / "c.toml").write_text("a = 1", encoding="utf-8-sig")
    assert read_toml(tmp_path / "c.toml") == {"a": 1}
    assert parse_json("\ufeff[1]") == [1]
    (tmp_path / "list.txt").write_text("a.jpg\n", encoding="utf-8-sig")
    assert _read_list(tmp_path / "list.txt") == {"a.jpg"}


@pytest.mark.parametrize(
    ("names", "lone"),
    [
        (("nose", "left_hand", "right_hand", "left_foot", "rigth_foot"), ["left_foot"]),
        (("nose", "hand_l", "hand_r", "RFoot"), ["RFoot"]),
        (("nose", "left_hand", "right_hand", "tail"), []),
        (("nose", "handL", "handR", "footL"), ["footL"]),
        (("nose", "lefthand", "righthand", "leftfoot"), ["leftfoot"]),
        (("nose", "left_hand"), []),  # no pair at all has its own note
    ],
)
def test_who_says_left_or_right_and_has_no_twin_is_named(
    names: tuple[str, ...], lone: list[str]
) -> None:
    skeleton = skeleton_of({"name": "figure", "keypoints": names})
    assert lone_sides(skeleton) == lone
    assert bool(twin_notes(skeleton)) == bool(lone)
    assert all(name in twin_notes(skeleton)[0] for name in lone)


def test_skeletons_that_ship_have_a_twin_for_everyone() -> None:
    assert lone_sides(COCO17) == []
    single = Skeleton("x", ("left_a", "right_a"), (), ((0, 1),), (0.1, 0.1))
    assert twin_notes(single) == []


def test_labels_of_lsp_are_those_of_its_samples(tmp_path: Path) -> None:
    scipy = pytest.importorskip("scipy.io")
    (tmp_path / "images").mkdir()
    for n in (1, 2):
        write_picture(tmp_path / "images" / f"im000{n}.jpg", np.zeros((80, 60, 3), np.uint8))
    joints = np.zeros((3, 14, 2))
    joints[:2] = np.random.default_rng(0).uniform(5, 55, (2, 14, 2))
    scipy.savemat(tmp_path / "joints.mat", {"joints": joints})
    data = LspDataset(tmp_path)
    label, _ = data.labels()
    sample = data.sample(0)
    np.testing.assert_array_equal(label.xy, sample.xy)
    np.testing.assert_array_equal(label.is_known, sample.is_known)
    assert label.picture == tmp_path / "images" / "im0001.jpg"
