"""The model of a run that names none: on a GPU the best one built for it, else the default.

Checking for built engines only lists a folder, so a machine without a GPU pays nothing.
PoseResNet is used with TensorRT only: it is never run on the CPU from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steadypose.engines import registry
from steadypose.engines.backends.tensorrt.cuda_driver import load_driver
from steadypose.engines.engine_file import BUILT, SUFFIX, StaleEngineError, read_info
from steadypose.engines.errors import EngineUnavailableError, ModelFileError, SteadyposeError
from steadypose.engines.options import EngineOptions
from steadypose.engines.wording import advice
from steadypose.realtime.model.opening import open_chosen
from steadypose.realtime.model.places import DEFAULT_MODEL, POSE_RESNET, PUBLISHED, QUALITIES


@dataclass(frozen=True, slots=True)
class Row:
    """A network that is used by default if TensorRT can run it.

    Attributes:
        model: Its model file.
        reason: Why it is used; follows its name and a comma.
    """

    model: Path
    reason: str

    @property
    def name(self) -> str:
        """Its name for users."""
        return self.model.stem


ROWS = (
    Row(PUBLISHED, "published COCO AP 0.718, built for this GPU"),
    Row(QUALITIES["best"], f"--quality best, built for this GPU; {PUBLISHED.stem} is not"),
    Row(
        QUALITIES["balanced"],
        f"--quality balanced, built for this GPU; {PUBLISHED.stem} and --quality best are not",
    ),
    Row(
        QUALITIES["fast"],
        f"--quality fast, built for this GPU; {PUBLISHED.stem} and the larger MoveNets are not",
    ),
    Row(
        POSE_RESNET,
        "the only network that is built for this GPU; less accurate than the CPU's default "
        "(--quality balanced takes that)",
    ),
)
"""In order of preference. PoseResNet-18 is less accurate than the MoveNets."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was opened, and why.

    Attributes:
        model: The model file.
        opened: Its engine.
        reason: The row and why it was used, in words; empty: the default of the CPU.
    """

    model: Path
    opened: registry.Opened
    reason: str = ""


def open_best(*, backend: str, options: EngineOptions, is_auto_build: bool) -> Taken:
    """Open the first row that is built for this GPU, or the default on the CPU.

    A stale or damaged engine is skipped for the next row; if the GPU itself fails, the
    others would fail as well, so the CPU is next.

    Args:
        backend: A name of ``registry.NAMES``; only ``auto`` and ``tensorrt`` look for rows.
        options: Precision and threads.
        is_auto_build: If no engine fits, first build one: of the published PoseResNet if its
            model file is here, else of a network that has an engine here, else of the
            shipped PoseResNet.

    Raises:
        SteadyposeError: Nothing can run, or ``tensorrt`` was asked for and cannot.
    """
    if backend not in {"auto", "tensorrt"}:
        return Taken(
            DEFAULT_MODEL, registry.open_engine(DEFAULT_MODEL, backend=backend, options=options)
        )
    rows = (_to_build(),) if is_auto_build else built_rows()
    if not rows and backend == "tensorrt":
        rows = (_to_build(),)  # its error names what is missing
    failures: list[tuple[Row, SteadyposeError]] = []
    for row in rows:
        try:
            opened = open_chosen(
                row.model, backend="tensorrt", options=options, is_auto_build=is_auto_build
            )
        except (StaleEngineError, ModelFileError) as error:
            failures.append((row, error))
        except SteadyposeError as error:
            failures.append((row, error))
            break
        else:
            opened = replace(opened, passed_over=_reasons(failures))
            return Taken(row.model, opened, f"{row.name}, {row.reason}")
    if backend == "tensorrt":
        raise failures[0][1]
    reasons = _reasons(failures) or (f"tensorrt: {_why_nothing_is_built()}",)
    opened = registry.open_engine(
        DEFAULT_MODEL, backend="auto", options=options, leave_out=("tensorrt",)
    )
    return Taken(DEFAULT_MODEL, replace(opened, passed_over=(*reasons, *opened.passed_over)))


def built_rows() -> tuple[Row, ...]:
    """The rows that have some engine in the folder of built engines, in order.

    Nothing is loaded; whether an engine fits this machine is checked on opening.
    """
    built = set()
    for sidecar in BUILT.glob(f"*{SUFFIX}.json"):
        try:
            built.add(read_info(sidecar.with_suffix("")).onnx)
        except ModelFileError:
            continue  # a damaged neighbour is no reason to stop
    return tuple(row for row in ROWS if row.model.name in built)


def _to_build() -> Row:
    """The row that ``--auto-build`` builds; if its model file is missing, opening fails."""
    rows = {row.model: row for row in ROWS}
    if PUBLISHED.exists():
        return rows[PUBLISHED]
    # An engine built earlier is better than the shipped PoseResNet.
    built = (row for row in built_rows() if row.model.exists())
    return next(built, rows[POSE_RESNET])


def _reasons(failures: Sequence[tuple[Row, SteadyposeError]]) -> tuple[str, ...]:
    return tuple(f"{row.name} on tensorrt: {error.what}" for row, error in failures)


def _why_nothing_is_built() -> str:
    """The driver is queried without any CUDA package; if it is missing, that is the reason."""
    try:
        gpu = load_driver().device().name
    except EngineUnavailableError as error:
        return error.what
    return f"no network is built for {gpu} yet; {advice.command('build-engine')} builds one"
