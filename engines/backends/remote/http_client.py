"""A server by HTTP."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import tritonclient.http as triton
from numpy.typing import NDArray

from steadypose.engines.backends.remote.contract import INPUT, OUTPUT, Served, Tensor
from steadypose.engines.backends.remote.places import Place, refusal, tls_of, unreachable
from steadypose.engines.errors import EngineError
from steadypose.engines.options import RemoteOptions

_BUSY = ("502", "503", "504")  # of what stands before a server that is away


class HttpClient:
    """See ``Client``. A connection is made anew where another time is granted."""

    def __init__(self, place: Place, options: RemoteOptions) -> None:
        self._place, self._options = place, options
        self._headers = options.headers()
        self._timeout_s = 0.0
        self._made: Any = None

    def describe(self, model: str, *, timeout_s: float) -> Served:
        """See ``Client``."""
        said = self._call("get_model_metadata", model, timeout_s=timeout_s)
        parameters, most = {}, None
        with suppress(EngineError):  # only Triton tells its configuration
            config = self._call("get_model_config", model, timeout_s=timeout_s)
            told = config.get("parameters", {}).items()
            parameters = {key: str(value.get("string_value", "")) for key, value in told}
            most = int(config.get("max_batch_size", 0)) or None
        return Served(_tensors(said["inputs"]), _tensors(said["outputs"]), parameters, most)

    def infer(
        self, model: str, crops: NDArray[np.uint8], *, timeout_s: float
    ) -> NDArray[np.float32]:
        """See ``Client``."""
        given = triton.InferInput(INPUT, list(crops.shape), "UINT8")
        given.set_data_from_numpy(crops)
        wanted = [triton.InferRequestedOutput(OUTPUT)]
        answer = self._call("infer", model, [given], timeout_s=timeout_s, outputs=wanted)
        found: NDArray[np.float32] = answer.as_numpy(OUTPUT)
        return found

    def close(self) -> None:
        """See ``Client``."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _call(self, name: str, model: str, *given: Any, timeout_s: float, **more: Any) -> Any:
        try:
            client = self._client(timeout_s)
            return getattr(client, name)(model, *given, headers=self._headers, **more)
        except triton.InferenceServerException as error:
            if error.status() in _BUSY:
                raise unreachable(self._place, error.message()) from error
            raise refusal(self._place, model, error.message()) from error
        except Exception as error:  # sockets, TLS and gevent each have their own
            self.close()
            raise unreachable(self._place, str(error) or type(error).__name__) from error

    def _client(self, timeout_s: float) -> Any:
        """A connection whose patience is about what is granted; who asked counts exactly."""
        if self._made is not None and not timeout_s / 2 <= self._timeout_s <= 2 * timeout_s:
            self.close()
        if self._made is None:
            self._timeout_s = timeout_s
            about: dict[str, Any] = {"connection_timeout": timeout_s, "network_timeout": timeout_s}
            if self._place.is_secure:
                about |= {"ssl": True, "ssl_context_factory": lambda: tls_of(self._options)}
            self._made = triton.InferenceServerClient(self._place.address, **about)
        return self._made


def _tensors(said: Any) -> tuple[Tensor, ...]:
    return tuple(Tensor(t["name"], t["datatype"], tuple(map(int, t["shape"]))) for t in said)
