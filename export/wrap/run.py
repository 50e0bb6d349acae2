"""Run a foreign network in ONNX Runtime, and test whether its batch is really free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.patience import ANSWER_WITHIN_S, NoAnswerError, answer_within

Run = Callable[[NDArray[Any]], dict[str, NDArray[Any]]]


def make_runner(source: str | bytes, name: str, kind: type[Any]) -> Run:
    """Open a network.

    Args:
        source: Path, or the bytes of an ONNX file.
        name: Of its only input.
        kind: The input's NumPy type.

    Returns:
        A function that takes a batch and returns every array output by name.

    Raises:
        ModelFileError: ONNX Runtime cannot load it; later, cannot run it.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = _answered(
            lambda: onnxruntime.InferenceSession(
                source, settings, providers=["CPUExecutionProvider"]
            )
        )
    except ModelFileError:
        raise
    except Exception as error:  # its exceptions have no common base class
        raise ModelFileError(
            f"onnxruntime cannot load the network: {first_line(error)}",
            fix="export it again with opset 18 and only standard operators",
        ) from error
    names = [output.name for output in session.get_outputs()]

    def run(inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        try:
            got = _answered(lambda: session.run(names, {name: inputs.astype(kind, copy=False)}))
        except ModelFileError:
            raise
        except Exception as error:
            raise ModelFileError(
                f"onnxruntime failed on a batch of {len(inputs)}: {first_line(error)}",
                fix="export the network again, with the size it was trained with",
            ) from error
        return {key: v for key, v in zip(names, got, strict=True) if isinstance(v, np.ndarray)}

    return run


def _answered(work: Callable[[], Any]) -> Any:
    """What a foreign network gives, unless it computes for ever.

    Raises:
        ModelFileError: It does.
    """
    try:
        return answer_within(work, ANSWER_WITHIN_S)
    except NoAnswerError:
        raise ModelFileError(
            f"the network did not answer within {ANSWER_WITHIN_S:g} s", fix="take another one"
        ) from None


def first_line(error: Exception) -> str:
    """First line of another package's error, at most 200 characters."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)


def check_batches(run: Run, inputs: NDArray[Any], wanted: list[dict[str, NDArray[Any]]]) -> None:
    """Compare batches of 1, 2 and 3 with the results of single images.

    Raises:
        ModelFileError: A batch fails or differs.
    """
    share = 2e-2 if inputs.dtype == np.float16 else 2e-3
    for count in (1, 2, 3):
        try:
            got = run(inputs[:count])
        except ModelFileError as error:
            raise bound(f"a batch of {count} fails: {error.what}") from error
        for name, value in got.items():
            parts = [each[name] for each in wanted[:count]]
            if value.shape != (count, *parts[0].shape[1:]) or parts[0].shape[:1] != (1,):
                raise bound(f"a batch of {count} returns {name} of shape {value.shape}")
            single = np.concatenate(parts).astype(np.float64)
            # Non-finite values are refused later, for real crops; here they must only agree.
            is_finite = np.isfinite(single)
            known, again = single[is_finite], value[is_finite]
            size = np.abs(known).max(initial=0.0)
            allowed = share * (np.ptp(known) if known.size else 0.0) + 1e-6 * size
            is_same = np.array_equal(np.isfinite(value), is_finite)
            if not is_same or np.abs(again - known).max(initial=0.0) > allowed + 1e-7:
                raise bound(f"a batch of {count} returns another {name} than single images")


def bound(what: str) -> ModelFileError:
    """Make the error for a network that works with one batch size only."""
    return ModelFileError(
        f"the network does not work with a free batch: {what}",
        fix="export it again with a dynamic batch (torch.onnx.export: dynamic_shapes or "
        "dynamic_axes; tf2onnx: an input signature with None first)",
    )
