"""Write on a thread of its own, so that a slow disk never slows the picture."""

from __future__ import annotations

import contextlib
import queue
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import write_error

Item = TypeVar("Item")

_STUCK_S = 10.0  # closing waits for a disk that writes nothing for this long


class BackgroundWriter(Generic[Item]):
    """Feeds items to a function on a thread, through a bounded queue.

    Args:
        write: Called for each item, on the thread.
        close: Called last, on the thread, also after a failure.
        path: Asked for the file being written, for messages.
        capacity: Items that may wait.
        idle: Called on the thread about four times a second while nothing comes.
        progress: A number that grows while ``close`` works, so that long work is not
            taken for a disk that does not answer.
    """

    def __init__(
        self,
        write: Callable[[Item], None],
        close: Callable[[], None],
        *,
        path: Callable[[], Path],
        capacity: int,
        idle: Callable[[], None] = lambda: None,
        progress: Callable[[], int] = lambda: 0,
    ) -> None:
        self.path = path
        self._write = write
        self._finish = close
        self._idle = idle
        self._progress = progress
        self._queue: queue.Queue[Item | None] = queue.Queue(capacity)
        self._failure: Exception | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=f"write {path().name}", daemon=True)
        self._thread.start()

    def put(self, item: Item, *, may_drop: bool) -> bool:
        """Hand over an item.

        Args:
            item: Must not be changed afterwards.
            may_drop: Where the queue is full: give the item up instead of waiting.

        Returns:
            False when it was given up.

        Raises:
            RecordError: Writing failed, now or earlier.
        """
        while True:
            self.check()
            try:
                self._queue.put(item, timeout=0.0 if may_drop else 0.25, block=not may_drop)
            except queue.Full:
                if may_drop:
                    return False
            else:
                return True

    def check(self) -> None:
        """Raise what went wrong on the thread.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        if self._failure is not None:
            if isinstance(self._failure, OSError):
                raise write_error(self.path(), self._failure) from self._failure
            if isinstance(self._failure, RecordError):
                raise self._failure.fresh() from self._failure
            raise self._failure

    def close(self) -> None:
        """Write what waits and end the thread. Safe to call twice.

        Raises:
            RecordError: The rest could not be written.
        """
        if not self._is_closed:
            self._is_closed = True
            self._end_thread()
            if not self._thread.is_alive():
                self._let_go()
        self.check()

    def _end_thread(self) -> None:
        """Wait for the rest to be written, as long as the disk makes progress."""
        left, done, silent_s = self._queue.qsize(), self._progress(), 0.0
        is_told = False
        while self._thread.is_alive() and silent_s < _STUCK_S:
            try:
                if not is_told:
                    self._queue.put(None, timeout=0.1)
                    is_told = True
                self._thread.join(timeout=0.1)
            except queue.Full:
                pass
            moves = self._queue.qsize() < left or self._progress() > done
            silent_s = 0.0 if moves else silent_s + 0.1
            left, done = self._queue.qsize(), self._progress()
        if self._thread.is_alive():
            self._failure = RecordError(
                f"the disk of {self.path()} does not answer; the last {left} entries are lost",
                fix="record to a local disk",
            )

    def _let_go(self) -> None:
        """Hold nobody any more who holds this: an encoder's memory is freed at once."""
        path = self.path()
        self.path = lambda: path
        self._write, self._idle = lambda _item: None, lambda: None
        self._finish, self._progress = lambda: None, lambda: 0
        failure: BaseException | None = self._failure
        while failure is not None:
            traceback.clear_frames(failure.__traceback__)
            failure = failure.__cause__ or failure.__context__

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._write(item)
        except Exception as error:
            self._failure = error
        finally:
            try:
                self._finish()
            except Exception as error:
                self._failure = self._failure or error
        if self._failure is not None:  # never leave a waiting caller behind
            with contextlib.suppress(queue.Empty):
                while True:
                    self._queue.get_nowait()

    def _next(self) -> Item | None:
        while True:
            try:
                return self._queue.get(timeout=0.25)
            except queue.Empty:
                self._idle()
