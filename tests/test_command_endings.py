"""How commands of both programs end: interrupted, or when nobody reads what they print."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime import Bundle
from edgebert_runtime.cli.ending import run_to_end

PATIENCE: Final = 120
MODULES: Final = {"edgebert": "edgebert", "edgebert-run": "edgebert_runtime"}

each_command = pytest.mark.parametrize(
    ("program", "command"),
    [("edgebert", "inspect"), ("edgebert", "info"), ("edgebert-run", "info")],
    ids=str,
)


def start(program: str, *arguments: object, stdout: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", MODULES[program], *map(str, arguments)]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("program", "command", "option"),
    [
        ("edgebert", "quantize", "--texts"),
        ("edgebert", "embed", "--input"),
        ("edgebert-run", "embed", "--input"),
    ],
)
def test_ctrl_c_is_one_line(
    program: str, command: str, option: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    os.mkfifo(texts)  # whoever reads it waits
    given = (command, tiny_bundle.folder, option, texts)
    with start(program, *given, stdout=subprocess.DEVNULL) as process:
        writer = opened(lambda: os.open(texts, os.O_WRONLY | os.O_NONBLOCK))
        process.send_signal(signal.SIGINT)
        os.close(writer)  # ends a read that began after Python had looked for signals
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (130, f"{program}: interrupted\n")


def opened(attempt: Callable[[], int]) -> int:
    """The file's descriptor, once somebody reads from its other end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return attempt()
        except OSError:
            time.sleep(0.01)
    raise TimeoutError


@each_command
def test_a_reader_that_has_gone_is_no_traceback(
    program: str, command: str, tiny_bundle: Bundle
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with start(program, command, tiny_bundle.folder, "--json", stdout=writer) as process:
        os.close(writer)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (141, "")


@pytest.mark.parametrize(
    ("program", "command", "shown"),
    [
        ("edgebert", "inspect", "b]c [bold]: embed"),
        ("edgebert", "embed", '"[/red] text [bold]"'),
        ("edgebert-run", "embed", '"[/red] text [bold]"'),
    ],
)
def test_brackets_are_no_markup(
    program: str, command: str, shown: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    """A folder or a text with `[/red]` in it, which rich would take for the end of a colour."""
    folder = tmp_path / "a[" / "b]c [bold]"
    folder.parent.mkdir()
    folder.symlink_to(tiny_bundle.folder)
    texts = ["[/red] text [bold]"] if command == "embed" else []
    with start(program, command, folder, *texts, stdout=subprocess.PIPE) as process:
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert shown in output


def test_a_name_with_brackets_is_shown_in_errors(tmp_path: Path) -> None:
    with start(
        "edgebert", "inspect", tmp_path / "[/red] [bold]", stdout=subprocess.PIPE
    ) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "[/red] [bold]/edgebert.json not found" in errors
    with start("edgebert", "[/red] [bold]", stdout=subprocess.PIPE) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "No such command '[/red] [bold]'" in errors


@pytest.mark.parametrize(
    ("file", "given"),
    [
        ("out/a.npy", ["embed", "m", "--output", "out/a.npy"]),
        ("out/a.npy", ["embed", "m", "--output=out/a.npy"]),
        ("out/.a.npy.1.partial", ["embed", "m", "--output", "out/a.npy"]),
        ("m/onnx/model.onnx", ["embed", "./m", "text"]),
    ],
)
def test_a_file_that_the_user_named_is_one_line(
    file: str, given: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise PermissionError(13, "Permission denied", file)

    assert run_to_end("program", given, work) == 2
    assert capfd.readouterr().err == f"program: {file!r} cannot be used: Permission denied\n"


@pytest.mark.parametrize("file", ["/etc/shadow", "mm/model.onnx", None, 3])
def test_any_other_file_keeps_its_traceback(file: object) -> None:
    def work() -> None:
        raise PermissionError(13, "Permission denied", file)

    with pytest.raises(PermissionError):
        run_to_end("program", ["embed", "folder/m", "--output", "out/a.npy"], work)
