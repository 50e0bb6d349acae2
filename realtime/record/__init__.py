"""What people keep: tables of keypoints, annotated video, snapshots; and reading them back."""

from realtime.record.background import check_writable
from realtime.record.recorder import (
    PoseRecorder,
    csv_recorder,
    jsonl_recorder,
    parquet_recorder,
)
from realtime.record.video import VideoRecorder

__all__ = [
    "PoseRecorder",
    "VideoRecorder",
    "check_writable",
    "csv_recorder",
    "jsonl_recorder",
    "parquet_recorder",
]
