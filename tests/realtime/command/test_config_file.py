"""``--config``: the options' own names in a file, over which the command line wins."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from steadypose.engines.errors import UsageError
from steadypose.realtime import cli
from steadypose.realtime.command.config import writing
from steadypose.realtime.command.config.reading import (
    entries,
    may_be_repeated,
    parse_with_config,
    read_words,
)
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.record.sidecar import sidecar_path


def settings(path: Path, text: str, *typed: str) -> Settings:
    path.write_text(text)
    arguments, _ = parse_with_config(build_parser, [*typed, "--config", str(path)])
    return to_settings(arguments, None)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "run.toml"


def test_a_file_says_what_would_be_typed(config: Path) -> None:
    text = 'source = "demo"\npersons = 2\nheadless = true\nfps = 12.5\ncsv = "a.csv"\n'
    found = settings(config, text + 'csv-layout = "long"\npredict = false\n')
    assert (found.source.text, found.persons, found.is_headless) == ("demo", 2, True)
    assert found.source.mode.fps == 12.5
    assert not found.is_predicting
    assert [(t.path, t.format.layout) for t in found.tables] == [(Path("a.csv"), "long")]
    assert found.config == config


@pytest.mark.parametrize(
    ("text", "typed", "name", "expected"),
    [
        ("persons = 2", ["--persons", "3"], "persons", 3),
        ("headless = true", ["--no-headless"], "is_headless", False),
        ("headless = true", ["--no-headless", "--headless"], "is_headless", True),
        ("no-headless = true", [], "is_headless", False),
        ("no-predict = true", [], "is_predicting", False),
        ("no-predict = true", ["--predict"], "is_predicting", True),
        ("no-predict = false", [], "is_predicting", True),
        ('smooth = "steady"', ["--no-smooth"], "smoother", "off"),
        ("no-smooth = true", ["--smooth", "steady"], "smoother", "steady"),
        ("no-smooth = true", [], "smoother", "off"),
        ("no-smooth = false", [], "smoother", "balanced"),
        ("force = true", ["--no-force"], "is_forced", False),
    ],
)
def test_what_is_typed_wins(
    config: Path, text: str, typed: list[str], name: str, expected: object
) -> None:
    assert getattr(settings(config, text, *typed), name) == expected


@pytest.mark.parametrize(
    ("text", "typed", "source"),
    [
        ('source = "demo"', ["--camera", "1"], "1"),
        ("camera = 1", ["--source", "demo"], "demo"),
        ("camera = 1", [], "1"),
    ],
)
def test_what_is_typed_removes_what_cannot_go_with_it(
    config: Path, text: str, typed: list[str], source: str
) -> None:
    assert settings(config, text, *typed).source.text == source


def test_what_may_be_typed_again_is_a_list(config: Path) -> None:
    found = settings(
        config,
        'camera = [0, "c920"]\nnames = "left,right"\nbackend = "remote"\n'
        'server = ["a:1", "http://b:2"]\n',
    )
    assert (found.source.text, [s.text for s in found.further]) == ("0", ["c920"])
    assert found.names == ("left", "right")
    assert found.engine.remote.servers == ("a:1", "http://b:2")
    files = 'source = ["demo", "a.mp4"]'
    assert [s.text for s in settings(config, files).further] == ["a.mp4"]
    assert settings(config, files, "--source", "b.mp4").further == (), "what is typed wins"
    assert settings(config, "camera = []").source.text == "0"


def test_every_option_that_may_be_typed_again_takes_a_list(config: Path) -> None:
    parser = build_parser()
    again = {name: a for name, a in entries(parser).items() if may_be_repeated(a)}
    assert set(again) >= {"camera", "source", "server"}
    for name, action in again.items():
        value = writing._value(writing.EXAMPLES[name])
        config.write_text(f"{name} = [{value}, {value}]")
        assert [dest for dest, _ in read_words(config, parser)] == [action.dest] * 2


def test_a_typed_quality_replaces_the_files_model(config: Path) -> None:
    config.write_text('model = "a.onnx"')
    given, _ = parse_with_config(build_parser, ["--config", str(config), "--quality", "fast"])
    assert (given.model, given.quality) == (None, "fast")


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("person = 2", "unknown entry 'person'", "persons is what you mean"),
        ("csv_layout = 'long'", "unknown entry 'csv_layout'", "csv-layout is what you mean"),
        ("zzz = 1", "unknown entry 'zzz'", "init-config"),
        ("persons = '2'", "persons is a text, not a whole number", "give a whole number"),
        ("persons = 2.0", "persons is 2.0, not a whole number", "give a whole number"),
        ("persons = true", "persons is true, not a whole number", "give a whole number"),
        ("persons = 99", "persons: 99 is not between 1 and 10", "--help"),
        ("fps = 'fast'", "fps is a text, not a number", "give a number"),
        ("camera = [0, true]", "camera is true, not a whole number, or text", "a list of them"),
        ("camera = [[0]]", "camera is a list, not a whole number", "a list of them"),
        ("camera = [0, 0]", "--camera 0 is given twice", "name each camera once"),
        ("server = [1]", "server is 1, not text between quotes, or a list", "a list of them"),
        ("persons = [1]", "persons is a list, not a whole number", "give a whole number"),
        ("headless = 1", "headless is 1, not true or false", "give true or false"),
        ("csv = 1", "csv is 1, not text between quotes", "give text"),
        ("csv = ''", "csv: '' is not the name of a file", "--help"),
        ("smooth = 'silky'", "smooth: invalid choice: 'silky'", "--help"),
        ("[source]\nfile = 'a'", "source is a table, not text", "give text"),
        (
            "camera = 1\nsource = 'demo'",
            "not allowed with argument --camera",
            "--source 0 --source demo",
        ),
        ("trust-engine = true", "trust-engine cannot stand in a file", "type --trust-engine"),
        ("doctor = true", "doctor cannot stand in a file", "type --doctor"),
        ("config = 'b.toml'", "config cannot stand in a file", "type --config"),
        ("persons = ", "is no TOML", "init-config"),
        ("fps = inf", "is no TOML", "init-config"),
    ],
)
def test_what_cannot_be_is_said_with_its_name_and_file(
    config: Path, text: str, what: str, fix: str
) -> None:
    with pytest.raises(UsageError) as caught:
        settings(config, text)
    assert str(config) in caught.value.what or "twice" in what
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match=r"cannot read none\.toml"):
        parse_with_config(build_parser, ["--config", "none.toml"])


def test_a_run_takes_its_options_from_the_file_and_records_them(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "out.csv"
    config.write_text(
        f'source = "demo"\nheadless = true\nmax-frames = 50\ncsv = {json.dumps(str(table))}\n'
    )
    assert cli.main(["--config", str(config), "--max-frames", "3"]) == 0
    assert "3 frames" in capsys.readouterr().out
    told = json.loads(sidecar_path(table).read_text())
    assert told["options"][:2] == ["--source=demo", "--headless"]
    assert "--max-frames=50" not in told["options"]


def test_the_file_itself_is_not_written_over(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f'source = "demo"\nforce = true\njsonl = {json.dumps(str(config))}\n')
    assert cli.main(["--config", str(config)]) == 2
    assert "would be destroyed" in capsys.readouterr().err


def test_the_template_holds_every_entry_and_all_of_it_can_be_used(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert writing.main([str(config)]) == 0
    assert "--config" in capsys.readouterr().out
    text = config.read_text()
    names = re.findall(r"^#([a-z-]+) = ", text, re.MULTILINE)
    parser = build_parser()
    assert {a.dest for a in entries(parser).values()} == {n.replace("-", "_") for n in names}
    again = sum(map(may_be_repeated, entries(parser).values()))
    assert text.replace("\n# ", " ").count("; [A, B] is a list of them") == again
    for line in re.findall(r"^#([a-z-]+ = .*)$", text, re.MULTILINE):
        config.write_text(line)
        assert read_words(config, parser), line
    config.write_text(text)
    assert read_words(config, parser) == []


def test_an_untouched_template_changes_nothing(config: Path) -> None:
    writing.main([str(config)])
    plain = to_settings(build_parser().parse_args(["--config", str(config)]), None)
    assert settings(config, config.read_text()) == plain


def test_the_template_replaces_no_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("persons = 2\n")
    assert writing.main([str(config)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert config.read_text() == "persons = 2\n"
    assert writing.main([str(config / "run.toml")]) == 2


def test_who_makes_settings_of_nothing_gets_those_of_a_command_without_options() -> None:
    typed = to_settings(build_parser().parse_args([]), None)
    assert replace(typed, has_chosen_model=True) == Settings()
