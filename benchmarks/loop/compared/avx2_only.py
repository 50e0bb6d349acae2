"""Run a program as on a processor with AVX2 and nothing newer, like most laptops."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from steadypose.engines.foreign.private import private_folder
from steadypose.realtime.model.places import ROOT

_SOURCE = Path(__file__).with_suffix(".c")
_LIBRARY = ROOT / "benchmarks" / "cache" / "avx2_only" / "avx2_only.so"
_OPENVINO_ALONE = {"ONEDNN_MAX_CPU_ISA": "AVX2"}


@functools.cache
def avx2_only() -> tuple[Mapping[str, str], bool]:
    """Environment variables for a child process, and whether they affect every program.

    If the processor's CPUID can be trapped (Intel, on Linux, with a C compiler), every
    program is limited to AVX2. Elsewhere only users of oneDNN are: OpenVINO, torch.
    """
    private_folder(_LIBRARY.parent)  # what lies there is loaded into programs
    build = ["cc", "-O2", "-shared", "-fPIC", "-o", str(_LIBRARY), str(_SOURCE)]
    loaded = [str(_LIBRARY), *os.environ.get("LD_PRELOAD", "").split()]
    variables = {"LD_PRELOAD": " ".join(loaded)}
    try:
        subprocess.run(build, capture_output=True, check=True)
        probe = [sys.executable, "-c", "pass"]
        subprocess.run(probe, env={**os.environ, **variables}, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return _OPENVINO_ALONE, False
    return variables, True
