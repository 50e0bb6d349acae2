"""An arm of two links that follows a person's right wrist, from what --udp sends.

steadypose run --camera 0 --udp 9000 --normalized, beside: python3 robot_arm.py 9000
"""

import json
import math
import socket
import sys
import time
from typing import Any

UPPER_M, LOWER_M = 0.30, 0.25
REACH_M = 0.5  # what the frame's height stands for
OLDEST_S = 0.25  # an arm follows nobody's past


def target(frame: dict[str, Any], now_s: float) -> tuple[float, float] | None:
    """Where the hand should be, metres from the shoulder's axis, right and up; None: stay.

    Someone is followed while seen: not where a wrist was predicted, lost, or seen long ago.
    """
    if not frame["persons"] or now_s - frame["unix_s"] > OLDEST_S:
        return None
    wrist = frame["names"].index("right_wrist")
    person = frame["persons"][0]
    if person["state"][wrist] != "measured":
        return None
    x, y, _ = person["keypoints"][wrist]
    width, height = frame["size_wh"]
    return REACH_M * (x - 0.5) * width / height, REACH_M * (0.75 - y)


def joints(x_m: float, y_m: float) -> tuple[float, float]:
    """Angles of shoulder and elbow, radians, whose hand is there or as near as the arm reaches."""
    far_m = min(max(math.hypot(x_m, y_m), UPPER_M - LOWER_M), UPPER_M + LOWER_M)
    cosine = (far_m**2 - UPPER_M**2 - LOWER_M**2) / (2 * UPPER_M * LOWER_M)
    elbow = math.acos(min(1.0, max(-1.0, cosine)))
    inner = math.atan2(LOWER_M * math.sin(elbow), UPPER_M + LOWER_M * math.cos(elbow))
    return math.atan2(y_m, x_m) - inner, elbow


def main() -> None:
    """Follow; your robot's own call takes the place of the last line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", int(sys.argv[1])))
        while True:
            found = target(json.loads(ear.recv(1 << 16)), time.time())
            if found is not None:
                shoulder, elbow = joints(*found)
                print(f"shoulder {math.degrees(shoulder):6.1f}  elbow {math.degrees(elbow):6.1f}")


if __name__ == "__main__":
    main()
