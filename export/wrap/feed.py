"""Prepare a foreign network's input: colour order and value range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from steadypose.engines.errors import UsageError
from steadypose.export.wrap.network import Network
from steadypose.export.wrap.options import WrapOptions

# Factor of pixels 0 to 255, then mean and standard deviation in RGB order.
SHORTHANDS: dict[str, tuple[float, tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": (1.0, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "unit": (1 / 255, (0.0,), (1.0,)),
    "minus-one-one": (1 / 127.5, (1.0,), (1.0,)),
    # The first ImageNet networks, and keras.applications' ResNet and VGG: BGR, mean only.
    "caffe": (1.0, (123.68, 116.779, 103.939), (1.0,)),
    "none": (1.0, (0.0,), (1.0,)),
}


@dataclass(frozen=True, slots=True)
class Feed:
    """How crops become the network's input: ``pixel * factor + shift`` per channel.

    Attributes:
        colour: ``rgb`` or ``bgr``.
        factor: Three numbers, in the order of ``colour``.
        shift: Likewise.
        is_nhwc: The channels come last.
        kind: NumPy type of the input; whole numbers are plain pixels.
        summary: For people.
    """

    colour: str
    factor: tuple[float, ...]
    shift: tuple[float, ...]
    is_nhwc: bool
    kind: type[Any]
    summary: str

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean subtracted from pixels in 0 to 1, for the model file."""
        return tuple(-b / (255 * a) for a, b in zip(self.factor, self.shift, strict=True))

    @property
    def std(self) -> tuple[float, ...]:
        """Their divisor after that."""
        return tuple(1 / (255 * a) for a in self.factor)

    def to_inputs(self, crops: NDArray[np.uint8]) -> NDArray[Any]:
        """The same in NumPy, to check the graph.

        Args:
            crops: (N, H, W, 3) uint8 BGR.

        Returns:
            (N, 3, H, W) or (N, H, W, 3) of ``kind``.
        """
        pixels = crops[..., ::-1] if self.colour == "rgb" else crops
        x = pixels.astype(np.float32) * np.array(self.factor, np.float32)
        x += np.array(self.shift, np.float32)
        x = x if self.is_nhwc else x.transpose(0, 3, 1, 2)
        with np.errstate(over="ignore"):  # infinite in fp16: reported by the check
            x = x.astype(self.kind)
        return np.ascontiguousarray(x)


def choose_feed(
    network: Network, options: WrapOptions, guesses: list[str], *, is_detector: bool = False
) -> Feed:
    """Decide colour order and value range; decisions are appended to ``guesses``.

    Args:
        network: For the kind of its input.
        options: The user's options.
        guesses: Decisions are appended.
        is_detector: The network finds people among others.

    Raises:
        UsageError: The shorthand is unknown, or the numbers are too large for float32.
    """
    shorthand, colour = options.normalise, options.colour
    is_whole = bool(np.issubdtype(network.kind, np.integer))
    if options.mean or options.std or options.scale:
        _check_range(options)
        factor, mean, std = options.scale or 1.0, options.mean or (0.0,), options.std or (1.0,)
        summary = f"(pixel * {factor:g} - {list(mean)}) / {list(std)}"
    else:
        if shorthand is None and is_whole:
            shorthand = "none"
            guesses.append("whole numbers are pixels of 0 to 255 (--normalise)")
        if shorthand is None and is_detector:
            shorthand = "unit"
            guesses.append("pixels are divided by 255, as detectors want them (--normalise)")
        if shorthand is None:
            shorthand = "imagenet"
            guesses.append("pixels are normalised as for ImageNet (--normalise)")
        if shorthand not in SHORTHANDS:
            raise UsageError(
                f"normalisation {shorthand!r} is not known", fix=f"one of {', '.join(SHORTHANDS)}"
            )
        factor, mean, std = SHORTHANDS[shorthand]
        summary = shorthand
    if colour is None:
        colour = "bgr" if shorthand == "caffe" else "rgb"
        guesses.append(f"the network expects {colour} (--colour)")
    if shorthand is not None and colour == "bgr":  # the table is RGB, the user's numbers are not
        mean, std = mean[::-1], std[::-1]
    mean, std = (v * 3 if len(v) == 1 else v for v in (mean, std))
    factors = tuple(factor / s for s in std)
    shifts = tuple(-m / s for m, s in zip(mean, std, strict=True))
    if max(abs(v) for v in (*factors, *shifts)) * 255 > float(np.finfo(np.float32).max):
        raise UsageError(
            f"{summary} is more than float32 can hold", fix="check --scale, --mean and --std"
        )
    if is_whole and (any(f != 1 for f in factors) or any(shifts)):
        raise UsageError(
            f"the network takes {np.dtype(network.kind).name}, whole pixels of 0 to 255, and "
            f"{summary} makes fractions",
            fix="leave out --normalise, --scale, --mean and --std",
        )
    return Feed(
        colour=colour,
        factor=factors,
        shift=shifts,
        is_nhwc=network.is_nhwc,
        kind=network.kind,
        summary=summary,
    )


