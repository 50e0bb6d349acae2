"""A virtual camera: what other programs take for a webcam shows the people drawn in."""

from __future__ import annotations

import contextlib
from typing import Any

import pyvirtualcam

from steadypose.realtime.record.live.message import Message
from steadypose.realtime.record.picture import Draw

_FPS = 30.0
_SIZE_WH = (640, 480)  # to find out whether there is one; the first frame tells the true size


class VirtualCameraChannel:
    """Shows each frame on a virtual camera that is there already, and free.

    Args:
        draw: Draws people onto pictures.

    Raises:
        RuntimeError: There is none.
    """

    name = "--virtual-camera"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._size_wh: tuple[int, int] = _SIZE_WH
        self._camera: Any = _open(_SIZE_WH)

    def send(self, message: Message) -> None:
        """See ``Channel.send``.

        Raises:
            RuntimeError: The camera has gone, or takes no frames of this size.
        """
        assert message.image_bgr is not None, "whoever shows frames here sends pictures along"
        if self._camera is None or message.size_wh != self._size_wh:
            self.close()
            self._camera, self._size_wh = _open(message.size_wh), message.size_wh
        image = message.image_bgr.copy()
        self._draw(image, message.poses)
        try:
            self._camera.send(image)
        except Exception:
            self.close()  # and open it again with the next frame
            raise

    def close(self) -> None:
        """See ``Channel.close``."""
        camera, self._camera = self._camera, None
        with contextlib.suppress(Exception):  # it may have gone before
            if camera is not None:
                camera.close()


def _open(size_wh: tuple[int, int]) -> Any:
    return pyvirtualcam.Camera(*size_wh, _FPS, fmt=pyvirtualcam.PixelFormat.BGR)
