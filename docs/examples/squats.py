"""Count squats: python squats.py [camera number, video or demo]."""

import sys

import steadypose as sp

DOWN_DEG, UP_DEG = 110, 150  # two limits, so that trembling at one is not counted


def main(source: str = "0") -> None:
    """A squat bends both knees at once; a step bends one."""
    squats, is_down = 0, False
    with sp.open(source) as frames:
        for frame in frames:
            for person in frame.persons:
                knees = [person.angles.get(f"{side}_knee") for side in ("left", "right")]
                degrees = [knee.degrees for knee in knees if knee is not None]
                if len(degrees) < 2:
                    continue
                if max(degrees) < DOWN_DEG:
                    is_down = True
                elif is_down and min(degrees) > UP_DEG:
                    is_down, squats = False, squats + 1
                    print(f"{frame.time_s:6.2f} s: squat {squats}")
    print(f"{squats} squat{'' if squats == 1 else 's'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
