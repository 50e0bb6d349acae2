"""Report what works on this machine, and why the rest does not."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import cv2

from steadypose.engines import registry
from steadypose.engines.backends.tensorrt.cuda_driver import load_driver
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions, default_threads, usable_cpus
from steadypose.engines.wording.advice import typed_here
from steadypose.realtime.app.display import gui_backend, why_headless
from steadypose.realtime.command.machine import cpu_name
from steadypose.realtime.model.best_built import open_best
from steadypose.realtime.model.fastest import CLEARLY, least_ms
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.record.live.opening import PACKAGES, is_here, missing
from steadypose.realtime.sources.capture.controls import controls_of
from steadypose.realtime.sources.capture.listing import lines_of, list_cameras

_CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd")
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
_PACKAGES = ("openvino", "onnxruntime", "tritonclient", "av", "filterpy", "pyarrow")
_GPU_PACKAGES = ("tensorrt", "tensorrt-rtx", "pycuda", "cuda-python")


def examine(
    model: Path | None,
    *,
    backend: str = "auto",
    asked: EngineOptions | None = None,
) -> list[str]:
    """Everything a bug report needs, one line each.

    Args:
        model: Model file to try the backends with; None: the one that a run without
            ``--model`` and ``--quality`` would use, with the reason.
        backend: Backend of such a run.
        asked: On which device or servers such a run computes, and whether it trusts an engine
            that somebody else built.
    """
    threads = default_threads()
    options = replace(
        asked or EngineOptions(), threads=threads, precision="auto", crops="cpu", is_blocking=False
    )
    taken = []
    if model is None:
        model, text = _default(backend, options)
        taken = [_line("default", text)]
    lines = [
        _line("Python", f"{platform.python_version()} at {sys.executable}"),
        _line("system", f"{platform.platform()}"),
        _line("processor", f"{cpu_name()}, {usable_cpus()} usable CPUs, {_cpu_features()}"),
        _line("numpy", _version("numpy")),
        _line("OpenCV", _opencv()),
        *(_line(name, _version(name)) for name in _PACKAGES),
        *_live_lines(),
        _line("window", _window()),
        _line("video", _video_backends()),
        *camera_lines(),
        _line("GPU", _nvidia_gpu()),
        _line("CUDA driver", _cuda_driver(options.device)),
        *(_line(name, _version(name)) for name in _GPU_PACKAGES),
        *taken,
        *_model_lines(model, options),
    ]
    return [_without_home(line) for line in lines]


def _without_home(line: str) -> str:
    """A bug report is shared: the home folder, which carries the user's name, becomes ``~``."""
    try:
        home = str(Path.home())
    except RuntimeError:  # nobody's
        return line
    return line.replace(home, "~") if Path(home).parts[1:] else line


def _line(name: str, text: str) -> str:
    return f"{name:<14} {text}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _live_lines() -> list[str]:
    """The package of each option that sends poses, or what would bring it."""
    lines = []
    for option, (package, module) in PACKAGES.items():
        error = missing(option)
        why = error.what.removeprefix(f"{option} ")
        text = f"does not work: {why}; {typed_here(error.fix)}"
        lines.append(_line(option, f"{package} {_version(package)}" if is_here(module) else text))
    return lines


def _opencv() -> str:
    """Which of the packages that bring cv2 is here; with windows or without is up to the user."""
    found = [f"{version} ({name})" for name in _OPENCV if "not" not in (version := _version(name))]
    return ", ".join(found) or f"{cv2.__version__} (not from pip)"


def _cpu_features() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return "features unknown on this system"
    words = set(re.findall(r"\w+", info.read_text()))
    return " ".join(flag for flag in _CPU_FLAGS if flag in words) or "no vector extensions"


def _window() -> str:
    reason = why_headless()
    return f"{gui_backend()}, works" if reason is None else f"{gui_backend()}, no window: {reason}"


def _video_backends() -> str:
    registry = cv2.videoio_registry
    # Of some it only knows that a plugin could bring them.
    names = {registry.getBackendName(b) for b in registry.getBackends() if registry.hasBackend(b)}
    return ", ".join(sorted(names))


def camera_lines() -> list[str]:
    """The cameras here, on Linux each with its modes and controls."""
    try:
        cameras = list_cameras()
    except SteadyposeError as error:
        return [_line("cameras", f"{error.what}; {typed_here(error.fix)}")]
    if not cameras:
        return [_line("cameras", "none: the system lists no camera")]
    lines = lines_of(cameras)
    if platform.system() == "Linux":
        nodes = (f"/dev/video{one.number}" for one in cameras)
        told = []
        for line, node in zip(lines, nodes, strict=True):
            told.append(_line("camera", f"{line.strip()}: {_modes(node)}"))
            told += [_line("  control", one.title) for one in controls_of(Path(node))]
        return told
    return [_line("camera", line.strip()) for line in lines]


