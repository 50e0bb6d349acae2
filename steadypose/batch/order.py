"""What is to be done with an archive, the same for all its clips."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from steadypose.realtime.command.settings import Settings
from steadypose.realtime.record.formats.tables import TableFormat
from steadypose.realtime.record.sidecar import sidecar_path
from steadypose.version import __version__


@dataclass(frozen=True, slots=True)
class Clip:
    """A video of the archive.

    Attributes:
        path: The file, from the root: a worker may stand elsewhere.
        name: Its outputs below the target folder, without their endings: ``day1/walk``.
        shown: As it was found, for people.
        size_bytes: Of the file.
    """

    path: Path
    name: PurePosixPath
    shown: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker does with each clip.

    Attributes:
        settings: Of the runs; source and outputs follow from the clip.
        formats: Tables to write.
        has_video: Write the annotated video.
        has_report: Write the page about the recording.
        out: Folder from the root, or fsspec URL.
        typed: The command line, for the sidecars.
        threads: CPU threads of each worker's network.
    """

    settings: Settings
    formats: tuple[TableFormat, ...]
    has_video: bool
    has_report: bool
    out: str
    typed: tuple[str, ...]
    threads: int

    def recordings(self, clip: Clip) -> list[str]:
        """Tables and video of a clip, below the target; the first names the sidecar."""
        ends = [form.name for form in self.formats]
        return [f"{clip.name}.{end}" for end in (*ends, *(("mp4",) if self.has_video else ()))]

    def sidecar(self, clip: Clip) -> str:
        """The description of a clip's recording, below the target."""
        return sidecar_path(Path(self.recordings(clip)[0])).as_posix()

    def report(self, clip: Clip) -> str:
        """The page about a clip's recording, below the target."""
        return f"{clip.name}.html"

    def names(self, clip: Clip) -> list[str]:
        """Everything that is written for a clip, below the target."""
        page = [self.report(clip)] if self.has_report else []
        return [*self.recordings(clip), *page, self.sidecar(clip)]

    def fingerprint(self, model_sha256: str, engine: str) -> str:
        """SHA-256 of all that decides what is written; hex.

        Args:
            model_sha256: Of the model file.
            engine: Backend and precision.
        """
        settings = self.settings
        said: dict[str, Any] = {
            "steadypose": __version__,
            "model": model_sha256,
            "engine": engine,
            "skeleton": asdict(settings.skeleton.skeleton) if settings.skeleton else None,
            "persons": settings.persons,
            "roi": None if settings.region is None else astuple(settings.region),
            "smoother": settings.smoother,
            "second_pass": settings.is_offline_smoothed,
            "angles": settings.has_angles,
            "max_frames": settings.max_frames,
            "decode": settings.source.decode,
            "formats": [[form.name, form.layout] for form in self.formats],
            "video": self.has_video,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
