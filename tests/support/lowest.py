"""The lowest versions that the requirements allow, as constraints for pip.

Of a version such as 4.9 the last repair is taken: 4.9.0.80.

    python -m tests.support.lowest requirements-dev.txt > lowest.txt
    pip install -r requirements-dev.txt -c lowest.txt
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from steadypose.realtime.model.places import ROOT

_LINE = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)[^;]*(;.*)?")
TOOLS = frozenset({"ruff", "mypy", "import-linter", "pdoc"})
"""They look at the code and do not run it; their old versions would find other things."""


def lowest(file: Path) -> Iterator[str]:
    """``name==version`` for each requirement of a file and of those that it includes."""
    for line in map(str.strip, file.read_text(encoding="utf-8").splitlines()):
        if line.startswith("-r "):
            yield from lowest(file.parent / line.removeprefix("-r ").strip())
        elif line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            assert found is not None, f"{file.name}: {line!r} has no lower bound"
            if found[1] not in TOOLS:
                version = found[2] if "." in found[2] else f"{found[2]}.0"
                yield f"{found[1]}=={version}.*{found[3] or ''}"


def main(names: list[str]) -> None:
    """Print the constraints of some files."""
    print("\n".join(sorted({line for name in names for line in lowest(ROOT / name)})))


if __name__ == "__main__":
    main(sys.argv[1:])
