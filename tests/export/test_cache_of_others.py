"""A cache in which others laid something, and files that only look like the published ones."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from steadypose.engines.errors import ModelFileError, RecordError, UsageError
from steadypose.export.weights.download.addresses import urls
from steadypose.export.weights.download.checked_files import known_digest, memory_of
from steadypose.realtime.model import zoo
from tests.support.file_server import DATA, HALF, Desk, break_after

pytestmark = pytest.mark.posix("modes and links")
DIGEST = hashlib.sha256(DATA).hexdigest()
MINE = b"my own file"


def forged(desk: Desk) -> str:
    """Another hash with the same beginning, as the cache would remember it."""
    digest = desk.model.hash_prefix + "0" * 56
    desk.put(memory_of(desk.model, desk.cache), f"{digest}  {desk.model.file_name}\n".encode())
    return digest


@pytest.mark.parametrize("kind", ["soft", "dangling", "hard", "pipe"])
def test_what_lies_in_the_place_of_a_part_is_not_written_through(
    desk: Desk, tmp_path: Path, kind: str
) -> None:
    mine = tmp_path / "mine"
    if kind != "dangling":
        mine.write_bytes(MINE)
    desk.put(desk.target, b"")
    desk.target.unlink()
    if kind == "hard":
        desk.part.hardlink_to(mine)
    elif kind == "pipe":
        os.mkfifo(desk.part)
    else:
        desk.part.symlink_to(mine)
    desk.assert_good(desk.download())
    assert desk.server.asked == [("/" + desk.model.path, None)]
    assert stat.S_ISREG(desk.target.lstat().st_mode)
    assert not mine.exists() if kind == "dangling" else mine.read_bytes() == MINE


def test_a_link_to_the_right_file_does_not_get_its_name(desk: Desk, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(DATA)
    desk.put(desk.target, b"")
    desk.target.unlink()
    desk.part.symlink_to(theirs)
    desk.assert_good(desk.download())
    theirs.write_bytes(b"changed after the check")
    assert not desk.target.is_symlink()
    assert desk.target.read_bytes() == DATA


def test_a_part_of_ours_still_goes_on(desk: Desk) -> None:
    desk.put(desk.part, DATA[:HALF])
    desk.assert_good(desk.download())
    assert desk.server.asked == [("/" + desk.model.path, f"bytes={HALF}-")]


def test_the_cache_is_made_for_its_user_alone(desk: Desk) -> None:
    desk.assert_good(desk.download())
    assert desk.cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("words", [(), ("--offline",), ("--weights", "FILE")])
def test_a_cache_to_which_others_may_write_is_refused(
    desk: Desk, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "FILE").write_bytes(DATA)
    desk.put(desk.target, DATA)
    desk.cache.chmod(0o777)
    outcome = desk.download(*(str(tmp_path / w) if w == "FILE" else w for w in words))
    assert outcome.code == 2
    assert f"others may write to {desk.cache}" in outcome.err
    assert "  fix: chmod go-w" in outcome.err
    assert desk.server.asked == []
    desk.cache.chmod(0o755)
    assert desk.download().code == 0


@pytest.mark.export
def test_the_export_takes_nothing_from_such_a_cache(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steadypose.export.weights.published import published_weights

    monkeypatch.setenv("STEADYPOSE_CACHE", str(desk.cache))
    desk.put(desk.target, DATA)
    assert published_weights(desk.model) == desk.target
    desk.cache.chmod(0o777)
    with pytest.raises(RecordError, match="others may write"):
        published_weights(desk.model)
    assert published_weights(desk.model, desk.target) == desk.target  # named by the user


@pytest.mark.parametrize("way", ["download", "part", "cache", "file"])
def test_the_first_good_copy_is_remembered(desk: Desk, tmp_path: Path, way: str) -> None:
    words: list[str] = []
    if way == "part":
        desk.server.answers = [break_after(HALF)]
    if way == "cache":
        desk.put(desk.target, DATA)
    if way == "file":
        (tmp_path / "brought").write_bytes(DATA)
        words = ["--weights", str(tmp_path / "brought")]
    desk.assert_good(desk.download(*words))
    assert memory_of(desk.model, desk.cache).read_text() == f"{DIGEST}  {desk.target.name}\n"
    assert known_digest(desk.model, desk.cache) == DIGEST


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0" * 64 + b"  x.pth\n", b"{}"])
def test_a_damaged_memory_remembers_nothing(desk: Desk, content: bytes) -> None:
    desk.put(memory_of(desk.model, desk.cache), content)
    desk.assert_good(desk.download())
    assert known_digest(desk.model, desk.cache) == DIGEST


def test_another_file_with_the_same_eight_digits_is_refused(desk: Desk, tmp_path: Path) -> None:
    digest = forged(desk)
    outcome = desk.download()
    desk.assert_refused(outcome, "than the one that is known", DIGEST, digest, "do not use it")
    (tmp_path / "brought").write_bytes(DATA)
    outcome = desk.download("--weights", str(tmp_path / "brought"))
    desk.assert_refused(outcome, "is not the", "that is known", DIGEST, digest)
    memory_of(desk.model, desk.cache).unlink()
    desk.assert_good(desk.download())


@pytest.mark.export
def test_such_a_file_in_the_cache_is_neither_offered_nor_exported(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steadypose.export.weights.published import published_weights

    monkeypatch.setenv("STEADYPOSE_CACHE", str(desk.cache))
    desk.put(desk.target, DATA)
    digest = forged(desk)
    assert desk.download("--offline").code == 2
    for brought in (None, desk.target):
        with pytest.raises(ModelFileError, match=f"does not begin with {digest}"):
            published_weights(desk.model, brought)


def test_a_hash_of_the_table_decides(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(desk.model, sha256=desk.model.hash_prefix + "1" * 56)
    monkeypatch.setitem(zoo.MODELS, desk.model.name, wrong)
    outcome = desk.download()
    desk.assert_refused(outcome, "than the one that is known", "published.json")
    monkeypatch.setitem(zoo.MODELS, desk.model.name, replace(desk.model, sha256=DIGEST))
    forged(desk)  # what the cache remembers does not count then
    desk.assert_good(desk.download())


def test_every_hash_of_the_table_is_whole_and_fits_the_name() -> None:
    for model in zoo.MODELS.values():
        if model.sha256:
            assert len(model.sha256) == 64
            assert model.sha256.startswith(model.hash_prefix)


PLAIN = ["http://mirror.example/", "http://10.0.0.1:80/x", "http://localhost.example/"]


@pytest.mark.parametrize("mirror", PLAIN)
def test_a_plain_http_mirror_is_asked_only_for_what_is_fully_known(mirror: str) -> None:
    model = zoo.find("res50-coco-256x192")
    with pytest.raises(UsageError, match="is plain http") as told:
        urls(model, [mirror])
    assert "https" in told.value.fix
    assert urls(model, [mirror], is_known=True)[0].startswith(mirror)


@pytest.mark.parametrize(
    "mirror", ["http://127.0.0.1:80/", "http://localhost/", "http://[::1]/", "https://a.example/"]
)
def test_a_mirror_on_this_machine_needs_no_https(mirror: str) -> None:
    assert urls(zoo.find("res50-coco-256x192"), [mirror])[0].startswith(mirror)


def test_a_download_once_from_elsewhere_makes_the_plain_mirror_usable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADYPOSE_MIRRORS", "http://mirror.example/")
    desk.assert_refused(desk.download(), "is plain http", "remembered")
    monkeypatch.delenv("STEADYPOSE_MIRRORS")
    desk.assert_good(desk.download())
    monkeypatch.setenv("STEADYPOSE_MIRRORS", "http://mirror.example/")
    desk.assert_good(desk.download())  # it is here


@pytest.mark.parametrize(
    "mirror",
    [
        *("https://user:SECRET@host/x", "https://SECRET@host/", "user:SECRET@host/x"),
        *("https://u:SEC/RET@host/", "https://user:SECRET", "https://host/?sig=SECRET"),
        *("https://host/#SECRET", "ftp://user:SECRET@host/", "https://u:SECRET@h@host/"),
        *("https://user:SECRET@[::1/", "//user:SECRET@host", "https://u:SECRET@host/?a=SECRET"),
    ],
)
def test_a_refused_mirror_does_not_show_its_password(mirror: str) -> None:
    with pytest.raises(UsageError, match="is not a plain http or https URL") as told:
        urls(zoo.find("res50-coco-256x192"), [mirror])
    assert "SEC" not in str(told.value)
    assert "RET" not in str(told.value)


def test_a_refused_mirror_without_a_password_is_shown() -> None:
    for mirror in ("ftp://host/x", "host.example/x", "https://host:99999/"):
        with pytest.raises(UsageError) as told:
            urls(zoo.find("res50-coco-256x192"), [mirror])
        assert mirror in told.value.what
