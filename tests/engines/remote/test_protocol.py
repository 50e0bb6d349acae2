"""The protocol, as tritonclient speaks it, with a small stand-in of OpenVINO Model Server."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError, ModelFileError, UsageError
from steadypose.engines.options import EngineOptions, RemoteOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.cli import main
from tests.support.inference_server import GrpcStandIn, StandIn
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


def test_killed_and_back_it_is_found_again(own: Engine, tiny_path: Path) -> None:
    """Whose clock it is does not matter: it rests 50 ms, then 100, and so on to 400."""
    with StandIn(own) as server:
        engine = remote(tiny_path, server.url, timeout_s=10.0)
        assert engine.infer(CROPS).any()
        server.stop()
        assert not engine.infer(CROPS).any()
        server.start()
        tries = 0
        while not engine.infer(CROPS).any():
            tries += 1
            assert tries < 100, "asked again at most each 400 ms"
            time.sleep(0.05)
        engine.close()


def test_a_stall_is_cut_off(own: Engine, tiny_path: Path) -> None:
    with StandIn(own) as server:
        engine = remote(tiny_path, server.url, timeout_s=0.3)
        engine.infer(CROPS)
        server.stall_s = 4.0
        begin_s = time.perf_counter()
        for _ in range(4):
            assert not engine.infer(CROPS).any()
        assert time.perf_counter() - begin_s < 3.0, "before the first answer came"
        engine.close()


GOOD = {"name": "keypoints", "datatype": "FP32", "shape": [3, 17, 3]}


@pytest.mark.parametrize(
    "said",
    [
        [],
        None,
        {},
        {"inputs": None, "outputs": []},
        {"inputs": [1], "outputs": [2]},
        {"inputs": [{"name": "crops", "datatype": "UINT8", "shape": "x"}], "outputs": []},
        {"inputs": [{"name": "crops", "datatype": "UINT8", "shape": [None]}], "outputs": []},
    ],
)
def test_a_description_that_is_none_is_a_sentence(
    own: Engine, tiny_path: Path, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    with StandIn(own) as server:
        monkeypatch.setattr(server, "metadata", lambda: said)
        with pytest.raises(EngineError, match="not the protocol"):
            remote(tiny_path, server.url)


@pytest.mark.parametrize(
    "said", [None, [], {"parameters": "x"}, {"parameters": {"a": "b"}}, {"max_batch_size": "x"}]
)
def test_a_configuration_that_is_none_is_a_sentence(
    own: Engine, tiny_path: Path, said: object
) -> None:
    with StandIn(own) as server:
        server.config = json.dumps(said)
        with pytest.raises(EngineError, match="not the protocol"):
            remote(tiny_path, server.url)


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"outputs": []},
        {"outputs": [{**GOOD, "name": "other"}]},
        {"outputs": [GOOD]},
        {"outputs": [{**GOOD, "parameters": {"binary_data_size": 12}}]},
        {"outputs": [{**GOOD, "datatype": "BYTES", "parameters": {"binary_data_size": 612}}]},
        {"outputs": [{**GOOD, "datatype": "INT32", "parameters": {"binary_data_size": 612}}]},
        {"outputs": [{**GOOD, "shape": [1], "parameters": {"binary_data_size": 612}}]},
        {"outputs": [{**GOOD, "shape": [51, 3], "parameters": {"binary_data_size": 612}}]},
    ],
)
def test_an_answer_that_is_none_is_a_sentence_and_a_camera_goes_on(
    own: Engine, tiny_path: Path, head: dict[str, object]
) -> None:
    with StandIn(own) as server:
        server.head = head
        with pytest.raises(EngineError):
            remote(tiny_path, server.url).infer(CROPS)
        server.head = None
        engine = remote(tiny_path, server.url, timeout_s=10.0)
        assert engine.infer(CROPS).any()
        server.head = head
        assert not engine.infer(CROPS).any()
        engine.close()


def test_certificates_that_are_none_are_a_sentence(tiny_path: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("garbage\n")
    for scheme in ("https", "grpcs"):
        with pytest.raises(UsageError, match="holds no certificate"):
            remote(tiny_path, f"{scheme}://127.0.0.1:1", ca=tmp_path / "ca.pem")


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


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself, with its key: ``cert``, ``key``, both."""
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = subprocess.run(
        [*words, "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    pem = tmp_path / "both.pem"
    pem.write_bytes((tmp_path / "key").read_bytes() + (tmp_path / "cert").read_bytes())
    return tmp_path


def test_tls(own: Engine, tiny_path: Path, pair: Path) -> None:
    with StandIn(own, tls=pair / "both.pem") as server:
        engine = remote(tiny_path, server.url, ca=pair / "cert", timeout_s=5.0)
        assert engine.infer(CROPS).any()
        engine.close()
        with pytest.raises(EngineError, match="does not answer"):  # nobody vouches for it
            remote(tiny_path, server.url)
        with pytest.raises(EngineError, match="does not answer") as plain:
            remote(tiny_path, server.url.replace("https", "http"))
        assert "https://" in plain.value.fix
    with StandIn(own) as server, pytest.raises(EngineError, match="does not answer"):
        remote(tiny_path, server.url.replace("http", "https"))


def test_a_server_that_asks_who_calls_is_shown_a_certificate(
    own: Engine, tiny_path: Path, pair: Path
) -> None:
    both, cert, key = pair / "both.pem", pair / "cert", pair / "key"
    pytest.importorskip("tritonclient.grpc")
    import grpc

    private, chain = key.read_bytes(), cert.read_bytes()
    asking = grpc.ssl_server_credentials(
        [(private, chain)], root_certificates=chain, require_client_auth=True
    )
    with (
        StandIn(own, tls=both, guests=cert) as by_http,
        GrpcStandIn(own, credentials=asking) as by_grpc,
    ):
        for url in (by_http.url, f"grpcs://127.0.0.1:{by_grpc.port}"):
            for shown in ({"cert": both}, {"cert": cert, "key": key}):
                engine = remote(tiny_path, url, ca=cert, timeout_s=5.0, **shown)
                assert engine.infer(CROPS).any()
                engine.close()
            with pytest.raises(EngineError, match="does not answer"):
                remote(tiny_path, url, ca=cert)
    with pytest.raises(UsageError, match=r"--server-cert .* holds no certificate with a key"):
        remote(tiny_path, "https://127.0.0.1:1", ca=cert, cert=cert)


def test_by_grpc_the_same_poses_come_back_without_a_configuration(
    own: Engine, tiny_path: Path
) -> None:
    pytest.importorskip("tritonclient.grpc")
    with GrpcStandIn(own) as server:
        at = f"127.0.0.1:{server.port}"
        engine = remote(tiny_path, at, token="t0k3n", timeout_s=5.0)  # noqa: S106 - of a test
        np.testing.assert_array_equal(engine.infer(CROPS), own.infer(CROPS))
        assert server.headers["authorization"] == "Bearer t0k3n"
        engine.close()
        with pytest.raises(EngineError, match="refuses the model 'other'"):
            remote(tiny_path, at, model="other")
