"""When a server that failed is asked again, on a clock of the test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from steadypose.engines.backends.fake_engine import FAKE_SPEC
from steadypose.engines.backends.remote import server as server_module
from steadypose.engines.backends.remote.engine import RemoteEngine
from steadypose.engines.backends.remote.places import place_of, refusal, unreachable
from steadypose.engines.backends.remote.server import Server
from steadypose.engines.errors import EngineError, UsageError
from tests.engines.remote.test_remote_engine import ONE, Scripted
from tests.support.scripted import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(server_module, "time", found)
    return found


@pytest.fixture
def client() -> Scripted:
    return Scripted()


@pytest.fixture
def server(client: Scripted) -> Iterator[Server]:
    found = Server("s0", client.connect, lambda _: None, model="fake", rows=17)
    yield found
    found.close()


def rest_s(server: Server, clock: Clock, what: str) -> float:
    """How long after a failure it is left alone, to a hundredth of a second."""
    server.failed()
    begin_s = clock.now_s
    while not getattr(server, what):
        clock.now_s += 0.01
        assert clock.now_s < begin_s + 60
    return round(clock.now_s - begin_s, 2)


def test_one_on_whom_all_depends_is_asked_again_soon_and_less_often_each_time(
    server: Server, clock: Clock
) -> None:
    assert server.may_be_asked
    found = [rest_s(server, clock, "may_be_asked") for _ in range(5)]
    assert found == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.4], abs=0.011)


def test_one_for_whom_others_stand_in_is_left_alone_for_longer(
    server: Server, clock: Clock
) -> None:
    assert not server.is_probe_due
    found = [rest_s(server, clock, "is_probe_due") for _ in range(5)]
    assert found == pytest.approx([0.4, 1.0, 2.0, 5.0, 5.0], abs=0.011)


def test_one_that_has_answered_for_five_seconds_is_trusted_as_before(
    server: Server, clock: Clock
) -> None:
    for _ in range(3):
        server.failed()
    server.succeeded()
    assert not server.is_aside
    steady = []
    for later_s in (4.9, 0.2):
        clock.now_s += later_s
        server.succeeded()
        steady.append(server.is_steady)
    assert steady == [False, True]
    assert rest_s(server, clock, "may_be_asked") == pytest.approx(0.05, abs=0.011)


def test_a_connection_outlives_three_late_answers_in_a_row(
    server: Server, client: Scripted
) -> None:
    connects = []
    for late in (True, True, True, False, True, True, True, True, True):
        client.is_late = late
        server.ask(ONE, timeout_s=1.0).exception()
        connects.append(client.connects)
    assert connects == [1] * 8 + [2]


def engine_of(
    server: Server, *, first_s: float | None = None, **given: float | None
) -> RemoteEngine:
    more = {} if first_s is None else {"first_s": first_s}
    told = {"timeout_s": 0.2, "patience_s": None, **given}
    return RemoteEngine(FAKE_SPEC, [server], label="x", **told, **more)  # type: ignore[arg-type]


def test_before_the_first_answer_a_server_has_ten_seconds_and_help_after_two(
    server: Server,
) -> None:
    engine = engine_of(server)
    assert (engine._bound_s(), engine._try_s(), engine._help_s()) == (10.0, 10.0, 2.0)
    assert engine_of(server, first_s=3.0)._help_s() == 1.5


@pytest.mark.parametrize(
    ("patience_s", "bound_s", "try_s", "help_s"), [(None, 0.2, 0.2, 0.1), (60.0, 60.0, 10.0, 0.2)]
)
def test_from_then_on_a_camera_waits_for_half_its_bound_and_a_file_for_its_server(
    server: Server, patience_s: float | None, bound_s: float, try_s: float, help_s: float
) -> None:
    engine = engine_of(server, patience_s=patience_s)
    engine.infer(ONE)
    assert (engine._bound_s(), engine._try_s(), engine._help_s()) == (bound_s, try_s, help_s)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("ftp://host:1", "ftp://host:1"),
        ("host:65536", "host:65536"),
        ("h" * 100, "h" * 80),
        ("https://me:s3cret@gpu:8000", "https://…"),
        ("me:s3cret@gpu:8000", "…"),
    ],
)
def test_an_address_that_is_none_is_shown_as_far_as_it_is_no_secret(typed: str, shown: str) -> None:
    with pytest.raises(UsageError) as refused:
        place_of(typed)
    assert refused.value.what == f"--server {shown!r} is no address"
    assert place_of("host:65535").address == "host:65535"


def test_of_what_a_library_says_the_first_line_is_told_up_to_160_letters() -> None:
    place = place_of("http://gpu:8000")
    for length, told in ((159, "x" * 159), (160, f"{'x' * 160}…"), (300, f"{'x' * 160}…")):
        error = unreachable(place, f" {'x' * length}\nand more")
        assert error.what == f"http://gpu:8000 does not answer: {told}"
    assert refusal(place, "pose", "no\nmore").what.endswith("refuses the model 'pose': no")
    assert unreachable(place, "x").fix.endswith("whether it is https://")
    assert unreachable(place_of("grpcs://gpu:1"), "x").fix.endswith("whether it is grpc://")


@pytest.mark.parametrize(
    "answer", [None, np.zeros((1, 17, 3)), np.zeros((1, 16, 3), np.float32)], ids=str
)
def test_an_answer_of_another_form_is_a_sentence(
    server: Server, client: Scripted, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(client, "infer", lambda *_, **__: answer)
    with pytest.raises(EngineError, match="s0 answers"):
        server.ask(ONE, timeout_s=5.0).result(10)


def test_an_answer_that_breaks_where_it_is_read_is_a_sentence_and_the_connection_is_made_anew(
    server: Server, client: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garbled(*_: object, **__: object) -> object:
        raise KeyError("shape")

    monkeypatch.setattr(client, "infer", garbled)
    with pytest.raises(EngineError, match=r"what is not the protocol \(KeyError"):
        server.ask(ONE, timeout_s=5.0).result(10)
    assert client.closes == 1
