"""What the layout promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from benchmarks.generated import _cell
from benchmarks.readme import MARK, PAGES, filled
from steadypose.engines.errors import UsageError
from steadypose.realtime.command.options.command_line import build_parser
from steadypose.realtime.model.places import ROOT


@pytest.mark.parametrize(
    "forbidden",
    [
        "torch",
        "tensorrt",
        "pycuda",
        "steadypose.export",
        "training",
        "scipy",
        "onnxruntime",
        "pyarrow",
    ],
)
def test_starting_the_app_does_not_load(forbidden: str) -> None:
    code = f"import sys, steadypose.realtime.cli; sys.exit({forbidden!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert done.returncode == 0


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    options = {o for action in build_parser()._actions for o in action.option_strings}
    assert options <= set(re.findall(r"`(--?[a-z-]+)", (ROOT / "docs" / "options.md").read_text()))
    shown = set(re.findall(r"`(--[a-z-]+)", (ROOT / "README.md").read_text()))
    assert len(shown) > 5
    assert shown <= options


def test_one_module_writes_to_the_terminal() -> None:
    for folder in ("realtime", "engines", "steadypose"):
        for path in (ROOT / folder).rglob("*.py"):
            if path != ROOT / "engines/wording/telling.py":
                assert not re.search(r"\bprint\(|sys\.std(out|err)\.write", path.read_text()), path


def test_json_and_toml_of_others_are_read_in_one_place() -> None:
    """Which bounds them, and makes sentences of what no reader survives."""
    # What ships, and what a process of ours wrote for its child.
    own = {"realtime/model/zoo.py", "realtime/model/zoo_listing.py"}
    own |= {"export/trt/process.py", "export/trt/builder.py", "engines/foreign/texts.py"}
    for folder in ("engines", "realtime", "export", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.relative_to(ROOT).as_posix() not in own:
                assert not re.search(r"json\.loads?\(|toml\w*\.loads?\(", path.read_text()), path


def test_pictures_of_others_are_decoded_in_one_place() -> None:
    """Which knows how large they may be; augmentation decodes what it has just encoded."""
    own = {"realtime/sources/pictures.py", "training/examples/disturb.py"}
    for folder in ("engines", "realtime", "export", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.relative_to(ROOT).as_posix() not in own:
                assert not re.search(r"cv2\.im(read|decode)", path.read_text()), path


@pytest.mark.parametrize(
    "entry",
    [
        "steadypose.realtime.cli",
        "training.train",
        "training.evaluate",
    ],
)
def test_the_limit_of_pictures_is_set_before_opencv_is_loaded(entry: str) -> None:
    code = (
        "import importlib, os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'cv2' and 'OPENCV_IO_MAX_IMAGE_PIXELS' not in os.environ:\n"
        "            os._exit(3)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "try:\n"
        "    importlib.import_module(sys.argv[1])\n"
        "except ImportError:\n"
        "    pass\n"  # torch, where it is missing, comes after what is looked at
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENCV_IO")}
    words = [sys.executable, "-c", code, entry]
    assert subprocess.run(words, check=False, cwd=ROOT, env=environment).returncode == 0


def test_every_figure_in_the_documents_is_computed() -> None:
    """No figure is typed: what stands between markers is what a script wrote or prints."""
    pages = {page: page.read_text() for page in PAGES}
    assert sum(len(MARK.findall(text)) for text in pages.values()) >= 20
    for page, text in pages.items():
        assert text == filled(text), f"{page}: run python -m benchmarks.readme"


def test_a_summary_of_a_figure_that_is_gone_names_the_cell() -> None:
    with pytest.raises(UsageError, match=r"speed\.md has no cell in row 'slow'"):
        _cell("speed.md", ("slow",), "fps")


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            assert file.exists(), f"{page}: {target}"
            if anchor:
                assert anchor in anchors(file.read_text()), f"{page}: {target}"


def anchors(text: str) -> set[str]:
    """The names that the forge gives to headings."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
