"""Find the possible changes of one piece of code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
BINARY: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
_PAIRS = {"min": "max", "any": "all", "minimum": "maximum", "ceil": "floor"}
SWAP = _PAIRS | {new: old for old, new in _PAIRS.items()}
_TALK = {"print", "logging", "log", "logger", "warnings"}

Text = Callable[[ast.AST], str]
Change = tuple[ast.AST, str]


def changes(node: ast.AST, text: Text) -> Iterator[Change]:
    """Find the changes of a node: (replaced part, replacement).

    Args:
        node: A statement or a part of one.
        text: The source of a node.
    """
    if isinstance(node, ast.Constant):
        yield from _numbers(node)
    elif isinstance(node, ast.stmt):
        yield from _left_out(node, text)
    else:
        yield from _turned(node, text)
        yield from _shortened(node, text)
    yield from _forced(node)


def _numbers(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool() as v:
            yield node, str(not v)
        case int() as v:
            yield from ((node, str(n)) for n in ((v * 2, v // 2) if v >= 10 else (v + 1,)))
        case float() as v if v:
            yield from ((node, repr(v * by)) for by in (2.0, 0.5))


def _left_out(node: ast.stmt, text: Text) -> Iterator[Change]:
    match node:
        case ast.Expr(value=ast.Call(func=func)) if text(func).split(".")[0] not in _TALK:
            yield node, "pass"
        case ast.AugAssign() | ast.Delete() | ast.Raise() | ast.Continue() | ast.Break():
            yield node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"


def _turned(node: ast.AST, text: Text) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[op]):
            yield node, f"({text(node.left)}) {COMPARE[type(op)]} ({text(node.comparators[0])})"
        case ast.BinOp() if type(node.op) in BINARY and not isinstance(
            node.left, ast.JoinedStr | ast.List | ast.Tuple
        ):
            yield node, f"({text(node.left)}) {BINARY[type(node.op)]} ({text(node.right)})"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, *_]) if (
            name in SWAP
        ):
            yield node.func, text(node.func)[: -len(name)] + SWAP[name]


def _shortened(node: ast.AST, text: Text) -> Iterator[Change]:
    match node:
        case ast.BoolOp(values=values):
            yield from ((node, text(value)) for value in (values[0], values[-1]))
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node, text(node.operand)
        case ast.IfExp():
            yield from ((node, text(value)) for value in (node.body, node.orelse))


def _forced(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.If(test=test) | ast.comprehension(ifs=[test]):
            yield from ((test, word) for word in ("True", "False"))
        case ast.While(test=test) if not isinstance(test, ast.Constant):
            yield test, "False"
