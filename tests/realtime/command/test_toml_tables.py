"""Tables of TOML files as dataclasses: what fits is taken, each mistake is a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from steadypose.engines.errors import UsageError
from steadypose.realtime.command.config.toml_table import to_dataclass


@dataclass(frozen=True)
class Recipe:
    name: str
    rate: float = 0.5
    steps: int = 10
    is_quick: bool = False
    kind: Literal["near", "far"] = "near"
    sizes_hw: tuple[int, int] = (64, 48)
    folders: tuple[str, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError("steps are negative")


def recipe(table: Any) -> Recipe:
    return to_dataclass(Recipe, "[recipe]", table, fix="see the recipe")


def test_what_fits_is_taken_and_the_rest_is_the_default() -> None:
    assert recipe({"name": "a"}) == Recipe("a")
    table = {"name": "b", "rate": 2, "steps": 3, "is_quick": True, "kind": "far", "limit": 7}
    found = recipe({**table, "sizes_hw": [1, 2], "folders": ["x", "y", "z"]})
    assert found == Recipe("b", 2, 3, True, "far", (1, 2), ("x", "y", "z"), 7)  # noqa: FBT003


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"name": 3}, "name cannot be 3"),
        ({"rate": True}, "rate cannot be True"),
        ({"rate": "fast"}, "rate cannot be 'fast'"),
        ({"rate": float("inf")}, "rate cannot be inf"),
        ({"rate": float("nan")}, "rate cannot be nan"),
        ({"steps": True}, "steps cannot be True"),
        ({"steps": 2.5}, "steps cannot be 2.5"),
        ({"is_quick": 1}, "is_quick cannot be 1"),
        ({"kind": "farther"}, "kind cannot be 'farther'"),
        ({"sizes_hw": [1]}, "sizes_hw cannot be [1]"),
        ({"sizes_hw": [1, 2, 3]}, "sizes_hw cannot be [1, 2, 3]"),
        ({"sizes_hw": [1, "2"]}, "sizes_hw cannot be [1, '2']"),
        ({"sizes_hw": 64}, "sizes_hw cannot be 64"),
        ({"folders": ["x", 1]}, "folders cannot be ['x', 1]"),
        ({"folders": "x"}, "folders cannot be 'x'"),
        ({"limit": "none"}, "limit cannot be 'none'"),
        ({"limit": 1.5}, "limit cannot be 1.5"),
        ({"steps": -1}, "cannot be used: steps are negative"),
        ({"step": 1}, "has no entry 'step'; it knows name, rate, steps"),
    ],
)
def test_what_does_not_fit_is_a_sentence_that_names_it(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        recipe({"name": "a", **wrong})
    assert what in caught.value.what
    assert caught.value.what.startswith("[recipe]")
    assert caught.value.fix == "see the recipe"


def test_what_is_missing_or_no_table_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"\[recipe\] cannot be used: .*name"):
        recipe({})
    with pytest.raises(UsageError, match=r"\[recipe\] is not a table"):
        recipe("a")
