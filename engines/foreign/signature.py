"""Who built an engine: an HMAC with a key that only this user of this machine has.

A hash finds damage; whoever writes an engine can write its hash. Without this key nobody can
write its signature. The key is made where the first engine is built.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

from steadypose.engines.foreign.files import open_regular

_BYTES = 32
_SIGNATURE = 64
_OTHERS = 0o077  # mode bits that let others read or write


def key_path() -> Path:
    """Where the key lies: in the user's own folder of settings."""
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA")
        root = Path(folder) if folder else Path.home() / "AppData" / "Local"
    else:
        folder = os.environ.get("XDG_CONFIG_HOME", "")
        # The specification: what is not absolute counts as unset.
        root = Path(folder) if Path(folder).is_absolute() else Path.home() / ".config"
    return root / "steadypose" / "engine.key"


def make_key() -> None:
    """Make the key where there is none.

    Raises:
        OSError: It cannot be written.
    """
    path = key_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return
    try:
        os.write(descriptor, secrets.token_bytes(_BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def sign(data: bytes) -> str:
    """The signature of some bytes, hex; the key is made where there is none.

    Raises:
        OSError: There is no key of ours, and none can be made.
    """
    make_key()
    key = _read_key()
    if key is None:
        reason = "it is not ours alone: its owner, mode or length is wrong"
        raise PermissionError(0, reason, str(key_path()))
    return _hmac(key, data)


def is_signed(data: bytes, signature: str) -> bool:
    """Whether ``sign`` made this signature of these bytes, with the key that is here."""
    try:
        key = _read_key()
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return False
    if key is None or not signature.isascii():
        return False
    return hmac.compare_digest(_hmac(key, data), signature)


def seal(data: bytes) -> bytes:
    """Bytes with their signature before them; ``unseal`` gives them back.

    Raises:
        OSError: As ``sign``.
    """
    return sign(data).encode() + data


def unseal(sealed: bytes) -> bytes | None:
    """What was sealed with the key that is here; None: it was not."""
    signature, data = sealed[:_SIGNATURE], sealed[_SIGNATURE:]
    return data if is_signed(data, signature.decode("latin-1")) else None


def _read_key() -> bytes | None:
    """The key; None where others could know it, or it is cut short.

    Raises:
        OSError: There is none.
    """
    with open_regular(key_path()) as file:
        info = os.fstat(file.fileno())
        key = file.read(_BYTES + 1)
    is_ours = sys.platform == "win32" or (
        info.st_uid == os.geteuid() and not info.st_mode & _OTHERS
    )
    return key if is_ours and len(key) == _BYTES else None


def _hmac(key: bytes, data: bytes) -> str:
    return hmac.new(key, data, hashlib.sha256).hexdigest()
