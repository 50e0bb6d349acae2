"""A frame with its people, as the library hands them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steadypose.api import elsewhere
from steadypose.api.given import checked_time
from steadypose.api.person import Behind, Kept, Person, frozen
from steadypose.engines.errors import UsageError
from steadypose.realtime.app.draw import draw_angles, draw_poses
from steadypose.realtime.datatypes import Pose

if TYPE_CHECKING:
    from supervision import KeyPoints


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """One frame and the people in it.

    Attributes:
        image_bgr: (H, W, 3) uint8, read-only.
        index: 0 for the first frame of the source; dropped frames are counted too.
        time_s: When it was taken: seconds since the first frame of a live source, the
            presentation time of a file, or what a ``Tracker`` was told.
        persons: In order of their ids.
        source: Number of the source in ``sp.open([...])``; 0 for a single one.
    """

    image_bgr: NDArray[np.uint8]
    index: int
    time_s: float
    persons: tuple[Person, ...]
    _poses: tuple[Pose, ...]
    _behind: Behind
    _ahead: Callable[[float], tuple[Person, ...]]
    source: int = 0

    def __repr__(self) -> str:
        height, width = self.image_bgr.shape[:2]
        people = ", ".join(map(repr, self.persons)) or "nobody"
        return f"<Frame {self.index} at {self.time_s:.3f} s, {width}x{height}: {people}>"

    def __reduce__(self) -> tuple[Any, ...]:
        known = self._behind.covariances(), self._behind.angles()
        plain = self.image_bgr, self.index, self.time_s, self.source
        return _restored, (*plain, self._poses, *known)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.persons)

    def at(self, time_s: float) -> tuple[Person, ...]:
        """The same people as they are likely to be a little later; their covariance is not known.

        Args:
            time_s: On the clock of ``time_s``; meant for up to a tenth of a second ahead. After
                half a second nobody moves on: a velocity says nothing about later.

        Raises:
            UsageError: A later frame was taken in: ask the newest one. Or it is no time.
        """
        return self._ahead(checked_time(time_s))

    def draw(self, *, angles: bool = False) -> NDArray[np.uint8]:
        """A copy of the picture with the skeletons on it, and joint angles if they are wanted."""
        canvas = self.image_bgr.copy()
        draw_poses(canvas, self._poses)
        if angles:
            draw_angles(canvas, self._poses, self._behind.angles())
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        people = [person.to_dict() for person in self.persons]
        return {"frame": self.index, "time_s": self.time_s, "persons": people}

    def to_supervision(self) -> KeyPoints:
        """Its people for ``supervision``'s annotators; lost keypoints are (0, 0) there.

        ``data["tracker_id"]`` has the ids.

        Raises:
            Error: supervision is not installed.
        """
        people = self.persons
        return elsewhere.to_supervision(
            [one.id for one in people], [one.xy for one in people], [one.score for one in people]
        )

    def to_rerun(self, entity: str = "camera", *, recording: Any = None) -> None:
        """Show it in Rerun's viewer: picture, keypoints and limbs, at its time.

        Args:
            entity: Path of the picture; people lie below it.
            recording: A ``RecordingStream``; None: that of ``rr.init``.

        Raises:
            Error: rerun-sdk is not installed.
        """
        viewer = elsewhere.Rerun(entity, recording)
        viewer.begin(self.image_bgr, self.index, self.time_s)
        for person in self.persons:
            viewer.add(person.id, person.names, person.xy, self.limbs)

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of keypoints that are drawn as lines; empty where nobody is."""
        return self._poses[0].skeleton.limbs if self._poses else ()


def people_of(poses: tuple[Pose, ...], behind: Behind) -> tuple[Person, ...]:
    """What the library hands out of a frame's poses: copies, in C's order, read-only."""
    return tuple(
        Person(
            pose.track_id,
            pose.skeleton.keypoints,
            frozen(pose.xy.copy()),
            frozen(pose.raw_xy.copy()),
            frozen(pose.score.copy()),
            frozen(pose.state.copy()),
            row,
            behind,
        )
        for row, pose in enumerate(poses)
    )


def _restored(
    image_bgr: NDArray[np.uint8],
    index: int,
    time_s: float,
    source: int,
    poses: tuple[Pose, ...],
    covariances: Any,
    angles: Any,
) -> Frame:
    """A frame from another process: arrays come out of a pickle writable."""
    behind = Kept(list(map(frozen, covariances)), angles)
    people = people_of(poses, behind)
    return Frame(frozen(image_bgr), index, time_s, people, poses, behind, _no_tracker, source)


def _no_tracker(time_s: float) -> tuple[Person, ...]:
    raise UsageError(
        f"what comes at {time_s:g} s is not known to a copy of a frame",
        fix="ask the frame itself, before it is sent away",
    )
