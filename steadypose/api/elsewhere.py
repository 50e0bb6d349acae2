"""Frames and recordings for other libraries, which are imported when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.record.formats.csv_rows import LONG_HEAD
from steadypose.realtime.record.formats.entry import STATE_NAMES
from steadypose.realtime.record.formats.reading import Recording

_JPEG_QUALITY = 90

if TYPE_CHECKING:
    from pandas import DataFrame
    from supervision import KeyPoints


def need(module: str, package: str, *, what: str) -> Any:
    """Import a package that is not ours.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise UsageError(
            f"{what} needs {missing}, which is not installed", fix=f"pip install {package}"
        ) from error


def to_supervision(
    ids: Sequence[int], xy: Sequence[FloatArray], score: Sequence[FloatArray]
) -> KeyPoints:
    """See ``Frame.to_supervision``; (K, 2) and (K,) of each person."""
    supervision = need("supervision", "supervision", what="to_supervision")
    if not ids:
        return supervision.KeyPoints.empty()
    places = np.nan_to_num(np.stack(xy)).astype(np.float32)
    scores = np.stack(score).astype(np.float32)
    scores[(places == 0.0).all(axis=2)] = 0.0
    kinds, data = np.zeros(len(ids), np.int64), {"tracker_id": np.array(ids)}
    return supervision.KeyPoints(places, kinds, scores, data=data)


class Rerun:
    """A place in Rerun's viewer.

    Args:
        entity: Path of the picture; people lie below it.
        recording: A ``RecordingStream``; None: that of ``rr.init``.
    """

    def __init__(self, entity: str, recording: Any) -> None:
        self._rerun = need("rerun", "rerun-sdk", what="to_rerun")
        self._entity, self._recording = entity, recording

    def begin(self, image_bgr: NDArray[np.uint8], index: int, time_s: float) -> None:
        """Show a picture, as yet without people; as JPEG, or the viewer's memory were soon full."""
        rerun = self._rerun
        rerun.set_time("time", duration=time_s, recording=self._recording)
        rerun.set_time("frame", sequence=index, recording=self._recording)
        data = cv2.imencode(".jpg", image_bgr, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))[1]
        self._log("", rerun.EncodedImage(contents=data.tobytes(), media_type="image/jpeg"))
        self._log("/persons", rerun.Clear(recursive=True))

    def add(
        self, person: int, names: Sequence[str], xy: FloatArray, limbs: Sequence[tuple[int, int]]
    ) -> None:
        """Show a person, (K, 2) pixels, NaN while lost."""
        here = np.isfinite(xy[:, 0])
        labels = [name for name, is_here in zip(names, here, strict=True) if is_here]
        points = self._rerun.Points2D(xy[here], labels=labels, show_labels=False)
        strips = [xy[[a, b]] for a, b in limbs if here[a] and here[b]]
        self._log(f"/persons/{person}/keypoints", points)
        self._log(f"/persons/{person}/limbs", self._rerun.LineStrips2D(strips))

    def _log(self, below: str, what: Any) -> None:
        self._rerun.log(f"{self._entity}{below}", what, recording=self._recording)


def to_pandas(recording: Recording) -> DataFrame:
    """See ``Recording.to_pandas``."""
    pandas = need("pandas", "pandas", what="to_pandas")
    count = len(recording.keypoints)
    tables = []
    for track in recording.people:
        rows = len(track.frame)
        columns = (
            track.frame.repeat(count),
            track.time_s.repeat(count),
            np.full(rows * count, track.person),
            np.tile(np.array(recording.keypoints, object), rows),
            *track.xy.reshape(-1, 2).T,
            track.score.ravel(),
            *track.raw_xy.reshape(-1, 2).T,
            np.array(STATE_NAMES, object)[track.state.ravel()],
        )
        tables.append(pandas.DataFrame(dict(zip(LONG_HEAD, columns, strict=True))))
    table = pandas.concat(tables, ignore_index=True)
    order = ["frame", "person"]
    return table.sort_values(order, kind="stable", ignore_index=True)
