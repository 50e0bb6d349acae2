"""The key that signs engines: this user's alone, whole, and never made by reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadypose.engines.foreign import signature
from steadypose.engines.foreign.self_contained import fields


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key of this test lies; it is not there yet."""
    for name in ("XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return signature.key_path()


def test_what_was_signed_is_known_and_nothing_else(key: Path) -> None:
    signed = signature.sign(b"plan")
    assert len(signed) == 64
    assert signature.is_signed(b"plan", signed)
    assert not signature.is_signed(b"plam", signed)
    assert not signature.is_signed(b"plan", signed[:-1] + "\u00e9")
    assert len(key.read_bytes()) == 32


def test_what_was_sealed_comes_back_and_what_was_changed_does_not(key: Path) -> None:
    sealed = signature.seal(b"kernels")
    assert signature.unseal(sealed) == b"kernels"
    for wrong in (sealed + b"x", b"0" + sealed, sealed[1:], b"kernels", b"", b"\xff" * 70):
        assert signature.unseal(wrong) is None
    key.unlink()
    assert signature.unseal(sealed) is None
    assert not key.exists()


@pytest.mark.posix("modes of files")
@pytest.mark.parametrize("bit", [0o001, 0o002, 0o004, 0o010, 0o020, 0o040])
def test_a_key_that_anybody_else_may_touch_signs_nothing(key: Path, bit: int) -> None:
    signed = signature.sign(b"plan")
    key.chmod(0o600 | bit)
    assert not signature.is_signed(b"plan", signed)
    with pytest.raises(PermissionError, match="it is not ours alone"):
        signature.sign(b"plan")
    key.chmod(0o600)
    assert signature.is_signed(b"plan", signed)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_none(key: Path, length: int) -> None:
    signed = signature.sign(b"plan")
    key.write_bytes(bytes(length))
    assert not signature.is_signed(b"plan", signed)
    with pytest.raises(PermissionError, match="length is wrong"):
        signature.sign(b"plan")


def test_a_setting_that_is_no_absolute_folder_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    for setting in ("", "settings"):
        monkeypatch.setenv("XDG_CONFIG_HOME", setting)
        assert signature.key_path() == tmp_path / ".config/steadypose/engine.key"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert signature.key_path() == tmp_path / "x/steadypose/engine.key"


# Numbers in model files


def test_a_number_of_a_model_file_has_at_most_64_bits() -> None:
    largest = b"\x08" + b"\xff" * 9 + b"\x01"
    assert list(fields(largest + b"\x12\x01a", 0, len(largest) + 3)) == [
        (2, len(largest) + 2, len(largest) + 3)
    ]
    longer = b"\x08" + b"\x80" * 10 + b"\x01"
    with pytest.raises(ValueError, match="truncated"):
        list(fields(longer, 0, len(longer)))


def test_what_is_no_field_of_a_model_file_is_refused() -> None:
    """A group's begin (wire type 3), which ONNX has none of, could hide a name inside."""
    with pytest.raises(ValueError, match="wire type"):
        list(fields(b"\x0b\x12\x01a", 0, 4))
