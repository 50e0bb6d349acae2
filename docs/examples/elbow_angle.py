"""An elbow's angle with its uncertainty: python elbow_angle.py [source] [left or right]."""

import sys

import steadypose as sp


def main(source: str = "0", side: str = "left") -> None:
    """Print the angle twice a second, where it is known to within 20 degrees."""
    next_s = 0.0
    with sp.open(source) as frames:
        for frame in frames:
            for person in frame.persons:
                elbow = person.angles.get(f"{side}_elbow")  # ask every frame: they go on
                if elbow is None or elbow.std > 20 or frame.time_s < next_s:
                    continue
                next_s = frame.time_s + 0.5
                margin = 1.645 * elbow.std  # holds 90 %
                print(f"{frame.time_s:6.2f} s: {elbow.degrees:4.0f} ± {margin:.0f} degrees")


if __name__ == "__main__":
    main(*sys.argv[1:])
