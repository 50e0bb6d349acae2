"""Servers that are late, away, back or somebody else: without a network, on a scripted client."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.backends.remote import engine as engine_module
from steadypose.engines.backends.remote import server as server_module
from steadypose.engines.backends.remote.contract import (
    SHA256,
    Served,
    Tensor,
    TooLate,
    Unreachable,
    check_served,
)
from steadypose.engines.backends.remote.engine import RemoteEngine
from steadypose.engines.backends.remote.places import Place, place_of
from steadypose.engines.backends.remote.server import Server
from steadypose.engines.errors import (
    EngineError,
    EngineUnavailableError,
    ModelFileError,
    UsageError,
)
from steadypose.engines.options import EngineOptions, RemoteOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.command.options.command_line import build_parser, to_settings

OURS = Served(
    (Tensor("crops", "UINT8", (-1, 64, 48, 3)),), (Tensor("keypoints", "FP32", (-1, 17, 3)),), {}, 8
)
ONE = np.full((1, 64, 48, 3), 51, np.uint8)


class Scripted:
    """A server's state, and the client that asks it."""

    def __init__(self, served: Served = OURS) -> None:
        self.served = served
        self.is_free = threading.Event()
        self.is_free.set()
        self.is_away = False
        self.is_refusing = self.is_late = False
        self.batches: list[int] = []
        self.connects = self.closes = 0

    def connect(self) -> Scripted:
        self.connects += 1
        return self

    def describe(self, model: str, *, timeout_s: float) -> Served:
        self._answer(timeout_s)
        return self.served

    def infer(
        self, model: str, crops: NDArray[np.uint8], *, timeout_s: float
    ) -> NDArray[np.float32]:
        self._answer(timeout_s)
        self.batches.append(len(crops))
        return FakeEngine().infer(crops)

    def close(self) -> None:
        self.closes += 1

    def _answer(self, timeout_s: float) -> None:
        if self.is_late:
            raise TooLate("it does not answer in time", fix="wait")
        if self.is_away:
            raise Unreachable("it does not answer", fix="wait")
        if self.is_refusing:
            raise EngineError("it refuses: queue is full", fix="wait")
        self.is_free.wait(60)


Opener = Callable[..., RemoteEngine]


@pytest.fixture
def opened() -> Iterator[Opener]:
    engines, all_clients = [], list[Scripted]()

    def make(
        *clients: Scripted, timeout_s: float = 5.0, patience_s: float | None = None
    ) -> RemoteEngine:
        check = partial(check_served, spec=FAKE_SPEC, model="fake", where="s", sha256="ab")
        servers = [
            Server(f"s{n}", c.connect, check, model="fake", rows=17) for n, c in enumerate(clients)
        ]
        engine = RemoteEngine(
            FAKE_SPEC, servers, timeout_s=timeout_s, patience_s=patience_s, label="x", first_s=5.0
        )
        engines.append(engine)
        all_clients.extend(clients)
        return engine

    yield make
    for client in all_clients:
        client.is_free.set()
    for engine in engines:
        engine.close()


def test_a_batch_is_computed_and_split_where_the_server_takes_less(opened: Opener) -> None:
    client = Scripted(Served(OURS.inputs, OURS.outputs, {}, 4))
    found = opened(client).infer(np.repeat(ONE, 10, axis=0))
    assert client.batches == [4, 4, 2]
    np.testing.assert_array_equal(found, FakeEngine().infer(np.repeat(ONE, 10, axis=0)))


def test_several_servers_take_turns(opened: Opener) -> None:
    clients = Scripted(), Scripted(), Scripted()
    engine = opened(*clients)
    for _ in range(6):
        engine.infer(ONE)
    assert [client.batches for client in clients] == [[1, 1]] * 3


def test_at_the_end_every_connection_is_ended(opened: Opener) -> None:
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    for _ in clients:
        engine.infer(ONE)
    engine.close()
    assert [client.closes for client in clients] == [1, 1]


def test_another_server_stands_in_within_the_same_frame(opened: Opener) -> None:
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    engine.infer(ONE)
    clients[1].is_away = True
    assert engine.infer(ONE)[0, 0, 2] > 0
    assert len(clients[0].batches) == 2


