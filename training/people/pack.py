"""Write rendered people as a training pack."""

from __future__ import annotations

import functools
import io
import multiprocessing
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from steadypose.engines.errors import EngineError, RecordError, UsageError
from steadypose.engines.file_io import replace_file
from training.datasets.pack import PackDataset
from training.examples.sample import usable
from training.people.body import BodyModel, Floats, not_installed
from training.people.render import Images
from training.people.scene import Studio
from training.runs.progress import draw_grid, write_picture

_BACKGROUNDS = 1500
_QUALITY = 90
_SHEET = 24


class Job(NamedTuple):
    """One image to render.

    Attributes:
        backgrounds: Labelled pack, or none.
        last: Highest picture number used of it.
        seed: Of the pack.
        number: Of the image, from 1.
        longest: Longer side, pixels.
    """

    backgrounds: Path | None
    last: int | None
    seed: int
    number: int
    longest: int


class Made(NamedTuple):
    """One picture: JPEG bytes, (17, 3) keypoints with flags, (4,) box, picture pixels."""

    jpeg: bytes
    keypoints: Floats
    bbox: Floats


def strips_of(pack: Path, *, last: int | None) -> list[Images]:
    """Cut out the regions left or right of a pack's people.

    Args:
        pack: Tar file with its labels beside it.
        last: Images with higher numbers are not used (they are for measuring).

    Returns:
        (H, W, 3) uint8 BGR pictures of many sizes.

    Raises:
        SourceError: The pack cannot be read.
        UsageError: There is no room beside its people.
    """
    dataset = PackDataset(pack, last=last, outside="drop")
    found: list[Images] = []
    rows = np.random.default_rng(0).permutation(len(dataset))
    for _, sample in usable(dataset, (int(row) for row in rows)):
        image, (x1, _, x2, _) = sample.image_bgr, sample.bbox
        width = image.shape[1]
        room_left, room_right = float(x1) - 0.08 * width, 0.92 * width - float(x2)
        if max(room_left, room_right) < 0.2 * width:
            continue
        if room_left > room_right:
            found.append(image[:, : int(room_left)].copy())
        else:
            found.append(image[:, -int(room_right) :].copy())
        if len(found) == _BACKGROUNDS:
            break
    if not found:
        raise UsageError(
            f"the people of {pack} leave no room beside them for a background",
            fix="leave --backgrounds out, or name a pack with wider pictures",
        )
    return found


@functools.lru_cache(maxsize=1)
def _studio(backgrounds: Path | None, last: int | None) -> Studio:
    """One per process: bodies take seconds to load."""
    model = BodyModel()
    cv2.setNumThreads(1)
    return Studio(model, [] if backgrounds is None else strips_of(backgrounds, last=last))


def make(job: Job) -> Made:
    """Render one picture.

    Raises:
        SteadyposeError: The body model or the backgrounds cannot be used.
    """
    studio = _studio(job.backgrounds, job.last)
    made = studio.make(np.random.default_rng((job.seed, job.number)), longest=job.longest)
    _, data = cv2.imencode(".jpg", made.image_bgr, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return Made(data.tobytes(), made.keypoints, made.bbox)


def _make_all(jobs: list[Job], workers: int) -> Iterator[Made]:
    if workers == 1:
        yield from map(make, jobs)
        return
    _studio(jobs[0].backgrounds, jobs[0].last)  # errors are found here, not in every process
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(make, jobs, chunksize=8)
        except BrokenProcessPool as error:
            raise EngineError(
                "a rendering process ended", fix="use fewer --workers if memory is short"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def render(
    out: Path,
    *,
    count: int,
    seed: int,
    longest: int = 288,
    backgrounds: Path | None = None,
    last: int | None = None,
    workers: int = 1,
) -> Path:
    """Write a pack: pictures to ``out``, labels beside it.

    Args:
        out: A .tar file; it and its labels are replaced once all is rendered.
        count: Pictures, numbered from 1.
        seed: Determines the images.
        longest: Longer side of a picture, pixels.
        backgrounds: Labelled pack for the backgrounds, or none.
        last: Highest picture number used of it.
        workers: Processes.

    Returns:
        Path of the labels, ``NAME_labels.npz``.

    Raises:
        SteadyposeError: A package or the backgrounds are missing, or ``out`` cannot be
            written.
    """
    if out.suffix != ".tar" or not out.parent.is_dir() or out.is_dir():
        raise UsageError(f"cannot write {out}", fix="name a .tar file in an existing folder")
    try:
        from tqdm import tqdm  # noqa: PLC0415 - not needed to read packs
    except ImportError as error:
        raise not_installed(error) from error
    labels = labels_of(out)
    jobs = [Job(backgrounds, last, seed, number, longest) for number in range(1, count + 1)]
    names, keypoints, boxes = [], [], []

    def write_pictures(fresh: Path) -> None:
        with tarfile.open(fresh, "w") as archive:
            made = tqdm(_make_all(jobs, workers), total=count, unit="picture", disable=None)
            for job, one in zip(jobs, made, strict=True):
                entry = tarfile.TarInfo(f"people_{job.number:05d}.jpg")
                entry.size = len(one.jpeg)
                archive.addfile(entry, io.BytesIO(one.jpeg))
                names.append(entry.name)
                keypoints.append(one.keypoints)
                boxes.append(one.bbox)
        replace_file(labels, write_labels)

    def write_labels(fresh: Path) -> None:
        with fresh.open("wb") as file:
            np.savez_compressed(
                file,
                image=np.array(names),
                keypoints=np.stack(keypoints),
                bbox_xyxy=np.stack(boxes),
            )

    try:
        replace_file(out, write_pictures)
    except OSError as error:
        raise RecordError(
            f"cannot write {out}: {error.strerror or error}", fix="free space, or choose another"
        ) from error
    return labels


def labels_of(pack: Path) -> Path:
    """Where the labels of a pack lie."""
    return pack.with_name(pack.stem + "_labels.npz")


def draw_sheet(pack: Path, path: Path) -> None:
    """Draw the first pictures of a rendered pack with their labels.

    Raises:
        SteadyposeError: The pack cannot be read, or the picture cannot be written.
    """
    dataset = PackDataset(pack, outside="keep")
    tiles, points = [], []
    for row in range(min(_SHEET, len(dataset))):
        sample = dataset.sample(row)
        height, width = sample.image_bgr.shape[:2]
        zoom = 192 / max(height, width)
        tile = np.zeros((192, 192, 3), np.uint8)
        small = cv2.resize(sample.image_bgr, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        tile[: small.shape[0], : small.shape[1]] = small
        tiles.append(tile)
        xy = (sample.xy + 0.5) * zoom - 0.5
        points.append(np.column_stack((xy, sample.is_known.astype(np.float32))))
    sheet = draw_grid(
        np.stack(tiles), np.stack(points).astype(np.float32), dataset.skeleton, least_score=0.5
    )
    write_picture(sheet, path)
