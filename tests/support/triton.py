"""A real Triton from the wheel nvidia-pytriton, in an environment of its own, on this machine.

    python3.11 -m venv ENV; ENV/bin/pip install nvidia-pytriton 'numpy<2' openvino
    POSE_TEST_TRITON=ENV python -m pytest tests/engines/remote

It is older than what repairs CVE-2025-23310, 23311 and 23319: for tests on the loopback only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
import urllib.request
from pathlib import Path
from types import TracebackType

import pytest

_ENV = os.environ.get("POSE_TEST_TRITON", "")


def home() -> Path:
    """The wheel's folder; skips where there is none."""
    found = sorted(Path(_ENV).glob("lib/python*/site-packages/pytriton/tritonserver"))
    if not _ENV or not found:
        pytest.skip("set POSE_TEST_TRITON to an environment with nvidia-pytriton")
    return found[0]


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Triton:
    """The server on two ports that stay the same when it is started again."""

    def __init__(self, repository: Path, folder: Path, *words: str) -> None:
        root = home()
        self.backends = folder / "backends"
        shutil.copytree(root / "backends", self.backends)
        version = f"{root.parents[2].name.removeprefix('python')}"
        stub = "triton_python_backend_stub"
        shutil.copy(root / "python_backend_stubs" / version / stub, self.backends / "python" / stub)
        self.grpc, self.http = free_port(), free_port()
        self.log = folder / "triton.log"
        self.command = [
            str(root / "bin/tritonserver"),
            *("--model-repository", str(repository), "--backend-directory", str(self.backends)),
            *("--grpc-address", "127.0.0.1", "--grpc-port", str(self.grpc)),
            *("--http-address", "127.0.0.1", "--http-port", str(self.http)),
            *("--allow-metrics", "false", "--exit-timeout-secs", "1", *words),
        ]
        libraries = [
            sysconfig.get_config_var("LIBDIR"),
            str(root.parents[1] / "nvidia_pytriton.libs"),
        ]
        site = str(root.parents[1])
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(libraries),
            "PYTHONPATH": site,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, within_s: float = 60.0) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=self.environment
            )
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.http}/v2/health/ready", timeout=1
                ):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-3000:])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stall(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Triton:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.wake()
        self.kill()
