"""The skeletons that are known by name are those that their authors published."""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.engines.skeletons.animals import AP10K17
from steadypose.engines.skeletons.named import SKELETONS, known_by
from steadypose.engines.skeletons.people import COCO17, HALPE26
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.skeletons.whole_body import COCO133, HAND21

# Places of the 68 points that lie on the middle of a face, which no mirror exchanges.
MIDDLE_OF_FACE = {8, 27, 28, 29, 30, 33, 51, 57, 62, 66}


def test_every_name_says_how_many_keypoints_there_are() -> None:
    assert set(SKELETONS) == {
        "coco17",
        "mpii16",
        "halpe26",
        "coco133",
        "hand21",
        "ap10k17",
        "blazepose33",
    }
    for name, skeleton in SKELETONS.items():
        assert name == skeleton.name
        assert name.endswith(str(len(skeleton)))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_mirror_exchanges_left_and_right_and_nothing_else(skeleton: Skeleton) -> None:
    for k, twin in enumerate(skeleton.flip_order):
        name = skeleton.keypoints[k]
        swapped = {"left": "right", "right": "left"}.get(name.split("_")[0])
        if name.startswith("face_"):
            is_middle = int(name.removeprefix("face_")) in MIDDLE_OF_FACE
            assert (twin == k) == is_middle, name
        elif name.startswith("mouth_"):
            assert {name, skeleton.keypoints[twin]} == {"mouth_left", "mouth_right"}
        elif swapped:
            wanted = f"{swapped}_{name.split('_', 1)[1]}"
            assert skeleton.keypoints[twin] == wanted
        else:
            assert twin == k, name


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_limbs_join_each_pair_once(skeleton: Skeleton) -> None:
    pairs = [frozenset(pair) for pair in skeleton.limbs]
    assert len(set(pairs)) == len(pairs)
    assert all(len(pair) == 2 for pair in pairs)


def test_the_whole_body_has_its_parts_where_the_data_set_has_them() -> None:
    assert COCO133.keypoints[:17] == COCO17.keypoints
    places = {
        "left_big_toe": 17,
        "right_heel": 22,
        "face_0": 23,
        "face_67": 90,
        "left_hand_root": 91,
        "left_thumb4": 95,
        "left_pinky_finger4": 111,
        "right_hand_root": 112,
        "right_forefinger1": 117,
        "right_pinky_finger4": 132,
    }
    assert {name: COCO133.index(name) for name in places} == places
    assert COCO133.flip_order[23] == 39  # the ends of the jaw
    assert COCO133.flip_order[23 + 36] == 23 + 45  # the outer corners of the eyes
    assert COCO133.flip_order[23 + 60] == 23 + 64  # the inner corners of the lips
    # Published values at some places of the evaluation's list.
    wanted = {17: 0.068, 22: 0.094, 23: 0.042, 70: 0.034, 71: 0.008, 91: 0.029, 132: 0.031}
    for place, sigma in wanted.items():
        assert COCO133.sigmas[place] == sigma, place
    # And their sum, and that of each times its number: none of the others is another.
    sums = np.array(COCO133.sigmas) @ np.stack((np.ones(133), np.arange(133)), axis=1)
    np.testing.assert_allclose(sums, (3.861, 195.388), rtol=0, atol=1e-6)


def test_other_skeletons_are_those_of_their_data_sets() -> None:
    assert HALPE26.keypoints[17:20] == ("head", "neck", "hip")
    assert HALPE26.keypoints[20:22] == ("left_big_toe", "right_big_toe")
    assert AP10K17.keypoints[4:8] == (
        *("root_of_tail", "left_shoulder", "left_elbow", "left_front_paw"),
    )
    assert AP10K17.index("right_back_paw") == 16
    blaze = SKELETONS["blazepose33"].keypoints
    places = {"left_shoulder": 11, "right_wrist": 16, "left_hip": 23, "right_foot_index": 32}
    assert {name: blaze.index(name) for name in places} == places
    assert HAND21.keypoints[0] == "wrist"
    assert [b for a, b in HAND21.limbs if a == 0] == [1, 5, 9, 13, 17]


def test_a_recording_tells_its_skeleton_by_the_names_alone() -> None:
    assert known_by(COCO133.keypoints[::-1]) is COCO133
    assert known_by((*COCO17.keypoints, "tail")) is None


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_what_is_drawn_of_a_mirrored_person_is_drawn_of_the_other_side(skeleton: Skeleton) -> None:
    limbs = {frozenset(limb) for limb in skeleton.limbs}
    assert len(limbs) == len(skeleton.limbs)
    mirrored = {frozenset(skeleton.flip_order[place] for place in limb) for limb in limbs}
    assert mirrored == limbs
