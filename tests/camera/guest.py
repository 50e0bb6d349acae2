"""A Linux guest with cameras of the kernel's own: Debian's kernel, over this machine's files.

The guest sees everything that is installed here, read-only under a layer in memory; one folder is
shared. Its cameras are of the kernel's ``vivid`` driver, whose ioctls, formats and rates are real.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from steadypose.realtime.model.places import ROOT

NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "v4l2-ctl": "v4l-utils",
    "apt-cache": "apt",
    "dpkg-deb": "dpkg",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FIRST_MODULES = ("virtio_pci", "9p", "9pnet_virtio", "overlay")
_INIT = """#!/bin/sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in $(cat /modules); do insmod "/$m"; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose host /host
mount -t tmpfs -o size=2g tmp /layer; mkdir /layer/up /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/up,workdir=/layer/work over /new
mount -t proc proc /new/proc; mount -t sysfs sys /new/sys; mount -t devtmpfs dev /new/dev
mount -t tmpfs tmp /new/tmp; mkdir /new/tmp/shared /new/tmp/kernel
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 shared /new/tmp/shared
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288 kernel /new/tmp/kernel
root="$(cat /new/tmp/shared/root)"
if [ ! -d "/new$root" ]; then # a clone below /tmp, which is the guest's own
  mkdir -p "/new$root" /layer/up2 /layer/work2
  mount -t overlay -o "lowerdir=/host$root,upperdir=/layer/up2,workdir=/layer/work2" o "/new$root"
fi
chroot /new /bin/sh /tmp/shared/command; echo "$?" >/new/tmp/shared/exit
poweroff -f
"""


@dataclass(frozen=True)
class Kernel:
    """A kernel that was unpacked, with its modules.

    Attributes:
        folder: It holds ``boot`` and ``lib``.
        version: As its files are called.
    """

    folder: Path
    version: str


def missing() -> list[str]:
    """Debian packages without which there is no guest; empty where all are here."""
    return sorted({package for tool, package in NEEDED.items() if not which(tool)})


def which(tool: str) -> str | None:
    """Where a program is; an ordinary user's path leaves out what belongs to the system."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{_PATH}")


def fetch_kernel(cache: Path) -> Kernel:
    """Debian's newest kernel, from the cache or its package; nothing is installed.

    Raises:
        subprocess.CalledProcessError: The system has no such package, or it cannot be had.
    """
    folder = cache / "kernel"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        asked = subprocess.check_output(
            [_tool("apt-cache"), "depends", "linux-image-amd64"], text=True
        )
        found = re.search(r"Depends: (linux-image\S+)", asked)
        name = found[1] if found else "linux-image-amd64"
        with tempfile.TemporaryDirectory(dir=cache) as work:
            subprocess.run(["apt-get", "download", "-q", name], cwd=work, check=True)
            (package,) = Path(work).glob("*.deb")
            fresh = Path(work) / "kernel"
            subprocess.run([_tool("dpkg-deb"), "-x", package, fresh], check=True)
            subprocess.run([_tool("depmod"), "-b", fresh, _version(fresh)], check=True)
            fresh.rename(folder)
    return Kernel(folder, _version(folder))


def boot(kernel: Kernel, shared: Path, command: list[str], *, within_s: float) -> int:
    """Run a command in a guest, as root in the project's folder, its output here as it comes.

    Args:
        kernel: To boot.
        shared: Both sides' folder, ``/tmp/shared`` in the guest.
        command: Its ``{shared}`` is that folder's name in the guest.
        within_s: After which the guest is switched off.

    Returns:
        The command's exit code; 124: it did not end in time, or the guest did not start.
    """
    words = [word.replace("{shared}", "/tmp/shared") for word in command]  # noqa: S108 - of the guest
    (shared / "command").write_text(
        f"export PATH={_PATH} HOME=/root\n"
        "exec 2>&1\n"
        "ip link set lo up 2>/dev/null\n"
        f"cd {shlex.quote(str(ROOT))} && {shlex.join(words)}\n"
    )
    (shared / "root").write_text(str(ROOT))
    initrd = shared / "initrd"
    _pack(kernel, initrd)
    machine = [
        *(_tool("qemu-system-x86_64"), "-M", "q35", "-cpu", "max", "-smp", "2", "-m", "4G"),
        # Never KVM: a machine that is a guest itself may offer it, and hang.
        *("-accel", "tcg,thread=multi", "-no-reboot"),
        *("-display", "none", "-vga", "none", "-monitor", "none", "-serial", "stdio"),
        *("-kernel", str(kernel.folder / "boot" / f"vmlinuz-{kernel.version}")),
        *("-initrd", str(initrd), "-append", "console=ttyS0 quiet panic=1 mitigations=off"),
    ]
    for name, place, access in (
        ("host", Path("/"), ",readonly=on"),
        ("shared", shared, ""),
        ("kernel", kernel.folder, ",readonly=on"),
    ):
        machine += [
            *(
                "-fsdev",
                f"local,id={name},path={place},security_model=none,multidevs=remap{access}",
            ),
            *("-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"),
        ]
    try:
        subprocess.run(machine, stdin=subprocess.DEVNULL, timeout=within_s, check=False)
    except subprocess.TimeoutExpired:
        return 124
    told = shared / "exit"
    return int(told.read_text()) if told.exists() else 124


def _pack(kernel: Kernel, initrd: Path) -> None:
    """Make the little file system that the kernel starts from."""
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        for name in ("bin", "dev", "proc", "sys", "host", "layer", "new"):
            (root / name).mkdir()
        shutil.copy(_tool("busybox"), root / "bin" / "busybox")
        for name in ("sh", "mount", "insmod", "mkdir", "cat", "chroot", "poweroff"):
            (root / "bin" / name).symlink_to("busybox")
        modules: list[str] = []
        for name in _FIRST_MODULES:
            asked = [
                _tool("modprobe"),
                "-d",
                str(kernel.folder),
                "-S",
                kernel.version,
                "--show-depends",
            ]
            listed = subprocess.check_output([*asked, name], text=True)
            modules += [line.split()[1] for line in listed.splitlines() if "insmod" in line]
        for path in dict.fromkeys(modules):
            shutil.copy(path, root)
        (root / "modules").write_text("\n".join(Path(path).name for path in dict.fromkeys(modules)))
        (root / "init").write_text(_INIT)
        (root / "init").chmod(0o755)
        names = "\n".join(str(p.relative_to(root)) for p in sorted(root.rglob("*")))
        packed = subprocess.run(
            [_tool("cpio"), "-o", "-H", "newc", "--quiet"],
            input=names.encode(),
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
    initrd.write_bytes(packed)


def _tool(name: str) -> str:
    return which(name) or name


def _version(folder: Path) -> str:
    (only,) = (folder / "lib" / "modules").iterdir()
    return only.name
