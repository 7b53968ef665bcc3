"""The help of every command: defaults, choices, an example; and which commands there are."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

import pytest
from typer.testing import CliRunner

from edgebert.checkpoints.token_gate.gate import TokensChoice
from edgebert.cli import app as build_side
from edgebert_export.targets import TARGETS
from edgebert_quantize.evaluation.target_cpu import CpuName
from edgebert_quantize.recipes import RECIPES
from edgebert_runtime.cli.commands import COMMANDS
from edgebert_runtime.cli.main import command_summaries, is_command, main
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.postprocessing.output_dtype import OutputDtype
from edgebert_runtime.postprocessing.spans import Aggregation
from edgebert_runtime.tasks.classify import SPEC as CLASSIFY
from edgebert_runtime.tasks.registry import BUILT_IN, COMMAND_NAMES, register_task
from edgebert_runtime.tokenization.sliding_window import Long

WIDE: Final = "300"
"""So many columns that no option takes two lines."""

ENUMERATED: Final = {
    "--provider": ("auto", *PROVIDERS),
    "--long": get_args(Long)[:2],  # some tasks have no windows
    "--output-dtype": get_args(OutputDtype),
    "--aggregation": get_args(Aggregation),
    "--target": TARGETS.keys() - {"cuda-packed"},  # a part of cuda
    "--recipe": RECIPES.keys() - {"fp16-packed"},  # a part of fp16
    "--cpu": get_args(CpuName),
    "--precision": ("auto", "fp32", "int8", "fp16", "bf16"),
    "--tokens": get_args(TokensChoice),
    "--problem": ("single_label", "multi_label", "regression"),
    "--autocast": ("auto", "fp32", "bf16", "fp16"),
    "--device": ("auto", "cpu", "cuda"),
    "--task": [name for name in BUILT_IN if name != "next_sentence"],  # `train` has pretrain
}

every_runtime_command = pytest.mark.parametrize("name", sorted(command_summaries()))
every_build_command = pytest.mark.parametrize("name", build_side.COMMANDS)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDE)


def runtime_help(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"], "edgebert")
    return capsys.readouterr().out


def build_help(name: str) -> str:
    found = CliRunner().invoke(build_side.app, [*name.split(), "--help"])
    assert found.exit_code == 0
    return re.sub("[│╭╰─╮╯]", "", found.stdout)


def options(help_text: str) -> Iterator[tuple[str, str]]:
    """Each option and its help."""
    parts = re.split(r"^ +(?:\* +)?(?=-)", help_text, flags=re.MULTILINE)
    for part in parts[1:]:
        for flag in re.findall(r"(?<!\S)--[a-z-]+", part)[:1]:
            yield flag, " ".join(part.partition("\n\n")[0].split())


def is_switch(text: str) -> bool:
    """Whether an option is on or off, and takes no value."""
    metavar = re.match(r"(-\w, )?--[a-z-]+(, --[a-z-]+)? +([A-Z{<]\S*)", text)
    return metavar is None or metavar[3] == "<bool>"


def check_help(help_text: str, name: str) -> None:
    found = dict(options(help_text))
    assert found.keys() >= {"--help"}
    for flag, text in found.items():
        assert is_switch(text) or "default" in text or "[required]" in text, text
        for choice in ENUMERATED.get(flag, ()):
            assert re.search(rf"\b{choice}\b", text), (flag, choice)
    assert re.search(rf"^ *example: edgebert {name}\b", help_text, re.MULTILINE)


@every_runtime_command
def test_help_of_the_runtime(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = runtime_help(name, capsys)
    check_help(text, name)
    assert text.startswith(f"usage: edgebert {name} ")


@every_build_command
def test_help_of_the_build_side(name: str) -> None:
    check_help(build_help(name), name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  --wrong N  a number\n\nexample: edgebert x a", "a number"),
        ("  --help  this\n  --device NAME  auto or cpu (default: auto)", "cuda"),
        ("  --help  this", "example"),
    ],
)
def test_these_checks_can_fail(text: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_help(f"  --help  this\n{text}", "x")


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("embed", "--column-pair"),
        ("answer", "--long"),
        ("next-sentence", "--stride"),
        ("classify", ".npy"),
        ("check", "--threads"),
        ("warm", "--provider"),
    ],
)
def test_help_has_only_what_the_command_takes(
    name: str, absent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert absent not in runtime_help(name, capsys)


def test_edgebert_lists_every_command() -> None:
    listed = build_help("").splitlines()
    for name in (*command_summaries(), *build_side.COMMANDS):
        assert any(line.split()[:1] == [name] for line in listed), name


def test_no_task_takes_the_name_of_a_command() -> None:
    assert {*COMMANDS, *build_side.COMMANDS} <= COMMAND_NAMES
    assert not COMMANDS.keys() & build_side.COMMANDS.keys()
    assert all(is_command(name) for name in command_summaries())
    assert not any(is_command(name) for name in (*build_side.COMMANDS, "--help", "unknown"))
    for name in ("bench", "check"):
        message = rf"task '{name}' of .*tasks\.classify has the name of the command '{name}'"
        with pytest.raises(ConfigError, match=message):
            register_task(replace(CLASSIFY, name=name))
