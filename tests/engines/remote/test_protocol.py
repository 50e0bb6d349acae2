"""The protocol, as tritonclient speaks it, with a small stand-in of OpenVINO Model Server."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError, ModelFileError
from steadypose.engines.options import EngineOptions, RemoteOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.cli import main
from tests.support.inference_server import StandIn
from tests.support.triton import free_port

pytest.importorskip("tritonclient.http")
pytestmark = pytest.mark.filterwarnings("ignore")
CROPS = np.random.default_rng(1).integers(0, 255, (3, 64, 48, 3), np.uint8)


@pytest.fixture
def own(tiny_path: Path) -> Iterator[Engine]:
    options = EngineOptions(precision="fp32", threads=1)
    engine = open_engine(tiny_path, backend="openvino", options=options).engine
    yield engine
    engine.close()


def remote(path: Path, *servers: str, **more: object) -> Engine:
    options = RemoteOptions(servers, **more)  # type: ignore[arg-type]
    return open_engine(path, backend="remote", options=EngineOptions(remote=options)).engine


def test_the_same_poses_come_back(own: Engine, tiny_path: Path) -> None:
    with StandIn(own) as server:
        engine = remote(tiny_path, server.url, token="t0k3n", timeout_s=5.0)  # noqa: S106 - of a test
        assert engine.label == f"remote HTTP, {server.url}"
        there = engine.infer(CROPS).copy()
        np.testing.assert_array_equal(there, own.infer(CROPS))
        assert server.headers["authorization"] == "Bearer t0k3n"
        engine.close()


def test_killed_and_back_within_a_second(own: Engine, tiny_path: Path) -> None:
    with StandIn(own) as server:
        engine = remote(tiny_path, server.url, timeout_s=0.8)
        assert engine.infer(CROPS).any()
        server.stop()
        begin_s = time.perf_counter()
        assert not engine.infer(CROPS).any()
        server.start()
        while not engine.infer(CROPS).any():
            assert time.perf_counter() - begin_s < 1.0
            time.sleep(0.01)
        engine.close()


def test_a_stall_is_cut_off(own: Engine, tiny_path: Path) -> None:
    with StandIn(own) as server:
        engine = remote(tiny_path, server.url, timeout_s=0.15)
        engine.infer(CROPS)
        server.stall_s = 2.0
        for _ in range(4):
            begin_s = time.perf_counter()
            assert not engine.infer(CROPS).any()
            assert time.perf_counter() - begin_s < 0.15 + 0.5
        engine.close()


def test_wrong_shapes_and_names_are_a_sentence(own: Engine, tiny_path: Path) -> None:
    with StandIn(own, rows=13) as server, pytest.raises(ModelFileError, match="13"):
        remote(tiny_path, server.url)
    with StandIn(own) as server, pytest.raises(EngineError, match="refuses the model 'other'"):
        remote(tiny_path, server.url, model="other")


@pytest.mark.parametrize("scheme", ["http", "https", "grpc", "grpcs"])
def test_nobody_there_is_a_sentence(
    tiny_path: Path, capsys: pytest.CaptureFixture[str], scheme: str
) -> None:
    words = ["--model", str(tiny_path), "--source", "demo", "--headless", "--backend", "remote"]
    assert main([*words, "--server", f"{scheme}://127.0.0.1:{free_port()}"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "does not answer" in lines[0]


def test_tls(own: Engine, tiny_path: Path, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = subprocess.run(
        [*words, "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    pem.write_bytes((tmp_path / "key").read_bytes() + (tmp_path / "cert").read_bytes())
    with StandIn(own, tls=pem) as server:
        engine = remote(tiny_path, server.url, ca=tmp_path / "cert", timeout_s=5.0)
        assert engine.infer(CROPS).any()
        engine.close()
        with pytest.raises(EngineError, match="does not answer"):  # nobody vouches for it
            remote(tiny_path, server.url)
        with pytest.raises(EngineError, match="does not answer") as plain:
            remote(tiny_path, server.url.replace("https", "http"))
        assert "https://" in plain.value.fix
    with StandIn(own) as server, pytest.raises(EngineError, match="does not answer"):
        remote(tiny_path, server.url.replace("http", "https"))
