"""Open a foreign ONNX network and find its input, outputs and batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.foreign.files import is_there
from steadypose.engines.foreign.self_contained import reads_beyond_its_folder
from steadypose.engines.model_file import read_metadata
from steadypose.engines.spec import METADATA_KEY
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted
from steadypose.export.wrap.cutting import cut_to, free_reshapes, refuse_training
from steadypose.export.wrap.entry import TYPES, find_input, find_size, free_batch, with_batch
from steadypose.export.wrap.one_by_one import one_by_one
from steadypose.export.wrap.options import WrapOptions
from steadypose.export.wrap.run import Run, bound, check_batches, first_line, make_runner

_LARGEST = 2_000_000_000  # bytes; protobuf, and so an ONNX file, is limited to 2 GiB


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A foreign network that ran with one picture; ``prove_batches`` tries more.

    Attributes:
        model: Its graph: weights inside, one input, free batch.
        run: Runs the original file, float in, arrays by output name.
        input_name: Name of the image input.
        input_hw: Its height and width, pixels.
        kind: NumPy type of the input.
        is_nhwc: The channels come last.
        is_single: The original file is run with batches of 1 only.
        shapes: Shape of every output for a batch of 1.
        is_bare: The original file's input is one picture, without a batch.
        batch: Written into the original file; 0: free.
        finds_people: It returns as many as there are, of whom one was chosen.
    """

    model: onnx.ModelProto
    run: Run
    input_name: str
    input_hw: tuple[int, int]
    kind: type[Any]
    is_nhwc: bool
    is_single: bool
    shapes: dict[str, tuple[int, ...]]
    is_bare: bool = False
    batch: int = 1
    finds_people: bool = False

    @property
    def is_half(self) -> bool:
        """The input is fp16."""
        return self.kind is np.float16


def open_network(path: Path, options: WrapOptions, guesses: list[str]) -> Network:
    """Load a file, find its input and try it.

    Args:
        path: Foreign ONNX file.
        options: ``input`` and ``layout`` are used.
        guesses: Decisions are appended, one line each.

    Raises:
        ModelFileError: Missing, damaged, already ours, with inputs that are not images,
            not runnable, or bound to one batch size.
        UsageError: ``options`` contradict the file, or are missing.
    """
    model = _load(path)
    named = options.named
    if named and set(named) <= {value.name for value in model.graph.output}:
        cut_to(model, named)  # whatever else it gives need not even run
    refuse_training(model)
    entry = find_input(model, path)
    is_nhwc, input_hw = find_size(entry, options, guesses)
    is_bare = len(entry.type.tensor_type.shape.dim) == 3
    if is_bare:
        entry = with_batch(model, entry, (*input_hw, 3) if is_nhwc else (3, *input_hw))
    first = entry.type.tensor_type.shape.dim[0]
    batch = first.dim_value if first.HasField("dim_value") else 0
    kind = TYPES[entry.type.tensor_type.elem_type]
    original = model.SerializeToString()
    free_batch(model, entry, (*input_hw, 3) if is_nhwc else (3, *input_hw))
    run = make_runner(original if named or is_bare else str(path), entry.name, kind)
    run = _repeating(run, batch) if batch > 1 else run
    shape = (1, *input_hw, 3) if is_nhwc else (1, 3, *input_hw)
    outputs = run(_noise(shape, kind))
    return Network(
        model=model,
        run=run,
        input_name=entry.name,
        input_hw=input_hw,
        kind=kind,
        is_nhwc=is_nhwc,
        is_single=batch > 0,
        shapes={name: value.shape for name, value in outputs.items()},
        is_bare=is_bare,
        batch=batch,
    )


