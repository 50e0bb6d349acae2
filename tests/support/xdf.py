"""A recorder of the Lab Streaming Layer that writes XDF, as LabRecorder does.

The format: github.com/sccn/xdf/wiki/Specifications (version 1.0).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _STREAM_FOOTER = 1, 2, 3, 4, 6


class XdfRecorder:
    """Records one stream.

    Args:
        path: Of the file.
        inlet: Of ``pylsl``, opened.
    """

    def __init__(self, path: Path, inlet: Any) -> None:
        self._file = path.open("wb")
        self._inlet = inlet
        self._file.write(b"XDF:")
        self._chunk(_FILE_HEADER, b'<?xml version="1.0"?><info><version>1.0</version></info>')
        header = inlet.info(timeout=10).as_xml().encode()
        self._chunk(_STREAM_HEADER, struct.pack("<I", 1) + header)
        self._times: list[float] = []

    def offset(self) -> float:
        """Measure the sender's clock against ours, record it, and return it."""
        import pylsl

        found = float(self._inlet.time_correction(timeout=5))
        self._chunk(_CLOCK_OFFSET, struct.pack("<Idd", 1, pylsl.local_clock(), found))
        return found

    def take(self, timeout_s: float) -> bool:
        """Record the next sample; whether one came in time."""
        values, at_s = self._inlet.pull_sample(timeout=timeout_s)
        if at_s is None:
            return False
        self._times.append(at_s)
        body = struct.pack("<IBIBd", 1, 4, 1, 8, at_s) + struct.pack(f"<{len(values)}d", *values)
        self._chunk(_SAMPLES, body)
        return True

    def close(self) -> None:
        """Finish the file."""
        first, last = self._times[0], self._times[-1]
        footer = (
            '<?xml version="1.0"?><info>'
            f"<first_timestamp>{first!r}</first_timestamp><last_timestamp>{last!r}</last_timestamp>"
            f"<sample_count>{len(self._times)}</sample_count></info>"
        )
        self._chunk(_STREAM_FOOTER, struct.pack("<I", 1) + footer.encode())
        self._file.close()

    def _chunk(self, tag: int, content: bytes) -> None:
        self._file.write(struct.pack("<BIH", 4, len(content) + 2, tag) + content)
