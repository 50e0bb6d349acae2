"""What a recording cannot say in its rows: a JSON beside it."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import replace_text, sha256_of, write_error
from steadypose.engines.foreign.claims import Claim
from steadypose.engines.foreign.files import is_there
from steadypose.engines.foreign.texts import read_json
from steadypose.engines.wording.printable import visible, visible_values
from steadypose.realtime.record.formats.entry import UNITS
from steadypose.realtime.record.formats.tables import without_journal
from steadypose.realtime.record.parts import first_part

_END = ".meta.json"
MOST_BYTES = 64_000_000
"""Of a sidecar: with --split it names many files."""

_SPACE = "pixels of the full camera frame, x right, y down, (0, 0) is the top-left pixel's centre"
_PACKAGES = {
    "numpy": "numpy",
    "cv2": "opencv-python",
    "av": "av",
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "tensorrt": "tensorrt",
    "pyarrow": "pyarrow",
}


class Sidecar:
    """Writes ``<name>.meta.json`` when a recording begins, and again when it ends.

    The checksum of the model file, which is read to the end for it, follows from a thread.
    What a kill leaves has ``"ended": null``.

    Args:
        path: Replaced at once.
        run_info: What is known at the start; JSON values. ``model_file``, a path, becomes
            the checksum.

    Raises:
        RecordError: Somebody else is writing it.
    """

    def __init__(self, path: Path, run_info: Mapping[str, Any]) -> None:
        self.path = path
        self._failure: RecordError | None = None
        self._claim: Claim | None = None
        self._model: Path | None = run_info.get("model_file")
        self._content: dict[str, Any] = {
            "format": "steadypose",
            "version": 1,
            "started": _now(),
            "ended": None,
            "frames": None,
            "dropped": None,
            "files": [],
            "units": UNITS,
            "space": _SPACE,
            **{name: value for name, value in run_info.items() if name != "model_file"},
        }
        self._write()
        with contextlib.suppress(OSError):  # writing has said it
            self._claim = Claim(path)
        self._thread = threading.Thread(target=self._begin, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def finish(
        self,
        *,
        frames: int,
        dropped: int,
        files: list[dict[str, Any]],
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what became of it.

        Args:
            frames: How many were recorded, also with nobody in sight.
            dropped: How many the source gave up.
            files: Name and rows of each file, parts in order.
            more: What replaces what the start said.

        Raises:
            RecordError: It cannot be written; what the start wrote is still there.
        """
        self._thread.join()
        self._content |= {"ended": _now(), "frames": frames, "dropped": dropped, "files": files}
        self._content |= more or {}
        if self._failure is None:
            self._write()
        if self._claim is not None:
            self._claim.release()
        if self._failure is not None:
            raise self._failure.fresh()

    def _begin(self) -> None:
        checksum = {} if self._model is None else {"model_sha256": sha256(self._model)}
        self._content |= checksum | {"versions": versions()}
        self._write()

    def _write(self) -> None:
        text = json.dumps(visible_values(self._content), indent=2) + "\n"
        try:
            replace_text(self.path, text, owner=self._claim)
        except OSError as error:
            self._failure = write_error(self.path, error)


def sidecar_path(first: Path) -> Path:
    """The sidecar of a run whose first file is ``first``: out.csv gives out.meta.json."""
    return first.with_name(f"{first.stem}{_END}")


def find_sidecar(recording: Path) -> Path | None:
    """The sidecar of the run that wrote a recording; None where there is none.

    A run has one, named after its first file. It lists its files when it has ended; what
    a kill leaves has only the options that were typed.

    Args:
        recording: Any file of a run, also a later part or a journal.
    """
    table = without_journal(recording)
    own = visible(table.name)  # as a sidecar shows it
    names = {own, visible(first_part(table).name)}
    strong, weak = [], []
    for path in sorted(table.parent.glob(f"*{_END}")):
        content = read_sidecar(path)
        is_own = path in {sidecar_path(table), sidecar_path(first_part(table))}
        files = _names(content)
        if own in files or (not files and names & _typed(content)):
            strong.append((str(content.get("started")), is_own, path))
        elif any(is_there(table.parent / name) for name in files):
            continue  # it is about those, not about a file that an earlier run left
        elif path == sidecar_path(table) or (is_own and not files):
            weak.append((path == sidecar_path(table), path))
    # Files of one name may have been written twice: the last run counts.
    return max(strong)[-1] if strong else max(weak)[-1] if weak else None


def read_sidecar(path: Path) -> dict[str, Any]:
    """What a sidecar says; nothing where it cannot be read or is somebody else's."""
    if not path.name.endswith(_END):
        return {}
    try:
        content = read_json(path, most_bytes=MOST_BYTES, is_number_checked=False)
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(content, dict) and content.get("format") == "steadypose"
    return content if is_ours else {}


def _names(content: Mapping[str, Any]) -> set[str]:
    """The files that a run lists."""
    files = content.get("files")
    entries = files if isinstance(files, list) else []
    lists = [entry.get("names") for entry in entries if isinstance(entry, dict)]
    return {visible(name) for names in lists if isinstance(names, list) for name in names}


def _typed(content: Mapping[str, Any]) -> set[str]:
    """The file names among the options of a run."""
    options = content.get("options")
    texts = options if isinstance(options, list) else []
    values = [str(t).partition("=")[2] if str(t).startswith("-") else str(t) for t in texts]
    return {visible(Path(value).name) for value in values}


def sha256(path: Path) -> str | None:
    """Checksum of a file, None where it cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return None


def versions() -> dict[str, str]:
    """Of Python and of the packages that are loaded."""
    from importlib import metadata  # noqa: PLC0415 - 15 ms that no start should wait for

    found = {"python": platform.python_version()}
    for module, package in _PACKAGES.items():
        if module in sys.modules:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:  # a system package under another name
                found[package] = str(getattr(sys.modules[module], "__version__", "unknown"))
    return found


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
