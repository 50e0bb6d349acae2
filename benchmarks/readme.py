"""Put the tables of ``benchmarks/results`` into the documents, between markers.

python -m benchmarks.readme
"""

from __future__ import annotations

import re

from benchmarks.common import guarded
from steadypose.engines.errors import UsageError
from steadypose.realtime.model.places import ROOT

_MARK = re.compile(r"(<!-- result: (?P<name>[\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)

PAGES = (ROOT / "README.md", ROOT / "models" / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def main() -> None:
    """Fill in every marker."""

    def fill(match: re.Match[str]) -> str:
        path = ROOT / "benchmarks" / "results" / match["name"]
        if not path.exists():
            raise UsageError(f"{path} does not exist", fix="run the benchmark with --output first")
        return f"{match[1]}{path.read_text().strip()}\n{match[3]}"

    for page in PAGES:
        before = page.read_text()
        after = _MARK.sub(fill, before)
        if after != before:
            page.write_text(after)
            print(f"{page.relative_to(ROOT)} has new figures")


if __name__ == "__main__":
    guarded(main)
