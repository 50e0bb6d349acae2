"""Read what TensorRT really built: from the engine's inspector, else from the verbose log.

The requested precision proves nothing: engines that silently stayed in float32 have been
shipped as fp16. The inspector is TensorRT's interface for this and needs the GPU. Of an engine
for any batch it tells types only with a context whose shape is set, and 8.6 not even then: there
the type of the weights tells it. With a verbose logger and detailed profiling the builder also
prints every layer of the finished engine, with or without a GPU, but in a text that changes
between versions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.backends.tensorrt.loading import INPUT, new_context
from steadypose.engines.foreign.texts import parse_json

_LAYER = re.compile(
    r"Name: (?P<name>.*?), LayerType: (?P<kind>\w+), Inputs: \[(?P<inputs>.*?)\]"
    r"(?:, Constants: \[(?P<constants>.*?)\])?, Outputs: \[(?P<outputs>.*?)\](?P<rest>.*)"
)
# RTX writes "Datatype: Half", TensorRT 8 to 10 "Format/Datatype: Channel major FP16 format ...".
_TYPE = re.compile(r"Format/Datatype: (?P<phrase>[^,}\]]+)|(?<!/)Datatype: (?P<word>\w+)")
_WEIGHTS = re.compile(r'Weights: \{"Type": "(\w+)"')
_WORDS = {"half": "Half", "fp16": "Half", "float": "Float", "fp32": "Float", "int8": "Int8",
          "uint8": "UInt8"}  # fmt: skip
_SOURCE = re.compile(r"\[ONNX Layer: (.*?)\]")


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """One layer, usually one kernel, of a built engine.

    Attributes:
        name: TensorRT's name.
        kind: Its layer type, such as ``correlation``.
        inputs: Types of the tensors it reads, such as ``Half``.
        outputs: Types of those it writes.
        weights: Types of its constants.
        onnx: Nodes of the model file it came from.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[str, ...]
    onnx: tuple[str, ...]

    @property
    def reads_crops(self) -> bool:
        """Whether it reads the model's uint8 input."""
        return any(kind.lower() == "uint8" for kind in self.inputs)

    def comes_from(self, node: str) -> bool:
        """Whether it computes this node of the model file.

        TensorRT 8.5 does not report where a layer came from, but names it after its nodes.
        """
        return node in self.onnx if self.onnx else node in re.split(r"[ +,()]+", self.name)

    @property
    def precision(self) -> str:
        """The type it computes in, judged by its inputs: int8, half or float."""
        read = {kind.lower() for kind in (self.inputs[:1] or self.outputs or self.weights[:1])}
        if "Float" in self.weights[:1] and "int8" not in read:
            read = {"float"}  # a reformat may have been fused in front of it
        return next((kind for kind in ("int8", "half", "float") if kind in read), "other")


def parse_layers(messages: Iterable[str]) -> list[BuiltLayer]:
    """Layers of the last engine that the messages describe; empty if there is none."""
    layers: list[BuiltLayer] = []
    for message in messages:
        if "LayerType:" not in message:
            continue
        found = [_layer(line) for line in message.splitlines() if "LayerType:" in line]
        layers = [layer for layer in found if layer is not None] or layers
    return layers


def inspect_engine(
    api: TensorRt, plan: Any, input_shape: tuple[int, int, int, int]
) -> list[BuiltLayer]:
    """Layers as the engine itself tells them; empty where it cannot be loaded or asked here.

    Args:
        api: TensorRT.
        plan: What it built.
        input_shape: Of a batch of crops.
    """
    try:
        runtime = api.module.Runtime(api.log.logger)
        engine = None if api.log.errors else runtime.deserialize_cuda_engine(plan)
        if engine is None:
            return []
        inspector = engine.create_engine_inspector()
        config = engine.create_runtime_config() if api.flavor == "tensorrt-rtx" else None
        context = new_context(engine, api, config)
        if context is not None and context.set_input_shape(INPUT, input_shape):
            inspector.execution_context = context
        text = inspector.get_engine_information(api.module.LayerInformationFormat.JSON)
        return layers_in_json(text)
    except (TypeError, AttributeError, ValueError):  # no GPU, no inspector, no JSON
        return []
    finally:
        api.log.errors.clear()


def layers_in_json(text: str) -> list[BuiltLayer]:
    """Layers of the inspector's JSON; a layer that is only a name is left out.

    Raises:
        ValueError: It is no JSON.
    """
    told = parse_json(text, most_bytes=64 << 20)
    found = told.get("Layers", ()) if isinstance(told, dict) else ()
    return [_from_json(layer) for layer in found if isinstance(layer, dict)]


def _from_json(layer: dict[str, Any]) -> BuiltLayer:
    def types(key: str) -> tuple[str, ...]:
        tensors = [t for t in layer.get(key) or () if isinstance(t, dict)]
        told = (str(t.get("Format/Datatype", t.get("Datatype", "N/A"))) for t in tensors)
        return tuple(_type(text) for text in told if not text.startswith("N/A"))

    weights = layer.get("Weights")
    kinds = (_type(str(weights.get("Type", ""))),) if isinstance(weights, dict) else ()
    return BuiltLayer(
        str(layer.get("Name", "")),
        str(layer.get("LayerType", "")),
        types("Inputs"),
        types("Outputs"),
        (*types("Constants"), *kinds),
        tuple(_SOURCE.findall(str(layer.get("Metadata", "")))),
    )


def _layer(line: str) -> BuiltLayer | None:
    # Dimensions and strides are bracketed lists inside the bracketed lists of tensors.
    plain = re.sub(r"(Dimensions|Strides|StrideOrder): \[[^\]]*\]", r"\1", line)
    match = _LAYER.search(plain)
    if match is None:
        return None
    return BuiltLayer(
        match["name"].strip(),
        match["kind"],
        _types(match["inputs"]),
        _types(match["outputs"]),
        (*_types(match["constants"] or ""), *_WEIGHTS.findall(match["rest"])),
        tuple(_SOURCE.findall(line)),
    )


def _types(tensors: str) -> tuple[str, ...]:
    return tuple(_type(found["word"] or found["phrase"]) for found in _TYPE.finditer(tensors))


def _type(text: str) -> str:
    """Convert TensorRT's name or description of a type to one word."""
    for word in re.findall(r"[a-z]+[0-9]*", text.lower()):
        if word in _WORDS:
            return _WORDS[word]
    return text.strip()


def count_precisions(layers: Iterable[BuiltLayer], convolutions: Collection[str]) -> dict[str, int]:
    """Count the network's layers with weights by the type they compute in.

    Args:
        layers: Of the built engine.
        convolutions: Names of these layers in the model file.

    Returns:
        Counts by ``half``, ``float``, ``int8`` or ``other``; one that no
        layer names is left out.
    """
    found: Counter[str] = Counter()
    known = list(layers)
    for name in convolutions:
        # Besides the convolution itself, its requantisation or padding may have its name.
        named = [layer for layer in known if layer.comes_from(name) and not layer.reads_crops]
        if named:
            found[max(named, key=_rank).precision] += 1
    return dict(found)


def _rank(layer: BuiltLayer) -> int:
    kind = layer.kind.lower()
    return 2 if "corr" in kind or "conv" in kind else 1 if "fusion" in kind else 0


def reading_crops(layers: Iterable[BuiltLayer]) -> list[BuiltLayer]:
    """Layers that read the uint8 input: one if preprocessing is fused."""
    return [layer for layer in layers if layer.reads_crops]
