"""The server: a thread with a loop of its own, which the run only hands things to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
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
        takes_camera: The page's own camera is what the run reads.

    Raises:
        OSError: Nobody can listen there.
        NeedsTokenError: Others could connect, and there is no token.
    """

    def __init__(
        self,
        at: Address,
        skeleton: Skeleton,
        *,
        draw: Draw,
        token: str | None = None,
        has_pictures: bool = True,
        is_normalized: bool = False,
        takes_camera: bool = False,
    ) -> None:
        self.inlet = Inlet() if takes_camera else None
        self._socket = _listen(at)
        host, port = self._socket.getsockname()[:2]
        if token is None and not is_loopback(host):
            self._socket.close()
            raise NeedsTokenError(host)
        self.address = Address("localhost" if host == "::1" else host, port)
        self.name = f"--serve {Address(at.host, port)}"
        gate = Gate(host, port, token, names=(at.host,))
        self.token = gate.token
        board = Board(skeleton, draw, has_pictures=has_pictures, is_normalized=is_normalized)
        hello = hello_text(skeleton, has_picture=has_pictures, takes_camera=takes_camera)
        self.desk = Desk(gate, board, hello, f"steadypose-{port}", self.inlet)
        self._end = asyncio.Event()
        self._slot: Message | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread.start()
        self._loop = self._ready.result()

    @property
    def url(self) -> str:
        """What is opened in a browser, with the token."""
        return f"http://{self.address}/?token={self.token}"

    def send(self, message: Message) -> None:
        """See ``Channel.send``; where the server is slow, the newest frame wins."""
        with self._lock:
            is_waiting, self._slot = self._slot is not None, message
        if not is_waiting:
            self._call(self._post)

    def tell(self, state: RunState) -> None:
        """See ``Page.tell``."""
        self.desk.state, self.desk.told_s = state, time.perf_counter()

    def pressed(self) -> list[str]:
        """See ``Page.pressed``."""
        presses = self.desk.presses
        return [presses.popleft() for _ in range(len(presses))]

    def close(self) -> None:
        """See ``Channel.close``: whoever watches learns that it is over. Safe to call twice."""
        if self.inlet is not None:
            self.inlet.close()
        self._call(self._end.set)
        self._thread.join(2 * _FAREWELL_S)

    def _call(self, what: object) -> None:
        assert callable(what)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what)

    def _post(self) -> None:
        with self._lock:
            message, self._slot = self._slot, None
        if message is not None:
            self.desk.board.post(message)

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
            make_app(self.desk),
            access_log=None,
            logger=make_log(),
            lingering_time=_FAREWELL_S,
            shutdown_timeout=_FAREWELL_S,
        )
        await runner.setup()
        assert runner.server is not None, "setup has made it"
        self.desk.door = door = Door(runner.server)
        server = await loop.create_server(door, sock=self._socket)
        while not self._end.is_set():
            self.desk.renew()
            with contextlib.suppress(asyncio.TimeoutError):
                async with timeout(_RENEW_S):
                    await self._end.wait()
        server.close()
        self.desk.renew(within_s=0)
        self.desk.board.close()
        until_s = time.perf_counter() + _FAREWELL_S
        while self.desk.watchers.taken and time.perf_counter() < until_s:
            await asyncio.sleep(0.01)
        await runner.cleanup()
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
