"""A server by gRPC."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from numpy.typing import NDArray

from steadypose.engines.backends.remote.contract import INPUT, OUTPUT, Served, Tensor
from steadypose.engines.backends.remote.places import Place, refusal, too_late, unreachable
from steadypose.engines.errors import EngineError
from steadypose.engines.options import RemoteOptions

_AWAY = ("StatusCode.UNAVAILABLE", "StatusCode.CANCELLED")
_LATE = "StatusCode.DEADLINE_EXCEEDED"
# Back within a second is seen within a second.
_CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 400),
    ("grpc.use_local_subchannel_pool", 1),
]


class GrpcClient:
    """See ``Client``."""

    def __init__(self, place: Place, options: RemoteOptions) -> None:
        self._place = place
        self._headers = options.headers()
        about: dict[str, Any] = {"channel_args": _CHANNEL}
        if place.is_secure:
            cert, key = options.cert, options.key or options.cert
            about |= {
                "ssl": True,
                "root_certificates": options.ca and str(options.ca),
                "certificate_chain": cert and str(cert),
                "private_key": key and str(key),
            }
        self._client = triton.InferenceServerClient(place.address, **about)

    def describe(self, model: str, *, timeout_s: float) -> Served:
        """See ``Client``."""
        about = {"headers": self._headers, "client_timeout": timeout_s}
        try:
            said = self._client.get_model_metadata(model, **about)
        except triton.InferenceServerException as error:
            raise self._failed(error, model) from error
        parameters, most = {}, None
        with suppress(triton.InferenceServerException):  # only Triton tells its configuration
            config = self._client.get_model_config(model, **about).config
            parameters = {key: value.string_value for key, value in config.parameters.items()}
            most = config.max_batch_size or None
        return Served(_tensors(said.inputs), _tensors(said.outputs), parameters, most)

    def infer(
        self, model: str, crops: NDArray[np.uint8], *, timeout_s: float
    ) -> NDArray[np.float32]:
        """See ``Client``."""
        given = triton.InferInput(INPUT, list(crops.shape), "UINT8")
        given.set_data_from_numpy(crops)
        try:
            answer = self._client.infer(
                model,
                [given],
                outputs=[triton.InferRequestedOutput(OUTPUT)],
                headers=self._headers,
                client_timeout=timeout_s,
            )
        except triton.InferenceServerException as error:
            raise self._failed(error, model) from error
        found: NDArray[np.float32] = answer.as_numpy(OUTPUT)
        return found

    def close(self) -> None:
        """See ``Client``."""
        self._client.close()

    def _failed(self, error: Any, model: str) -> EngineError:
        if error.status() == _LATE:
            return too_late(self._place)
        if error.status() in _AWAY:
            return unreachable(self._place, error.message())
        return refusal(self._place, model, error.message())


def _tensors(said: Any) -> tuple[Tensor, ...]:
    return tuple(Tensor(t.name, t.datatype, tuple(map(int, t.shape))) for t in said)
