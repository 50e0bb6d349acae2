"""Read a foreign network's outputs in plain NumPy, and compare a wrapped file with that."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.export.wrap.feed import Feed
from steadypose.export.wrap.network import Network
from steadypose.export.wrap.output.reading import (
    HeatmapReading,
    PointsReading,
    Reading,
    SimccReading,
)
from steadypose.export.wrap.run import first_line

TOLERANCE_PX = 0.25
TOLERANCE_SCORE = 0.02
_BATCH = 8
Floats = NDArray[np.floating[Any]]


def check_wrapped(
    data: bytes, network: Network, feed: Feed, reading: Reading, crops: NDArray[np.uint8]
) -> tuple[float, int, float]:
    """Compare the finished file with the foreign one and NumPy.

    Args:
        data: The wrapped file.
        network: The file as it came.
        feed: How its input is prepared.
        reading: How its outputs are read.
        crops: (N, H, W, 3) uint8 BGR.

    Returns:
        The largest difference of a keypoint, crop pixels; how many could be compared; and
        the mean score. A keypoint can be compared if its highest cell stands out: between
        equal ones, rounding decides.

    Raises:
        ModelFileError: More than one in a hundred keypoints differ by more than the
            tolerance, or a score does, or the file does not run; or the network outputs
            numbers that are not finite, or the same for every crop.
        UsageError: No keypoint could be compared, or the pixels overflow.
    """
    share = 1e-2 if network.is_half else 1e-3
    got, wanted, clear, is_new = [], [], [], []
    first: dict[str, NDArray[Any]] = {}
    try:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        for start in range(0, len(crops), _BATCH):
            part = crops[start : start + _BATCH]
            got.append(session.run(["keypoints"], {"crops": part})[0])
            inputs = feed.to_inputs(part)
            _check_inputs(inputs, feed)
            step = 1 if network.is_single else len(part)
            outputs = [network.run(inputs[i : i + step]) for i in range(0, len(part), step)]
            arrays = {name: np.concatenate([o[name] for o in outputs]) for name in reading.names}
            _check_finite(arrays)
            first = first or arrays
            is_new += [bool((value != first[name][:1]).any()) for name, value in arrays.items()]
            wanted.append(read_numpy(arrays, reading))
            clear.append(_stands_out(arrays, reading, share))
    except (ModelFileError, UsageError):
        raise
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        raise _differs(f"does not run: {first_line(error)}") from error
    if not any(is_new) and (crops != crops[0]).any():
        raise _constant(reading, len(crops))
    if not np.concatenate(clear).any():
        raise UsageError(
            f"nothing could be compared: on none of {len(crops)} crops does the highest value of "
            f"{_names(reading)} stand out",
            fix="take other crops with --check-source, and more with --check-crops; if that does "
            "not help, check --normalise and that the export has the trained weights",
        )
    return _compare(np.concatenate(got), np.concatenate(wanted), np.concatenate(clear))


def _names(reading: Reading) -> str:
    return " and ".join(repr(name) for name in reading.names)


def _check_inputs(inputs: NDArray[Any], feed: Feed) -> None:
    if not np.isfinite(inputs).all():
        raise UsageError(
            f"normalised by {feed.summary}, pixels are more than {inputs.dtype} can hold",
            fix="check --normalise, --scale, --mean and --std",
        )


def _check_finite(outputs: dict[str, NDArray[Any]]) -> None:
    for name, value in outputs.items():
        if not np.isfinite(value).all():
            raise ModelFileError(
                f"output {name!r} of the network holds numbers that are not finite",
                fix="check --normalise, and that the weights are finite; export fp16 as fp32; "
                "nothing was written",
            )


def _constant(reading: Reading, count: int) -> ModelFileError:
    return ModelFileError(
        f"the network's output {_names(reading)} is constant: the same for all {count} crops, "
        "so a comparison proves nothing",
        fix="check --normalise and that the export has the trained weights; --check-source takes "
        "other crops; nothing was written",
    )


def _compare(got: Floats, wanted: Floats, clear: NDArray[np.bool_]) -> tuple[float, int, float]:
    if got.shape != wanted.shape:
        raise _differs(f"gives {got.shape}, not {wanted.shape}")
    if not np.isfinite(got).all():
        raise _differs("gives numbers that are not finite")
    distance = np.linalg.norm(got[..., :2] - wanted[..., :2], axis=-1)[clear]
    worst_score = float(np.abs(got[..., 2] - wanted[..., 2]).max())
    typical_px = float(np.percentile(distance, 99))
    if typical_px > TOLERANCE_PX or worst_score > TOLERANCE_SCORE:
        raise _differs(
            f"differs from the network and NumPy by {typical_px:.3f} px, {worst_score:.4f} score"
        )
    return float(distance.max()), int(distance.size), float(wanted[..., 2].mean())


def _differs(what: str) -> ModelFileError:
    return ModelFileError(
        f"the wrapped file {what}",
        fix="export the network again with opset 18; if that does not help, report this with "
        "the onnx and onnxruntime versions; nothing was written",
    )


def read_numpy(outputs: dict[str, NDArray[Any]], reading: Reading) -> Floats:
    """Convert the network's outputs to (N, K, 3): x, y in crop pixels, score in [0, 1]."""
    if isinstance(reading, SimccReading):
        x, y = (_scores(outputs[name], reading) for name in reading.names)
        places = [v.argmax(2) / reading.split_ratio for v in (x, y)]
        score = np.minimum(x.max(2), y.max(2))
        return np.stack((*places, np.clip(score, 0, 1)), 2)
    if isinstance(reading, PointsReading):
        return _points(outputs, reading)
    maps = _maps(outputs, reading)
    flat = maps.reshape(*maps.shape[:2], -1)
    row, column = np.divmod(flat.argmax(2), maps.shape[3])
    result = np.stack((column, row, np.clip(flat.max(2), 0, 1)), 2).astype(np.float64)
    move = {"quarter": _quarter, "dark": _dark}.get(reading.refine)
    for n, k in np.ndindex(*maps.shape[:2]) if move else ():
        assert move is not None
        result[n, k, :2] += move(maps[n, k], column[n, k], row[n, k], reading.sigma)
    result[..., :2] = result[..., :2] * reading.step_xy + reading.offset_xy
    return result


