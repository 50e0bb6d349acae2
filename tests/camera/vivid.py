"""The kernel's ``vivid`` cameras, from inside the guest: plug them in, break them, look at them."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FIRST, SECOND = "vivid-000-vid-cap", "vivid-001-vid-cap"
_DRIVER = Path("/sys/bus/platform/drivers/vivid")


def load() -> None:
    """Two cameras, each with its outputs, metadata and other nodes beside it."""
    if not _DRIVER.exists():
        subprocess.run(["modprobe", "-d", "/tmp/kernel", "vivid", "n_devs=2"], check=True)  # noqa: S108
    wait_for(lambda: find_node(FIRST) and find_node(SECOND))


def find_node(name: str) -> Path | None:
    """The device file of what the kernel calls so."""
    for told in Path("/sys/class/video4linux").glob("*/name"):
        if told.read_text().strip() == name and (node := Path("/dev") / told.parent.name).exists():
            return node
    return None


def node_of(name: str) -> Path:
    """Its device file, which may not have come back yet."""
    return find_node(name) or Path("/dev/none")


def control(node: Path, **values: object) -> None:
    """Set controls, the driver's faults among them."""
    given = ",".join(f"{name}={value}" for name, value in values.items())
    subprocess.run(["v4l2-ctl", "-d", str(node), "-c", given], check=True)


def command(node: Path, *words: str) -> str:
    """What v4l2-ctl says."""
    return subprocess.check_output(["v4l2-ctl", "-d", str(node), *words], text=True)


def unplug(instance: int = 0) -> None:
    """The camera is gone: its node and all."""
    (_DRIVER / "unbind").write_text(f"vivid.{instance}")


def plug(instance: int = 0) -> None:
    """It is back, as it was made."""
    name = f"vivid-{instance:03}-vid-cap"
    if find_node(name) is None:
        (_DRIVER / "bind").write_text(f"vivid.{instance}")
        wait_for(lambda: find_node(name))


def restore() -> None:
    """Both cameras plugged in, and with nothing set."""
    for instance, name in enumerate((FIRST, SECOND)):
        if find_node(name) is not None:
            unplug(instance)
    for instance in (0, 1):
        plug(instance)


def formats() -> list[str]:
    """Codes of all the formats that the camera offers, in little-endian form."""
    said = command(node_of(FIRST), "--list-formats")
    return [code for code in re.findall(r"'(.{4})'", said) if code.strip()]


@contextmanager
def streaming(node: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another program uses the camera."""
    with subprocess.Popen(
        ["v4l2-ctl", "-d", str(node), "--stream-mmap"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as other:
        time.sleep(1.5)
        assert other.poll() is None
        try:
            yield other
        finally:
            other.kill()


def wait_for(is_so: Callable[[], object], within_s: float = 30.0) -> None:
    """Until something is so.

    Raises:
        AssertionError: It does not become so.
    """
    until_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until_s, "it never happened"
        time.sleep(0.05)
