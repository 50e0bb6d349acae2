"""A real browser opens the page of a run; nothing here needs its picture to be looked at."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp")

import aiohttp

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.server import WebServer
from steadypose.realtime.sources.browser import open_browser
from tests.realtime.record.test_live import message

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

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
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--remote-debugging-port=0",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
        "about:blank",
    ]
    told = tmp_path / "told"
    with told.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            until_s = time.perf_counter() + 30
            while not (found := re.search(r"listening on ws://([^/]+)/", told.read_text())):
                assert time.perf_counter() < until_s, told.read_text()
                time.sleep(0.05)
            yield found[1]
        finally:
            process.kill()


class Tab:
    """The only tab, over the DevTools protocol."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            told = await self._socket.receive_json(timeout=30)
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    async def value(self, script: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return found["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until a script says true; twenty seconds are enough on a busy machine."""
        until_s = time.perf_counter() + 20
        while not await self.value(script):
            assert time.perf_counter() < until_s, await self.value("document.body.innerText")
            await asyncio.sleep(0.05)


def visit(browser: str, url: str, work: Any) -> Any:
    """Open an address in the tab, and do something there."""

    async def go() -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{browser}/json") as answer:
                tabs = json.loads(await answer.text())
            at = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(at, max_msg_size=1 << 26) as socket:
                tab = Tab(socket)
                await tab.call("Page.navigate", url=url)
                return await work(tab)

    return asyncio.run(go())


STATUS = "document.getElementById('status')?.textContent"


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