def _points(outputs: dict[str, NDArray[Any]], reading: PointsReading) -> Floats:
    """One person's numbers in their order; candidates are sorted by their confidence."""
    rows = outputs[reading.name].astype(np.float64)
    count, k = len(rows), reading.keypoints
    sure = np.ones(count)
    if reading.candidates is not None:
        rows = rows.transpose(0, 2, 1) if reading.candidates == "middle" else rows
        every = rows[:, :, list(reading.confidences)].max(axis=2)
        rows, sure = rows[np.arange(count), every.argmax(axis=1)], every.max(axis=1)
    rows = rows.reshape(count, -1)[:, reading.first :][:, : k * len(reading.point)]
    points = rows.reshape(count, k, -1)
    x, y = (points[..., reading.point.index(letter)] for letter in "xy")
    score = np.ones((count, k))
    if "s" in reading.point:
        score = _scores(points[..., reading.point.index("s")], reading).astype(np.float64)
    elif reading.point_scores is not None:
        score = _scores(outputs[reading.point_scores], reading).reshape(count, k).astype(np.float64)
    if reading.person is not None:
        sure = np.minimum(sure, outputs[reading.person].reshape(count))
    score = np.clip(np.minimum(score, sure[:, None]), 0, 1)
    xy = np.stack((x * reading.scale_xy[0], y * reading.scale_xy[1]), axis=2) + reading.offset
    return np.concatenate((xy, score[..., None]), axis=2)


