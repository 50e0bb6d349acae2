"""The demo with one command on every system: python start.py. Makes .venv, installs, runs.

With options it does the same for them: python start.py --camera 0 --csv me.csv
"""

# ruff: noqa: PTH100, PTH103, PTH118, PTH120, PTH110, PTH112, PTH204, RUF005, UP030, UP032, S603

import os
import signal
import subprocess
import sys

import run

HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "requirements.txt")
INSTALLED = os.path.join(HERE, ".venv", ".app")  # the Makefile knows it, too
DEMO = ["--source", "demo", "--csv", "out/demo.csv", "--save-video", "out/demo.mp4", "--headless"]
_VENV = "on Debian and Ubuntu: sudo apt install python3-venv; else install Python from python.org"
_PIP = "read what pip says above; docs/install.md tells which systems have all packages"


def main(words):
    # type: (list[str]) -> int
    """Set up what is missing, and run; returns the exit code."""
    reason = run.wrong_python("{0} start.py")
    if reason is not None:
        run.say(*reason)
    python = os.path.join(HERE, run.environment_python())
    # One that was left half-made has no pip; made again, it has.
    if not (os.path.exists(python) and os.path.exists(INSTALLED)):
        _do("making .venv", [sys.executable, "-m", "venv", os.path.join(HERE, ".venv")], _VENV)
    if _is_older(INSTALLED, REQUIREMENTS):
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "-q"]
        _do("installing the packages", pip + ["-r", REQUIREMENTS], _PIP)
        open(INSTALLED, "w").close()  # noqa: PTH123
    if words:
        return _wait([python, os.path.join(HERE, "run.py")] + words, None)
    if not os.path.isdir(os.path.join(HERE, "out")):
        os.makedirs(os.path.join(HERE, "out"))
    code = _wait([python, "run.py"] + DEMO, HERE)
    if code == 0:
        text = "Look at out/demo.mp4 and out/demo.csv. With a camera: {0} run.py --camera 0\n"
        sys.stdout.write(text.format(run.environment_python()))
    return code


def _is_older(path, than):
    # type: (str, str) -> bool
    return not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(than)


def _do(what, command, fix):
    # type: (str, list[str], str) -> None
    """Run a command that has to succeed."""
    sys.stderr.write("{0} ...\n".format(what))
    if _wait(command, None) != 0:
        run.say("{0} failed".format(what), fix)


def _wait(command, folder):
    # type: (list[str], str | None) -> int
    """Run a command; what ends this program ends it, too, and it closes its files."""
    running = []  # type: list[subprocess.Popen[bytes]]

    def pass_on(number, _frame):
        # type: (int, object) -> None
        for one in running:
            one.send_signal(number)

    for name in ("SIGTERM", "SIGHUP"):  # Ctrl-C reaches it without help
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    child = subprocess.Popen(command, cwd=folder)
    running.append(child)
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            continue
        return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
