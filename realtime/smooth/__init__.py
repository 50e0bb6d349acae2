"""Take the jitter out of keypoints over time."""

from realtime.smooth.base import Smoother
from realtime.smooth.kalman import KalmanSmoother
from realtime.smooth.noise import Noise

__all__ = ["KalmanSmoother", "Noise", "Smoother"]
