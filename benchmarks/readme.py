"""Insert results and other generated parts into the documents, between markers.

python -m benchmarks.readme
"""

from __future__ import annotations

import re

from benchmarks.common import guarded
from benchmarks.generated import RESULTS, option_tables, summary_table
from steadypose.engines.errors import UsageError
from steadypose.realtime.model.places import ROOT

MARK = re.compile(
    r"(?P<begin><!-- (?P<kind>result|generated): (?P<name>[\w.]+) -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL,
)

GENERATED = {"options": option_tables, "summary": summary_table}

PAGES = (
    *sorted(ROOT.glob("*.md")),
    ROOT / "models" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)


def filled(page: str) -> str:
    """Fill a page's markers with current figures.

    Raises:
        UsageError: A result has not been written yet, or a marker's name is unknown.
    """

    def fill(match: re.Match[str]) -> str:
        return f"{match['begin']}{_part(match['kind'], match['name'])}\n{match['end']}"

    return MARK.sub(fill, page)


def _part(kind: str, name: str) -> str:
    if kind == "generated":
        if name not in GENERATED:
            raise UsageError(f"no part {name!r} is generated", fix=f"one of {sorted(GENERATED)}")
        return GENERATED[name]()
    path = RESULTS / name
    if not path.exists():
        raise UsageError(f"{path} does not exist", fix="run the benchmark with --output first")
    return path.read_text().strip()


def main() -> None:
    """Fill in every marker."""
    for page in PAGES:
        before = page.read_text()
        after = filled(before)
        if after != before:
            page.write_text(after)
            print(f"{page.relative_to(ROOT)} has new figures")


if __name__ == "__main__":
    guarded(main)
