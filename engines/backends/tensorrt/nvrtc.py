"""CUDA's run-time compiler through ctypes: a kernel's source, compiled for the GPU that is here.

Machine code is asked for, not PTX: a driver refuses the PTX of a compiler that is newer than it.
Where the compiler is older than the GPU, PTX for the newest generation that it knows will do.

Source: NVRTC's documentation; names and option spellings are facts of that interface.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from steadypose.engines.errors import EngineError, EngineUnavailableError

_NAMES = (
    *("libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"),
    *("nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"),
)
_PACKAGED = ("nvidia/*/lib/libnvrtc.so.*", "nvidia/*/bin/nvrtc64_*_0.dll",
             "nvidia/*/bin/x86_64/nvrtc64_*_0.dll")  # fmt: skip
_BUILTINS = ("libnvrtc-builtins.so.*", "nvrtc-builtins64_*.dll")
_FIX = "cut crops on the CPU (--crops cpu)"
_NEWEST = ("nvrtcGetCUBINSize", "nvrtcGetCUBIN")  # of what is called; the rest is older


def compile_source(source: bytes, name: str, *, capability: str, cuda: str) -> bytes:
    """Machine code, or PTX, of a kernel; needs no GPU.

    Args:
        source: CUDA C++.
        name: Of its file, for messages.
        capability: Compute capability of the GPU, such as ``8.9``.
        cuda: Newest CUDA of the driver, such as ``12.4``: it loads nothing of a later generation.

    Raises:
        EngineUnavailableError: NVRTC is not installed, or is of a later CUDA than the driver.
        EngineError: It refuses the source.
    """
    nvrtc = _load_nvrtc(int(cuda.partition(".")[0]))
    program = ctypes.c_void_p()
    _check(
        nvrtc,
        "nvrtcCreateProgram",
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, name.encode(), 0, None, None),
    )
    try:
        arch, is_code = _architecture(_known(nvrtc), int(capability.replace(".", "")))
        options = (ctypes.c_char_p * 1)(f"--gpu-architecture={arch}".encode())
        if nvrtc.nvrtcCompileProgram(program, len(options), options):
            log = _text(nvrtc, program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            raise EngineError(f"NVRTC refuses {name} for {arch}: {log[:300]}", fix=_FIX)
        return _text(nvrtc, program, "CUBIN" if is_code else "PTX")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _architecture(known: list[int], wanted: int) -> tuple[str, bool]:
    """What to compile for, and whether that is machine code."""
    if not known or wanted in known:
        return f"sm_{wanted}", True
    older = [number for number in known if number < wanted]
    if not older:
        raise EngineUnavailableError(
            f"NVRTC has no compute capability {wanted / 10:.1f} any more", fix=_FIX
        )
    return f"compute_{max(older)}", False


def _known(nvrtc: Any) -> list[int]:
    """Compute capabilities that it knows, such as 89; empty where it cannot tell."""
    count = ctypes.c_int()
    try:
        code = nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count))
    except AttributeError:  # before CUDA 11.2
        return []
    numbers = (ctypes.c_int * count.value)()
    return [] if code or nvrtc.nvrtcGetSupportedArchs(numbers) else list(numbers)


def _text(nvrtc: Any, program: Any, what: str) -> bytes:
    size = ctypes.c_size_t()
    named = f"nvrtcGet{what}"
    _check(nvrtc, named, _function(nvrtc, f"{named}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(nvrtc, named, _function(nvrtc, named)(program, buffer))
    return buffer.raw


def _function(nvrtc: Any, name: str) -> Any:
    try:
        return getattr(nvrtc, name)
    except AttributeError:
        raise EngineUnavailableError(
            f"CUDA's run-time compiler (libnvrtc) is too old: it has no {name}",
            fix=f"install CUDA's newest for your driver, or {_FIX}",
        ) from None


def _check(nvrtc: Any, name: str, code: int) -> None:
    if code:
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        told = nvrtc.nvrtcGetErrorString(code) or b"unknown"
        raise EngineError(f"{name} failed ({code}): {told.decode()}", fix=_FIX)


def _load_nvrtc(most: int) -> Any:
    """The first NVRTC that has all we call and is not of a later CUDA than ``most``."""
    too_new, too_old = "", None
    for name in (*_packaged(), *_NAMES):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        major, minor = ctypes.c_int(), ctypes.c_int()
        try:
            version = _function(library, "nvrtcVersion")
            for needed in _NEWEST:
                _function(library, needed)
        except EngineUnavailableError as error:
            too_old = too_old or error
            continue
        _check(library, "nvrtcVersion", version(ctypes.byref(major), ctypes.byref(minor)))
        if major.value <= most:
            return library
        too_new = f"{major.value}.{minor.value}"
    if too_new:
        raise EngineUnavailableError(
            f"CUDA's run-time compiler (libnvrtc) is of CUDA {too_new}, the driver knows {most}",
            fix=f"pip install 'nvidia-cuda-nvrtc-cu{most}', or {_FIX}",
        )
    if too_old is not None:
        raise too_old
    raise EngineUnavailableError(
        "CUDA's run-time compiler (libnvrtc) is not installed",
        fix=f"pip install nvidia-cuda-nvrtc{'' if most > 12 else f'-cu{most}'}, or {_FIX}",
    )


def _packaged() -> Iterator[str]:
    """Those that pip installed, the newest first, with what they open by bare names loaded."""
    found = {path for folder in sys.path for kind in _PACKAGED for path in Path(folder).glob(kind)}
    for path in sorted(found, key=lambda path: (path.name, path), reverse=True):
        for kind in _BUILTINS:
            for beside in path.parent.glob(kind):
                with suppress(OSError):
                    ctypes.CDLL(str(beside), mode=ctypes.RTLD_GLOBAL)
        yield str(path)
