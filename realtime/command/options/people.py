"""Options about who is followed, and how."""

from __future__ import annotations

import argparse

from steadypose.realtime.command.options.parser import Number, Switch
from steadypose.realtime.command.options.values import region
from steadypose.realtime.command.settings import DEFAULTS
from steadypose.realtime.smooth import presets as smoothers
from steadypose.realtime.tracking.roster import MOST_PERSONS


def add_people(people: argparse._ArgumentGroup) -> None:
    """How many, and the filter."""
    people.add_argument(
        "--persons",
        type=Number(1, MOST_PERSONS),
        default=DEFAULTS.persons,
        metavar="N",
        help=f"follow up to N people, 1 to {MOST_PERSONS} (default: %(default)s)",
    )
    people.add_argument(
        "--roi",
        type=region,
        metavar="X,Y,W,H",
        help="look for people in this part of the frame only, pixels; positions stay the frame's",
    )
    people.add_argument(
        "--smooth",
        choices=smoothers.NAMES,
        default=DEFAULTS.smoother,
        help="steadier, or quicker to follow; others to compare with (default: %(default)s)",
    )
    people.add_argument(
        "--offline-smooth",
        action=Switch,
        help="at the end, smooth the recorded positions again with knowledge of what came after",
    )
    people.add_argument(
        "--no-smooth",
        dest="smooth",
        action="store_const",
        const="off",
        help="show and record raw keypoints: --smooth off",
    )
