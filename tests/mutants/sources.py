"""Read a project's files: their possible changes, and the uses of names."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.mutants.changes import changes

KINDS = ("float", "integer", "boolean", "statement", "expression")
_LEFT_ALONE = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)

Span = tuple[int, int] | None


@dataclass(slots=True)
class Mutant:
    """One change of one file, and its verdict.

    Attributes:
        file: Path within the project.
        line: Of the change, from 1.
        place: Bytes of the file that are replaced: first, and one behind the last.
        old: The replaced code.
        new: Its replacement.
        span: Lines that run when the changed code does; None: at import.
        names: Names through which the result of code that runs once is used.
        result: killed, survived, not run or unfinished; empty before.
        by: The test that failed, and notes.
        tests: Number of tests that reach it.
        seconds: Time for the verdict.
    """

    file: str
    line: int
    place: tuple[int, int]
    old: str
    new: str
    span: Span
    names: tuple[str, ...]
    result: str = ""
    by: str = ""
    tests: int = 0
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        """Kind of change, one of ``KINDS``."""
        if self.new == "pass":
            return "statement"
        if self.old in {"True", "False"}:
            return "boolean"
        if self.old.isdigit():
            return "integer"
        try:
            float(self.old)
        except ValueError:
            return "expression"
        return "float"

    def __str__(self) -> str:
        old, new = (" ".join(text.split())[:60] for text in (self.old, self.new))
        return (
            f"{self.file}:{self.line}: {old!r} -> {new!r}: {self.result} {self.by} "
            f"[{self.tests} tests, {self.seconds:.0f} s]"
        )


class Source:
    """One file: its mutants, and its uses of names.

    Attributes:
        uses: Names used on lines within functions.
        makes: A name used at import, and the names defined with it.
    """

    def __init__(self, file: str, source: str) -> None:
        self.file, self.data = file, source.encode()
        self._starts = [0]
        for line in self.data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.mutants: list[Mutant] = []
        self.uses: list[tuple[str, int]] = []
        self.makes: list[tuple[str, tuple[str, ...]]] = []
        for child in ast.parse(source).body:
            self._visit(child, None, ())

    def changed(self, mutant: Mutant) -> bytes:
        """The file with one change."""
        first, last = mutant.place
        return self.data[:first] + mutant.new.encode() + self.data[last:]

    def _place(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.AST) -> str:
        first, last = self._place(node)
        return self.data[first:last].decode()

    def _visit(self, node: ast.AST, span: Span, names: tuple[str, ...]) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._visit_function(node, names, is_nested=span is not None)
        elif isinstance(node, ast.ClassDef):
            for child in node.body:
                self._visit(child, None, (node.name, *(names if span else ())))
        elif not self._is_left_alone(node):
            self._visit_code(node, span, names)
        elif span and isinstance(node, ast.Assert | ast.JoinedStr):
            # Not changed itself, but the names in it are reached by tests that get here.
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name | ast.Attribute):
                    name = inner.id if isinstance(inner, ast.Name) else inner.attr
                    self.uses += [(name, node.lineno), (name, inner.end_lineno or 0)]

    def _visit_function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        names: tuple[str, ...],
        *,
        is_nested: bool,
    ) -> None:
        if node.name in {"__repr__", "__str__"}:
            return
        is_cached = any("cache" in self._text(d) for d in node.decorator_list)
        kept = (node.name,) if is_cached else names if is_nested else ()
        body = (node.body[0].lineno, node.end_lineno or 0)
        for default in filter(None, (*node.args.defaults, *node.args.kw_defaults)):
            self._visit(default, body, (node.name, *names))
        for child in node.body:
            self._visit(child, body, kept)

    def _is_left_alone(self, node: ast.AST) -> bool:
        if isinstance(node, ast.If):
            return any(word in self._text(node.test) for word in ("TYPE_CHECKING", "__name__"))
        if isinstance(node, ast.keyword) and node.arg == "strict":
            return True  # an assertion that two lengths are one: where they are, nothing changes
        return isinstance(node, _LEFT_ALONE)

    def _visit_code(self, node: ast.AST, span: Span, names: tuple[str, ...]) -> None:
        if isinstance(node, ast.stmt):
            if span:
                inner = getattr(node, "body", None)
                last = inner[0].lineno - 1 if inner else node.end_lineno or 0
                span = (node.lineno, max(node.lineno, last))
            else:
                made = _made_by(node)
                if any(name.startswith("__") for name in made):
                    return
                names = (*names, *made)
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if span:
                self.uses.append((name, node.end_lineno or 0))
            if not span or names:
                self.makes.append((name, names))
        for target, new in changes(node, self._text):
            self._add(target, new, span, names)
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and field != "annotation":
                    self._visit(child, span, names)

    def _add(self, node: ast.AST, new: str, span: Span, names: tuple[str, ...]) -> None:
        # Brackets keep precedence, and several lines together.
        whole = new if new == "pass" else f"({new})"
        line = getattr(node, "lineno", 0)
        self.mutants.append(
            Mutant(self.file, line, self._place(node), self._text(node), whole, span, names)
        )


def _made_by(node: ast.stmt) -> list[str]:
    """Names that a statement assigns."""
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return [n.id for t in targets if t for n in ast.walk(t) if isinstance(n, ast.Name)]


def draw(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """One change a line, lines evenly over all files; all changes if count is 0."""
    by_line: dict[tuple[str, int], list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_line[mutant.file, mutant.line].append(mutant)
    chance, lines = random.Random(seed), sorted(by_line)  # noqa: S311 - no secret
    if not 0 < count < len(lines):
        return list(mutants)
    step, start = len(lines) / count, chance.random()
    chosen = [chance.choice(by_line[lines[int((start + n) * step)]]) for n in range(count)]
    chance.shuffle(chosen)
    return chosen
