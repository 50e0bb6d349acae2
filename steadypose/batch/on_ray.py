"""A crew of Ray actors, on this machine or on a cluster."""

from __future__ import annotations

import os
from typing import Any

from steadypose.batch.order import Clip, Order
from steadypose.batch.outcome import FAILED, Outcome
from steadypose.engines.errors import EngineUnavailableError, SteadyposeError, UsageError

_FIX = (
    "ray start --address=ADDRESS here, which must be a machine of the cluster; or check the "
    "address (ray status), or leave --ray out"
)


class RayCrew:
    """See ``Crew``: one actor per worker, each with its own engine.

    Args:
        order: What they do.
        count: How many; 0: as many as the cluster has CPUs for.
        address: Of the cluster; empty: Ray is started here, and ended with the crew.

    Raises:
        SteadyposeError: Ray is not installed, or the cluster does not answer.
    """

    def __init__(self, order: Order, count: int, address: str) -> None:
        self._actors: list[Any] = []
        try:
            import ray  # noqa: PLC0415 - only who asks for it has it
        except ImportError as error:
            raise EngineUnavailableError(
                "--ray needs ray, which is not installed",
                fix="pip install ray, or leave --ray out: the cores of this machine are used",
            ) from error
        self._ray: Any = ray
        self._is_here = not address
        try:
            self._begin(address, count * order.threads)
        except Exception as error:  # Ray's errors have no common base
            raise UsageError(
                f"Ray at {address or 'this machine'} does not start: {_last_line(error)}",
                fix=_FIX if address else "leave --ray out: the cores of this machine are used",
            ) from error
        room = self._room(order.threads)
        self._count = min(count, room) if count else room
        actor: Any = ray.remote(num_cpus=order.threads, max_restarts=-1)(_Actor)
        self._actors = [actor.remote(order) for _ in range(self._count)]
        self._busy: dict[Any, tuple[Any, Clip]] = {}
        self._idle = list(self._actors)

    @property
    def label(self) -> str:
        """See ``Crew``."""
        return f"{self._count} {'actor' if self._count == 1 else 'actors'} of Ray"

    @property
    def has_room(self) -> bool:
        """See ``Crew``."""
        return bool(self._idle)

    def give(self, clip: Clip) -> None:
        """See ``Crew``."""
        actor = self._idle.pop()
        self._busy[actor.work.remote(clip)] = (actor, clip)

    def take(self, timeout_s: float) -> list[Outcome]:
        """See ``Crew``."""
        ready, _ = self._ray.wait(list(self._busy), timeout=timeout_s)
        return [self._outcome(reference) for reference in ready]

    def close(self) -> None:
        """See ``Crew``; a cluster of others stays as it is."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors.clear()
        if self._is_here:
            self._ray.shutdown()

    def _room(self, threads: int) -> int:
        """How many actors there are CPUs for: one more would be waited for without end."""
        machines = [node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]]
        room = sum(int(cpus // threads) for cpus in machines)
        if room < 1:
            self.close()
            raise UsageError(
                f"no machine of Ray's has {threads} CPUs, which --threads {threads} needs",
                fix=f"--threads {max(1, int(max(machines, default=1)))}",
            )
        return room

    def _begin(self, address: str, cpus: int) -> None:
        if self._ray.is_initialized():
            self._is_here = False
            return
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        about: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if address:
            self._ray.init(address=address, **about)
        else:
            about |= {"num_cpus": cpus or None, "include_dashboard": False}
            self._ray.init(**about)

    def _outcome(self, reference: Any) -> Outcome:
        actor, clip = self._busy.pop(reference)
        try:
            outcome: Outcome = self._ray.get(reference)
        except Exception as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, SteadyposeError):
                raise cause from error  # no engine
            self._idle.append(actor)
            what = f"the worker died over it ({_last_line(error)})"
            return Outcome(clip, FAILED, what=what, fix="run the same command again")
        if outcome.is_last:
            self._ray.kill(actor, no_restart=False)
        self._idle.append(actor)
        return outcome


class _Actor:
    """A worker, or why there is none: Ray does not tell why an actor could not be made."""

    def __init__(self, order: Order) -> None:
        from steadypose.batch.work import Worker  # noqa: PLC0415 - only actors need an engine

        self._worker: Worker | SteadyposeError
        try:
            self._worker = Worker(order)
        except SteadyposeError as error:
            self._worker = error

    def work(self, clip: Clip) -> Outcome:
        """See ``Worker.work``.

        Raises:
            SteadyposeError: There is no worker.
        """
        if isinstance(self._worker, SteadyposeError):
            raise self._worker
        return self._worker.work(clip)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1]
