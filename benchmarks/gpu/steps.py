"""One step of a visit, as a child process of ``visit``: python -m benchmarks.gpu.steps JOB.json.

What it finds out goes to a file of JSON lines at once, so that a step that is ended or dies
leaves what it knew.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu import measuring, plan, torch_times
from benchmarks.gpu.checks import check
from benchmarks.gpu.graphs import read_graph
from benchmarks.gpu.machine import Machine, open_machine
from benchmarks.gpu.plan import Step
from benchmarks.gpu.preparing import FOLDER, crops_of, graph_file, reference
from steadypose.engines.backends.tensorrt.cropping import Cropping
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.engine_file import SUFFIX, EngineInfo, read_info, read_plan, write_engine
from steadypose.engines.errors import EngineError, SteadyposeError
from steadypose.engines.spec import ModelSpec
from steadypose.export.trt.builder import Job
from steadypose.export.trt.builder import build as build_plan

Tell = Callable[..., None]


def probe(machine: Machine, _: Step, tell: Tell) -> None:
    """Say what there is, before anything is built."""
    tell(machine=machine.title(), flavor=machine.api.flavor, version=machine.api.version)


def build(machine: Machine, step: Step, tell: Tell) -> None:
    """Build one engine and keep it with its sidecar."""
    is_old = machine.api.flavor == "tensorrt" and machine.api.generation < 10
    kind = "int8old" if step.precision == "int8" and is_old else step.precision
    graph = read_graph(step.network, kind)
    spec = ModelSpec.from_json(graph.spec)
    begin_s = time.perf_counter()
    onnx = graph_file(graph, FOLDER)
    tell(prepare_s=time.perf_counter() - begin_s)
    output = _engine_of(step, machine)
    if machine.is_fake:
        report = machine.fake_build(step.fault)
        plan_bytes = b"plan"
    else:
        place = FOLDER / f"{output.stem}.plan"
        job = Job(
            onnx=str(onnx),
            plan=str(place),
            result="",
            flavor=machine.api.flavor,
            precision=step.precision,
            min_batch=1,
            best_batch=1,
            max_batch=max(plan.BATCHES),
            input_hw=spec.input_hw,
            convolutions=graph.convolutions,
            network=graph.nodes,
            outside=graph.outside,
            device=machine.device.index,
            timing_cache=str(FOLDER / f"timing-{machine.api.version}.cache"),
        )
        report = build_plan(job)
        plan_bytes = place.read_bytes()
        place.unlink()
    info = EngineInfo(
        spec, onnx.name, "", machine.api.flavor, machine.api.version, step.precision,
        report["built"], max(plan.BATCHES), machine.device.name, (machine.device.capability,),
    )  # fmt: skip
    write_engine(output, plan_bytes, info)
    tell(
        build_s=report["build_s"],
        layers=report["layers"],
        built=report["built"],
        built_from=report.get("built_from", ""),
        plan_mb=len(plan_bytes) / 1e6,
    )


def measure(machine: Machine, step: Step, tell: Tell) -> None:
    """Everything about one engine, the most worth knowing first."""
    graph = read_graph(step.network, step.precision)
    spec = ModelSpec.from_json(graph.spec)
    engine = open_built(machine, step, tell)
    tell(label=engine.label, free_mb=machine.free_mb())
    wanted = reference(graph, FOLDER)
    crops = crops_of(spec, FOLDER)
    if isinstance(wanted, str):
        tell(parity={"why": wanted})
    else:
        wanted = machine.as_wanted(crops, wanted, step.fault)
        found = measuring.parity(engine, crops, wanted)
        tell(parity=found)
        if wrong := measuring.wrong(found, step.precision):
            tell(**{"parity error": wrong})
    latency: list[dict[str, Any]] = []
    rounds = 20 if machine.is_fake else measuring.ROUNDS
    for batch in plan.BATCHES:
        latency.append(measuring.measure(engine, crops[:batch], rounds=rounds))
        tell(latency=latency)
    frames = 8 if machine.is_fake else 90
    tell(paced=measuring.paced(engine, crops[:1], rounds=frames))
    for size_hw in ((720, 1280), (360, 640)):
        tell(**{f"loop_{size_hw[0]}": measuring.run_loop(engine, size_hw, frames=3 * frames)})
    engine.close()
    engine = open_built(machine, step, tell, crops="device")
    frames = 1 if machine.is_fake else 3 * frames
    tell(loop_720_cut=measuring.run_loop(engine, (720, 1280), frames=frames))
    tell(label_cut=engine.label)
    engine.close()


def open_built(machine: Machine, step: Step, tell: Tell, *, crops: str = "cpu") -> TensorRtEngine:
    """Load the engine that was built, all batch sizes warm; ``crops`` says who cuts them."""
    path = _engine_of(step, machine)
    info = read_info(path)
    if not info.is_ours:  # a plan is code: only what the step before built
        raise EngineError(f"{path.name} was not built here", fix="build it first")
    data = read_plan(path, info)
    begin_s = time.perf_counter()
    machine.begin(step.fault, info.spec)
    engine = TensorRtEngine(
        data,
        info,
        api=machine.api,
        driver=machine.driver,
        memory=machine.open_memory(),
        gpu=machine.device.name,
        cache=path.with_name(path.name + ".cache"),
        cropping=Cropping(crops, capability=machine.device.capability, cuda=machine.device.driver),
    )
    tell(open_s=time.perf_counter() - begin_s)
    return engine


def torch(machine: Machine, step: Step, tell: Tell) -> None:
    """PyTorch's time for the same network."""
    tell(torch=torch_times.baselines(step.network, is_fake=machine.is_fake))


def checks(machine: Machine, step: Step, tell: Tell) -> None:
    """What must fail with a sentence, and what must leave nothing behind."""
    check(machine, lambda crops: open_built(machine, step, tell, crops=crops), tell)


KINDS: dict[str, Callable[[Machine, Step, Tell], None]] = {
    "probe": probe, "build": build, "measure": measure, "torch": torch, "checks": checks,
}  # fmt: skip


def _engine_of(step: Step, machine: Machine) -> Path:
    name = f"{step.row.replace(' ', '_')}-{machine.api.flavor}{machine.api.version}"
    return (machine.work if machine.is_fake else FOLDER) / f"{name}{SUFFIX}"


def _die_with_parent() -> None:
    """A visit that is killed leaves no step behind that holds the GPU."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Run the step; a failure is told in one sentence."""
    _die_with_parent()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    step = Step(**job["step"])
    with Path(job["told"]).open("a", encoding="utf-8") as file:

        def tell(**facts: Any) -> None:
            file.write(json.dumps(facts) + "\n")
            file.flush()

        try:
            machine = open_machine(job["device"], is_fake=job["is_fake"])
            machine.work = Path(job["told"]).parent
            KINDS[step.kind](machine, step, tell)
        except SteadyposeError as error:
            tell(**{f"{step.kind} error": error.what})
            return 1
        except Exception as error:
            tell(**{f"{step.kind} error": f"{type(error).__name__}: {error}"[:300]})
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
