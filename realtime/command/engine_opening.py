"""Open the engine that settings ask for."""

from __future__ import annotations

from dataclasses import replace

from steadypose.engines.options import default_threads
from steadypose.engines.registry import Opened, open_engine
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.best_built import Taken, open_best
from steadypose.realtime.model.opening import open_chosen
from steadypose.realtime.model.threads import open_on_fewest, threads_of
from steadypose.realtime.sources.opening import is_camera


def open_for(settings: Settings) -> Taken:
    """The engine; a camera's on as few threads as keep up, where nobody said how many."""
    asked = settings.engine
    is_elsewhere = asked.openvino_device != "CPU"  # where threads have no effect
    if asked.threads or is_elsewhere or not is_camera(settings.source):
        return _open_on(asked.threads or threads_of(settings.model), settings)
    taken = _open_on(1, settings)  # file and backend are chosen, and built, once

    def reopen(threads: int) -> Opened:
        options = settings.engine_options(threads)
        return open_engine(taken.model, backend=taken.opened.backend, options=options)

    opened = open_on_fewest(
        taken.opened,
        reopen,
        most=default_threads(),
        persons=settings.persons,
        camera_hz=settings.source.mode.fps,
    )
    return replace(taken, opened=opened)


def _open_on(threads: int, settings: Settings) -> Taken:
    options = settings.engine_options(threads)
    if not settings.has_chosen_model:
        return open_best(
            backend=settings.backend, options=options, is_auto_build=settings.is_auto_build
        )
    opened = open_chosen(
        settings.model,
        backend=settings.backend,
        options=options,
        is_auto_build=settings.is_auto_build,
    )
    return Taken(settings.model, opened)
