"""Standard streams that are closed, full or read by nobody, and what a killed process leaves."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert_runtime import Bundle
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import OutputError
from edgebert_runtime.storage.atomic_write import draft
from edgebert_runtime.storage.file_lock import locked

RUN = f"{shlex.quote(sys.executable)} -m edgebert_runtime"
BUILD = f"{shlex.quote(sys.executable)} -m edgebert"
PATIENCE = 120


def shell(line: str) -> "subprocess.CompletedProcess[str]":
    line = f"set -o pipefail; {line}"
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize(
    ("redirected", "code", "error"),
    [
        ("<&-", 2, "edgebert-run: standard input is closed; give texts as arguments or with"),
        ("a >&-", 2, "edgebert-run: standard output is closed; redirect it to a file"),
        ("a 2>&-", 0, ""),
        ("a 2>/dev/full", 0, ""),
        ("--stride 4x 2>/dev/full", 2, ""),
        ("--help >/dev/full", 2, "edgebert-run: standard output cannot be written: No space"),
    ],
)
def test_a_stream_is_closed_or_full(
    redirected: str, code: int, error: str, tiny_bundle: Bundle
) -> None:
    ended = shell(f"{RUN} embed {shlex.quote(str(tiny_bundle.folder))} {redirected}")
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 1 if error else 0), ended
    assert ended.stderr.startswith(error)
    assert ended.stdout.count("embedding") == (1 if code == 0 else 0)


@pytest.mark.parametrize("command", [f"{RUN} --help", f"{BUILD} --help"])
def test_help_that_nobody_reads_ends_quietly(command: str) -> None:
    ended = shell(f"{command} | true")
    assert (ended.returncode, ended.stderr) in [(0, ""), (141, "")]
    full = shell(f"{command} >/dev/full")
    assert full.returncode == 2
    assert full.stderr.count("\n") == 1


def test_sigterm_leaves_no_file(tiny_bundle: Bundle, tmp_path: Path) -> None:
    command = [*shlex.split(RUN), "embed", str(tiny_bundle.folder), "--output"]
    out = tmp_path / "out.jsonl"
    with subprocess.Popen([*command, str(out)], stdin=subprocess.PIPE) as process:
        while not os.listdir(tmp_path):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 143
    assert not os.listdir(tmp_path)


def test_a_draft_of_a_process_that_was_killed_is_removed(tmp_path: Path) -> None:
    """The number of its process is that of this one, as in containers, where all have a 1."""
    left = tmp_path / f".out.txt.{os.getpid()}-{'0' * 16}.partial"
    written = tmp_path / f".out.txt.{os.getpid()}-{'1' * 16}.partial"
    for each in (left, written):
        each.touch()
    with locked(written), draft(tmp_path / "out.txt") as hidden:
        hidden.write_text("whole", encoding="utf-8")
    assert sorted(os.listdir(tmp_path)) == [written.name, "out.txt"]
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "whole"


def test_a_name_may_be_as_long_as_the_disk_allows(
    tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with draft(tmp_path / ("n" * 255)) as hidden:
        hidden.write_text("whole", encoding="utf-8")
    assert os.listdir(tmp_path) == ["n" * 255]
    with (
        pytest.raises(OutputError, match="cannot be written: File name too long"),
        draft(tmp_path / ("n" * 256)),
    ):
        pass
    named = str(tmp_path / f"{'n' * 300}.jsonl")
    for given in (["--input", named], ["a", "--output", named]):
        assert main(["embed", str(tiny_bundle.folder), *given]) == 2
        assert "File name too long" in capsys.readouterr().err
