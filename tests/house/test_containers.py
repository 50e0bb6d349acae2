"""What goes into a container is enough for the program, and no recordings go with it.

No container is built here: docs/scaling.md says when one was.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from steadypose.batch.options import build_parser as batch_parser
from steadypose.realtime.command.options.command_line import build_parser
from steadypose.realtime.model.places import ROOT

IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
LISTED = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
DOCKERFILES = sorted(ROOT.glob("Dockerfile*"))
COMPOSED = sorted((ROOT / "docs/compose").glob("*.yaml"))


def copied(to: Path) -> None:
    """What ``COPY . .`` takes along; the networks as links, they are large."""
    skip = shutil.ignore_patterns("__pycache__", "*.pyc", "built")
    for pattern in LISTED:
        for path in ROOT.glob(pattern):
            if path.name == "models":
                (to / "models").mkdir()
                for model in path.iterdir():
                    (to / "models" / model.name).symlink_to(model)
            elif path.is_dir():
                shutil.copytree(path, to / path.name, ignore=skip)
            else:
                shutil.copy2(path, to / path.name)


def test_only_what_is_listed_goes_into_an_image() -> None:
    """The first rule leaves everything out: clips, recordings and keys beside the program."""
    assert IGNORED[0] == "*"
    assert not [name for name in LISTED if "/" in name or not list(ROOT.glob(name))]
    tracked = subprocess.run(["git", "ls-files"], check=True, capture_output=True, cwd=ROOT)
    tops = {name.partition("/")[0] for name in tracked.stdout.decode().splitlines()}
    taken = {path.name for pattern in LISTED for path in ROOT.glob(pattern)}
    assert taken <= tops
    assert {"engines/built", "**/__pycache__"} <= set(IGNORED[len(LISTED) + 1 :])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_what_is_listed_is_enough_for_the_program(tmp_path: Path) -> None:
    copied(tmp_path)
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    demo = "run.py --source demo --headless --max-frames 3 --csv out.csv"
    for words in (
        demo,
        "export/build_trt.py --help",
        "-m steadypose batch --help",
    ):
        done = subprocess.run(
            [sys.executable, *words.split()],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_names_files_and_options_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.endswith('run.py"]\n')
    for name in re.findall(r"^COPY (\S+) ", text, flags=re.MULTILINE):
        assert name == "." or (name in LISTED and list(ROOT.glob(name)))
    for name in re.findall(r"requirements[\w-]*\.txt", text):
        assert (ROOT / name).is_file()
    run = text.replace(" \\\n#", "").partition("docker run ")[2].partition("\n")[0]
    tag = re.findall(r"docker build .*-t (\S+) \.", text)[0]
    parsed = build_parser().parse_args(shlex.split(run.split(f" {tag} ")[1]))
    folder = parsed.csv.parent.as_posix()
    assert f'-v "$PWD{folder}:{folder}"' in run


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_a_compose_file_names_commands_and_files_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert f"-f {path.relative_to(ROOT).as_posix()} " in text
    assert "context: ../..," in text  # where .dockerignore lies
    for name in re.findall(r"requirements[\w-]*\.txt", text):
        assert (ROOT / name).is_file()
    run = re.findall(r"command: (--.* --csv .*)", text)
    batch = re.findall(r"python -m steadypose batch (.*?)\"\]", text)
    assert len(run) + len(batch) == 1
    folders = []
    for words in run:
        parsed = build_parser().parse_args(shlex.split(words))
        folders += [parsed.csv.parent.as_posix()]
        assert re.search(rf"^  {parsed.server[0].partition(':')[0]}:$", text, re.MULTILINE)
    for words in batch:
        order = batch_parser().parse_args(shlex.split(words))
        folders += [*order.clips, str(order.out)]
        assert re.search(rf"^  {order.ray.partition(':')[0]}:$", text, re.MULTILINE)
    for folder in folders:
        assert f'"../..{folder}:{folder}' in text
