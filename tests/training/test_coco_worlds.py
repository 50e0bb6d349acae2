"""AP and AR are pycocotools' own, on random worlds; PCK and PCKh are their papers' definitions."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.skeletons.people import COCO17, MPII16
from training.measures.metrics import pck, relative_error, torso_px

pytest.importorskip("pycocotools")
K = len(COCO17)


def world(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Pictures with crowds, unlabelled and overlapping people, and poses of every quality."""
    rng = np.random.default_rng(seed)
    data: dict[str, Any] = {
        "images": [
            {"id": int(i), "file_name": f"{i}.png", "width": 640, "height": 480}
            for i in rng.choice(1000, rng.integers(1, 6), replace=False)
        ],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}],
    }
    results = []
    for image in data["images"]:
        for _ in range(rng.integers(0, 5)):
            side = rng.uniform(20, 220, 2)
            corner = rng.uniform(0, np.array((640, 480)) - side)
            xy = corner + rng.uniform(0, 1, (K, 2)) * side
            seen = rng.choice([0, 1, 2], K, p=rng.dirichlet((1, 1, 2)))
            if rng.random() < 0.15:
                seen[:] = 0
            xy[seen == 0] = 0
            number = len(data["annotations"]) + 1
            data["annotations"].append(
                {
                    "id": number, "image_id": image["id"], "category_id": 1,
                    "iscrowd": int(rng.random() < 0.1), "num_keypoints": int((seen > 0).sum()),
                    "keypoints": [float(v) for row in np.column_stack((xy, seen)) for v in row],
                    "bbox": [float(v) for v in (*corner, *side)],
                    "area": float(side.prod() * rng.uniform(0.3, 0.9)),
                }
            )  # fmt: skip
            for _ in range(rng.integers(0, 3)):
                moved = xy + rng.normal(0, rng.choice([1, 8, 40]), (K, 2))
                flat = np.column_stack((moved, np.ones(K))).ravel()
                results.append(
                    {
                        "image_id": image["id"], "category_id": 1,
                        "keypoints": [float(v) for v in flat],
                        "score": float(np.round(rng.random(), rng.integers(1, 4))),
                    }
                )  # fmt: skip
    if not any(sum(a["keypoints"][2::3]) and not a["iscrowd"] for a in data["annotations"]):
        return world(seed + 10_000)
    return (data, results) if results else world(seed + 10_000)


def by_pycocotools(data: dict[str, Any], results: list[dict[str, Any]]) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(data))
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(json.loads(json.dumps(results))), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(v) for v in evaluation.stats]


@pytest.mark.parametrize("form", ["plain", "quoted", "words"])
@pytest.mark.parametrize("seed", range(20))
def test_ap_and_ar_are_pycocotools_to_the_last_digit(tmp_path: Path, seed: int, form: str) -> None:
    from training.datasets.coco import CocoDataset
    from training.measures.coco_eval import average_precision

    data, results = world(seed)
    wanted = by_pycocotools(data, results)
    if form != "plain":  # the same world, as other tools write it

        def name(number: int) -> str:
            return str(number) if form == "quoted" else f"frame_{number:04d}"

        data["images"].sort(key=lambda image: image["id"])
        for entry in data["images"]:
            entry["id"] = name(entry["id"])
        for entry in data["annotations"]:
            entry.update(image_id=name(entry["image_id"]), category_id="1")
        if form == "words":
            results = [{**r, "image_id": name(r["image_id"])} for r in results]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(data))
    found = average_precision(CocoDataset(path), results, sigmas=COCO17.sigmas)
    assert list(found.values()) == wanted


def test_results_are_written_as_pycocotools_reads_them(tmp_path: Path) -> None:
    from training.measures.coco_eval import save_results

    data, results = world(3)
    save_results(results, tmp_path / "new" / "r.json")
    assert by_pycocotools(data, json.loads((tmp_path / "new" / "r.json").read_text())) == (
        by_pycocotools(data, results)
    )


@pytest.mark.parametrize("seed", range(10))
def test_pck_is_the_share_within_a_part_of_the_torso(seed: int) -> None:
    """Yang and Ramanan 2013; the torso as LSP measures it: left shoulder to right hip."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, (9, K, 2))
    found = truth + rng.normal(0, 20, truth.shape)
    counts = rng.random((9, K)) < 0.7
    everyone = np.ones_like(counts)
    right = total = 0
    for n in range(9):
        torso = np.hypot(*(truth[n, 5] - truth[n, 12]))
        for k in range(K):
            if counts[n, k]:
                total += 1
                right += np.hypot(*(found[n, k] - truth[n, k])) <= 0.2 * torso
    error = relative_error(found, truth, torso_px(truth, everyone, COCO17))
    assert pck(error, counts, 0.2) == pytest.approx(right / total)


def test_pckh_is_the_share_within_half_a_head() -> None:
    """Andriluka et al. 2014: of the head's length, 0.6 of its box's diagonal; no trunk."""
    from tests.training.test_evaluate import made_found
    from training.measures.tables import summary

    rng = np.random.default_rng(0)
    error = rng.uniform(0, 30, (40, len(MPII16)))
    heads = 0.6 * np.hypot(rng.uniform(10, 40, 40), rng.uniform(10, 40, 40))
    limbs = [k for k, name in enumerate(MPII16.keypoints) if name not in {"pelvis", "thorax"}]
    share = np.mean([error[n, k] <= 0.5 * heads[n] for n in range(40) for k in limbs])
    lines = summary(made_found(error, head_px=heads))
    assert f"PCKh@0.5 {share:.4f}" in " ".join(lines)


def test_exactly_at_the_limit_is_right() -> None:
    error, yes = np.array([[0.2, 0.5, 0.7]]), np.ones((1, 3), np.bool_)
    assert pck(error, yes, 0.2) == pytest.approx(1 / 3)
    assert pck(error, yes, 0.5) == pytest.approx(2 / 3)
