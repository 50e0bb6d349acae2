"""Small servers of the Open Inference Protocol, that answer as OpenVINO Model Server does.

Source: https://github.com/kserve/open-inference-protocol, with the binary tensor extension.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.remote.contract import Served, Tensor
from steadypose.engines.base import Engine

TYPES = {"UINT8": np.uint8, "FP32": np.float32}


class InProcess:
    """A client whose server is an engine beside it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def describe(self, model: str, *, timeout_s: float) -> Served:
        height, width = self.engine.spec.input_hw
        crops = Tensor("crops", "UINT8", (-1, height, width, 3))
        found = Tensor("keypoints", "FP32", (-1, self.engine.spec.output_rows, 3))
        return Served((crops,), (found,), {}, 2)

    def infer(
        self, model: str, crops: NDArray[np.uint8], *, timeout_s: float
    ) -> NDArray[np.float32]:
        return rows_of(self.engine, crops)

    def close(self) -> None:
        pass


def rows_of(engine: Engine, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the model file gives, all people of a crop in a row."""
    central = engine.infer(crops)
    others = engine.others.reshape(len(crops), -1, 3)
    return np.concatenate((central, others), axis=1)


class StandIn:
    """Serves an engine's model under a name; it may stall, vanish and come back.

    Attributes:
        stall_s: How long each answer takes.
        batches: Sizes of those that were computed.
        headers: Of the last request.
        config: Answer to who asks for the configuration, as Triton does; empty: there is none.
        guests: Certificates of those who may come in, where it asks for one.
        head: Said of each answer instead of the truth.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str = "tiny",
        rows: int = 0,
        tls: Path | None = None,
        guests: Path | None = None,
    ) -> None:
        self.engine, self.name, self.tls, self.guests = engine, name, tls, guests
        self.rows = rows or engine.spec.output_rows
        self.stall_s = 0.0
        self.batches: list[int] = []
        self.headers: dict[str, str] = {}
        self.config = ""
        self.head: dict[str, Any] | None = None
        self._turn = threading.Lock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """On the port of last time."""
        handler = type("Handler", (_Handler,), {"stand_in": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls)
            if self.guests is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self.guests)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """As if it were killed: connections that stand are cut by their next use."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def metadata(self) -> dict[str, Any]:
        return self.described(self.engine, self.name, rows=self.rows)

    @staticmethod
    def described(engine: Engine, name: str, *, rows: int = 0) -> dict[str, Any]:
        """What it says of its model."""
        height, width = engine.spec.input_hw
        rows = rows or engine.spec.output_rows
        crops = {"name": "crops", "datatype": "UINT8", "shape": [-1, height, width, 3]}
        found = {"name": "keypoints", "datatype": "FP32", "shape": [-1, rows, 3]}
        said = {"name": name, "versions": ["1"], "platform": "OpenVINO"}
        return {**said, "inputs": [crops], "outputs": [found]}

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        time.sleep(self.stall_s)
        with self._turn:
            self.batches.append(len(crops))
            return rows_of(self.engine, crops)

    def __enter__(self) -> StandIn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_GET(self) -> None:
        if self.path.rstrip("/") == f"/v2/models/{self.stand_in.name}":
            self._send(200, json.dumps(self.stand_in.metadata()).encode())
        elif self.stand_in.config and self.path.endswith("/config"):
            self._send(200, self.stand_in.config.encode())
        else:
            self._send(404, json.dumps({"error": f"no such thing: {self.path}"}).encode())

    def do_POST(self) -> None:
        stand_in = self.stand_in
        stand_in.headers = {key.lower(): value for key, value in self.headers.items()}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if stand_in._server is None:
            self.close_connection = True
            return
        if self.path != f"/v2/models/{stand_in.name}/infer":
            self._send(404, json.dumps({"error": f"no such thing: {self.path}"}).encode())
            return
        length = int(self.headers["Inference-Header-Content-Length"])
        (given,) = json.loads(body[:length])["inputs"]
        crops = (
            np.frombuffer(body[length:], TYPES[given["datatype"]]).reshape(given["shape"]).copy()
        )
        found = np.ascontiguousarray(stand_in.infer(crops), np.float32)
        about = {"binary_data_size": found.nbytes}
        said = {"name": "keypoints", "datatype": "FP32", "shape": list(found.shape)}
        true = {"outputs": [{**said, "parameters": about}]}
        head = json.dumps(true if stand_in.head is None else stand_in.head).encode()
        self._send(200, head + found.tobytes(), length=len(head))

    def _send(self, code: int, body: bytes, *, length: int = 0) -> None:
        try:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if length:
                self.send_header("Inference-Header-Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # nobody waits any more

    def log_message(self, *_: object) -> None:
        pass


class GrpcStandIn:
    """The same by gRPC. Like OpenVINO Model Server it tells no configuration of a model."""

    def __init__(self, engine: Engine, *, name: str = "tiny", credentials: Any = None) -> None:
        import grpc
        from tritonclient.grpc import service_pb2, service_pb2_grpc

        about, headers = StandIn.described(engine, name), dict[str, str]()

        class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
            def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's
                if request.name != name:
                    context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
                return service_pb2.ModelMetadataResponse(**about)

            def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
                headers.update({key: str(value) for key, value in context.invocation_metadata()})
                (given,) = request.inputs
                crops = np.frombuffer(request.raw_input_contents[0], TYPES[given.datatype])
                found = np.ascontiguousarray(
                    rows_of(engine, crops.reshape(list(given.shape)).copy()), np.float32
                )
                answer = service_pb2.ModelInferResponse(
                    model_name=name, raw_output_contents=[found.tobytes()]
                )
                answer.outputs.add(name="keypoints", datatype="FP32", shape=found.shape)
                return answer

        self.headers = headers
        self._server = grpc.server(ThreadPoolExecutor(2))
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), self._server)
        at = "127.0.0.1:0"
        if credentials is None:
            self.port = self._server.add_insecure_port(at)
        else:
            self.port = self._server.add_secure_port(at, credentials)
        self._server.start()

    def __enter__(self) -> GrpcStandIn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(None).wait()
