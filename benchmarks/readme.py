"""Put the measured tables of ``benchmarks/results`` into README.md, between its markers.

python -m benchmarks.readme
"""

from __future__ import annotations

import re

from benchmarks.common import guarded
from engines.errors import UsageError
from realtime.settings import ROOT

_MARK = re.compile(r"(<!-- result: (?P<name>[\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Fill in every marker."""
    readme = ROOT / "README.md"

    def fill(match: re.Match[str]) -> str:
        path = ROOT / "benchmarks" / "results" / match["name"]
        if not path.exists():
            raise UsageError(f"{path} does not exist", fix="run the benchmark with --output first")
        return f"{match[1]}{path.read_text().strip()}\n{match[3]}"

    readme.write_text(_MARK.sub(fill, readme.read_text()))
    print(f"{readme} is up to date")


if __name__ == "__main__":
    guarded(main)
