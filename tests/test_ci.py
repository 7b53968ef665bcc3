"""The steps of CI: what is missing fails them, and the run says where its minutes went."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.junit import left_out

CI: Final = Path(__file__).resolve().parents[1] / ".ci"
BARE: Final = ("bash", "basename", "dirname", "env", "id", "mkdir", "mktemp", "rm")
"""Tools that the steps themselves need; the path of these tests has no others."""


def write_script(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The steps alone, and a folder `bin` of the tools there are."""
    shutil.copytree(CI, tmp_path / ".ci")
    (tmp_path / "bin").mkdir()
    for tool in BARE:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")
    return tmp_path


def run(checkout: Path, step: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": str(checkout / "bin"), **environment}
    command = [str(checkout / ".ci" / step)]
    return subprocess.run(
        command, check=False, cwd=checkout, env=bare, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("dry-cuda", "dry-cuda: there is no gcc; what has it: apt-get install gcc libc6-dev"),
        ("emulator", "emulator: there is no qemu-x86_64; what has it: apt-get install qemu-user"),
        ("workflows", "workflows: there is no npm; what has it: apt-get install npm"),
        ("page-app", "page-app: there is no npm; what has it: apt-get install nodejs npm"),
        (
            "arm64",
            "arm64: there is no apt-get: an arm64 Python is unpacked from packages of Debian",
        ),
        ("documents", "documents: there is no node; what has it: apt-get install nodejs"),
    ],
)
def test_a_missing_tool_fails_a_step_in_ci_and_is_named_elsewhere(
    checkout: Path, step: str, said: str
) -> None:
    for environment, status in (({"CI": "true"}, 1), ({}, 0)):
        done = run(checkout, step, **environment)
        assert (done.returncode, done.stdout, done.stderr.strip()) == (status, "", said)


@pytest.mark.parametrize(("user", "status"), [("0", 0), ("1000", 1)])
def test_a_missing_tool_is_installed_by_who_may(checkout: Path, user: str, status: int) -> None:
    """By an apt-get that links the last thing it is asked for."""
    folder = checkout / "bin"
    (folder / "id").unlink()
    (folder / "ln").symlink_to(shutil.which("ln") or "")
    write_script(folder / "id", f"echo {user}")
    write_script(folder / "apt-get", f'[ "$1" = update ] || ln -s "$0" "{folder}/${{@: -1}}"')
    write_script(checkout / ".ci" / "try", "source .ci/tools.sh; need tool package tool; echo on")
    done = run(checkout, "try", CI="true")
    assert (done.returncode, done.stdout) == (status, "" if status else "on\n")


def test_a_run_says_how_long_each_step_took(checkout: Path) -> None:
    for name in ("native", "runtime-only", "wheels", "emulator"):
        write_script(checkout / ".ci" / name)
    write_script(checkout / "bin" / "make")
    write_script(checkout / ".venv" / "bin" / "python")
    done = run(checkout, "run")
    assert done.returncode == 0, done.stderr
    _, _, table = done.stdout.partition("minutes  step\n")
    assert "    0.0  install\n" in table
    assert table.endswith("    0.0  slow tests\n")
    assert len(table.splitlines()) == done.stdout.count("\n== ") > 10


def test_the_first_step_that_fails_ends_the_run(checkout: Path) -> None:
    write_script(checkout / "bin" / "make", '[ "$1" != types ] || exit 3')
    done = run(checkout, "run")
    assert done.returncode == 3
    _, _, table = done.stdout.partition("minutes  step\n")
    assert table == "    0.0  install\n    0.0  lint\n    0.0  types: failed\n"


def test_of_two_steps_at_once_either_may_end_the_run(checkout: Path) -> None:
    """What the second one prints comes behind the first one's, whichever is done first."""
    for name in ("native", "runtime-only", "wheels"):
        write_script(checkout / ".ci" / name)
    write_script(checkout / ".venv" / "bin" / "python")
    for failing, status in (("engines", 3), ("web", 4)):
        ends = f'echo "made $1"; [ "$1" != {failing} ] || exit {status}'
        write_script(checkout / "bin" / "make", ends)
        done = run(checkout, "run")
        assert done.returncode == status
        assert done.stdout.index("made engines") < done.stdout.index("made web")
        assert "made pages" not in done.stdout
        _, _, table = done.stdout.partition("minutes  step\n")
        assert sorted(line.endswith("failed") for line in table.splitlines()[-2:]) == [0, 1]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<testcase name="a"/><testcase name="b"><system-out/></testcase>', []),
        ('<testcase name="a"/><testcase name="b"><skipped type="s"/></testcase>', ["b"]),
    ],
)
def test_what_a_run_left_out_is_named(tmp_path: Path, inside: str, expected: list[str]) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(f"<testsuites><testsuite>{inside}</testsuite></testsuites>")
    assert left_out(report) == expected


def test_a_run_without_tests_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tests.xml").write_text("<testsuites/>")
    with pytest.raises(ValueError, match="has no test"):
        left_out(tmp_path / "tests.xml")
