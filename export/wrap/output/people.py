"""Networks that answer with all people of one picture: the most certain one is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.wrap.network import Network, try_on_noise
from steadypose.export.wrap.options import WrapOptions

_DETECTION = (5, 6)  # numbers of a row that is a box, its score, and perhaps a class
_WIDTHS = (2, 3, 4)  # numbers of a point
_ALL = "all/"
_PREFIX = "person/"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is read of every person, and what says how certain one is.

    Attributes:
        sizes: Numbers of a person in each output.
        sure: Output with a person's score; None: the first person is taken.
        place: Of the score among a person's numbers there.
    """

    sizes: Mapping[str, int]
    sure: str | None
    place: int


def one_person(
    network: Network, skeleton: Skeleton, options: WrapOptions, guesses: list[str]
) -> tuple[Network, WrapOptions]:
    """Let a network that finds people answer with one, in outputs of the same names.

    Keypoint R-CNN, RTMO and others remove double finds themselves, so how many people they
    return depends on the picture. A crop is about one person: the most certain. Without anybody,
    every number is 0, the scores as well.

    Args:
        network: Its outputs for a picture.
        skeleton: Of K keypoints.
        options: Names of outputs, where they are given.
        guesses: A decision is appended.

    Returns:
        The network itself if it does not answer so; else one that gives (1, K, numbers) points,
        perhaps a person's (1, 1) score, and (1, K) scores of the points. And the options, in
        which these outputs are named.

    Raises:
        UsageError: A named output has no score for each person.
    """
    k = len(skeleton)
    found = [n for n, shape in network.shapes.items() if _are_people(shape, k, network)]
    name = options.points or next(iter(found), None)
    is_known = set(options.named) <= set(network.shapes)  # else it is refused later
    if name not in found or options.heatmaps or options.simcc or not is_known:
        return network, options
    shape = network.shapes[name]
    choice = _choose(name, try_on_noise(network), options)
    by = "the first" if choice.sure is None else f"the most certain by {choice.sure!r}"
    guesses.append(
        f"output {name!r} holds the people of a picture: {by} is taken (--points, --person-score)"
    )
    run = network.run

    def run_one(inputs: NDArray[Any]) -> Arrays:
        one = _person_of(run(inputs), choice)
        return {n: v.reshape(shapes[n]) for n, v in one.items()}

    shapes: dict[str, tuple[int, ...]] = {n: (1, size) for n, size in choice.sizes.items()}
    shapes[name] = (1, k, shape[-1])
    if choice.sure is not None:
        shapes[choice.sure] = (1, 1)
    one = replace(
        network,
        model=_with_person(network.model, choice, shapes),
        run=run_one,
        input_name=_ALL + network.input_name,
        is_single=True,
        finds_people=True,
        shapes=shapes,
    )
    return one, replace(options, points=name, person_score=choice.sure)


def _are_people(shape: tuple[int, ...], k: int, network: Network) -> bool:
    """(people, K, numbers) for a picture without a batch, or (1, people, K, numbers)."""
    if len(shape) == 4:
        return shape[0] == 1 and shape[1] != 1 and shape[2] == k and shape[3] in _WIDTHS
    is_several = len(shape) == 3 and shape[1] == k and shape[2] in _WIDTHS
    return is_several and (network.is_bare or shape[0] != 1)


def _choose(name: str, values: Arrays, options: WrapOptions) -> _Choice:
    shape = values[name].shape
    count, k, width = shape[-3:]
    rows = {n: _row(v, count) for n, v in values.items() if n != name and v.dtype.kind == "f"}
    sure = options.person_score
    if sure is not None and not rows.get(sure):
        raise UsageError(
            f"output {sure!r} has no score for each person of {name!r}",
            fix="give another --person-score, or leave it out",
        )
    sure = sure or next((n for n, size in rows.items() if size), None)
    sizes = {name: k * width}
    if options.point_scores is not None:
        sides = values[options.point_scores].shape  # there may be nobody in noise
        if sides[-1:] != (k,) and sides[-2:] != (k, 1):
            raise UsageError(
                f"output {options.point_scores!r} has no number for each keypoint of {name!r}",
                fix="give another --point-scores, or leave it out",
            )
        sizes[options.point_scores] = k
    if sure is None:
        return _Choice(sizes, None, 0)
    size = rows[sure]
    assert size is not None
    return _Choice({**sizes, sure: size}, sure, 0 if size == 1 else 4)


def _row(value: NDArray[Any], people: int) -> int | None:
    """Numbers of a person where they hold a score; None where they do not."""
    rows = value.shape[1:] if value.ndim > 1 and value.shape[0] == 1 else value.shape
    if rows in {(people,), (people, 1)}:
        return 1
    is_detection = len(rows) == 2 and rows[0] == people and rows[1] in _DETECTION
    return rows[1] if is_detection else None


def _person_of(outputs: Arrays, choice: _Choice) -> Arrays:
    """The most certain person's rows, in NumPy; zeros if there is nobody."""
    rows = {n: outputs[n].reshape(-1, size) for n, size in choice.sizes.items()}
    best = 0
    if choice.sure is not None and len(rows[choice.sure]):
        best = int(rows[choice.sure][:, choice.place].argmax())
    one = {
        n: (r[best : best + 1] if len(r) else np.zeros((1, r.shape[1]))).astype(np.float32)
        for n, r in rows.items()
    }
    if choice.sure is not None:
        one[choice.sure] = one[choice.sure][:, choice.place]
    return one


def _with_person(
    model: onnx.ModelProto, choice: _Choice, shapes: Mapping[str, tuple[int, ...]]
) -> onnx.ModelProto:
    """Append the choice of a person; outputs keep their names, and the rest gets a prefix."""
    made = compose.add_prefix(model, _ALL)
    nodes: list[onnx.NodeProto] = []

    def const(value: Any) -> str:
        name = f"{_PREFIX}c{len(made.graph.initializer)}"
        kind = None if isinstance(value, np.ndarray) else np.int64  # NumPy 1 on Windows: int32
        made.graph.initializer.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(kind: str, *inputs: str, outputs: tuple[str, ...] = (), **more: Any) -> str:
        stem = f"{_PREFIX}{len(nodes)}_{kind}"
        nodes.append(helper.make_node(kind, inputs, outputs or [stem], stem, **more))
        return nodes[-1].output[-1]

    rows = {}
    for name, size in choice.sizes.items():  # the last row is nobody: there is always one
        floats = add("Cast", _ALL + name, to=TensorProto.FLOAT)
        flat = add("Reshape", floats, const([-1, size]))
        rows[name] = add("Concat", flat, const(np.zeros((1, size), np.float32)), axis=0)
    index = const([0])
    if choice.sure is not None:
        scores = add("Gather", rows[choice.sure], const(choice.place), axis=1)
        two = (f"{_PREFIX}best", f"{_PREFIX}index")
        index = add("TopK", scores, const([1]), outputs=two, axis=0)
    del made.graph.output[:]
    for name, row in rows.items():
        one = add("Gather", row, index, axis=0)
        if name == choice.sure:
            one = add("Gather", one, const(choice.place), axis=1)
        sides = shapes[name]
        add("Reshape", one, const(sides), outputs=(name,))
        made.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sides))
    made.graph.node.extend(nodes)
    return made
