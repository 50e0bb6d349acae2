"""What other programs receive while a run goes on."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.datatypes import Frame, Pose, State
from steadypose.realtime.record.live import opening
from steadypose.realtime.record.live.message import Address, Message, message_of, normalized
from steadypose.realtime.record.live.opening import LiveOptions, open_live, parse_address
from steadypose.realtime.record.live.sender import Live, Sender
from tests.realtime.record.test_formats import random_pose

NAMES = COCO17.keypoints


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        found.bind(("127.0.0.1", 0))
        found.settimeout(5)
        yield found


def message(index: int, *people: int, time_s: float | None = None) -> Message:
    rng = np.random.default_rng(index)
    poses = [random_pose(rng, person, COCO17) for person in people]
    image = np.zeros((360, 640, 3), np.uint8)
    at_s = index / 30 if time_s is None else time_s
    return message_of(Frame(image, index, at_s, time.perf_counter()), poses)


def wait_for(sender: Sender, count: int) -> None:
    """Until so many messages were sent, or could not be."""
    deadline = time.monotonic() + 20.0
    while sender.sent + sender.failed < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Kept:
    """A channel that keeps what it gets, once ``gate`` is open."""

    name = "--kept"

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.gate = threading.Event()
        self.is_closed = False

    def send(self, message: Message) -> None:
        self.gate.wait()
        self.got.append(message)

    def close(self) -> None:
        self.is_closed = True


# The slot


def test_the_newest_frame_wins_and_the_loop_never_waits() -> None:
    channel = Kept()
    sender = Sender(channel, lambda message: message)
    sender.offer(message(0, 1))
    deadline = time.monotonic() + 20.0
    while sender._slot is not None:  # the thread has it, and is blocked with it
        assert time.monotonic() < deadline
        time.sleep(0.001)
    for index in range(1, 2001):
        sender.offer(message(index))
    channel.gate.set()
    sender.close()
    assert [got.frame for got in channel.got] == [0, 2000]
    assert sender.describe() == "--kept (2 sent, 1999 skipped)"
    assert channel.is_closed


def test_a_receiver_that_blocks_for_ever_does_not_keep_the_run() -> None:
    channel = Kept()
    sender = Sender(channel, lambda message: message)
    sender.offer(message(0))
    begin_s = time.perf_counter()
    sender.close()
    assert time.perf_counter() - begin_s < 5
    channel.gate.set()


def test_the_end_of_a_run_waits_a_second_for_a_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Kept()
    sender = Sender(channel, lambda message: message)
    waited: list[float] = []
    monkeypatch.setattr(sender._thread, "join", waited.append)
    sender.close()
    assert waited == [1.0]
    channel.gate.set()


def test_a_receiver_that_has_waited_for_nothing_learns_all_the_same_that_it_is_over() -> None:
    channel = Kept()
    channel.gate.set()
    sender = Sender(channel, lambda message: message)
    for index in range(2):
        sender.offer(message(index))
        wait_for(sender, index + 1)
    time.sleep(0.01)  # the thread waits for another
    sender.close()
    assert channel.is_closed
    assert sender.describe() == "--kept (2 sent)"


def test_a_channel_that_waits_for_a_frame_takes_no_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds, send = [0], Sender._send_waiting

    def counted(sender: Sender) -> None:
        rounds[0] += 1
        send(sender)

    monkeypatch.setattr(Sender, "_send_waiting", counted)
    channel = Kept()
    channel.gate.set()
    sender = Sender(channel, lambda message: message)
    assert sender.describe() == "--kept (0 sent)"
    sender.offer(message(0))
    wait_for(sender, 1)
    time.sleep(0.05)
    sender.close()
    assert rounds[0] <= 3


def test_what_breaks_in_a_channel_is_told_at_the_end_and_ends_nothing() -> None:
    class Broken(Kept):
        def send(self, message: Message) -> None:
            if message.frame < 2:
                raise ValueError("no such cable")
            self.got.append(message)

    channel = Broken()
    sender = Sender(channel, lambda message: message)
    for index in range(3):
        sender.offer(message(index))
        wait_for(sender, index + 1)
    sender.close()
    assert sender.describe() == "--kept (1 sent, 2 failed: no such cable)"


def test_without_channels_nothing_is_done() -> None:
    live = Live()
    live.offer(Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0, 0.0), [])
    live.close()
    assert live.describe() == ""


# Positions and clocks


def test_normalized_positions_run_from_edge_to_edge() -> None:
    found = message(1, 1)
    xy = found.poses[0].xy
    xy[:2] = [[-0.5, -0.5], [639.5, 359.5]]
    share = normalized(found)
    np.testing.assert_allclose(share.poses[0].xy[:2], [[0, 0], [1, 1]])
    assert share.is_normalized
    assert not found.is_normalized
    np.testing.assert_array_equal(found.poses[0].xy, xy)


def test_the_time_is_when_the_frame_was_taken_not_when_it_was_sent() -> None:
    found = message(0)
    now_s, wall_s = time.perf_counter(), time.time()  # noqa: TID251
    time.sleep(0.05)
    assert found.unix_s() == pytest.approx(wall_s - (now_s - found.captured_s), abs=0.005)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:9000", Address("localhost", 9000)),
        ("9000", Address("127.0.0.1", 9000)),
        (":9000", Address("127.0.0.1", 9000)),
        ("[::1]:9000", Address("::1", 9000)),
        ("192.168.1.7:65535", Address("192.168.1.7", 65535)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:65536", "a b:1", "::1:9000"])
def test_what_is_no_address_is_a_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--source", "demo", "--headless", "--udp", text]) == 2
    assert "is not HOST:PORT" in capsys.readouterr().err


def test_an_unknown_host_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["--source", "demo", "--headless", "--udp", "nowhere.invalid:9000"])
    assert code == 2
    assert "poses cannot be sent by --udp nowhere.invalid:9000: " in capsys.readouterr().err


@pytest.mark.parametrize("option", ["osc", "lsl"])
def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    package = {"osc": "python-osc", "lsl": "pylsl"}[option]
    monkeypatch.setitem(__import__("sys").modules, f"{opening.__package__}.{option}", None)
    to = Address("127.0.0.1", 9)
    options = LiveOptions(osc=to) if option == "osc" else LiveOptions(lsl="me")
    with pytest.raises(UsageError, match=f"--{option} needs the package {package}"):
        open_live(options, COCO17, persons=1)


@pytest.mark.parametrize(
    ("words", "module", "package"),
    [
        (("--osc", "9000"), "pythonosc", "python-osc"),
        (("--lsl", "me"), "pylsl", "pylsl"),
        (("--serve", "9000"), "aiohttp", "aiohttp"),
        (("--virtual-camera",), "pyvirtualcam", "pyvirtualcam"),
    ],
)
def test_a_missing_package_is_told_before_a_network_is_opened(
    words: tuple[str, ...],
    module: str,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    is_here = opening.is_here
    monkeypatch.setattr(opening, "is_here", lambda name: name != module and is_here(name))
    assert cli.main(["--source", "demo", "--headless", *words]) == 2
    said = capsys.readouterr().err
    assert f"{words[0]} needs the package {package}" in said
    assert "engine:" not in said


# UDP


@pytest.mark.parametrize("unit", ["px", "share"])
def test_datagrams_say_what_the_recording_says(
    tmp_path: Path, ear: socket.socket, unit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    argv = ["--source", "demo:2", "--persons", "2", "--headless", "--max-frames", "40"]
    argv += ["--jsonl", str(path), "--udp", str(ear.getsockname()[1])]
    assert cli.main([*argv, *(["--normalized"] if unit == "share" else [])]) == 0
    lines = {line["frame"]: line for line in map(json.loads, path.read_text().splitlines()[1:])}
    told = capsys.readouterr().out
    count = int(told.split("--udp 127.0.0.1:")[1].split("(")[1].split(" sent")[0])
    assert count > 10
    for _ in range(count):
        got = json.loads(ear.recv(1 << 16))
        line = lines[got["frame"]]
        assert got["time_s"] == line["time_s"]
        assert got["unit"] == unit
        assert got["names"] == list(NAMES)
        assert got["size_wh"] == [640, 360]
        assert abs(got["unix_s"] - time.time()) < 60  # noqa: TID251
        if unit == "px":
            assert got["persons"] == line["persons"]
        for mine, theirs in zip(got["persons"], line["persons"], strict=True):
            assert (mine["id"], mine["state"]) == (theirs["id"], theirs["state"])
            expected = np.array(theirs["keypoints"], float)[:, :2]
            found = np.array(mine["keypoints"], float)[:, :2]
            if unit == "share":
                found = found * (640, 360) - 0.5
            np.testing.assert_allclose(found, expected, atol=0.011)
    assert got["frame"] == 39  # the last frame always arrives


def test_nobody_has_to_listen(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--source", "demo", "--headless", "--max-frames", "5", "--udp", "127.0.0.1:9"]
    assert cli.main(argv) == 0
    told = capsys.readouterr()
    assert "live: --udp 127.0.0.1:9 (" in told.out
    assert "poses are sent live: --udp 127.0.0.1:9\n" in told.err
    assert "nothing will be saved" not in told.err  # nobody asked for a file


# OSC


def test_osc_is_received_by_another_library_as_it_was_recorded() -> None:
    pytest.importorskip("pythonosc")
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    got: list[tuple[str, tuple[Any, ...]]] = []
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: got.append((address, values)))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        server.timeout = 5
        live = open_live(LiveOptions(osc=Address(*server.server_address[:2])), COCO17, persons=2)
        first = message(7, 1, 2)
        for one in (first, message(8, 2)):
            sender = live._senders[0]
            sender.offer(one)
            server.handle_request()
        live.close()
        server.handle_request()
    heads = [values for address, values in got if address == "/steadypose/frame"]
    assert [head[:1] + head[2:] for head in heads] == [(7, 640, 360, 1, 2), (8, 640, 360, 2)]
    assert heads[0][1] == pytest.approx(first.time_s, rel=1e-6)
    times = next(values for address, values in got if address == "/steadypose/time")
    assert times[0] + 1e-6 * times[1] == pytest.approx(first.time_s, abs=1e-6)
    assert times[2] + 1e-6 * times[3] == pytest.approx(first.unix_s(), abs=0.02)
    frame = got[: next(i for i, (a, v) in enumerate(got) if a.endswith("frame") and v[0] == 8)]
    for pose in first.poses:
        assert_osc_person(pose, dict(frame))
    left = [(address, values) for address, values in got if address == "/steadypose/left"]
    assert left == [("/steadypose/left", (1,)), ("/steadypose/left", (2,))]


def test_of_several_sources_each_has_osc_addresses_of_its_own(
    ear: socket.socket,
) -> None:
    pytest.importorskip("pythonosc")
    from pythonosc.osc_bundle import OscBundle

    to = Address(*ear.getsockname())
    live = open_live(LiveOptions(osc=to), COCO17, persons=1, source="hall")
    live._senders[0].offer(message(1, 1))
    live.close()
    heard = []
    ear.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            heard += [m.address for m in OscBundle(ear.recv(1 << 16))]
    assert heard[0] == "/steadypose/hall/frame"
    assert "/steadypose/hall/1/lost" in heard
    assert heard[-1] == "/steadypose/hall/left"
    assert all(address.startswith("/steadypose/hall/") for address in heard)


def test_osc_has_only_what_every_receiver_understands(ear: socket.socket) -> None:
    """OSC 1.0 demands 32-bit numbers and texts; Pure Data misreads a message with a double."""
    pytest.importorskip("pythonosc")
    from pythonosc.osc_bundle import OscBundle

    from steadypose.realtime.record.live.osc import OscChannel

    channel = OscChannel(Address(*ear.getsockname()))
    for time_s in (0.0, 86_400.9999996, 2.0**31):
        one = replace(message(1, 1, 2), time_s=time_s)
        channel.send(one)
        told = {part.address: part for part in OscBundle(ear.recv(1 << 16))}
        tags = {tag for part in told.values() for tag in _tags(part.dgram)}
        assert tags == {"i", "f", "s"}
        seconds, micros = told["/steadypose/time"].params[:2]
        assert seconds + 1e-6 * micros == pytest.approx(time_s % 2**31, abs=1e-6)
    channel.close()


def _tags(dgram: bytes) -> str:
    """Types of an OSC message, which stand behind the comma after its address."""
    return dgram[dgram.index(b",") + 1 :].split(bytes(1), 1)[0].decode()


def assert_osc_person(pose: Pose, told: dict[str, tuple[Any, ...]]) -> None:
    at = f"/steadypose/{pose.track_id}"
    is_lost = pose.state == State.LOST
    assert told[f"{at}/lost"] == tuple(n for n, k in zip(NAMES, is_lost, strict=True) if k)
    for k, name in enumerate(NAMES):
        assert (f"{at}/{name}" in told) == (not is_lost[k])
        if not is_lost[k]:
            x, y, score, state = told[f"{at}/{name}"]
            np.testing.assert_allclose((x, y), pose.xy[k], rtol=1e-6)
            assert score == pytest.approx(pose.score[k], rel=1e-6)
            assert state == pose.state[k]


def test_many_people_go_in_as_many_datagrams_as_they_need(ear: socket.socket) -> None:
    pytest.importorskip("pythonosc")
    from pythonosc.osc_bundle import OscBundle

    from steadypose.realtime.record.live.osc import OscChannel

    channel = OscChannel(Address(*ear.getsockname()))
    channel.send(message(0, *range(1, 101)))
    count = sum(len(list(OscBundle(ear.recv(1 << 16)))) for _ in range(2))
    expected = message(0, *range(1, 101)).poses
    assert count == 2 + sum(1 + int((pose.state != State.LOST).sum()) for pose in expected)
    channel.close()


# LSL


def test_settings_that_somebody_has_made_for_lsl_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pylsl = pytest.importorskip("pylsl")
    from steadypose.realtime.record.live import lsl

    replaced: list[str] = []
    monkeypatch.setattr(pylsl, "set_config_content", replaced.append)
    monkeypatch.setattr(lsl, "_OWN_SETTINGS", (str(tmp_path / "lsl_api.cfg"),))
    monkeypatch.setenv("LSLAPICFG", "mine.cfg")
    lsl._be_quiet()
    assert replaced == []
    monkeypatch.delenv("LSLAPICFG")
    lsl._be_quiet()
    assert replaced == ["[log]\nlevel = -2\n"]
    (tmp_path / "lsl_api.cfg").touch()
    lsl._be_quiet()
    assert len(replaced) == 1


class FakeLsl:
    """What is used of pylsl: streams that keep their samples."""

    IRREGULAR_RATE, cf_double64 = 0.0, "double64"

    def __init__(self) -> None:
        self.streams: list[list[list[float]]] = []

    def local_clock(self) -> float:
        return time.perf_counter()

    def set_config_content(self, _: str) -> None:
        pass

    def StreamInfo(self, *_: Any) -> Any:  # noqa: N802
        element: Any = SimpleNamespace(append_child_value=lambda *_: None)
        element.append_child = lambda _: element
        return SimpleNamespace(desc=lambda: element)

    def StreamOutlet(self, _: Any) -> Any:  # noqa: N802
        samples: list[list[float]] = []
        self.streams.append(samples)
        return SimpleNamespace(push_sample=lambda sample, _taken_s: samples.append(sample))


def test_who_has_a_stream_keeps_it_whoever_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLsl()
    monkeypatch.setitem(sys.modules, "pylsl", fake)
    spec = find_spec("steadypose.realtime.record.live.lsl")
    assert spec is not None
    assert spec.loader is not None
    lsl: Any = module_from_spec(spec)  # known to nobody else
    spec.loader.exec_module(lsl)
    channel = lsl.LslChannel("x", NAMES, persons=2, is_normalized=False)
    for one in (message(0, 1, 2, 3), message(1, 3, 2), message(2, 1, 3, 2), message(3)):
        channel.send(one)
    heard = [[(sample[0], sample[1]) for sample in samples] for samples in fake.streams]
    assert heard == [[(0, 1), (1, 3), (2, 3)], [(0, 2), (1, 2), (2, 2)]]


def test_lsl_streams_carry_capture_times_and_describe_themselves() -> None:
    pylsl = pytest.importorskip("pylsl")
    name = f"test{time.perf_counter_ns()}"
    live = open_live(LiveOptions(lsl=name), COCO17, persons=2)
    inlets = []
    for slot in (1, 2):
        (info,) = pylsl.resolve_byprop("name", f"{name} {slot}", timeout=10)
        inlets.append(pylsl.StreamInlet(info))
        inlets[-1].open_stream(timeout=10)
    (sender,) = live._senders
    sent = [message(0, 1), message(1, 1, 2), message(2, 2), message(3, 2, 3)]
    taken_s = []
    for index, one in enumerate(sent):
        taken_s.append(one.taken_at(pylsl.local_clock()))
        sender.offer(one)
        wait_for(sender, index + 1)
    expected = {0: [(0, 1), (1, 1), (3, 3)], 1: [(1, 2), (2, 2), (3, 2)]}
    for slot, inlet in enumerate(inlets):
        for frame, person in expected[slot]:
            values, at_s = inlet.pull_sample(timeout=10)
            assert values[:2] == [frame, person]
            assert at_s == pytest.approx(taken_s[frame], abs=1e-3)
            (pose,) = (pose for pose in sent[frame].poses if pose.track_id == person)
            table = np.array(values[2:]).reshape(-1, 4)
            np.testing.assert_array_equal(table[:, :2], pose.xy)
            np.testing.assert_array_equal(table[:, 2], pose.score)
            np.testing.assert_array_equal(table[:, 3], pose.state)
        full = inlet.info(timeout=10)
        assert (full.type(), full.nominal_srate()) == ("MoCap", 0.0)
        channel, labels = full.desc().child("channels").child("channel"), []
        while not channel.empty():
            labels.append((channel.child_value("label"), channel.child_value("unit")))
            channel = channel.next_sibling()
        assert labels[:4] == [
            ("frame", "count"),
            ("person", "id"),
            ("nose_x", "pixels"),
            ("nose_y", "pixels"),
        ]
        assert len(labels) == 2 + 4 * 17
        inlet.close_stream()
    live.close()
