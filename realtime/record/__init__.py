"""What people keep: tables of keypoints, annotated video, snapshots."""

from realtime.record.background import check_writable
from realtime.record.table import CsvRecorder
from realtime.record.video import VideoRecorder

__all__ = ["CsvRecorder", "VideoRecorder", "check_writable"]
