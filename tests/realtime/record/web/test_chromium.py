"""A real browser opens the page of a run; nothing here needs its picture to be looked at."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp")

from aiohttp import web

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web import routes
from steadypose.realtime.record.live.web.server import WebServer
from steadypose.realtime.sources.browser import open_browser
from tests.realtime.record.test_live import message
from tests.support.chromium import CHROMIUM, STATUS, Tab, chromium, visit
from tests.support.visitor import Visitor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.posix("starts Chromium by its name"),
]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[WebServer]:
    takes_camera = getattr(request, "param", False)
    at = Address("127.0.0.1", 0)
    found = WebServer(at, COCO17, draw=draw_poses, takes_camera=takes_camera)
    yield found
    found.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[str]:
    """The address of Chromium's own control; its camera shows a clip of one bright colour."""
    clip = tmp_path / "clip.mjpeg"
    picture = cv2.imencode(".jpg", np.full((480, 640, 3), (40, 80, 200), np.uint8))[1].tobytes()
    clip.write_bytes(picture * 30)
    with chromium(tmp_path, clip) as found:
        yield found


def test_the_page_shows_people_where_they_are_and_presses_buttons(
    browser: str, server: WebServer
) -> None:
    sent = message(1, 1)
    pose = sent.poses[0]
    pose.xy[:] = (320.0, 180.0)
    pose.xy[9], pose.state[:], pose.score[:] = (100.0, 50.0), 2, 1.0  # the left wrist, blue
    colour = (
        "(() => {const c = document.getElementById('view'), s = c.width / 640;"
        " return [...c.getContext('2d').getImageData(100.5 * s, 50.5 * s, 1, 1).data]})()"
    )

    async def work(tab: Tab) -> list[Any]:
        await tab.until(f"{STATUS} === 'connected'")
        server.send(sent)
        server.tell(RunState(lines=("30 fps",)))
        await tab.until("document.getElementById('figures').textContent === '30 fps'")
        await tab.until("document.querySelectorAll('#people li').length === 1")
        found = [await tab.value("location.href"), await tab.value(colour)]
        server.tell(RunState(is_mirrored=True))
        await tab.until("document.querySelector('[data-button=mirror]').ariaPressed === 'true'")
        mirrored = colour.replace("100.5", "539.5")
        await tab.until(f"{mirrored}[2] > 200")
        for name in ("record", "pause"):
            await tab.value(f"document.querySelector('[data-button={name}]').click()")
        await asyncio.sleep(0.5)
        return found

    href, pixel = visit(browser, server.url, work)
    assert href == f"http://{server.address}/"  # the token is gone from the address
    assert pixel[2] > 200 > pixel[0]
    assert server.pressed() == ["r", " "]


def test_the_page_chooses_among_several_sources(browser: str) -> None:
    at = Address("127.0.0.1", 0)
    server = WebServer(at, COCO17, draw=draw_poses, sources=("hall", "door"))

    async def work(tab: Tab) -> None:
        await tab.until("document.getElementById('sources')?.hidden === false")
        server.seats["hall"].send(message(1, 1))
        await tab.until("document.querySelectorAll('#people li').length === 1")
        await tab.value(
            "(() => {const s = document.getElementById('source'); s.value = 'door';"
            " s.dispatchEvent(new Event('change'))})()"
        )
        await tab.until("document.title === 'steadypose: door'")
        server.seats["hall"].send(message(2, 1))
        server.seats["door"].send(message(9, 3, 4))
        await tab.until("document.querySelectorAll('#people li').length === 2")
        await tab.until(f"{STATUS} === 'connected'")

    visit(browser, server.url, work)
    server.close()


def test_the_page_comes_back_after_a_restart(browser: str, server: WebServer) -> None:
    async def work(tab: Tab) -> None:
        await tab.until(f"{STATUS} === 'connected'")
        await asyncio.to_thread(server.close)
        await tab.until(f"{STATUS}.startsWith('the run has ended')")
        again = WebServer(server.address, COCO17, draw=draw_poses, token=server.token)
        try:
            await tab.until(f"{STATUS} === 'connected'")
            await tab.call("Page.reload")
            await tab.until(f"{STATUS} === 'connected'")
        finally:
            await asyncio.to_thread(again.close)

    visit(browser, server.url, work)


@pytest.mark.parametrize("server", [True], indirect=True)
def test_the_browsers_camera_is_what_the_run_sees(browser: str, server: WebServer) -> None:
    async def work(tab: Tab) -> None:
        await tab.until("document.getElementById('offer')?.hidden === false")
        await tab.value("document.getElementById('camera').click()")
        inlet = server.inlet
        assert inlet is not None
        source = await asyncio.to_thread(open_browser, inlet)
        for _ in range(5):
            frame = await asyncio.to_thread(source.read, 10)
            assert frame is not None
            assert 0 <= time.perf_counter() - frame.captured_s < 5
        assert frame is not None
        assert frame.size_hw == (480, 640)
        np.testing.assert_allclose(frame.image_bgr[240, 320], (40, 80, 200), atol=12)
        inlet.close()
        source.close()

    visit(browser, server.url, work)


