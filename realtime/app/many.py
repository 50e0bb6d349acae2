"""Several sources at once: each has a loop on a thread of its own, none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from steadypose.realtime.app.grid import Grid
from steadypose.realtime.app.loop import App

_LOOK_S = 0.05


@dataclass(slots=True)
class Member:
    """One source of a run.

    Attributes:
        name: What it is called in file names and messages.
        app: Its loop, with tracker, clock and files of its own.
        failure: What ended it, if it was no end.
    """

    name: str
    app: App
    failure: BaseException | None = None
    thread: threading.Thread = field(init=False)

    def begin(self) -> None:
        """Start the loop."""
        self.thread = threading.Thread(target=self._run, name=f"source {self.name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.app.run()
        except BaseException as error:
            self.failure = error
        finally:
            if self.app.page is not None:  # its files are finished once all have ended
                self.app.page.close()


def run_together(members: Sequence[Member], grid: Grid) -> None:
    """Run all to their ends; on the main thread.

    One that fails leaves the others running; its failure is kept.

    Raises:
        BaseException: What interrupted the main thread; all loops have ended then.
    """
    for member in members:
        member.begin()
    try:
        while any(member.thread.is_alive() for member in members):
            grid.serve(_LOOK_S)
    except BaseException:
        end_all(members)
        wait_for_all(members)
        raise


def end_all(members: Sequence[Member]) -> None:
    """Let all loops end after the frame in flight; any thread may."""
    for member in members:
        member.app.quit()


def wait_for_all(members: Sequence[Member]) -> None:
    """Wait until all loops have ended; any thread may."""
    for member in members:
        member.thread.join()
