"""Rendered people: the camera and painter, postures, and pictures whose labels are true."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.datasets.pack import PackDataset
from training.people.__main__ import main, strips_of
from training.people.body import BodyModel, read_faces
from training.people.postures import frame_of, hides_face, sample_posture, turn, turn_about
from training.people.render import Camera, Light, paint
from training.people.scene import Studio

STRAIGHT = Camera(
    np.array((0, -2, 0), np.float32), np.eye(3, dtype=np.float32), 100.0, (50.0, 40.0)
)
FLAT = Light(*(np.array(v, np.float32) for v in ((0, -1, 0), (0, 0, 0), (1, 1, 1))))
LEFT_AND_RIGHT = (5, 6)


def square(*, y: float, half: float) -> np.ndarray:  # type: ignore[type-arg]
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
        light = Light(
            *(np.array(v, np.float32) for v in ((0, y, 0), (0.5,) * 3, (0.2,) * 3))
        )
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


def test_without_the_body_package_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    assert main(["--count", "1", "--out", str(tmp_path / "people.tar")]) == 2
    assert "requirements-people.txt" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--count", "0"], ["--workers", "0"], ["--longest", "9"]])
def test_impossible_numbers_are_refused(flags: list[str], tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path / "people.tar"), *flags]) == 2


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path / "nowhere" / "people.tar")]) == 2
    assert main(["--out", str(tmp_path / "people.zip")]) == 2


@pytest.fixture(scope="module")
def model() -> BodyModel:
    pytest.importorskip("anny", reason="needs requirements-people.txt")
    return BodyModel()


def test_arms_keep_their_length_and_legs_bend_forwards(model: BodyModel) -> None:
    person = model.make_person(dict.fromkeys(("gender", "age", "height"), 0.6))
    _, rest = model.pose(person, person.vertices, {})
    assert rest[5, 0] > 0 > rest[6, 0]  # x goes to the person's own left
    for seed in range(6):
        rng = np.random.default_rng(seed)
        _, posed = model.pose(person, person.vertices, sample_posture(model, person, "sport", rng))
        for a, b in ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15)):
            before, after = (float(np.linalg.norm(k[a] - k[b])) for k in (rest, posed))
            assert after == pytest.approx(before, rel=0.3)  # skin gives way at bent joints
    raised = {"upperleg01.L": turn(0, -60)}
    assert model.pose(person, person.vertices, raised)[1][13, 1] < rest[13, 1] - 0.2


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


def test_a_pack_is_the_same_however_many_processes_make_it(
    model: BodyModel, tmp_path: Path
) -> None:
    for name, workers in (("one", "1"), ("two", "2")):
        out = str(tmp_path / f"{name}.tar")
        assert main(["--count", "6", "--longest", "128", "--out", out, "--workers", workers]) == 0
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
    assert strips_of(tmp_path / "one.tar", last=None, count=2)
