"""What TensorRT built, loaded again, and whether it is a model of ours."""

from __future__ import annotations

from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.errors import EngineError, EngineUnavailableError
from steadypose.engines.spec import ModelSpec
from steadypose.engines.wording import advice

INPUT, OUTPUT = "crops", "keypoints"


def load_plan(plan: bytes, api: TensorRt) -> tuple[Any, Any]:
    """TensorRT's runtime, which has to stay alive, and its engine.

    Raises:
        EngineUnavailableError: TensorRT cannot use this GPU.
        EngineError: It refuses the plan.
    """
    api.log.errors.clear()
    try:
        runtime = api.module.Runtime(api.log.logger)
    except TypeError as error:  # TensorRT 8's answer to a driver it cannot use
        raise _unusable(api) from error
    if api.log.errors:
        # TensorRT 10 and 11 return an object all the same, which crashes when touched.
        raise _unusable(api)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise refused(api, "does not load this engine")
    return runtime, engine


def check_contract(engine: Any, spec: ModelSpec, api: TensorRt) -> None:
    """The plan's inputs and outputs are those of a model file of this spec.

    Raises:
        EngineError: They are others.
    """
    types = api.module.DataType
    height, width = spec.input_hw
    wanted = {
        INPUT: ((height, width, 3), types.UINT8),
        OUTPUT: ((spec.output_rows, 3), types.FLOAT),
    }
    found = {}
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        shape = tuple(engine.get_tensor_shape(name))[1:]  # of one crop
        found[name] = (shape, engine.get_tensor_dtype(name))
    for name, promised in wanted.items():
        if found.get(name) != promised:
            raise EngineError(
                f"the engine's tensors are {found}, model {spec.name} promises {wanted}",
                fix=advice.BUILD_AGAIN,
            )


def new_context(engine: Any, api: TensorRt, config: Any = None) -> Any:
    """TensorRT's context without memory of its own, however this version makes one.

    Args:
        engine: TensorRT's.
        api: TensorRT.
        config: Of TensorRT for RTX; None of TensorRT.

    Returns:
        The context; None where it is refused.
    """
    if config is not None:
        strategy = api.module.ExecutionContextAllocationStrategy.USER_MANAGED
        config.set_execution_context_allocation_strategy(strategy)
        return engine.create_execution_context(config)
    if hasattr(api.module, "ExecutionContextAllocationStrategy"):
        strategy = api.module.ExecutionContextAllocationStrategy.USER_MANAGED
        return engine.create_execution_context(strategy)
    return engine.create_execution_context_without_device_memory()


def _unusable(api: TensorRt) -> EngineUnavailableError:
    return EngineUnavailableError(
        f"{api.title} cannot use this GPU: {api.log.last_errors()}",
        fix="update NVIDIA's driver, or install the TensorRT that fits it (docs/tensorrt.md)",
    )


def refused(api: TensorRt, what: str) -> EngineError:
    """TensorRT said no; ``what`` is the half sentence after its name."""
    return EngineError(
        f"{api.title} {what}: {api.log.last_errors()}",
        fix=f"{advice.BUILD_AGAIN}; see docs/tensorrt.md",
    )