def test_a_browser_whose_workers_cannot_draw_sends_its_camera_all_the_same(
    browser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = routes._resource

    def without(name: str, kind: str) -> routes.Handler:
        async def give(request: web.Request) -> web.StreamResponse:
            found = await real(name, kind)(request)
            assert isinstance(found, web.Response)
            found.text = f"delete self.OffscreenCanvas;\n{found.text}"
            return found

        return give if name == "encode.js" else real(name, kind)

    monkeypatch.setattr(routes, "_resource", without)
    server = WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses, takes_camera=True)
    inlet = server.inlet
    assert inlet is not None

    async def work(tab: Tab) -> None:
        await tab.until("document.getElementById('offer')?.hidden === false")
        await tab.value("delete window.MediaStreamTrackProcessor")  # they have none either
        await tab.value("document.getElementById('camera').click()")
        try:
            source = await asyncio.wait_for(asyncio.to_thread(open_browser, inlet), 20)
            for _ in range(5):
                frame = await asyncio.to_thread(source.read, 10)
                assert frame is not None
            assert frame is not None
            np.testing.assert_allclose(frame.image_bgr[240, 320], (40, 80, 200), atol=12)
            source.close()
        finally:
            inlet.close()

    try:
        visit(browser, server.url, work)
    finally:
        server.close()


def test_a_camera_that_ends_while_its_picture_is_fetched_sends_nothing(
    browser: str, server: WebServer
) -> None:
    script = """(async () => {
      const { Camera } = await import("/camera.js");
      const told = [];
      addEventListener("unhandledrejection", (event) => told.push(String(event.reason)));
      const camera = new Camera({ isKnown: true, unixS: () => 0 }, () => {});
      camera.link = { socket: { readyState: WebSocket.OPEN }, end() {} };
      for (const side of ["videoWidth", "videoHeight"])
        Object.defineProperty(camera.video, side, { value: 2 });
      let take = null;
      camera.video.requestVideoFrameCallback = (then) => (take = then);
      window.createImageBitmap = async () => {
        camera.end("");
        return { close: () => told.push("closed") };
      };
      camera.next();
      take(0, {});
      await new Promise((then) => setTimeout(then, 100));
      return told;
    })()"""

    async def work(tab: Tab) -> Any:
        await tab.until(f"{STATUS} === 'connected'")
        return await tab.value(script)

    assert visit(browser, server.url, work) == ["closed"]


@pytest.fixture
def other_page() -> Iterator[str]:
    """The example of a page of somebody else, as another server serves it."""
    folder = str(ROOT / "docs" / "examples" / "live")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://localhost:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("is_named", [True, False])
def test_a_page_of_others_shows_people_if_it_is_named(
    browser: str,
    other_page: str,
    is_named: bool,  # noqa: FBT001
) -> None:
    named = (other_page,) if is_named else ()
    server = WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses, origins=named)
    server.send(message(5, 1, 2))
    said = "document.querySelector('p')?.textContent"

    async def work(tab: Tab) -> None:
        if is_named:
            await tab.until(f"{said} === 'frame 5, people: 2'")
        else:
            await tab.until(f"{said}.startsWith('no connection')")

    try:
        visit(browser, f"{other_page}/figure.html#{server.address.port},{server.token}", work)
    finally:
        server.close()


class Relay:
    """What lies between a browser and the server, and may stop to pass anything on."""

    def __init__(self, to: Address) -> None:
        self.is_holding = False
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            while True:
                ours = held.enter_context(self._listener.accept()[0])
                theirs = socket.create_connection((self._to.host, self._to.port))
                held.enter_context(theirs)
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket) -> None:
        is_lost = False
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                is_lost = is_lost or self.is_holding  # what was open then never comes back
                if not is_lost:
                    to.sendall(data)
        if not is_lost:
            for one in (source, to):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def test_a_network_that_is_lost_is_noticed_and_comes_back_while_another_stalls(
    browser: str, server: WebServer
) -> None:
    relay, stalled = Relay(server.address), Visitor(server)
    stalled.watch("&picture=1")  # and never reads
    stop = threading.Event()

    def send() -> None:
        for index in itertools.count():
            server.send(message(index, 1))
            server.tell(RunState(lines=(f"frame {index}",)))
            if stop.wait(0.03):
                return

    sending = threading.Thread(target=send)
    sending.start()
    seen = "document.querySelectorAll('#people li').length === 1"
    figures = "document.getElementById('figures').textContent"

    async def work(tab: Tab) -> None:
        await tab.until(f"{STATUS} === 'connected'")
        await tab.until(seen)
        relay.is_holding = True
        await tab.until(f"{STATUS} !== 'connected'")
        assert await tab.value("document.querySelector('[data-button=record]').disabled")
        before = await tab.value(figures)
        relay.is_holding = False
        await tab.until(f"{STATUS} === 'connected'")
        await tab.until(f"{figures} !== {before!r}")

    try:
        visit(browser, server.url.replace(str(server.address.port), str(relay.port)), work)
    finally:
        stop.set()
        sending.join()
        stalled.close()
        relay.close()
