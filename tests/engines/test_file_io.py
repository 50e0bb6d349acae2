"""Files that are written beside those of others: nothing but the file itself changes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import check_writable, identity, replace_file
from steadypose.engines.foreign import private
from steadypose.engines.foreign.claims import Claims
from steadypose.engines.foreign.private import check_private, private_folder

pytestmark = pytest.mark.posix("modes and links")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def put(path: Path, text: str = "new") -> None:
    replace_file(path, lambda fresh: fresh.write_text(text))


def test_nothing_that_lies_beside_a_file_is_taken_for_its_beginning(tmp_path: Path) -> None:
    path, other = tmp_path / "x.csv", tmp_path / "other"
    other.write_text("other")
    names = [f"x.csv{end}" for end in (".tmp", ".part", f".{os.getpid()}.part")]
    for name in names:
        (tmp_path / name).symlink_to(other)
    put(path)
    assert (path.read_text(), other.read_text()) == ("new", "other")
    assert {p.name for p in tmp_path.iterdir()} == {"x.csv", "other", *names}


def test_two_names_in_between_are_never_the_same(tmp_path: Path) -> None:
    seen: list[Path] = []
    for _ in range(2):
        replace_file(tmp_path / "x", seen.append)
    assert len({path.name for path in seen}) == 2
    assert {path.parent for path in seen} == {tmp_path}


@pytest.mark.parametrize("given", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_mode(tmp_path: Path, given: int) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(given)
    replace_file(path, lambda fresh: fresh.write_text("new"))
    assert (path.read_text(), mode(path)) == ("new", given)


def test_a_private_file_is_private_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o600)
    modes: list[int] = []
    replace_file(path, lambda fresh: modes.append(mode(fresh)))
    assert modes == [0o600]


def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    put(tmp_path / "x")
    os.umask(0o077)
    put(tmp_path / "y")
    assert [mode(tmp_path / name) for name in "xy"] == [0o644, 0o600]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_written_through(tmp_path: Path, *, is_there: bool) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "real", tmp_path / "link"
    if is_there:
        target.write_text("old")
    link.symlink_to(target)
    check_writable(link, "--csv")
    assert target.exists() == is_there
    put(link)
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    before = Path("/dev/null").stat()
    check_writable(Path("/dev/null"), "-o")
    put(Path("/dev/null"))
    assert Path("/dev/null").stat().st_rdev == before.st_rdev


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def fail(fresh: Path) -> None:
        fresh.write_text("ne")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        replace_file(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "old"


def test_who_began_to_write_a_file_in_the_meantime_keeps_it(tmp_path: Path) -> None:
    path, claims = tmp_path / "x", Claims()

    def slowly(fresh: Path) -> None:
        fresh.write_text("new")
        claims.add(path)
        path.write_text("another run's")

    with pytest.raises(RecordError, match="is being written by another run"):
        replace_file(path, slowly)
    claims.release()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "another run's"


def test_looking_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "new.csv")
    check_writable(link, "--csv")
    assert link.is_symlink()
    assert not link.exists()


@pytest.mark.parametrize("end", ["none/new.csv", "link.csv"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, end: str) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / end)
    with pytest.raises(RecordError):
        check_writable(link, "--csv")
    assert link.is_symlink()


def test_a_pipe_is_refused_instead_of_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(RecordError, match=r"--csv .* is a pipe"):
        check_writable(tmp_path / "x.csv", "--csv")


def test_all_names_of_a_file_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x"
    path.write_text("x")
    (tmp_path / "soft").symlink_to("x")
    (tmp_path / "hard").hardlink_to(path)
    (tmp_path / "ahead").symlink_to("new")
    names = (
        Path("x"),
        path,
        tmp_path / "soft",
        tmp_path / "hard",
        Path("../") / tmp_path.name / "x",
    )
    assert len({identity(name) for name in names}) == 1
    assert identity(tmp_path / "ahead") == identity(Path("new")) != identity(path)
    assert identity(Path("a\0b")) != identity(path)


def test_a_private_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    assert mode(private_folder(tmp_path / "a" / "cache")) == 0o700
    private_folder(tmp_path / "a" / "cache")


@pytest.mark.parametrize("given", [0o700, 0o755, 0o750])
def test_a_folder_that_others_only_read_is_private_enough(tmp_path: Path, given: int) -> None:
    tmp_path.chmod(given)
    assert private_folder(tmp_path) == tmp_path
    assert mode(tmp_path) == given


@pytest.mark.parametrize("given", [0o777, 0o1777, 0o707])
def test_a_folder_that_all_may_write_is_refused(tmp_path: Path, given: int) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(given)
    with pytest.raises(RecordError, match="others may write") as told:
        private_folder(folder)
    assert "chmod go-w" in told.value.fix


@pytest.mark.parametrize(("members", "is_refused"), [([], False), (["eve"], True)])
def test_a_group_of_one_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, members: list[str], is_refused: bool
) -> None:
    import grp

    tmp_path.chmod(0o775)
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group(("g", "x", gid, members)))
    monkeypatch.setattr("pwd.getpwall", list)
    if is_refused:
        with pytest.raises(RecordError, match="others may write"):
            private_folder(tmp_path)
    else:
        private_folder(tmp_path)


@pytest.mark.parametrize("is_linked", [True, False])
def test_the_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_linked: bool
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    if is_linked:
        folder = tmp_path / "link"
        folder.symlink_to("cache")
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    monkeypatch.setattr(private, "__file__", os.sep)  # installed by root
    if os.getuid() == 0:
        os.chown(folder, 1234, -1, follow_symlinks=False)
    with pytest.raises(RecordError, match="belongs to another user"):
        check_private(folder)


def test_whose_code_is_running_may_also_own_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root in a container works in a checkout that belongs to the user outside."""
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    code, folder = tmp_path / "file_io.py", tmp_path / "built"
    code.touch()
    folder.mkdir()
    monkeypatch.setattr(private, "__file__", str(code))
    if os.getuid() == 0:
        os.chown(code, 1234, -1)
        os.chown(folder, 1234, -1)
    check_private(folder)


def test_a_folder_that_is_not_there_holds_nothing_of_others(tmp_path: Path) -> None:
    check_private(tmp_path / "none")


@pytest.mark.parametrize("is_synced", [False, True])
def test_what_must_survive_a_power_failure_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_synced: bool
) -> None:
    synced: list[tuple[int, bool]] = []

    def fsync(file: int) -> None:
        synced.append((os.fstat(file).st_ino, (tmp_path / "x").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    replace_file(tmp_path / "x", lambda fresh: fresh.write_text("new"), is_synced=is_synced)
    assert synced == ([((tmp_path / "x").stat().st_ino, False)] if is_synced else [])
