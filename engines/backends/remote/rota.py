"""Who is asked next: servers take turns, and one that fails is put aside until it answers again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.remote.server import Server
from steadypose.engines.errors import SteadyposeError


class Rota:
    """Servers and their turns.

    One that is aside is asked now and then by a batch that another server computes as well, so
    that finding out costs no frame. It is said once that one is aside, and once that it is back,
    which it is when it has answered for a while.

    Args:
        servers: At least one; owned.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = tuple(servers)
        self.say: Callable[[str], None] = lambda _: None
        self._next = 0
        self._probes: dict[Server, Future[NDArray[np.float32]]] = {}
        self._told: set[Server] = set()

    def turn(self, *, but: Collection[Server] = ()) -> Server | None:
        """Whose turn it is among those that may be asked; of those aside only if there is no other.

        Args:
            but: Asked already.
        """
        count = len(self.servers)
        order = [self.servers[(self._next + step) % count] for step in range(count)]
        free = [server for server in order if server not in but and server.may_be_asked]
        chosen = next((server for server in free if not server.is_aside), None)
        if chosen is None and all(server.is_aside for server in self.servers):
            chosen = next(iter(free), None)
        if chosen is not None:
            self._next = (self.servers.index(chosen) + 1) % count
        return chosen

    def probe(self, crops: NDArray[np.uint8], *, timeout_s: float) -> None:
        """Ask those that have been aside long enough, without waiting for them."""
        for server, probe in list(self._probes.items()):
            if probe.done():
                del self._probes[server]
                error = probe.exception()
                if error is None:
                    self.succeeded(server)
                elif isinstance(error, SteadyposeError):
                    self.failed(server, error.what)
                else:
                    raise error
        if all(server.is_aside for server in self.servers):
            return  # they are asked in earnest
        for server in self.servers:
            if server.is_probe_due:
                self._probes[server] = server.ask(crops, timeout_s=timeout_s)

    def succeeded(self, server: Server) -> None:
        """Note an answer that came in time."""
        server.succeeded()
        if server.is_steady and server in self._told:
            self._told.remove(server)
            self.say(f"{server.where} answers again")

    def failed(self, server: Server, why: str) -> None:
        """Put a server aside."""
        server.failed()
        others = [other.where for other in self.servers if not other.is_aside]
        if others and server not in self._told:
            self._told.add(server)
            self.say(f"{why}; the run goes on without it, by {', '.join(others)}")

    def close(self) -> None:
        """End all connections."""
        for server in self.servers:
            server.close()
