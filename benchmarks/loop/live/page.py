"""How old a frame is once the page shows it, in a real browser on the same machine.

python -m benchmarks.loop.live.page [--clip VIDEO] [--seconds 20]

Chromium, without a window, shows the page. Its own camera plays the clip, and is what the run
reads; then the run reads the same clip as a camera would deliver it. The age counts from the moment
of capture to the end of the painting, of every frame that the page has shown; the clip is scaled
to 640x480.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.common import frames_of, guarded, included, parser, publish, table
from steadypose.engines.errors import UsageError
from steadypose.realtime.model.places import ROOT

if TYPE_CHECKING:
    from tests.support.chromium import Tab

_SIZE_WH = (640, 480)
_FPS = 30
_FRAMES = 300
_WARM_S = 6.0
_LISTEN = """
window.seen = [];
document.getElementById('view').addEventListener('seen', (e) => window.seen.push(e.detail.age_ms));
"""
_TAKE = "window.seen"
_READY = "document.getElementById('status')?.textContent === 'connected'"


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    command = parser(__doc__)
    command.add_argument("--clip", type=Path, help="a video of a person (default: the demo)")
    command.add_argument("--seconds", type=float, default=20.0, help="for each row")
    command.add_argument("--threads", type=int, help="of the engine (default: the program's own)")
    return command


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    clip: Path | None = arguments.clip
    source = "demo" if clip is None else str(included(clip, "--clip"))
    threads = [] if arguments.threads is None else ["--threads", str(arguments.threads)]
    rows = []
    with TemporaryDirectory() as name:
        film, tape = Path(name) / "clip.y4m", Path(name) / "clip.avi"
        _write(source, film, tape, math.ceil((_WARM_S + arguments.seconds + 20) * _FPS))
        ways = {
            "the browser's camera (`--source browser`)": ["--source", "browser"],
            "a camera of this machine": ["--source", str(tape), "--realtime"],
        }
        for index, (what, options) in enumerate(ways.items()):
            folder = Path(name) / str(index)
            folder.mkdir()
            rows.append((what, *_measured(folder, film, [*options, *threads], arguments.seconds)))
    head = ("what is seen", "age, ms p50 / p95", "p99", "frames a second in the page")
    publish(f"640x480 at {_FPS} fps\n\n{table(head, rows)}", arguments.output)


def _write(source: str, film: Path, tape: Path, frames: int) -> None:
    """Ten seconds: uncompressed, as Chromium's camera wants it, and repeated, as MJPG."""
    images = [
        cv2.resize(frame.image_bgr, _SIZE_WH, interpolation=cv2.INTER_AREA)
        for frame in itertools.islice(frames_of(source), _FRAMES)
    ]
    with film.open("wb") as file:
        file.write(f"YUV4MPEG2 W{_SIZE_WH[0]} H{_SIZE_WH[1]} F{_FPS}:1 Ip A1:1 C420\n".encode())
        for image in images:
            file.write(b"FRAME\n" + cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes())
    writer = cv2.VideoWriter(str(tape), cv2.VideoWriter.fourcc(*"MJPG"), _FPS, _SIZE_WH)
    for image in itertools.islice(itertools.cycle(images), frames):
        writer.write(image)
    writer.release()


def _measured(folder: Path, film: Path, options: Sequence[str], seconds: float) -> list[str]:
    """A row: what the page has seen."""
    try:
        from tests.support.chromium import CHROMIUM, chromium, visit  # noqa: PLC0415 - not installed
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this needs the package {error.name}", fix="pip install -r requirements-live.txt"
        ) from error
    if CHROMIUM is None:
        raise UsageError("this needs Chromium", fix="apt install chromium")

    async def work(tab: Tab) -> list[float]:
        await tab.until(_READY)
        if "browser" in options:
            await tab.value("document.getElementById('camera').click()")
        await asyncio.sleep(_WARM_S)
        await tab.value(_LISTEN)
        await asyncio.sleep(seconds)
        found: list[float] = await tab.value(_TAKE)
        return found

    with _run(folder, options) as url, chromium(folder, film) as browser:
        ages = visit(browser, url, work)
    p50, p95, p99 = np.percentile(ages, (50, 95, 99))
    return [f"{p50:.0f} / {p95:.0f}", f"{p99:.0f}", f"{len(ages) / seconds:.1f}"]


@contextmanager
def _run(folder: Path, options: Sequence[str]) -> Iterator[str]:
    """The program, showing its page; yields the page's address."""
    told = folder / "run"
    command = [sys.executable, str(ROOT / "run.py"), "--headless", "--serve", "8431", *options]
    with told.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            until_s = time.perf_counter() + 60
            while not (found := re.search(r"page: (\S+)", told.read_text())):
                if process.poll() is not None or time.perf_counter() > until_s:
                    raise UsageError(told.read_text().strip(), fix="see what it says")
                time.sleep(0.1)
            yield found[1]
        finally:
            process.kill()


if __name__ == "__main__":
    guarded(main)
