"""What each client asks of tritonclient and makes of its answers; a stand-in is that package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.remote.contract import Served, Tensor, Unreachable
from steadypose.engines.backends.remote.places import place_of
from steadypose.engines.errors import EngineError
from steadypose.engines.options import RemoteOptions

CROPS = np.arange(2 * 64 * 48 * 3, dtype=np.uint8).reshape(2, 64, 48, 3)
FOUND = np.ones((2, 17, 3), np.float32)
BEARER = {"authorization": "Bearer t0k3n"}


class Refusal(Exception):  # noqa: N818 - tritonclient's own name has its place below
    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self._status, self._text = status, text

    def status(self) -> str:
        return self._status

    def message(self) -> str:
        return self._text


class Given:
    def __init__(self, name: str, shape: list[int], datatype: str) -> None:
        self.about = (name, shape, datatype)
        self.data: NDArray[np.uint8] | None = None

    def set_data_from_numpy(self, data: NDArray[np.uint8]) -> None:
        self.data = data


class Package:
    """``tritonclient.http`` or ``.grpc``: what was asked, and what is answered."""

    def __init__(self, metadata: Any, config: Any) -> None:
        self.metadata, self.config = metadata, config
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.given: list[Given] = []
        self.closes = 0
        self.failure: Exception | None = None

    def answer(self, name: str, found: Any, **asked: Any) -> Any:
        self.asked.append((name, asked))
        if self.failure is not None:
            raise self.failure
        if isinstance(found, Exception):
            raise found
        return found

    def connect(self, address: str, **about: Any) -> SimpleNamespace:
        self.made.append((address, about))

        def infer(model: str, inputs: list[Given], **more: Any) -> Any:
            self.given += inputs
            found = SimpleNamespace(as_numpy=lambda name: FOUND if name == "keypoints" else None)
            return self.answer("infer", found, model=model, **more)

        def close() -> None:
            self.closes += 1

        return SimpleNamespace(
            get_model_metadata=lambda model, **more: self.answer(
                "metadata", self.metadata, model=model, **more
            ),
            get_model_config=lambda model, **more: self.answer(
                "config", self.config, model=model, **more
            ),
            infer=infer,
            close=close,
        )


Opened = Callable[..., tuple[Any, Package]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A client of a protocol, and the package that it uses."""

    def start(address: str, *, config: Any = None, ca: Path | None = None) -> tuple[Any, Package]:
        place = place_of(address)
        tensors = (
            [("crops", "UINT8", ["-1", "64", "48", "3"])],
            [("keypoints", "FP32", [-1, 17, 3])],
        )
        inputs, outputs = (
            [{"name": n, "datatype": d, "shape": s} for n, d, s in each] for each in tensors
        )
        metadata: Any = {"inputs": inputs, "outputs": outputs}
        if place.protocol == "grpc":
            metadata = SimpleNamespace(
                inputs=[SimpleNamespace(**t) for t in inputs],
                outputs=[SimpleNamespace(**t) for t in outputs],
            )
        package = Package(metadata, config if config is not None else Refusal("400", "no config"))
        module: Any = ModuleType(f"tritonclient.{place.protocol}")
        module.InferenceServerException = Refusal
        module.InferenceServerClient = package.connect
        module.InferInput = Given
        module.InferRequestedOutput = lambda name: name
        parent: Any = ModuleType("tritonclient")
        setattr(parent, place.protocol, module)
        monkeypatch.setitem(sys.modules, "tritonclient", parent)
        monkeypatch.setitem(sys.modules, f"tritonclient.{place.protocol}", module)
        ours = f"steadypose.engines.backends.remote.{place.protocol}_client"
        monkeypatch.delitem(sys.modules, ours, raising=False)
        kind = f"{place.protocol.capitalize()}Client"
        client = getattr(importlib.import_module(ours), kind)
        monkeypatch.delitem(sys.modules, ours)  # others find the real one again
        options = RemoteOptions((address,), token="t0k3n", ca=ca)  # noqa: S106 - of a test
        return client(place, options), package

    return start


BOTH = pytest.mark.parametrize("address", ["gpu:8001", "http://gpu:8000"])


def config_of(address: str, most: int) -> Any:
    if address.startswith("http"):
        return {
            "parameters": {"steadypose.sha256": {"string_value": "ab"}, "other": {}},
            "max_batch_size": most,
        }
    told = {"steadypose.sha256": "ab", "other": ""}
    parameters = {key: SimpleNamespace(string_value=value) for key, value in told.items()}
    return SimpleNamespace(config=SimpleNamespace(parameters=parameters, max_batch_size=most))


@BOTH
@pytest.mark.parametrize(("most", "told"), [(8, 8), (0, None)])
def test_a_server_says_what_it_serves_and_how_much_at_once(
    opened: Opened, address: str, most: int, told: int | None
) -> None:
    client, package = opened(address, config=config_of(address, most))
    assert client.describe("pose", timeout_s=2.0) == Served(
        (Tensor("crops", "UINT8", (-1, 64, 48, 3)),),
        (Tensor("keypoints", "FP32", (-1, 17, 3)),),
        {"steadypose.sha256": "ab", "other": ""},
        told,
    )
    assert [name for name, _ in package.asked] == ["metadata", "config"]
    assert all(asked["model"] == "pose" for _, asked in package.asked)
    assert all(asked["headers"] == BEARER for _, asked in package.asked)


