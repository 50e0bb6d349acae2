"""A wrist's height as a curve that moves: python live_plot.py [source]; pip install matplotlib."""

import sys
from collections import deque

import matplotlib.pyplot as plt

import steadypose as sp


def main(source: str = "0", picture: str = "") -> None:
    """Draw ten times a second; save the last plot where a name for it is given."""
    times: deque[float] = deque(maxlen=300)
    heights: deque[float] = deque(maxlen=300)
    figure, axes = plt.subplots()
    (curve,) = axes.plot([], [])
    axes.set(xlabel="s", ylabel="left wrist, pixels from the top")
    axes.invert_yaxis()
    drawn_s = 0.0
    with sp.open(source) as frames:
        for frame in frames:
            for person in frame.persons:
                times.append(frame.time_s)
                heights.append(person["left_wrist"][1])  # NaN, while it is lost, is a gap
            if frame.time_s >= drawn_s + 0.1:
                drawn_s = frame.time_s
                curve.set_data(list(times), list(heights))
                axes.relim()
                axes.autoscale_view()
                plt.pause(0.001)
    if picture:
        figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