@pytest.mark.parametrize("patience_s", [None, 10.0])
def test_of_two_one_that_stalls_costs_no_frame_and_one_sentence(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, patience_s: float | None
) -> None:
    clients = Scripted(), Scripted()
    engine = opened(*clients, timeout_s=0.4, patience_s=patience_s)
    said: list[str] = []
    engine.listen(said.append)
    engine.infer(ONE)
    clients[1].is_free.clear()
    asked = 0
    ask = engine._ask

    def counted(left_s: float) -> bool:
        nonlocal asked
        asked += (is_asked := ask(left_s))
        return is_asked

    monkeypatch.setattr(engine, "_ask", counted)
    for _ in range(40):
        assert engine.infer(ONE)[0, 0, 2] > 0, "the other has looked at it"
        time.sleep(0.02)
    assert asked == 40 + 1, "it is waited for once"
    assert len(said) == 1
    assert "s1 did not answer within 0." in said[0]
    assert said[0].endswith("; the run goes on without it, by s0")


def test_a_helper_that_hangs_leaves_the_other_all_of_its_time(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    said: list[str] = []
    engine.listen(said.append)
    for _ in range(2):  # it is the first one's turn again
        engine.infer(ONE)
    monkeypatch.setattr(engine, "_help_s", lambda: 0.02)

    def hang(model: str, crops: NDArray[np.uint8], *, timeout_s: float) -> NDArray[np.float32]:
        clients[0].is_free.set()
        clients[1].is_free.wait(60)
        return FakeEngine().infer(crops)

    monkeypatch.setattr(clients[1], "infer", hang)
    clients[1].is_free.clear()
    for _ in range(2):
        clients[0].is_free.clear()
        free = threading.Timer(0.3, clients[0].is_free.set)
        free.start()
        assert engine.infer(ONE)[0, 0, 2] > 0, "it answers late, and within the bound"
        free.join()
    assert said == []


def test_one_that_was_put_aside_is_looked_at_again_and_takes_its_turns(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_ASIDE_S", (0.05,))
    monkeypatch.setattr(server_module, "_STEADY_S", 0.2)
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    said: list[str] = []
    engine.listen(said.append)
    engine.infer(ONE)
    clients[1].is_away = True
    for _ in range(20):
        assert engine.infer(ONE)[0, 0, 2] > 0
        time.sleep(0.01)
    assert clients[1].connects > 1, "it is asked beside the other"
    assert said == ["it does not answer; the run goes on without it, by s0"]
    clients[1].is_away = False
    for _ in range(200):
        engine.infer(ONE)
        if len(said) > 1:
            break
        time.sleep(0.01)
    assert said[1:] == ["s1 answers again"]
    before = len(clients[1].batches)
    for _ in range(4):
        engine.infer(ONE)
    assert len(clients[1].batches) == before + 2


def test_one_that_comes_and_goes_is_told_once(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_ASIDE_S", (0.01,))
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    said: list[str] = []
    engine.listen(said.append)
    for round_ in range(40):
        clients[1].is_away = round_ % 10 < 5
        assert engine.infer(ONE)[0, 0, 2] > 0
        time.sleep(0.01)
    assert len(said) == 1


def test_where_all_are_away_each_is_asked_again_soon(opened: Opener) -> None:
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    said: list[str] = []
    engine.listen(said.append)
    engine.infer(ONE)
    for client in clients:
        client.is_away = True
    for _ in range(30):
        engine.infer(ONE)
        time.sleep(0.02)
    assert not engine.infer(ONE).any()
    clients[1].is_away = False
    begin_s = time.perf_counter()
    while not engine.infer(ONE).any():
        time.sleep(0.01)
        assert time.perf_counter() < begin_s + 5
    assert "nobody is seen until one answers" in said[1]
    assert said[2:] == ["s1 answers again"]


def test_a_server_that_stalls_from_the_beginning_is_passed_over(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_FIRST_HELP_S", 0.05)
    clients = Scripted(), Scripted()
    clients[0].is_free.clear()
    assert opened(*clients).infer(ONE)[0, 0, 2] > 0


def test_one_that_comes_back_with_another_model_stays_aside(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_ASIDE_S", (0.02,))
    clients = Scripted(), Scripted()
    engine = opened(*clients)
    engine.infer(ONE)
    clients[1].is_away = True
    for _ in range(3):
        engine.infer(ONE)
    clients[1].is_away = False
    clients[1].served = Served(OURS.inputs, OURS.outputs, {SHA256: "cd"}, 8)
    for _ in range(30):
        assert engine.infer(ONE)[0, 0, 2] > 0
        time.sleep(0.01)
    assert not clients[1].batches


@pytest.mark.parametrize("patience_s", [None, 5.0])
def test_another_server_stands_in_for_one_that_refuses(
    opened: Opener, patience_s: float | None
) -> None:
    clients = Scripted(), Scripted()
    engine = opened(*clients, patience_s=patience_s)
    engine.infer(ONE)
    clients[1].is_refusing = True
    for _ in range(3):
        assert engine.infer(ONE)[0, 0, 2] > 0
    assert len(clients[0].batches) == 4


def test_where_all_refuse_a_camera_goes_on_and_a_file_waits(opened: Opener) -> None:
    client = Scripted()
    live, file = opened(client), opened(client, patience_s=5.0)
    said: list[str] = []
    live.listen(said.append)
    assert live.infer(ONE).any()
    assert file.infer(ONE).any()
    client.is_refusing = True
    assert not live.infer(ONE).any()
    assert said == [
        "it refuses: queue is full; the run goes on, and nobody is seen until one answers"
    ]
    file.start(ONE)
    client.is_refusing = False
    assert file.finish()[0, 0, 2] > 0


def test_a_refusal_at_the_beginning_is_an_error_at_once(opened: Opener) -> None:
    client = Scripted()
    client.is_refusing = True
    with pytest.raises(EngineError, match="queue is full"):
        opened(client, patience_s=60.0).infer(ONE)
    with pytest.raises(EngineError, match="queue is full"):  # a name or a token is wrong there
        opened(client, Scripted(), patience_s=60.0).infer(ONE)


def test_a_server_that_tells_no_largest_batch_gets_whole_ones(opened: Opener) -> None:
    client = Scripted(Served(OURS.inputs, OURS.outputs))
    engine = opened(client)
    engine.infer(ONE)
    engine.infer(np.repeat(ONE, 5, axis=0))
    assert client.batches == [1, 5]


def test_a_server_that_stalls_delays_no_frame_beyond_the_bound(opened: Opener) -> None:
    client = Scripted()
    engine = opened(client, timeout_s=0.3)
    said: list[str] = []
    engine.listen(said.append)
    engine.infer(ONE)
    client.is_free.clear()
    for _ in range(3):  # while the first late answer is under way nobody is asked again
        assert not engine.infer(ONE).any(), "a late answer is dropped, and nobody is seen"
    client.is_free.set()
    for _ in range(1000):
        if (found := engine.infer(ONE)).any():
            break
        time.sleep(0.01)
    assert found[0, 0, 2] == pytest.approx(0.2)
    assert len(said) == 2
    assert "did not answer within 0.3 s; the run goes on" in said[0]
    assert said[1] == "s0 answers again"


def test_a_connection_outlives_a_stall_but_not_a_long_one(opened: Opener) -> None:
    client = Scripted()
    engine = opened(client)
    assert engine.infer(ONE).any()
    client.is_late = True
    late = 0
    while client.connects == 1:
        late += not engine.infer(ONE).any()
        time.sleep(0.06)
        assert late < 50
    assert late >= 3, "a stall of a moment leaves it"
    client.is_late = False
    while not engine.infer(ONE).any():
        time.sleep(0.06)


def test_who_comes_back_is_looked_at_again(opened: Opener) -> None:
    client = Scripted()
    engine = opened(client)
    engine.infer(ONE)
    client.is_away = True
    assert not engine.infer(ONE).any()
    client.is_away = False
    client.served = Served(OURS.inputs, OURS.outputs, {SHA256: "cd"}, 8)
    with pytest.raises(ModelFileError, match="SHA-256 cd, the one here has ab"):
        for _ in range(200):
            engine.infer(ONE)
            time.sleep(0.01)


def test_the_first_answer_must_come(opened: Opener) -> None:
    client = Scripted()
    client.is_away = True
    with pytest.raises(Unreachable):
        opened(client).infer(ONE)


def test_a_file_waits_for_its_server_and_no_frame_is_lost(opened: Opener) -> None:
    client = Scripted()
    engine = opened(client, patience_s=5.0)
    engine.infer(ONE)
    client.is_away = True
    engine.start(ONE)
    time.sleep(0.1)
    client.is_away = False
    assert engine.finish()[0, 0, 2] == pytest.approx(0.2)


def test_a_file_whose_server_hangs_for_longer_than_a_try_is_told_and_not_ended(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client keeps to its time; where it does not, its server is put aside all the same."""
    clients = Scripted(), Scripted()
    engine = opened(*clients, patience_s=5.0)
    said: list[str] = []

    def listen(sentence: str) -> None:
        said.append(sentence)
        clients[0].is_free.set()

    engine.listen(listen)
    engine.infer(ONE)
    monkeypatch.setattr(engine, "_try_s", lambda: 0.05)
    monkeypatch.setattr(engine, "_help_s", lambda: 0.02)
    for client in clients:
        client.is_free.clear()
    assert engine.infer(ONE)[0, 0, 2] == pytest.approx(0.2)
    assert len(said) == 1
    assert "did not answer within 0.05 s" in said[0]


def test_a_file_whose_server_stays_away_ends_with_a_sentence(opened: Opener) -> None:
    client = Scripted()
    engine = opened(client, patience_s=0.3)
    engine.infer(ONE)
    client.is_away = True
    with pytest.raises(EngineError, match="does not answer"):
        engine.infer(ONE)


@pytest.mark.parametrize(
    ("served", "what"),
    [
        (Served((Tensor("images", "UINT8", (-1, 64, 48, 3)),), OURS.outputs), "no 'crops'"),
        (Served((Tensor("crops", "FP32", (-1, 64, 48, 3)),), OURS.outputs), "'crops' is FP32"),
        (Served((Tensor("crops", "UINT8", (-1, 48, 64, 3)),), OURS.outputs), "-1, 48, 64, 3"),
        (Served(OURS.inputs, (Tensor("keypoints", "FP32", (-1, 13, 3)),)), "-1, 13, 3"),
        (Served(OURS.inputs, (Tensor("keypoints", "FP32", (17, 3)),)), "[17, 3]"),
        (Served(OURS.inputs, ()), "no 'keypoints' (but none)"),
        (Served(OURS.inputs, OURS.outputs, {SHA256: "cd"}), "SHA-256"),
    ],
)
def test_another_model_is_a_sentence(opened: Opener, served: Served, what: str) -> None:
    with pytest.raises(ModelFileError) as refused:
        opened(Scripted(served)).infer(ONE)
    assert what in refused.value.what


def test_addresses() -> None:
    assert place_of("host:8001") == Place("grpc", "host:8001")
    assert place_of("grpcs://[::1]:8001") == Place("grpc", "[::1]:8001", is_secure=True)
    assert place_of("https://a.b:443/") == Place("http", "a.b:443", is_secure=True)
    for wrong in ("host", "host:0", "host:99999", "ftp://host:1", "http://host:1/v2", "a b:1", ""):
        with pytest.raises(UsageError, match="is no address"):
            place_of(wrong)
    for hidden in ("https://me:s3cret@gpu:8000", "me:s3cret@gpu:8000", "x://s3cret@a/@b"):
        with pytest.raises(UsageError, match="is no address") as refused:
            place_of(hidden)
        assert "s3cret" not in str(refused.value)


def test_remote_needs_a_server_and_auto_never_asks_one(tiny_path: Path) -> None:
    with pytest.raises(UsageError, match="has no server"):
        open_engine(tiny_path, backend="remote", options=EngineOptions())
    remote = RemoteOptions(("127.0.0.1:1",))
    engine = open_engine(tiny_path, backend="auto", options=EngineOptions(remote=remote))
    assert engine.backend != "remote"
    engine.engine.close()
    with pytest.raises(EngineError, match="chosen where the server's model is built"):
        options = EngineOptions(precision="fp16", remote=remote)
        open_engine(tiny_path, backend="remote", options=options)


def test_options_of_servers(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")

    def options(*words: str) -> RemoteOptions:
        arguments = build_parser().parse_args(["--backend", "remote", *words])
        return to_settings(arguments, None).engine_options(1).remote

    both = options("--server", "a:1", "--server", "b:2", "--server-timeout", "100")
    assert (both.servers, both.timeout_s, both.is_live) == (("a:1", "b:2"), 0.1, True)
    assert not options("--source", "clip.mp4").is_live
    assert options("--source", "demo", "--realtime").is_live
    told = options("--server", "a:1", "--server-token", f"@{tmp_path / 'token'}")
    assert told.headers() == {"authorization": "Bearer secret"}
    assert "secret" not in repr(told)
    with pytest.raises(UsageError, match="@FILE or env:NAME"):
        options("--server-token", "secret")
    with pytest.raises(UsageError, match="--server-key has no certificate"):
        options("--server-key", str(tmp_path / "token"))
    with pytest.raises(UsageError, match="is for --backend remote"):
        to_settings(build_parser().parse_args(["--server", "a:1"]), None)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "http://127.0.0.1:9"])
def test_a_missing_client_is_a_sentence_with_its_file(
    monkeypatch: pytest.MonkeyPatch, tiny_path: Path, address: str
) -> None:
    monkeypatch.setitem(sys.modules, "tritonclient", None)
    for module in ("grpc_client", "http_client"):
        monkeypatch.delitem(
            sys.modules, f"steadypose.engines.backends.remote.{module}", raising=False
        )
    options = EngineOptions(remote=RemoteOptions((address,)))
    with pytest.raises(EngineUnavailableError, match="needs tritonclient") as caught:
        open_engine(tiny_path, backend="remote", options=options)
    assert "requirements-remote.txt" in caught.value.fix
