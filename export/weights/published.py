"""What each published weight file needs, so that ``--model NAME`` is enough."""

from __future__ import annotations

from pathlib import Path

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.private import check_private
from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.wording import advice
from steadypose.export.weights.conventions import CONVENTIONS
from steadypose.export.weights.download.checked_files import is_whole, known_digest
from steadypose.export.weights.recipe import Origin, Recipe
from steadypose.realtime.model.zoo import ZooModel, cache_folder, weights_file


def published_weights(model: ZooModel, brought: Path | None = None) -> Path:
    """The published file, checked by its hash.

    Args:
        model: Which.
        brought: Where the user has it; None: in the cache.

    Raises:
        ModelFileError: It is not there, or is another or a damaged file.
        RecordError: Others may write to the cache.
    """
    path, folder = brought or weights_file(model), cache_folder()
    if brought is None:
        check_private(folder)
    if is_whole(path, model, folder=folder):
        return path
    if not path.exists():
        fix = f"{advice.command('download-weights')} {model.name}"
        raise ModelFileError(f"the weights of {model.name} are not here ({path})", fix=fix)
    if brought is None:
        fix = f"{advice.command('download-weights')} {model.name} fetches it again"
    else:
        fix = "for weights of your own leave --model out and give --convention (whose code it was)"
    raise ModelFileError(
        f"{path} is not the published file of {model.name}, or is damaged: its SHA-256 does not "
        f"begin with {known_digest(model, folder)}",
        fix=fix,
    )


def published_origin(model: ZooModel) -> Origin:
    """The recipe of a published file.

    Raises:
        ModelFileError: It is a network that is not defined here.
    """
    model.require_network()
    chosen = {
        **CONVENTIONS["openmmlab"],
        "network": model.network,
        "input_hw": model.input_hw,
        "refine": model.refine,
        "sigma": model.sigma,
        "skeleton": SKELETONS[model.skeleton],
    }
    source = f"OpenMMLab, {model.url} ({model.accuracy})"
    return Origin(
        Recipe(**chosen), model.name, source, f"{model.licence} (code); see the data's terms"
    )
