"""Packages that only some tests need: what is left out without them, and how to have it.

python -m tests.support.optional      # a sentence for each package that is missing here
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptionalPackage:
    """A package that `make test` does without.

    Attributes:
        package: As it is imported.
        left_out: What is not tested without it.
        fix: How to have it.
        marker: Of the tests that need it, where they are marked.
        is_in_test_all: Whether `make test-all` installs it and insists on it.
    """

    package: str
    left_out: str
    fix: str = "make test-all"
    marker: str = ""
    is_in_test_all: bool = True

    @property
    def is_missing(self) -> bool:
        """Whether it cannot be imported here."""
        return importlib.util.find_spec(self.package) is None

    @property
    def sentence(self) -> str:
        """What is left out, for the end of a test run."""
        return f"left out: {self.left_out} ({self.package} is not installed): {self.fix}"


OPTIONAL = (
    OptionalPackage("torch", "export and training of networks", marker="export"),
    OptionalPackage(
        "tensorrt_rtx",
        "building TensorRT engines without a GPU",
        "make test-all, where it has a build",
        marker="rtx",
        is_in_test_all=False,
    ),
    OptionalPackage("matplotlib", "training runs"),
    OptionalPackage("pycocotools", "COCO's own evaluation to compare with"),
    OptionalPackage(
        "anny",
        "rendered people",
        "make test-all, where it has a build",
        marker="people",
        is_in_test_all=False,
    ),
    OptionalPackage(
        "opensim", "OpenSim reading our TRC files", "pip install opensim", is_in_test_all=False
    ),
    OptionalPackage(
        "tensorflow",
        "a Keras network, wrapped",
        "pip install tensorflow-cpu tf2onnx",
        is_in_test_all=False,
    ),
)


def main() -> None:
    """Print what this machine leaves out."""
    for optional in OPTIONAL:
        if optional.is_missing:
            print(optional.sentence)


if __name__ == "__main__":
    main()
