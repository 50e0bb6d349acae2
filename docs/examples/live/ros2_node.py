"""ROS 2: publish what --udp sends as REP-155's skeletons, one topic for each person.

steadypose run --camera 0 --udp 9000 --normalized, beside: python3 ros2_node.py 9000
"""

import json
import socket
import sys
from typing import Any

import rclpy
from hri_msgs.msg import Skeleton2D

# In the message's order; its second point is the neck, halfway between the shoulders.
NAMES = [
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
]


def skeleton_of(frame: dict[str, Any], person: dict[str, Any], topic: str) -> Skeleton2D:
    """The message of a person: x, y from 0 to 1 and a score c; what is lost keeps c = 0."""
    points = dict(zip(frame["names"], person["keypoints"], strict=True))
    left, right = points["left_shoulder"], points["right_shoulder"]
    if left[0] is not None and right[0] is not None:
        points["neck"] = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
    message = Skeleton2D()
    message.header.frame_id = topic
    message.header.stamp.sec = int(frame["unix_s"])
    message.header.stamp.nanosec = int(frame["unix_s"] % 1 * 1e9)
    for place, name in enumerate(NAMES):
        x, y, score = points.get(name, (None, None, 0.0))
        if x is not None:
            point = message.skeleton[place]
            point.x, point.y, point.c = x, y, score
    return message


def main(port: str = "9000") -> None:
    """Receive and publish, until ROS ends."""
    rclpy.init()
    node, publishers = rclpy.create_node("steadypose"), {}
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("127.0.0.1", int(port)))
    while rclpy.ok():
        frame = json.loads(ear.recv(1 << 16))
        for person in frame["persons"]:
            topic = f"/humans/bodies/steadypose_{person['id']}/skeleton2d"
            if topic not in publishers:
                publishers[topic] = node.create_publisher(Skeleton2D, topic, 1)
            publishers[topic].publish(skeleton_of(frame, person, topic))


if __name__ == "__main__":
    main(*sys.argv[1:])
