"""The options of ``sp.open``, ``sp.Tracker`` and ``sp.Network``: each is declared here, once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np

from steadypose.api.given import text_of
from steadypose.engines.base import Engine
from steadypose.engines.errors import UsageError
from steadypose.engines.options import MOST_THREADS, EngineOptions, default_threads
from steadypose.realtime.model.best_built import open_best
from steadypose.realtime.model.choice import choose_model
from steadypose.realtime.model.opening import open_chosen
from steadypose.realtime.model.places import DEFAULT_QUALITY, QUALITIES
from steadypose.realtime.model.threads import threads_of
from steadypose.realtime.smooth.presets import NAMES, check_smoother, make_smoother
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.roster import CANDIDATES, MOST_PERSONS

_BACKENDS = ("auto", "openvino", "onnxruntime", "tensorrt")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_word(value: object) -> bool:
    return isinstance(value, str)


def _is_model(value: object) -> bool:
    text = text_of(value)
    return text is not None and bool(Path(text).name)


def _is_network(value: object) -> bool:
    return hasattr(value, "share") and not isinstance(value, type)


_KINDS: dict[str, tuple[Callable[[object], bool], str, str]] = {
    "quality": (_is_word, "quality", f"one of {', '.join(QUALITIES)}"),
    "model": (_is_model, "name of a model or of its file", "give one, or leave model out"),
    "backend": (_is_word, "backend", f"one of {', '.join(_BACKENDS)}"),
    "threads": (_is_count, "whole number", "give a number"),
    "persons": (_is_count, "whole number", "give a number"),
    "smooth": (_is_word, "filter", f"one of {', '.join(NAMES)}"),
    "network": (_is_network, "network", "give an sp.Network"),
}


class Shared(Protocol):
    """What an ``sp.Network`` is to those that share it."""

    def share(self) -> Engine:
        """An engine for one of them."""
        ...


class NetworkOptions(TypedDict, total=False):
    """Which network, and on what it runs; as on the command line.

    Attributes:
        quality: ``fast``, ``balanced`` or ``best``; None: the default.
        model: A model file, or the name of one that is here, instead.
        backend: ``auto``, ``openvino``, ``onnxruntime`` or ``tensorrt``.
        threads: CPU threads of the network; 0: all, at most 8, and one for ``fast``.
    """

    quality: str | None
    model: str | os.PathLike[str] | None
    backend: str
    threads: int


class Options(NetworkOptions, total=False):
    """How people are found and followed; as on the command line.

    Attributes:
        quality: ``fast``, ``balanced`` or ``best``; None: the default.
        model: A model file, or the name of one that is here, instead.
        backend: ``auto``, ``openvino``, ``onnxruntime`` or ``tensorrt``.
        threads: CPU threads of the network; 0: all, at most 8, and one for ``fast``.
        persons: How many people to track, 1 to 10; 1 if it is left out.
        smooth: ``steady``, ``balanced`` (if it is left out), ``responsive`` or ``off``.
        network: An ``sp.Network`` that others share, in the place of one of its own.
    """

    persons: int
    smooth: str
    network: Shared | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """All options, each with its default."""

    quality: str | None = None
    model: str | os.PathLike[str] | None = None
    backend: str = "auto"
    threads: int = 0
    persons: int = 1
    smooth: str = "balanced"
    network: Shared | None = None

    @classmethod
    def of(cls, options: Any) -> Chosen:
        """What a caller gave, checked before anything is opened.

        Raises:
            UsageError: An option does not exist, or cannot be used.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                said = f"{near[0]} is what you mean" if near else f"one of {', '.join(known)}"
                raise UsageError(f"there is no option {name!r}", fix=said)
        for name in ("persons", "threads"):
            if isinstance(options.get(name), np.integer):
                options = {**options, name: int(options[name])}
        chosen = cls(**options)
        chosen._check_kinds()
        chosen._check()
        return chosen

    def _check_kinds(self) -> None:
        for name, (is_one, kind, fix) in _KINDS.items():
            value = getattr(self, name)
            is_left_out = value is None and type(self).__dataclass_fields__[name].default is None
            if not is_left_out and not is_one(value):
                raise UsageError(f"{name}={value!r:.60} is no {kind}", fix=fix)

    def _check(self) -> None:
        if self.quality is not None and self.quality not in QUALITIES:
            fix = f"one of {', '.join(QUALITIES)}"
            raise UsageError(f"there is no quality {self.quality!r}", fix=fix)
        if self.smooth not in NAMES:
            fix = f"one of {', '.join(NAMES)}"
            raise UsageError(f"smooth={self.smooth!r} is no filter", fix=fix)
        check_smoother(self.smooth)
        if self.backend not in _BACKENDS:
            fix = f"one of {', '.join(_BACKENDS)}"
            raise UsageError(f"there is no backend {self.backend!r}", fix=fix)
        if not 0 <= self.threads <= MOST_THREADS:
            raise UsageError(
                f"{self.threads} threads are not possible", fix=f"from 0 (all) to {MOST_THREADS}"
            )
        if not 1 <= self.persons <= MOST_PERSONS:
            fix = f"from 1 to {MOST_PERSONS}"
            raise UsageError(f"{self.persons} persons cannot be tracked", fix=fix)
        if self.quality is not None and self.model is not None:
            raise UsageError("quality and model both name a network", fix="give one of them")
        own = (self.quality, self.model, self.backend, self.threads)
        if self.network is not None and own != (None, None, "auto", 0):
            raise UsageError(
                "a shared network has its own quality, model, backend and threads",
                fix="give them to sp.Network",
            )

    @property
    def is_smooth(self) -> bool:
        """Filtered positions are handed out."""
        return self.smooth != "off"

    def open_engine(self) -> Engine:
        """The engine that a run with these options takes, or a share in the network's.

        Raises:
            SteadyposeError: There is no such model, or no backend can run it.
        """
        return open_model(self) if self.network is None else self.network.share()

    def make_pipeline(self, engine: Engine, *, is_paced: bool) -> Pipeline:
        """Finding, tracking and smoothing as the app does it."""
        slots = self.persons + CANDIDATES
        smoother = make_smoother(self.smooth, slots, len(engine.spec.skeleton))
        return Pipeline(engine, persons=self.persons, smoother=smoother, is_paced=is_paced)


def open_model(chosen: Chosen, *, is_shared: bool = False) -> Engine:
    """An engine of its own.

    Args:
        chosen: Which, and what runs it.
        is_shared: Several sources will keep it busy, so all processors are its own.

    Raises:
        SteadyposeError: There is no such model, or no backend can run it.
    """
    path = QUALITIES[chosen.quality or DEFAULT_QUALITY]
    if chosen.model is not None:
        path = choose_model(os.fspath(chosen.model), is_fetching=False)
    usual = default_threads() if is_shared else threads_of(path)
    options = EngineOptions(threads=chosen.threads or usual)
    backend = chosen.backend
    if chosen.model is None and chosen.quality is None:
        return open_best(backend=backend, options=options, is_auto_build=False).opened.engine
    return open_chosen(path, backend=backend, options=options, is_auto_build=False).engine
