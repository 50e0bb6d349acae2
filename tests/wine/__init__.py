"""The app on Windows' own Python under Wine: for maintainers, not part of the required run.

Nothing is downloaded here. What is needed:

- Debian's ``wine64``, ``xvfb``, ``xdotool`` and ``openbox``;
- a folder with ``python.exe`` and its libraries of python.org's embeddable package 3.11, without
  its ``._pth`` file, and in ``Lib`` the standard library of any CPython 3.11. Check who signed
  them (``osslsigncode verify``): the Python Software Foundation, ``vcruntime`` by Microsoft;
- in ``Lib/site-packages`` the wheels of Windows (``pip install --no-deps --platform win_amd64
  --python-version 3.11 --only-binary=:all: --target ...``): opencv-python, openvino, av and, as
  Wine 8 lacks functions that newer ones call, numpy 1.26.4.

    STEADYPOSE_WINE_PYTHON=/path/to/python.exe python -m pytest tests/wine

Wine shows share modes, code pages, names and the window's own loops. It shows no cameras,
permissions, scanners, closed consoles or other timers.
"""
