"""What a fix suggests can be pasted: a word of the user's in it is quoted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from steadypose.realtime.model.places import ROOT

# Names under which the code holds what a user, or a stranger, has named.
THEIRS = re.compile(
    r"\b(\w*path|output|journal|folder|table|video|source|file|onnx|command|input)\b"
)

HARMLESS = (
    *("quoted(", "to_command(", "as_typed(to_command(", "advice.wrap("),
    *("command('", "advice.command('"),
)


def placeholders() -> Iterator[tuple[str, str]]:
    """Where and what: each placeholder of an f-string that is given as ``fix``."""
    for package in ("engines", "realtime", "export", "training"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for value in fixes(node):
                    for inner in ast.walk(value):
                        if isinstance(inner, ast.FormattedValue):
                            place = f"{path.relative_to(ROOT)}:{inner.lineno}"
                            yield place, ast.unparse(inner.value)


def fixes(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        return [keyword.value for keyword in node.keywords if keyword.arg == "fix"]
    if isinstance(node, ast.FunctionDef) and node.name in {"wrap", "install"}:
        return [
            inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return) and inner.value
        ]
    return []


def test_names_of_others_are_quoted_in_every_fix() -> None:
    found = list(placeholders())
    assert len(found) > 50
    for place, expression in found:
        if THEIRS.search(expression):
            assert expression.startswith(HARMLESS), f"{place}: {expression}"