def _scores(values: NDArray[Any], reading: Reading) -> Floats:
    values = values.astype(np.float32)
    if not reading.is_logit:
        return values
    with np.errstate(over="ignore"):  # 1 / infinity is the right 0
        return 1 / (1 + np.exp(-values))


def _maps(outputs: dict[str, NDArray[Any]], reading: HeatmapReading) -> Floats:
    values = _scores(outputs[reading.name], reading)
    values = values.transpose(0, 3, 1, 2) if reading.is_nhwc else values
    kept = {"first": slice(1, None), "last": slice(-1)}.get(reading.background or "", slice(None))
    return values[:, kept]


def _stands_out(
    outputs: dict[str, NDArray[Any]], reading: Reading, share: float
) -> NDArray[np.bool_]:
    """(N, K) lead of the highest value over the next, as a share of the range."""
    if isinstance(reading, PointsReading):
        return _is_sure(outputs[reading.name], reading, share)
    if isinstance(reading, SimccReading):
        flat = [_scores(outputs[name], reading) for name in reading.names]
    else:
        maps = _maps(outputs, reading)
        flat = [maps.reshape(*maps.shape[:2], -1)]
    is_clear = np.ones(flat[0].shape[:2], bool)
    for values in flat:
        best = np.partition(values, -2, axis=2)[..., -2:]
        spread = np.ptp(values, axis=2)
        is_clear &= (best[..., 1] - best[..., 0] > share * spread) & (spread > 0)
    return is_clear


def _is_sure(values: NDArray[Any], reading: PointsReading, share: float) -> NDArray[np.bool_]:
    """Of candidates, the first must lead; a single person's numbers can all be compared."""
    if reading.candidates is None:
        return np.ones((len(values), reading.keypoints), bool)
    rows = values.transpose(0, 2, 1) if reading.candidates == "middle" else values
    best = np.partition(rows[:, :, list(reading.confidences)].max(axis=2), -2, axis=1)[:, -2:]
    is_clear = best[:, 1] - best[:, 0] > share * np.abs(best[:, 1])
    return np.repeat(is_clear[:, None], reading.keypoints, axis=1)


def _quarter(heat: Floats, x: int, y: int, _sigma: float) -> tuple[float, float]:
    """Move a quarter cell towards the higher neighbour (Xiao et al. 2018)."""
    height, width = heat.shape
    if not (1 < x < width - 1 and 1 < y < height - 1):
        return 0.0, 0.0
    dx, dy = heat[y, x + 1] - heat[y, x - 1], heat[y + 1, x] - heat[y - 1, x]
    return 0.25 * float(np.sign(dx)), 0.25 * float(np.sign(dy))


def _dark(heat: Floats, x: int, y: int, sigma: float) -> tuple[float, float]:
    """Find the peak of a Gaussian fitted to the blurred heatmap's log (Zhang et al. 2020)."""
    height, width = heat.shape
    if not (2 <= x <= width - 3 and 2 <= y <= height - 3):
        return 0.0, 0.0
    axis = np.arange(-np.ceil(2 * sigma), np.ceil(2 * sigma) + 1)
    line = np.exp(-(axis**2) / (2 * sigma**2))
    line /= line.sum()
    smooth = cv2.sepFilter2D(heat, cv2.CV_32F, line, line, borderType=cv2.BORDER_CONSTANT)
    log = np.log(np.maximum(smooth, 1e-6)).astype(np.float64)
    gradient_y, gradient_x = np.gradient(log)
    hyx, hxx = np.gradient(gradient_x)
    hyy, _ = np.gradient(gradient_y)
    hessian = np.array([[hxx[y, x], hyx[y, x]], [hyx[y, x], hyy[y, x]]])
    if np.linalg.det(hessian) <= 1e-6 or hessian[0, 0] >= 0:
        return 0.0, 0.0
    move = -np.linalg.solve(hessian, [gradient_x[y, x], gradient_y[y, x]])
    dx, dy = np.clip(move, -1, 1)
    return float(dx), float(dy)
