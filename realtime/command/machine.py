"""Describe this machine in one line."""

from __future__ import annotations

import platform
from pathlib import Path

from steadypose.engines.options import usable_cpus


def machine() -> str:
    """Processor, usable cores and system, one line."""
    return f"{cpu_name()}, {usable_cpus()} CPUs, {platform.system()} {platform.machine()}"


def cpu_name() -> str:
    """Marketing name of the processor, if known, and its best vector instructions."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = [line.partition(":") for line in info.read_text().splitlines()]
    fields = {name.strip(): value.strip() for name, _, value in reversed(lines)}
    flags = fields.get("flags", "").split()
    best = next((isa for isa in ("avx512_bf16", "avx512f", "avx2") if isa in flags), "")
    name = fields.get("model name") or platform.processor() or platform.machine()
    return f"{name} ({best})" if best else name
