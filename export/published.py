"""What each published weight file needs, so that ``--model NAME`` is enough."""

from __future__ import annotations

from pathlib import Path

from engines.errors import ModelFileError
from engines.skeleton import SKELETONS
from export.recipe import Origin, Recipe
from realtime.zoo import ZooModel, weights_file


def published_weights(model: ZooModel) -> Path:
    """Where the downloaded file is.

    Raises:
        ModelFileError: It has not been downloaded.
    """
    path = weights_file(model)
    if not path.exists():
        raise ModelFileError(
            f"the weights of {model.name} are not here ({path})",
            fix=f"python export/download_weights.py {model.name}",
        )
    return path


def published_origin(model: ZooModel) -> Origin:
    """The recipe of a published file: all of OpenMMLab's take RGB with ImageNet's statistics.

    Heatmap cells lie at ``i * stride`` crop pixels there, boxes are padded by 1.25, and
    deconvolutions have 256 channels (configs of mmpose, Apache-2.0).

    Raises:
        ModelFileError: It is a network that is not defined here.
    """
    if not model.network:
        raise ModelFileError(
            f"{model.name} is a network that export/ does not define",
            fix="export it to ONNX where it comes from, then python export/wrap_onnx.py",
        )
    recipe = Recipe(
        network=model.network,
        deconv=(256, 256, 256),
        input_hw=model.input_hw,
        colour="rgb",
        refine=model.refine,
        cells="corner",
        sigma=model.sigma,
        skeleton=SKELETONS[model.skeleton],
    )
    source = f"OpenMMLab, {model.url} ({model.accuracy})"
    return Origin(recipe, model.name, source, "Apache-2.0 (code); see the data's own terms")
