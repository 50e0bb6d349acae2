"""PyTorch's times for the networks of a visit, where it is installed and sees the GPU."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.measuring import times_ms

_INPUT_HW = (256, 192)


def baselines(network: str, *, is_fake: bool) -> dict[str, Any]:
    """PyTorch eager and as a CUDA graph, fp16, batch 1, network alone."""
    if is_fake:
        return {"why": "a made-up GPU runs no torch"}
    try:
        import torch  # noqa: PLC0415

        from steadypose.export.models.pose_resnet import PoseResNet  # noqa: PLC0415
    except ImportError as error:
        return {"why": f"{error.name} is not installed in this Python"}
    if not torch.cuda.is_available():
        return {"why": "torch sees no CUDA device"}
    depth = int(network.removeprefix("pose_resnet").partition("_")[0])
    built = PoseResNet(depth, deconv_filters=(256, 256, 256)).cuda().half().eval()
    built = built.to(memory_format=torch.channels_last)
    x = torch.zeros(1, 3, *_INPUT_HW, device="cuda", dtype=torch.float16)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():

        def eager() -> None:
            built(x)
            torch.cuda.synchronize()

        found: dict[str, Any] = {"torch": torch.__version__, "eager_ms": times_ms(eager)}
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            built(x)

        def replay() -> None:
            graph.replay()
            torch.cuda.synchronize()

        found["graph_ms"] = times_ms(replay)
    return found