@BOTH
def test_a_server_that_tells_no_configuration_is_served_by_the_rest(
    opened: Opened, address: str
) -> None:
    client, _ = opened(address)
    found = client.describe("pose", timeout_s=2.0)
    assert (found.parameters, found.most) == ({}, None)
    assert len(found.inputs) == len(found.outputs) == 1


@BOTH
def test_the_crops_go_out_as_they_are_and_the_keypoints_come_back(
    opened: Opened, address: str
) -> None:
    client, package = opened(address)
    np.testing.assert_array_equal(client.infer("pose", CROPS, timeout_s=2.0), FOUND)
    (given,) = package.given
    assert given.about == ("crops", [2, 64, 48, 3], "UINT8")
    assert given.data is CROPS
    ((name, asked),) = package.asked
    assert (name, asked["model"], asked["outputs"]) == ("infer", "pose", ["keypoints"])
    assert asked["headers"] == BEARER


@pytest.mark.parametrize(
    ("address", "status", "is_away"),
    [
        ("gpu:8001", "StatusCode.UNAVAILABLE", True),
        ("gpu:8001", "StatusCode.DEADLINE_EXCEEDED", True),
        ("gpu:8001", "StatusCode.CANCELLED", True),
        ("gpu:8001", "StatusCode.NOT_FOUND", False),
        ("http://gpu:8000", "502", True),
        ("http://gpu:8000", "503", True),
        ("http://gpu:8000", "504", True),
        ("http://gpu:8000", "404", False),
    ],
)
@pytest.mark.parametrize("ask", ["describe", "infer"])
def test_who_is_away_is_waited_for_and_who_refuses_is_not(
    opened: Opened, address: str, status: str, ask: str, *, is_away: bool
) -> None:
    client, package = opened(address)
    package.failure = Refusal(status, "no such thing.\nand much more")
    given = (CROPS,) if ask == "infer" else ()
    with pytest.raises(EngineError) as told:
        getattr(client, ask)("pose", *given, timeout_s=2.0)
    assert isinstance(told.value, Unreachable) == is_away
    shown = address if "://" in address else f"grpc://{address}"
    what = "does not answer" if is_away else "refuses the model 'pose'"
    is_late = status.endswith("DEADLINE_EXCEEDED")
    assert told.value.what.startswith(f"{shown} {what}{' in time' if is_late else ': no such'}")
    assert "much more" not in told.value.what


def test_a_broken_connection_by_http_is_made_anew(opened: Opened) -> None:
    client, package = opened("http://gpu:8000")
    client.infer("pose", CROPS, timeout_s=2.0)
    package.failure = ConnectionResetError()
    with pytest.raises(Unreachable, match="does not answer: ConnectionResetError"):
        client.infer("pose", CROPS, timeout_s=2.0)
    assert package.closes == 1
    package.failure = None
    client.infer("pose", CROPS, timeout_s=2.0)
    assert len(package.made) == 2
    client.close()
    client.close()
    assert package.closes == 2


def test_a_connection_by_http_lasts_while_about_as_long_is_granted(opened: Opened) -> None:
    client, package = opened("http://gpu:8000")
    for granted_s in (2.0, 1.1, 3.9, 2.0):
        client.infer("pose", CROPS, timeout_s=granted_s)
    assert [about for _, about in package.made] == [
        {"connection_timeout": 2.0, "network_timeout": 2.0}
    ]
    for granted_s in (0.9, 1.7, 4.0):
        client.infer("pose", CROPS, timeout_s=granted_s)
    assert [about["network_timeout"] for _, about in package.made] == [2.0, 0.9, 4.0]


def test_by_grpc_each_request_has_its_own_time_and_a_lost_server_is_tried_soon(
    opened: Opened,
) -> None:
    client, package = opened("gpu:8001")
    client.infer("pose", CROPS, timeout_s=0.3)
    client.describe("pose", timeout_s=0.7)
    assert [asked["client_timeout"] for _, asked in package.asked] == [0.3, 0.7, 0.7]
    ((address, about),) = package.made
    assert address == "gpu:8001"
    assert "ssl" not in about
    channel = dict(about["channel_args"])
    assert channel["grpc.max_reconnect_backoff_ms"] < 1000
    assert channel["grpc.min_reconnect_backoff_ms"] == channel["grpc.initial_reconnect_backoff_ms"]
    assert channel["grpc.initial_reconnect_backoff_ms"] <= 100
    client.close()
    assert package.closes == 1


def test_a_secure_server_is_asked_with_the_certificates_that_were_given(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, package = opened("grpcs://gpu:8001", ca=Path("ours.pem"))
    assert package.made[0][1]["ssl"] is True
    assert package.made[0][1]["root_certificates"] == "ours.pem"
    _, package = opened("grpcs://gpu:8001")
    assert package.made[0][1]["root_certificates"] is None
    client, package = opened("https://gpu:8000", ca=Path("ours.pem"))
    client.infer("pose", CROPS, timeout_s=1.0)
    about = package.made[0][1]
    assert about["ssl"] is True
    monkeypatch.setattr("ssl.create_default_context", lambda **given: given)
    assert about["ssl_context_factory"]() == {"cafile": Path("ours.pem")}
