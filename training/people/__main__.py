"""Render a pack of labelled people.

    python -m training.people --count 8000 --out people.tar --backgrounds lspet.tar

Picture n depends on the seed and on n alone, so any number of processes makes the same
pack. ``--backgrounds`` takes a labelled pack: what lies beside its people hangs behind
ours. The pack is read by ``kind = "pack"`` with ``outside = "keep"``.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.errors import SteadyposeError, UsageError
from training.datasets.pack import PackDataset
from training.people.body import BodyModel
from training.people.scene import Labelled, Studio

Images = NDArray[np.uint8]
_BACKGROUNDS = 1500
_QUALITY = 90
_studio: list[Studio] = []  # one a process: bodies take seconds to load


def strips_of(pack: Path, *, last: int | None, count: int = _BACKGROUNDS) -> list[Images]:
    """What lies to the left or right of a pack's people.

    Args:
        pack: Tar file with its labels beside it.
        last: Pictures numbered higher are left alone (they measure).
        count: At most so many.

    Raises:
        SourceError: The pack cannot be read.
    """
    dataset = PackDataset(pack, last=last, outside="drop")
    found: list[Images] = []
    order = np.random.default_rng(0).permutation(len(dataset))
    for row in order:
        sample = dataset.sample(int(row))
        image, (x1, _, x2, _) = sample.image_bgr, sample.bbox
        width = image.shape[1]
        room_left, room_right = float(x1) - 0.08 * width, 0.92 * width - float(x2)
        if max(room_left, room_right) < 0.2 * width:
            continue
        if room_left > room_right:
            found.append(image[:, : int(room_left)].copy())
        else:
            found.append(image[:, -int(room_right) :].copy())
        if len(found) == count:
            break
    return found


def _prepare(backgrounds: Path | None, last: int | None) -> None:
    import torch  # noqa: PLC0415 - the body model's

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pictures = [] if backgrounds is None else strips_of(backgrounds, last=last)
    _studio.append(Studio(BodyModel(), pictures))


def _make(job: tuple[int, int, int]) -> tuple[bytes, Labelled]:
    seed, number, longest = job
    made = _studio[0].make(np.random.default_rng((seed, number)), longest=longest)
    _, data = cv2.imencode(".jpg", made.image_bgr, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return data.tobytes(), made


def render(
    out: Path,
    *,
    count: int,
    seed: int,
    longest: int,
    backgrounds: Path | None,
    last: int | None,
    workers: int,
) -> None:
    """Write ``out`` and its labels.

    Raises:
        SteadyposeError: A package or the backgrounds are missing, or ``out`` cannot be
            written.
    """
    if out.suffix != ".tar" or not out.parent.is_dir():
        raise UsageError(f"cannot write {out}", fix="name a .tar file in an existing folder")
    _prepare(backgrounds, last)  # here first: mistakes are sentences, and a fork shares it
    jobs = [(seed, number, longest) for number in range(1, count + 1)]
    names, keypoints, boxes = [], [], []
    part = out.with_suffix(".part")
    try:
        with (
            multiprocessing.get_context("fork").Pool(workers) as pool,
            tarfile.open(part, "w") as archive,
        ):
            made = pool.imap(_make, jobs, chunksize=8)
            for number, (data, labelled) in enumerate(tqdm(made, total=count, unit="picture"), 1):
                name = f"people_{number:05d}.jpg"
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
                names.append(name)
                keypoints.append(labelled.keypoints)
                boxes.append(labelled.bbox)
        np.savez_compressed(
            out.with_name(out.stem + "_labels.npz"),
            image=np.array(names),
            keypoints=np.stack(keypoints),
            bbox_xyxy=np.stack(boxes),
        )
        part.replace(out)
    except OSError as error:
        raise UsageError(
            f"cannot write {out}: {error.strerror}", fix="choose another --out"
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.people",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=8000, help="pictures")
    parser.add_argument("--out", type=Path, required=True, help="tar file to write")
    parser.add_argument("--backgrounds", type=Path, help="pack whose surroundings are used")
    parser.add_argument("--last", type=int, help="use its pictures up to this number only")
    parser.add_argument("--longest", type=int, default=288, help="longer side, pixels")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    arguments = parser.parse_args(argv)
    try:
        if not 1 <= arguments.count <= 99999 or arguments.workers < 1 or arguments.longest < 64:
            raise UsageError(
                "--count must be 1 to 99999, --workers at least 1, --longest at least 64",
                fix="change it",
            )
        render(
            arguments.out,
            count=arguments.count,
            seed=arguments.seed,
            longest=arguments.longest,
            backgrounds=arguments.backgrounds,
            last=arguments.last,
            workers=arguments.workers,
        )
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
