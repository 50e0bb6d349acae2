"""People in Rerun's viewer: python rerun_viewer.py [source] [file]; pip install rerun-sdk.

The viewer is a program beside Python's own: activate the environment, so that it is found.
"""

import sys

import rerun as rr

import steadypose as sp


def main(source: str = "0", file: str = "") -> None:
    """Open the viewer, or write a file that it opens."""
    rr.init("steadypose", spawn=not file)
    if file:
        rr.save(file)
    with sp.open(source, persons=2) as frames:
        for frame in frames:
            frame.to_rerun("camera")
            for person in frame.persons:
                elbow = person.angles.get("left_elbow")
                if elbow is not None:
                    rr.log(f"angles/{person.id}/left_elbow", rr.Scalars(elbow.degrees))


if __name__ == "__main__":
    main(*sys.argv[1:])