def _check_range(options: WrapOptions) -> None:
    """Mean and deviation belong to a range of pixels, and --scale says which.

    Raises:
        UsageError: They are for the other one.
    """
    given = [abs(v) for v in (*(options.mean or ()), *(options.std or ()))]
    scale = options.scale or 1.0
    changes = any(v != 0 for v in options.mean or ()) or any(v != 1 for v in options.std or ())
    if not given or not changes:
        return
    if scale == 1 and 1e-3 < max(given) < 2:
        raise UsageError(
            f"a mean and deviation up to {max(given):g} are for pixels of 0 to 1, and pixels go "
            "to 255",
            fix="give --scale 0.00392157 as well",
        )
    if scale <= 1 / 100 and max(abs(v) for v in options.mean or (0.0,)) > 2:
        raise UsageError(
            f"a mean of {max(given):g} is for pixels of 0 to 255, and --scale {scale:g} makes them "
            "smaller than it",
            fix="leave --scale out",
        )


def feed_nodes(feed: Feed, output: str) -> tuple[list[NodeProto], list[TensorProto]]:
    """Nodes from ``crops`` to the network's input, and their constants.

    The first is a Cast, the only reader of uint8 that TensorRT accepts.

    Args:
        feed: The preparation.
        output: Name of the network's input.
    """
    nodes = [helper.make_node("Cast", ["crops"], ["feed/0"], to=TensorProto.FLOAT)]
    constants: dict[str, NDArray[Any]] = {}

    def add(operator: str, *constant: str, **attributes: Any) -> None:
        count = len(nodes)
        given = [f"feed/{count - 1}", *constant]
        nodes.append(helper.make_node(operator, given, [f"feed/{count}"], **attributes))

    if feed.colour == "rgb":
        constants["feed/order"] = np.array([2, 1, 0], np.int64)
        add("Gather", "feed/order", axis=3)
    if not feed.is_nhwc:
        add("Transpose", perm=[0, 3, 1, 2])
    if np.issubdtype(feed.kind, np.integer):
        add("Cast", to=helper.np_dtype_to_tensor_dtype(np.dtype(feed.kind)))
        return _ended(nodes, constants, output)
    shape = (1, 1, 1, 3) if feed.is_nhwc else (1, 3, 1, 1)
    constants["feed/factor"] = np.array(feed.factor, np.float32).reshape(shape)
    constants["feed/shift"] = np.array(feed.shift, np.float32).reshape(shape)
    add("Mul", "feed/factor")
    add("Add", "feed/shift")
    if feed.kind is not np.float32:
        add("Cast", to=helper.np_dtype_to_tensor_dtype(np.dtype(feed.kind)))
    return _ended(nodes, constants, output)


def _ended(
    nodes: list[NodeProto], constants: dict[str, NDArray[Any]], output: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    nodes[-1].output[0] = output
    for index, node in enumerate(nodes):
        node.name = f"feed/{index}_{node.op_type}"
    return nodes, [numpy_helper.from_array(value, name) for name, value in constants.items()]
