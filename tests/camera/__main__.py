"""Try the app on cameras of the kernel's own, in an emulated guest: ``make test-camera``.

python -m tests.camera                # every case
python -m tests.camera -k unplugged   # some; other words go to pytest as well
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from steadypose.engines.wording import telling
from tests.camera import guest

WITHIN_S = 880.0


def main() -> int:
    """Boot the guest once and run the cases in it; 2: this machine cannot."""
    packages = guest.missing()
    if packages:
        telling.tell(
            [
                f"error: the guest with the cameras needs {', '.join(packages)}",
                f"  fix: sudo apt-get install {' '.join(packages)} (Debian on x86-64)",
            ]
        )
        return 2
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    try:
        kernel = guest.fetch_kernel(Path(home) / "steadypose" / "guest")
    except (OSError, subprocess.CalledProcessError) as error:
        telling.tell([f"error: no kernel for the guest: {error}", "  fix: sudo apt-get update"])
        return 2
    cases = sorted(str(path) for path in Path(__file__).parent.glob("cases_*.py"))
    command = [sys.executable, "-B", "-m", "pytest", "-v", "-p", "no:cacheprovider"]
    command += ["--durations=12", *cases]
    with tempfile.TemporaryDirectory() as shared:
        return guest.boot(kernel, Path(shared), [*command, *sys.argv[1:]], within_s=WITHIN_S)


if __name__ == "__main__":
    sys.exit(main())
