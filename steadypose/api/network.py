"""A network that several cameras share, also from threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steadypose.api import options as choosing
from steadypose.api.closing import Closing
from steadypose.api.options import Chosen, NetworkOptions
from steadypose.api.wording import in_arguments
from steadypose.engines.base import Engine
from steadypose.realtime.model.sharing import SharedEngine

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Network(Closing):
    """One network for several trackers, each of which may run on a thread of its own.

    It works on a thread that belongs to it; what several threads hand over meanwhile is one
    batch. Close it after those that share it, or use it in a ``with`` around them.

    Args:
        options: See ``NetworkOptions``.

    Raises:
        Error: An option cannot be used, or the model cannot be opened.
    """

    @in_arguments()
    def __init__(self, **options: Unpack[NetworkOptions]) -> None:
        chosen = Chosen.of(options)
        self._shared = SharedEngine(lambda: choosing.open_model(chosen, is_shared=True))
        self.close_at_exit()

    @property
    def label(self) -> str:
        """The network and what it runs on."""
        return f"{self._shared.spec.name} on {self._shared.label}"

    def share(self) -> Engine:
        """A share in it, for one tracker; closing that leaves the network open."""
        return self._shared.share()

    def close(self) -> None:
        """Free the network once the batches that were handed over are done. Safe to call twice."""
        self._shared.close()
