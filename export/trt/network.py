"""Choose the network that ``build_trt.py`` builds without ``--onnx``."""

from __future__ import annotations

import sys
from pathlib import Path

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.wording.advice import typed_here
from steadypose.engines.wording.telling import tell, tell_raw
from steadypose.realtime.model import zoo
from steadypose.realtime.model.choice import choose_model
from steadypose.realtime.model.places import POSE_RESNET, PUBLISHED
from steadypose.realtime.model.zoo_listing import cost_of

_SHIPS = f"{POSE_RESNET.stem}, which ships"


def choose_network(*, is_fetching: bool) -> Path:
    """Choose the published PoseResNet-50 if it is here or wanted, else the shipped one.

    Args:
        is_fetching: Download and export the published one if it is not here.

    Raises:
        SteadyposeError: ``is_fetching`` is set, and it could not be made.
        KeyboardInterrupt: During the question, or the download that it began.
    """
    model = zoo.find(PUBLISHED.stem)
    output = zoo.model_file(model)
    if is_fetching or zoo.lies_here(output):
        return choose_model(model.name, is_fetching=is_fetching)
    if not (_is_terminal() and _says_yes(model)):
        _say(
            f"building {_SHIPS}; --fetch would take the more accurate {model.name} "
            f"({_accuracy(model)}, a download of {_size(model)})"
        )
        return POSE_RESNET
    try:
        return choose_model(model.name, is_fetching=True)
    except SteadyposeError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None  # stopping the download stops the build as well
        _say(f"{error.what} ({typed_here(error.fix)}); going on with {_SHIPS}")
        return POSE_RESNET


def _is_terminal() -> bool:
    """Whether a user can see a question and answer it."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _says_yes(model: zoo.ZooModel) -> bool:
    tell_raw(
        f"{model.name} is more accurate than {_SHIPS}: {_accuracy(model)}, "
        f"a download of {_size(model)}, licence {model.licence}. Fetch and export it now? [y/N] "
    )
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        tell_raw("\n")  # at the end of input the cursor is still behind the question
    return answer.strip().lower() in {"y", "yes"}


def _accuracy(model: zoo.ZooModel) -> str:
    return f"COCO {model.accuracy}"


def _size(model: zoo.ZooModel) -> str:
    """Size of the download: four bytes per parameter."""
    cost = cost_of(model)
    assert cost is not None, model.name
    return f"about {cost[0] * 4 / 1e6:.0f} MB"


def _say(text: str) -> None:
    tell(text)
