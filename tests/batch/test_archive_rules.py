"""What is said and decided about an archive, without a video and on a clock of the test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from steadypose.batch import driving, on_ray, processes
from steadypose.batch.__main__ import _count, _line
from steadypose.batch.driving import Tally, outcomes
from steadypose.batch.mark import check_same_source, lacks, marked
from steadypose.batch.on_ray import RayCrew
from steadypose.batch.options import build_parser, to_order, workers_of
from steadypose.batch.order import Clip, Order
from steadypose.batch.outcome import DONE, FAILED, SKIPPED, Beat, Outcome
from steadypose.batch.processes import Processes
from steadypose.batch.store import Folder, target_of
from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.wording import telling
from tests.support.scripted import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in (driving, processes):
        monkeypatch.setattr(module, "time", found)
    return found


def clip(name: str, size_bytes: int = 100) -> Clip:
    return Clip(Path(f"/clips/{name}.mp4"), PurePosixPath(name), f"{name}.mp4", size_bytes)


# How far it is


def test_the_bar_counts_bytes_and_the_time_left_is_that_of_what_was_worked_on(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(telling, "is_watched", lambda: True)
    monkeypatch.setattr(telling, "tell_raw", drawn.append)
    clips = [clip("a", 500), clip("b", 100), clip("c", 300), clip("d", 100)]
    tally = Tally(clips)
    tally.show()
    tally.add(Outcome(clips[0], SKIPPED))
    tally.show()
    clock.now_s += 10.0
    tally.add(Outcome(clips[1], DONE, frames=600))
    tally.show()
    assert [text.rstrip() for text in drawn] == [
        f"\r[{'.' * 30}] 0/4 clips, 0 fps",
        f"\r[{'#' * 15}{'.' * 15}] 1/4 clips, 0 fps",
        f"\r[{'#' * 18}{'.' * 12}] 2/4 clips, 60 fps, 40 s left",
    ]
    assert {len(text) for text in drawn} == {79}, "each covers the one before"
    monkeypatch.setattr(telling, "is_watched", lambda: False)
    tally.show()
    assert len(drawn) == 3


def test_the_last_line_counts_what_was_done_what_was_there_what_failed_and_what_is_left(
    clock: Clock,
) -> None:
    clips = [clip(name) for name in "abcde"]
    tally = Tally(clips)
    clock.now_s += 2.0
    assert tally.summary() == "5 clips: 0 done, 5 left; 0 frames, 0.0 fps"
    for one, state, frames in zip(clips, (DONE, DONE, SKIPPED, FAILED), (1, 4, 0, 0), strict=False):
        tally.add(Outcome(one, state, frames=frames))
    said = "5 clips: 2 done, 1 finished before, 1 failed, 1 left; 5 frames, 2.5 fps"
    assert tally.summary() == said
    assert [outcome.clip.shown for outcome in tally.failed] == ["d.mp4"]


class OneAtATime:
    """A crew that notes whose turn it was."""

    label = "one"

    def __init__(self) -> None:
        self.given: list[Clip] = []
        self.waits: list[float] = []

    @property
    def has_room(self) -> bool:
        return len(self.given) < 2

    def give(self, clip: Clip) -> None:
        self.given.append(clip)

    def take(self, timeout_s: float) -> list[Outcome]:
        self.waits.append(timeout_s)
        return [Outcome(self.given.pop(0), DONE)]

    def close(self) -> None:
        pass


def test_the_largest_clips_come_first_and_equal_ones_by_name() -> None:
    crew = OneAtATime()
    clips = [clip("b", 10), clip("c", 900), clip("a", 10), clip("d", 90)]
    found = [outcome.clip.name.name for outcome in outcomes(crew, clips) if outcome is not None]
    assert found == ["c", "d", "a", "b"]
    assert set(crew.waits) == {0.2}, "Ctrl-C is heard between two looks"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("cannot read /clips/a.mp4: gone", "failed: cannot read a.mp4: gone; look"),
        ("a.mp4 is no video", "failed: a.mp4 is no video; look"),
        ("the worker died over it", "failed: a.mp4: the worker died over it; look"),
    ],
)
def test_each_failure_names_its_clip_once(what: str, said: str) -> None:
    assert _line(Outcome(clip("a"), FAILED, what=what, fix="look")) == said


def test_of_others_is_spoken_only_where_there_are_some() -> None:
    assert _count(1, 3) == "error: 1 of 3 failed, see above; all others are done"
    assert _count(1, 1) == "error: 1 of 1 failed, see above"


# What is finished


def order_of(*words: str) -> Order:
    given = ["x.mp4", "--out", "o", *words]
    return to_order(build_parser().parse_args(given), None, given)


@pytest.mark.parametrize(
    "words",
    [
        "--persons 2",
        "--roi 0,0,100,100",
        "--smooth one-euro",
        "--max-frames 5",
        "--decode cpu",
        "--format jsonl",
        "--save-video",
        "--format csv --csv-layout long",
    ],
)
def test_what_changes_a_result_makes_it_anew(words: str) -> None:
    before = order_of().fingerprint("ab", "openvino fp32")
    assert order_of(*words.split()).fingerprint("ab", "openvino fp32") != before


def test_the_help_says_what_holds_for_archives() -> None:
    told = " ".join(build_parser().format_help().split())
    assert "fp32 on a processor" in told
    assert "CPU threads of the network of each worker; 0: one where" in told
    assert "keep up with a camera" not in told
    assert "--csv-layout long" in told.partition("--angles, ")[2][:120]


def test_angles_make_a_result_anew() -> None:
    lines = order_of("--format", "jsonl").fingerprint("ab", "openvino fp32")
    angles = order_of("--format", "jsonl", "--angles").fingerprint("ab", "openvino fp32")
    assert angles != lines


def test_angles_that_are_only_in_the_videos_are_said_to_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    order_of("--angles", "--save-video")
    assert "angles are shown but not recorded" in capsys.readouterr().err
    order_of("--angles", "--save-video", "--csv-layout", "long")
    assert not capsys.readouterr().err


def test_another_model_or_precision_makes_it_anew_and_how_it_is_worked_on_does_not() -> None:
    before = order_of().fingerprint("ab", "openvino fp32")
    assert order_of().fingerprint("cd", "openvino fp32") != before
    assert order_of().fingerprint("ab", "openvino bf16") != before
    for words in ("--workers 2", "--threads 3", "--force", "--report", "--ray"):
        assert order_of(*words.split()).fingerprint("ab", "openvino fp32") == before


def test_a_mark_that_is_none_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.meta.json"
    found: dict[str, Any]
    assert marked(None) == {}
    for found in (
        {},
        {"format": "other", "batch": {"files": {}}},
        {"batch": 1},
        {"batch": {}},
        {"batch": {"files": []}},
    ):
        path.write_text(json.dumps({"format": "steadypose", **found}))
        assert marked(path) == {}
    path.write_text(json.dumps({"format": "steadypose", "batch": {"files": {}}}))
    assert marked(path) == {"files": {}}


def test_a_file_is_made_where_it_is_missing_or_has_another_size(tmp_path: Path) -> None:
    (tmp_path / "day1").mkdir()
    for name, size in (("a.csv", 3), ("a.mp4", 4)):
        (tmp_path / "day1" / name).write_bytes(bytes(size))
    said = {
        "source_sha256": "s",
        "settings_sha256": "t",
        "files": {"a.csv": 3, "a.mp4": 5, "a.html": None},
    }
    names = [f"day1/a.{end}" for end in ("csv", "mp4", "html", "jsonl")]
    store, hashes = Folder(tmp_path), {"source_sha256": "s", "settings_sha256": "t"}
    assert lacks(said, names, store, **hashes) == ["day1/a.mp4", "day1/a.jsonl"]
    for other in hashes:
        assert lacks(said, names, store, **{**hashes, other: "u"}) == names
    assert lacks({}, names, store, **hashes) == names


@pytest.mark.parametrize(
    ("source", "sha256", "is_refused"),
    [
        ("/clips/a.mp4", "s", False),
        ("/clips/a.mp4", "t", False),
        ("/moved/a.mp4", "s", False),
        ("/other/a.mp4", "t", True),
    ],
)
def test_only_results_of_another_video_from_elsewhere_are_kept_from_being_replaced(
    source: str, sha256: str, *, is_refused: bool
) -> None:
    said = {"source": source, "source_sha256": sha256}
    if is_refused:
        with pytest.raises(RecordError, match=f"are the results of {source}"):
            check_same_source(said, clip("a"), "s")
    else:
        check_same_source(said, clip("a"), "s")
    check_same_source({}, clip("a"), "s")


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ("/a/b", "/a/b"),
        ("file:///a/b", "/a/b"),
        ("FILE://localhost/a/b", "/a/b"),
        ("file:///a%20b", "/a b"),
        ("s3://bucket/a", "s3://bucket/a"),
    ],
)
@pytest.mark.posix("paths from one root")
def test_a_folder_that_is_written_as_an_address_is_that_folder(typed: str, target: str) -> None:
    assert target_of(typed) == target


def test_a_chain_that_ends_in_a_folder_of_this_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="is a folder of this machine"):
        target_of("simplecache::file:///a")


# Who works


@pytest.mark.parametrize(
    ("words", "workers"),
    [
        ("", 8),
        ("--threads 3", 2),
        ("--threads 16", 1),
        ("--workers 3", 3),
        ("--ray", 0),
        ("--ray --workers 3", 3),
    ],
)
def test_there_is_a_worker_for_each_core_or_as_many_as_their_threads_leave(
    monkeypatch: pytest.MonkeyPatch, words: str, workers: int
) -> None:
    monkeypatch.setattr("steadypose.batch.options.usable_cpus", lambda: 8)
    given = build_parser().parse_args(["x.mp4", "--out", "o", *words.split()])
    assert workers_of(given) == workers


@pytest.fixture
def crew(clock: Clock) -> Processes:
    return Processes(order_of(), 0)


def member_of(reads_since_s: float | None) -> Any:
    unused: Any = SimpleNamespace()
    return processes._Member(unused, unused, clip("a"), reads_since_s=reads_since_s)


def test_a_clip_may_be_silent_for_five_minutes(clock: Clock) -> None:
    member = member_of(clock.now_s)
    stuck = []
    for later_s in (299.0, 2.0):
        clock.now_s += later_s
        stuck.append(member.is_stuck)
    assert stuck == [False, True]
    assert not member_of(None).is_stuck, "it does something that takes as long as it takes"


@pytest.mark.parametrize(("away_s", "is_forgiven"), [(9.9, False), (10.1, True)])
def test_time_in_which_this_process_was_away_too_is_not_counted(
    crew: Processes, clock: Clock, away_s: float, *, is_forgiven: bool
) -> None:
    crew._members += [member := member_of(clock.now_s), asleep := member_of(None)]
    clock.now_s += away_s
    crew._forgive_pause()
    assert clock.now_s - member.reads_since_s == pytest.approx(0.0 if is_forgiven else away_s)
    assert asleep.reads_since_s is None
    crew._members.clear()


def test_a_beat_is_passed_on_once_a_second_and_at_once_where_it_is_another(clock: Clock) -> None:
    said: list[object] = []
    beats = processes._Beats(SimpleNamespace(send=said.append))  # type: ignore[arg-type]
    for later_s, beat in ((0.0, Beat.READS), (0.9, Beat.READS), (0.2, Beat.READS), (0, Beat.WORKS)):
        clock.now_s += later_s
        beats(beat)
    assert said == [Beat.READS, Beat.READS, Beat.WORKS]


@pytest.mark.parametrize(("count", "said"), [(1, "1 process,"), (2, "2 processes,")])
def test_workers_are_counted_as_people_count(crew: Processes, count: int, said: str) -> None:
    crew._members += [member_of(None) for _ in range(count)]
    crew._engine = "tiny on openvino"
    assert crew.label == f"{said} each tiny on openvino"
    crew._members.clear()


class Ray:
    """As much of Ray as a crew needs, with machines of some cores."""

    def __init__(self, *cpus: float) -> None:
        self.cpus, self.begun, self.kills, self.ends = cpus, list[dict[str, Any]](), 0, 0
        self.is_running = False
        self.answers: dict[int, Any] = {}

    def is_initialized(self) -> bool:
        return self.is_running

    def init(self, **about: Any) -> None:
        self.begun.append(about)

    def nodes(self) -> list[dict[str, Any]]:
        alive = [{"Alive": True, "Resources": {"CPU": cpus}} for cpus in self.cpus]
        return [
            *alive,
            {"Alive": False, "Resources": {"CPU": 99}},
            {"Alive": True, "Resources": {}},
        ]

    def remote(self, **about: Any) -> Callable[[type], Any]:
        self.about = about
        work = SimpleNamespace(remote=lambda one: one.size_bytes)
        return lambda _: SimpleNamespace(remote=lambda _order: SimpleNamespace(work=work))

    def wait(self, references: list[int], *, timeout: float) -> tuple[list[int], list[int]]:
        return [one for one in references if one in self.answers], []

    def get(self, reference: int) -> Outcome:
        found = self.answers.pop(reference)
        if isinstance(found, Exception):
            raise found
        outcome: Outcome = found
        return outcome

    def kill(self, _: object, *, no_restart: bool = True) -> None:
        self.kills += 1
        self.no_restart = no_restart

    def shutdown(self) -> None:
        self.ends += 1


@pytest.fixture
def ray_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ray]:
    def make(*cpus: float) -> Ray:
        found = Ray(*cpus)
        monkeypatch.setitem(sys.modules, "ray", found)
        return found

    return make


@pytest.mark.parametrize(("wanted", "count"), [(0, 5), (3, 3), (9, 5)])
def test_ray_has_as_many_actors_as_fit_on_its_machines(
    ray_of: Callable[..., Ray], wanted: int, count: int
) -> None:
    ray = ray_of(8, 3.5)
    crew = RayCrew(order_of("--threads", "2"), wanted, "")
    assert crew.label == f"{count} actors of Ray"
    assert ray.about == {"num_cpus": 2, "max_restarts": -1}
    (begun,) = ray.begun
    assert begun["num_cpus"] == (2 * wanted or None)
    assert "address" not in begun
    crew.close()
    assert (ray.kills, ray.ends) == (count, 1)
    crew.close()
    assert ray.kills == count


def test_ray_without_a_machine_that_is_large_enough_is_a_sentence(
    ray_of: Callable[..., Ray],
) -> None:
    ray = ray_of(2, 3)
    with pytest.raises(UsageError, match="has 4 CPUs, which --threads 4 needs") as refused:
        RayCrew(order_of("--threads", "4"), 0, "")
    assert refused.value.fix == "--threads 3"
    assert ray.ends == 1


@pytest.mark.parametrize("is_running", [False, True])
def test_a_cluster_of_others_is_not_ended(ray_of: Callable[..., Ray], *, is_running: bool) -> None:
    ray = ray_of(1)
    ray.is_running = is_running
    crew = RayCrew(order_of("--threads", "1"), 0, "" if is_running else "far:6379")
    assert crew.label == "1 actor of Ray"
    assert [begun["address"] for begun in ray.begun] == ([] if is_running else ["far:6379"])
    crew.close()
    assert (ray.kills, ray.ends) == (1, 0)


def test_an_actor_that_dies_costs_its_clip_and_one_without_an_engine_ends_it(
    ray_of: Callable[..., Ray],
) -> None:
    ray = ray_of(1)
    crew = RayCrew(order_of("--threads", "1"), 0, "")
    first, second, third = clip("a", 1), clip("b", 2), clip("c", 3)
    crew.give(first)
    room = [crew.has_room]
    assert crew.take(0.2) == []
    ray.answers[1] = RuntimeError("much\nthe actor died\n")
    (outcome,) = crew.take(0.2)
    assert (outcome.clip, outcome.state) == (first, FAILED)
    assert outcome.what == "the worker died over it (the actor died)"
    room.append(crew.has_room)
    assert room == [False, True]
    crew.give(second)
    ray.answers[2] = replace(Outcome(second, DONE), is_last=True)
    assert crew.take(0.2)[0].state == DONE
    assert (ray.kills, ray.no_restart) == (1, False)
    crew.give(third)
    error: Any = RuntimeError("x")
    error.cause = UsageError("no engine", fix="none")
    ray.answers[3] = error
    with pytest.raises(UsageError, match="no engine"):
        crew.take(0.2)


def test_an_error_without_a_word_is_told_by_its_kind() -> None:
    assert on_ray._last_line(RuntimeError()) == "RuntimeError"
    assert on_ray._last_line(RuntimeError("a\nb\n")) == "b"
