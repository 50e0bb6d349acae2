"""A real browser with one tab, led over the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STATUS = "document.getElementById('status')?.textContent"

_PATIENCE_S = 30.0
T = TypeVar("T")


@contextmanager
def chromium(folder: Path, clip: Path | None = None) -> Iterator[str]:
    """Start it without a window, and end it.

    Args:
        folder: For its profile and what it says.
        clip: What its camera shows, again and again: ``.mjpeg`` or ``.y4m``.

    Yields:
        Where it is led: host and port.
    """
    camera = [] if clip is None else [f"--use-file-for-fake-video-capture={clip}"]
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
        "--remote-debugging-port=0",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        *camera,
        "about:blank",
    ]
    told = folder / "told"
    with told.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            until_s = time.perf_counter() + _PATIENCE_S
            while not (found := re.search(r"listening on ws://([^/]+)/", told.read_text())):
                assert time.perf_counter() < until_s, told.read_text()
                time.sleep(0.05)
            yield found[1]
        finally:
            process.kill()


class Tab:
    """A tab.

    Args:
        socket: To its DevTools.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: Any) -> Any:
        """What a method of the protocol returns."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            told = await self._socket.receive_json(timeout=_PATIENCE_S)
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    async def value(self, script: str) -> Any:
        """What a script comes to; a promise is waited for."""
        found = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        return found["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until a script says true; twenty seconds are enough on a busy machine."""
        until_s = time.perf_counter() + 20
        while not await self.value(script):
            assert time.perf_counter() < until_s, await self.value("document.body.innerText")
            await asyncio.sleep(0.05)

    async def look(
        self, width: int, height: int, *, scheme: str = "light", is_phone: bool = False
    ) -> None:
        """Have this size, in CSS pixels, and prefer light or dark."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if is_phone else 1,
            mobile=is_phone,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def picture(self, *, is_whole: bool = False) -> bytes:
        """A PNG of what can be seen, or with ``is_whole`` of the whole page."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=is_whole)
        return base64.b64decode(found["data"])


def visit(browser: str, url: str, work: Callable[[Tab], Awaitable[T]]) -> T:
    """Open an address in the only tab, and do something there."""

    async def in_session(session: aiohttp.ClientSession) -> T:
        async with session.get(f"http://{browser}/json") as answer:
            tabs = json.loads(await answer.text())
        at = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        async with session.ws_connect(at, max_msg_size=1 << 26) as socket:
            tab = Tab(socket)
            await tab.call("Page.navigate", url=url)
            return await work(tab)

    async def go() -> T:
        try:
            async with aiohttp.ClientSession() as session:
                return await in_session(session)
        finally:
            await asyncio.sleep(0.05)  # connections close behind the session

    return asyncio.run(go())
