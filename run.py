"""steadypose: python run.py --camera 0. Begins with what any Python understands."""

# ruff: noqa: PTH100, PTH110, PTH118, PTH119, PTH120, UP032

import os
import sys

LOWEST, HIGHEST = (3, 10), (3, 14)
NEEDED = ("numpy", "cv2", "av")
_SETUP = "{0} -m venv .venv, then {1} -m pip install -r requirements.txt, then {1} run.py"


def environment_python():
    # type: () -> str
    """Python of the environment beside this file, as it is typed on this system."""
    return ".venv\\Scripts\\python" if os.name == "nt" else ".venv/bin/python"


def wrong_python(command=_SETUP):
    # type: (str) -> tuple[str, str] | None
    """The fact and the fix where this Python is too old or too new, else None."""
    version = sys.version_info[:2]
    if LOWEST <= version <= HIGHEST:
        return None
    what = "this is Python {}.{}, steadypose needs 3.{} to 3.{}"
    return (
        what.format(version[0], version[1], LOWEST[1], HIGHEST[1]),
        command.format("py -3.13" if os.name == "nt" else "python3.13", environment_python()),
    )


def why_not():
    # type: () -> tuple[str, str] | None
    """None where the app can start, else the fact and the fix, for this very system."""
    is_windows = os.name == "nt"
    python = environment_python()
    reason = wrong_python()
    if reason is not None:
        return reason
    from importlib.util import find_spec  # noqa: PLC0415 - Python 2 has none

    missing = [name for name in NEEDED if find_spec(name) is None]
    if not missing:
        return None
    what = "not installed for {}: {}".format(sys.executable, ", ".join(missing))
    if sys.prefix != sys.base_prefix:  # in a virtual environment
        return what, "python -m pip install -r requirements.txt"
    if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), python)):
        fix = "{0} run.py; if that is no better, {0} -m pip install -r requirements.txt"
        return what, fix.format(python)
    return what, _SETUP.format("py" if is_windows else os.path.basename(sys.executable), python)


def why_not_loaded(error):
    # type: (ImportError) -> tuple[str, str]
    """The fact and the fix for a package that is there and does not load."""
    fix = "python -m pip install --force-reinstall -r requirements.txt"
    if os.name == "nt" and "cv2" in str(error):  # it needs MF.dll
        fix = (
            "editions N of Windows: Settings, Apps, Optional features, Media Feature Pack; else "
            + fix
        )
    return "a package does not load: {}".format(error), fix


def say(what, fix):
    # type: (str, str) -> None
    """A mistake as all commands say it; ends with exit code 2."""
    sys.stderr.write("error: {}\n  fix: {}\n".format(what, fix))
    sys.exit(2)


if __name__ == "__main__":
    try:
        reason = why_not()
    except KeyboardInterrupt:
        reason = "interrupted (SIGINT) before the start", "run it again"
    if reason is not None:
        say(*reason)
    try:
        from steadypose.start import main

        main()
    except ImportError as error:
        if (getattr(error, "name", None) or "").startswith("steadypose"):
            raise  # ours
        say(*why_not_loaded(error))