def prove_batches(network: Network, names: Sequence[str], guesses: list[str]) -> Network:
    """Cut a network to the outputs that are read, and try batches of 1, 2 and 3 of these.

    Args:
        network: Its ``model`` is changed.
        names: Of the outputs.
        guesses: A decision is appended.

    Returns:
        It, knowing whether the file as it came can be run with more than one picture.

    Raises:
        ModelFileError: It is bound to one batch size.
    """
    cut_to(network.model, names)
    fixed = onnx.ModelProto()
    fixed.CopyFrom(network.model)
    inputs = _noise((3, *_picture(network)), network.kind)
    wanted = [network.run(inputs[i : i + 1]) for i in range(3)]
    read = [{name: each[name] for name in names} for each in wanted]

    def prove(model: onnx.ModelProto) -> None:
        run = make_runner(model.SerializeToString(), network.input_name, network.kind)
        check_batches(run, inputs, read)

    if network.is_single:
        free_reshapes(network.model, max(1, network.batch))
    try:
        prove(network.model)
    except ModelFileError:
        if not network.is_single:
            raise
        if network.batch > 1:
            raise bound(f"it takes batches of {network.batch} only") from None
        slow = one_by_one(fixed)
        prove(slow)
        guesses.append(
            "the batch of 1 cannot be made free: pictures of a batch are computed one after "
            "another (an export with a free batch is faster)"
        )
        return replace(network, model=slow)
    if network.is_single:
        guesses.append(
            f"the fixed batch of {network.batch} is made free: batches of 2 and 3 returned the same"
        )
        return network
    try:
        network.run(inputs)
    except ModelFileError:  # an output that is not read has a batch of 1 written into it
        return replace(network, is_single=True)
    return network


def try_on_noise(network: Network) -> dict[str, NDArray[Any]]:
    """Its outputs for one picture of noise."""
    return network.run(_noise((1, *_picture(network)), network.kind))


def _repeating(run: Run, batch: int) -> Run:
    """Run one picture in a network of a larger batch, all of whose pictures it is."""

    def run_one(inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        outputs = run(np.repeat(inputs, batch, axis=0))
        return {n: v[:1] if v.shape[:1] == (batch,) else v for n, v in outputs.items()}

    return run_one


def _picture(network: Network) -> tuple[int, int, int]:
    return (*network.input_hw, 3) if network.is_nhwc else (3, *network.input_hw)


def _noise(shape: tuple[int, ...], kind: type[Any]) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if np.issubdtype(kind, np.integer):
        return rng.integers(0, 256, shape).astype(kind)
    return rng.standard_normal(shape, np.float32).astype(kind)


def _refuse_what_lies_elsewhere(path: Path) -> None:
    """Data files beside it are read with it; a file that names any other is refused.

    Raises:
        ModelFileError: It does.
    """
    found = reads_beyond_its_folder(path)
    if found:
        raise ModelFileError(
            f"{path} takes weights from {found}, which is no plain file beside it",
            fix="export it again, into one file",
        )


def _load(path: Path) -> onnx.ModelProto:
    if not (is_there(path) and path.is_file()):
        raise UsageError(f"there is no file {path}", fix="check --onnx")
    try:
        is_ours = METADATA_KEY in read_metadata(path, is_foreign=True)
        _refuse_what_lies_elsewhere(path)
        model = onnx.load(str(path))  # external data are loaded as well
        size = model.ByteSize()
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
    except ModelFileError as error:
        raise ModelFileError(error.what, fix="copy it again, or export it again") from error
    except Exception as error:  # protobuf, the checker and missing external data share no base
        raise ModelFileError(
            f"{path} cannot be read: {first_line(error)}",
            fix="copy it again, with the data file beside it if it has one",
        ) from error
    if is_ours:
        raise UsageError(
            f"{path} is already a steadypose model file",
            fix=f"{command('run')} --model {quoted(path)}",
        )
    if size > _LARGEST:
        raise ModelFileError(
            f"{path} holds {size / 1e9:.1f} GB, a self-contained ONNX file at most 2",
            fix="export it in fp16, or take a smaller network",
        )
    names = {t.name for t in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, 8)  # before 4, weights had to be inputs as well
    return model
