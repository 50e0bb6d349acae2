"""Reading what was built, from the words of several TensorRT generations."""

from __future__ import annotations

from steadypose.export.trt.built_layers import count_precisions, parse_layers, reading_crops

# Forms of one line, shortened: TensorRT for RTX 1.7 (seen), and TensorRT 8 and 10 as
# published in verbose logs.
RTX = (
    "Name: node_Conv_7_myl0_4, LayerType: correlation, Inputs: [ { Name: a, Dimensions: "
    "[-1,64,32,24], Strides: [49152,1,1536,64], StrideOrder: [3,0,2,1], Datatype: Half, Format: "
    "(NHWC) Channel major format }], Constants: [ { Name: w, Dimensions: [64,64,3,3], Strides: "
    "[576,1,192,64], StrideOrder: [3,0,2,1], Datatype: Half, Format: (NHWC) Channel major format }"
    "], Outputs: [ { Name: b, Dimensions: [-1,64,32,24], Strides: [49152,1,1536,64], StrideOrder: "
    "[3,0,2,1], Datatype: Half, Format: (NHWC) Channel major format }], TacticName: x, StreamId: "
    "0, Metadata: [ONNX Layer: node_Conv_7]"
)
TEN = (
    "Name: node_Conv_7 + node_Relu_8, LayerType: CaskConvolution, Inputs: [ { Name: a, Location: "
    "Device, Dimensions: [1,64,56,56], Format/Datatype: Channel major FP16 format where channel % "
    "8 == 0 }], Outputs: [ { Name: b, Location: Device, Dimensions: [1,64,56,56], Format/Datatype: "
    "Channel major FP16 format where channel % 8 == 0 }], ParameterType: Convolution, Kernel: "
    '[3,3], Groups: 1, Weights: {"Type": "Half", "Count": 36864}, Bias: {"Type": "Half", "Count": '
    "64}, HasReLU: 1, TacticName: sm80_xmma, StreamId: 0, Metadata: [ONNX Layer: node_Conv_7]"
    "[ONNX Layer: node_Relu_8]"
)
EIGHT = (
    "Name: node_Conv_7 + node_Relu_8, LayerType: CaskConvolution, Inputs: [ { Name: a, Location: "
    "Device, Dimensions: [1,64,56,56], Format/Datatype: Row major linear FP32 }], Outputs: [ { "
    "Name: b, Location: Device, Dimensions: [1,64,56,56], Format/Datatype: Row major linear FP32 "
    '}], ParameterType: Convolution, Weights: {"Type": "Float", "Count": 36864}, TacticName: x'
)
INT8 = EIGHT.replace("Row major linear FP32", "Row major Int8 format").replace("Float", "Int8")
CROPS = TEN.replace("Channel major FP16 format where channel % 8 == 0", "Row major linear UINT8")


def test_every_generation_names_its_types() -> None:
    for text, wanted in ((RTX, "half"), (TEN, "half"), (EIGHT, "float"), (INT8, "int8")):
        layers = parse_layers(["Layers:\n" + text])
        assert count_precisions(layers, ["node_Conv_7"]) == {wanted: 1}, text[:40]


def test_the_layer_that_reads_the_crops_is_found() -> None:
    assert len(reading_crops(parse_layers([CROPS, ""]))) == 1
    assert reading_crops(parse_layers([TEN])) == []


def test_lines_that_are_no_layers_give_nothing() -> None:
    assert parse_layers(["", "LayerType: nothing else", "Name: a"]) == []
    assert count_precisions([], ["x"]) == {}


def test_only_the_last_engine_counts() -> None:
    layers = parse_layers([f"Layers:\n{EIGHT}", f"Layers:\n{TEN}\n{TEN}"])
    assert [layer.precision for layer in layers] == ["half", "half"]
