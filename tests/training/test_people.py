"""Rendered people: the camera and painter, postures, and pictures whose labels are true."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from tests.support.drawn import look_at
from tests.training.made_up import pack
from training.datasets.pack import PackDataset
from training.people import body
from training.people.__main__ import main
from training.people.body import BodyModel, read_faces
from training.people.pack import strips_of
from training.people.postures import frame_of, hides_face, sample_posture, turn, turn_about
from training.people.render import Camera, Light, paint
from training.people.scene import Labelled, Staging, Studio
from training.people.surroundings import put_board, put_furniture

STRAIGHT = Camera(
    np.array((0, -2, 0), np.float32), np.eye(3, dtype=np.float32), 100.0, (50.0, 40.0)
)
FLAT = Light(*(np.array(v, np.float32) for v in ((0, -1, 0), (0, 0, 0), (1, 1, 1))))
LEFT_AND_RIGHT = (5, 6)


def square(*, y: float, half: float) -> NDArray[np.float32]:
    """Corners of an upright square that faces the camera."""
    corners = ((-half, y, -half), (half, y, -half), (half, y, half), (-half, y, half))
    return np.array(corners, np.float32)


def test_a_camera_sees_right_to_the_right_and_up_above() -> None:
    xy, depth = STRAIGHT.see(np.array(((0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 2, 0)), np.float32))
    assert np.allclose(xy, ((50, 40), (100, 40), (50, -10), (75, 40)))
    assert np.allclose(depth, (2, 2, 2, 4))


def test_near_faces_hide_far_ones_whatever_their_order() -> None:
    vertices = np.concatenate((square(y=0.0, half=0.1), square(y=1.0, half=0.6)))
    colours = np.array(((10, 20, 30), (200, 100, 50)), np.float32)
    for order in ((0, 1), (1, 0)):
        canvas = np.zeros((80, 100, 3), np.uint8)
        faces = np.array(((0, 1, 2, 3), (4, 5, 6, 7)))[list(order)]
        two_sided = np.zeros(2, np.bool_)
        painted = colours[list(order)]
        paint(canvas, vertices, faces, painted, two_sided, camera=STRAIGHT, light=FLAT)
        assert canvas[40, 50].tolist() == [10, 20, 30]
        assert canvas[40, 60].tolist() == [200, 100, 50]
        assert canvas[2, 2].tolist() == [0, 0, 0]


def test_the_back_of_a_face_is_not_drawn_unless_it_is_cloth() -> None:
    vertices = square(y=0.0, half=0.2)
    faces, colour = np.array(((3, 2, 1, 0),)), np.full((1, 3), 99, np.float32)
    for is_cloth in (False, True):
        canvas = np.zeros((80, 100, 3), np.uint8)
        paint(canvas, vertices, faces, colour, np.array((is_cloth,)), camera=STRAIGHT, light=FLAT)
        assert (canvas[40, 50, 0] == 99) == is_cloth


def test_light_from_the_front_is_brighter_than_light_from_behind() -> None:
    vertices, faces = square(y=0.0, half=0.2), np.array(((0, 1, 2, 3),))
    seen = []
    for y in (-1, 1):
        light = Light(*(np.array(v, np.float32) for v in ((0, y, 0), (0.5,) * 3, (0.2,) * 3)))
        canvas = np.zeros((80, 100, 3), np.uint8)
        colour = np.full((1, 3), 200, np.float32)
        paint(canvas, vertices, faces, colour, np.zeros(1, np.bool_), camera=STRAIGHT, light=light)
        seen.append(int(canvas[40, 50, 0]))
    assert seen == [140, 40]


def test_rotations_are_rotations_and_agree() -> None:
    for axis in range(3):
        around = np.eye(3, dtype=np.float32)[axis]
        assert np.allclose(turn(axis, 37), turn_about(around, 37), atol=1e-6)
    along, hinge = (np.array(v, np.float32) for v in ((1, 2, 3), (3, -1, 1)))
    frame = frame_of(along, hinge)
    assert np.allclose(frame.T @ frame, np.eye(3), atol=1e-6)
    assert np.linalg.det(frame) == pytest.approx(1.0, abs=1e-5)


def test_a_face_that_is_turned_away_is_hidden() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[0] = (0, -0.1, 0)
    keypoints[3], keypoints[4] = (0.07, 0, 0), (-0.07, 0, 0)
    assert not hides_face(keypoints).any()
    assert hides_face(keypoints @ turn(2, 180).T)[:5].all()
    profile = hides_face(keypoints @ turn(2, 90).T)  # the left ear goes away from the camera
    assert profile[3]
    assert not profile[4]


def test_only_named_groups_of_a_mesh_are_read(tmp_path: Path) -> None:
    mesh = tmp_path / "base.obj"
    mesh.write_text("v 0 0 0\ng body\nf 1/5 2/6 3/7 4/8\ng joint-x\nf 1/1 1/1 1/1 1/1\n")
    faces = read_faces(mesh)
    assert faces["body"].tolist() == [[0, 1, 2, 3]]
    assert len(faces["helper-hair"]) == 0


@pytest.mark.parametrize("missing", ["anny", "torch", "tqdm"])
def test_without_a_package_there_is_a_sentence(
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, "anny", None)
    assert main(["--count", "1", "--out", str(tmp_path / "people.tar")]) == 2
    assert "pip install -r requirements-people.txt" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "fact"),
    [
        (["--count", "0"], "0 is not between 1 and 99999"),
        (["--workers", "x"], "'x' is not a whole number"),
        (["--longest", "9"], "9 is not between 64"),
        (["--seed", "-1"], "-1 is not 0 or more"),
        (["--last", "5"], "--last belongs to --backgrounds"),
        (["--out", "people.zip"], "cannot write people.zip"),
        (["--out", "nowhere/people.tar"], "cannot write nowhere/people.tar"),
    ],
)
def test_mistakes_are_sentences(
    flags: list[str], fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path / "people.tar"), *flags]) == 2
    said = capsys.readouterr().err
    assert fact in said
    assert "fix:" in said


def test_a_desk_covers_all_below_its_edge_and_a_board_its_share() -> None:
    xy = np.zeros((17, 2), np.float32)
    xy[5:7, 1], xy[11:13, 1] = 30, 70
    edges = set()
    for seed in range(12):
        canvas = np.full((100, 80, 3), 7, np.uint8)
        edge = int(put_furniture(canvas, xy, "webcam", np.random.default_rng(seed)))
        edges.add(edge == 100)
        if edge < 98:
            assert 50 <= edge <= 75
            assert (canvas[edge + 1 :] != 7).any(axis=2).mean() > 0.9
    assert edges == {True, False}
    spots = np.array(((20, 10), (60, 90)), np.float32)
    for seed in range(4):
        canvas = np.full((100, 80, 3), 7, np.uint8)
        put_board(canvas, spots, 0.25, np.random.default_rng(seed))
        is_hidden = (canvas != 7).any(axis=2)
        across, down = is_hidden[50].sum(), is_hidden[:, 40].sum()
        assert (across, down) in {(31, 0), (0, 30)}
        put_board(canvas, spots, 0.0, np.random.default_rng(seed))
        assert np.array_equal(is_hidden, (canvas != 7).any(axis=2))


def test_strips_hold_what_lies_beside_people(tmp_path: Path) -> None:
    red, blue = (0, 0, 255), (255, 0, 0)
    picture = np.full((60, 100, 3), red, np.uint8)
    picture[:, 55:] = blue  # the person, at the right
    keypoints = np.zeros((2, 17, 3), np.float32)
    keypoints[0, :3] = ((60, 10, 2), (95, 50, 2), (70, 20, 2))  # and nobody in the second
    packed = pack(tmp_path, [picture, picture], keypoints)
    (strip,) = strips_of(packed, last=None)
    assert strip.shape[1] == 52
    assert (np.abs(strip.astype(int) - red) < 40).all()
    keypoints[0, 0, 0] = 5
    (tmp_path / "full").mkdir()
    full = pack(tmp_path / "full", [picture, picture], keypoints)
    with pytest.raises(UsageError, match="no room beside them"):
        strips_of(full, last=None)


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return body.BodyModel()


@pytest.mark.people
def test_bones_keep_their_length_and_legs_bend_forwards(model: BodyModel) -> None:
    person = model.make_person(dict.fromkeys(("gender", "age", "height"), 0.6))
    _, rest = model.pose(person, person.vertices, {})
    assert rest[5, 0] > 0 > rest[6, 0]  # x goes to the person's own left
    for side, sign in (("L", 1), ("R", -1)):
        for stem in ("eye", "upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01"):
            assert person.bone_heads[model.bones.index(f"{stem}.{side}"), 0] * sign > 0
    for first, bone in ((7, "lowerarm01"), (9, "wrist"), (13, "lowerleg01"), (15, "foot")):
        for k, side in ((first, "L"), (first + 1, "R")):
            joint = person.bone_heads[model.bones.index(f"{bone}.{side}")]
            assert np.linalg.norm(rest[k] - joint) < 0.08
    for seed in range(6):
        rng = np.random.default_rng(seed)
        turns = sample_posture(model, person, "sport", rng)
        for matrix in turns.values():
            assert np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-4)
        _, posed = model.pose(person, person.vertices, turns)
        for a, b in ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15)):
            before, after = (float(np.linalg.norm(k[a] - k[b])) for k in (rest, posed))
            assert after == pytest.approx(before, rel=0.3)  # skin gives way at bent joints
    raised = {"upperleg01.L": turn(0, -60)}
    assert model.pose(person, person.vertices, raised)[1][13, 1] < rest[13, 1] - 0.2


@pytest.mark.people
def test_labels_lie_on_the_people_that_are_drawn(model: BodyModel) -> None:
    studio = Studio(model, [])
    on_body, facing = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        figure = studio._figure("standing", rng)
        low, high = figure.keypoints.min(axis=0), figure.keypoints.max(axis=0)
        middle = (low + high) / 2
        camera = Camera(
            np.array((middle[0], middle[1] - 4, middle[2]), np.float32),
            np.eye(3, dtype=np.float32),
            400.0,
            (150.0, 150.0),
        )
        masks = []
        for shade in (0, 255):  # where both pictures agree somebody stands
            canvas = np.full((300, 300, 3), shade, np.uint8)
            dressed = figure.dressed
            paint(
                canvas,
                figure.vertices,
                dressed.faces,
                dressed.colours,
                dressed.is_two_sided,
                camera=camera,
                light=FLAT,
            )
            masks.append(canvas)
        is_person = (masks[0] == masks[1]).all(axis=2).astype(np.uint8)
        is_person = cv2.dilate(is_person, np.ones((5, 5), np.uint8))
        xy, _ = camera.see(figure.keypoints)
        cells = np.round(xy).astype(int)
        on_body += is_person[cells[:, 1], cells[:, 0]].tolist()
        left, right = (xy[k, 0] for k in LEFT_AND_RIGHT)
        if not hides_face(figure.keypoints)[:5].any():
            facing.append(left > right)
    assert np.mean(on_body) > 0.98
    assert len(facing) >= 2
    assert np.mean(facing) > 0.7  # who faces the camera has the left on the picture's right


@pytest.mark.people
def test_a_pack_is_the_same_however_many_processes_make_it(
    model: BodyModel, tmp_path: Path
) -> None:
    for name, workers in (("one", "1"), ("two", "2")):
        out = str(tmp_path / f"{name}.tar")
        flags = ["--sheet", str(tmp_path / f"{name}.jpg"), "--workers", workers]
        assert main(["--count", "6", "--longest", "128", "--out", out, *flags]) == 0
    one, two = (PackDataset(tmp_path / f"{n}.tar", outside="keep") for n in ("one", "two"))
    assert len(one) == 6
    is_cut = False
    for row in range(6):
        a, b = one.sample(row), two.sample(row)
        assert np.array_equal(a.image_bgr, b.image_bgr)
        assert np.array_equal(a.xy, b.xy)
        assert max(a.image_bgr.shape[:2]) <= 129
        assert a.is_counted.sum() >= 3
        # Known to be beyond the picture: trains an empty heatmap, measures nothing.
        beyond = a.is_known & ~a.is_counted
        is_cut |= bool(beyond.any())
        assert (a.bbox[2:] > a.bbox[:2]).all()
    assert is_cut
    assert main(["--count", "1", "--out", str(tmp_path), "--seed", "3"]) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("one.jpg", "one.tar", "one_labels.npz", "two.jpg", "two.tar", "two_labels.npz")
    ]
    sheet = look_at(tmp_path / "one.jpg")
    assert sheet is not None
    assert sheet.shape == (192, 8 * 192, 3)


@pytest.mark.people
def test_staging_is_kept(model: BodyModel) -> None:
    studio = Studio(model, [], people=4)

    def made(staging: Staging) -> Labelled:
        return studio.make(np.random.default_rng(5), longest=128, staging=staging)

    plain = made(Staging("standing", facing=turn(2, 0), others=0))
    dark = made(Staging("standing", facing=turn(2, 0), others=0, light=0.1))
    assert np.array_equal(plain.keypoints, dark.keypoints)
    assert 0.05 < dark.image_bgr.mean() / plain.image_bgr.mean() < 0.15
    assert (plain.keypoints[:3, 2] > 0).all()
    back = made(Staging("standing", facing=turn(2, 180), others=0))
    assert (back.keypoints[:3, 2] == 0).all()
    assert plain.keypoints[5, 0] > plain.keypoints[6, 0]
    assert back.keypoints[5, 0] < back.keypoints[6, 0]
    crowd = made(Staging("standing", facing=turn(2, 0), others=3))
    assert not np.array_equal(crowd.image_bgr, plain.image_bgr)
    child = made(Staging("standing", facing=turn(2, 0), others=0, is_child=True))
    head, whole = (np.ptp(child.keypoints[k, :2], axis=0).max() for k in (range(5), range(17)))
    grown = np.ptp(plain.keypoints[:5, :2], axis=0).max() / np.ptp(plain.keypoints[:, 1])
    assert head / whole > grown  # heads of children are large


def test_conditions_count_what_lies_in_the_picture_against_the_whole_torso() -> None:
    pytest.importorskip("torch")
    from benchmarks.accuracy.conditions import Staged

    keypoints = np.full((17, 3), 2.0, np.float32)
    keypoints[:, :2] = 20
    keypoints[11:, 1] = 90  # hips and legs below the picture
    keypoints[0, 2] = 0
    image = np.zeros((50, 40, 3), np.uint8)
    sample = Staged("half", [Labelled(image, keypoints, np.zeros(4, np.float32))]).sample(0)
    assert sample.is_known.tolist() == [False] + 16 * [True]
    assert sample.is_counted.tolist() == [False] + 10 * [True] + 6 * [False]
