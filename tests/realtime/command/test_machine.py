"""The line that names the machine in tables and sidecars."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadypose.realtime.command.machine import cpu_name

CORE = "processor\t: {n}\nmodel name\t: Some CPU {n}\nflags\t\t: fpu {flags}\n\n"


@pytest.mark.parametrize(
    ("flags", "best"),
    [
        ("sse2", ""),
        ("avx2", " (avx2)"),
        ("avx2 avx512f", " (avx512f)"),
        ("avx2 avx512f avx512_bf16", " (avx512_bf16)"),
    ],
)
def test_a_processor_is_named_with_the_best_of_what_decides_the_speed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, best: str
) -> None:
    (tmp_path / "cpuinfo").write_text("".join(CORE.format(n=n, flags=flags) for n in range(2)))
    monkeypatch.setattr(f"{cpu_name.__module__}.Path", lambda _: tmp_path / "cpuinfo")
    assert cpu_name() == f"Some CPU 0{best}"
