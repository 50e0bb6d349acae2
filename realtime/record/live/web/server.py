"""The server: a thread with a loop of its own, which the run only hands things to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from aiohttp import web

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.record.live.message import Address, Message, NeedsTokenError
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.board import Board
from steadypose.realtime.record.live.web.desk import Desk
from steadypose.realtime.record.live.web.door import Door
from steadypose.realtime.record.live.web.gate import Gate
from steadypose.realtime.record.live.web.log import make_log
from steadypose.realtime.record.live.web.payload import hello_text
from steadypose.realtime.record.live.web.routes import make_app
from steadypose.realtime.record.live.web.seat import Seat
from steadypose.realtime.record.live.web.within import timeout
from steadypose.realtime.record.picture import Draw
from steadypose.realtime.sources.browser import Inlet

_RENEW_S = 0.1  # how often what the run says of itself is brought before those who watch
_FAREWELL_S = 0.4


class WebServer:
    """The page of a run: a ``Channel`` for its frames and a ``Page`` for everything else.

    Args:
        at: Where it listens; port 0 takes any.
        skeleton: Gives keypoints' names and limbs.
        draw: Draws people into the stream of pictures.
        token: What opens the page; None: a new one is made. Needed where others can connect.
        has_pictures: False: poses only.
        is_normalized: Send shares of the frame's sides instead of pixels.
        takes_camera: A source reads the page's own camera.
        sources: Names of several sources, among which who watches chooses; empty: there is one.
        camera: Which of several reads the page's camera; empty: the first.
        origins: Pages of others that may watch with the token, as ``to_origin`` writes them.

    Raises:
        OSError: Nobody can listen there.
        NeedsTokenError: Others could connect, and there is no token.
    """

    def __init__(  # noqa: PLR0913 - all that a page can be told before it begins
        self,
        at: Address,
        skeleton: Skeleton,
        *,
        draw: Draw,
        token: str | None = None,
        has_pictures: bool = True,
        is_normalized: bool = False,
        takes_camera: bool = False,
        sources: Sequence[str] = (),
        camera: str = "",
        origins: tuple[str, ...] = (),
    ) -> None:
        self.inlet = Inlet() if takes_camera else None
        self._socket = _listen(at)
        host, port = self._socket.getsockname()[:2]
        if token is None and not is_loopback(host):
            self._socket.close()
            raise NeedsTokenError(host)
        self.address = Address("localhost" if host == "::1" else host, port)
        self.name = f"--serve {Address(at.host, port)}"
        gate = Gate(host, port, token, names=(at.host,), origins=origins)
        self.token = gate.token
        self.desks: dict[str, Desk] = {}
        every = sources or ("",)
        for source in every:
            inlet = self.inlet if source == (camera or every[0]) else None
            hello = hello_text(
                skeleton,
                has_picture=has_pictures,
                takes_camera=takes_camera,
                source=source,
                sources=sources,
            )
            board = Board(
                skeleton,
                draw,
                has_pictures=has_pictures,
                is_normalized=is_normalized,
                source=source,
            )
            self.desks[source] = Desk(gate, board, hello, f"steadypose-{port}", inlet)
        self.seats = {
            source: Seat(desk, self.name, self.url, self._call)
            for source, desk in self.desks.items()
        }
        self._first = next(iter(self.seats.values()))
        self.desk = self._first.desk
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread.start()
        self._loop = self._ready.result()

    @property
    def url(self) -> str:
        """What is opened in a browser, with the token."""
        return f"http://{self.address}/?token={self.token}"

    def send(self, message: Message) -> None:
        """See ``Channel.send``: of the first source."""
        self._first.send(message)

    def tell(self, state: RunState) -> None:
        """See ``Page.tell``: of the first source."""
        self._first.tell(state)

    def pressed(self) -> list[str]:
        """See ``Page.pressed``: of the first source."""
        return self._first.pressed()

    def close(self) -> None:
        """See ``Channel.close``: whoever watches learns that it is over. Safe to call twice."""
        if self.inlet is not None:
            self.inlet.close()
        self._call(self._end.set)
        self._thread.join(2 * _FAREWELL_S)

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what)

    def _run(self) -> None:
        # Made here: on Windows a loop of the main thread would take the wake-up of Ctrl-C.
        try:
            loop = asyncio.new_event_loop()
        except BaseException as error:
            self._ready.set_exception(error)
            return
        asyncio.set_event_loop(loop)
        self._ready.set_result(loop)
        try:
            loop.run_until_complete(self._serve(loop))
        finally:
            loop.close()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        runner = web.AppRunner(
            make_app(self.desks),
            access_log=None,
            logger=make_log(),
            lingering_time=_FAREWELL_S,
            shutdown_timeout=_FAREWELL_S,
        )
        await runner.setup()
        assert runner.server is not None, "setup has made it"
        door = Door(runner.server)
        desks = list(self.desks.values())
        for desk in desks:
            desk.door = door
        server = await loop.create_server(door, sock=self._socket)
        while not self._end.is_set():
            for desk in desks:
                desk.renew()
            with contextlib.suppress(asyncio.TimeoutError):
                async with timeout(_RENEW_S):
                    await self._end.wait()
        server.close()
        for desk in desks:
            desk.renew(within_s=0)
            desk.board.close()
        until_s = time.perf_counter() + _FAREWELL_S
        while any(desk.watchers.taken for desk in desks) and time.perf_counter() < until_s:
            await asyncio.sleep(0.01)
        await runner.cleanup()
        # One who was being let in while the door closed is let in, and cut.
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=_FAREWELL_S)
        door.shut()
        while door.transports:
            await asyncio.sleep(0)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect there; ``host`` is a number."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _listen(at: Address) -> socket.socket:
    family, _, _, _, where = socket.getaddrinfo(
        at.host, at.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(where[:2], family=family, backlog=128)