def _modes(device: str) -> str:
    """Sizes and rates of a camera, from v4l2-ctl if it is installed."""
    try:
        listed = subprocess.run(  # noqa: S603 - a fixed program and a device path
            ["v4l2-ctl", "--device", device, "--list-formats-ext"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "install v4l-utils to see its modes"
    sizes = re.findall(r"'(\w{4})'|Size: \w+ (\d+x\d+)", listed)
    modes: dict[str, list[str]] = {}
    for code, size in sizes:
        if code:
            modes.setdefault(code, [])
        elif modes:
            modes[list(modes)[-1]].append(size)
    return "; ".join(f"{code} {' '.join(found)}" for code, found in modes.items()) or "no modes"


def _nvidia_gpu() -> str:
    query = "name,driver_version,memory.total"
    try:
        run = subprocess.run(  # noqa: S603 - fixed arguments
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "no NVIDIA GPU (nvidia-smi not found)"
    return (
        run.stdout.strip().replace("\n", "; ") or f"nvidia-smi failed: {run.stderr.strip()[:100]}"
    )


def _cuda_driver(index: int) -> str:
    """Query the driver directly, without any CUDA package."""
    try:
        device = load_driver().device(index)
    except SteadyposeError as error:
        return error.what
    generation = int(device.driver.partition(".")[0])
    which = "requirements-gpu.txt" if generation >= 13 else "requirements-gpu-cu12.txt"
    return (
        f"CUDA {device.driver}, {device.name}, compute capability {device.capability}; "
        f"{which} has the packages for it"
    )


def _default(backend: str, options: EngineOptions) -> tuple[Path, str]:
    """The model file that a run uses by default, and why."""
    try:
        taken = open_best(
            backend=backend,
            options=options,
            is_auto_build=False,
        )
    except SteadyposeError as error:
        return DEFAULT_MODEL, f"none: {error.what}; {typed_here(error.fix)}"
    label = taken.opened.engine.label
    taken.opened.engine.close()
    notes = [f"passed over {reason}" for reason in taken.opened.passed_over]
    chosen = taken.reason or f"{taken.model.stem}, the default on the CPU"
    return taken.model, "; ".join([f"{chosen} ({label})", *notes])


def _model_lines(model: Path, options: EngineOptions) -> list[str]:
    try:
        spec = read_spec(model)
    except SteadyposeError as error:
        return [_line("model", f"{error.what}; {typed_here(error.fix)}")]
    height, width = spec.input_hw
    lines = [_line("model", f"{spec.name}, {height}x{width}, {len(spec.skeleton)} keypoints")]
    with ExitStack() as opened:
        said, engines = {}, {}
        for name in (entry.name for entry in registry.BACKENDS):
            if name == "remote" and not options.remote.servers:
                continue  # nobody asked for one
            try:
                found = registry.open_engine(model, backend=name, options=options)
            except SteadyposeError as error:
                said[name] = f"does not work: {error.what}; {typed_here(error.fix)}"
            else:
                opened.callback(found.engine.close)
                engines[name] = found.engine
                said[name] = f"works ({found.engine.label}, ready in {found.open_s:.2f} s"
        took_ms = least_ms(engines)
    for name in engines:
        said[name] += f", {took_ms[name]:.2f} ms for one crop)" if name in took_ms else ")"
    lines += [_line("backend", f"{name}: {text}") for name, text in said.items()]
    return lines + [_line("backend", text) for text in _faster(took_ms)]


def _faster(took_ms: dict[str, float]) -> list[str]:
    """What to try where another backend than the one that ``auto`` takes is clearly quicker."""
    taken, best = next(iter(took_ms), ""), min(took_ms, key=took_ms.__getitem__, default="")
    if best == taken or took_ms[best] > CLEARLY * took_ms[taken]:
        return []
    if _is_busy():
        return [f"{best} was quicker than {taken}, but the machine was busy: try again later"]
    return [f"{best} is quicker here than {taken}, which auto takes: try --backend {best}"]


def _is_busy() -> bool:
    """Whether others want the processors; a network on several threads suffers most from it."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > max(1.0, 0.75 * usable_cpus())
