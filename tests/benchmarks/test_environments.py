"""Environments of peers: made once, whole, where they are to lie."""

import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.pairing import PeerError


def without_pip(folder: Path, requirements: Path) -> None:
    """Of requirements that are none: it is made in a moment."""
    assert requirements.is_file()
    command = [*environments.VENV, "--without-pip", str(folder)]
    subprocess.run(command, check=True, stdout=sys.stderr)


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of `none`, which needs nothing, not even pip."""
    path = tmp_path / "none.txt"
    path.write_text("# nothing\n", encoding="utf-8")
    monkeypatch.setenv(environments.LOCATION_VARIABLE, str(tmp_path / "made"))
    return path


def interpreter(requirements: Path, build: environments.Build = without_pip) -> Path:
    """As another process would get it."""
    environments.interpreter.cache_clear()
    return environments.interpreter("none", requirements.parent, build)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_what_was_made_runs_and_is_taken_again(requirements: Path) -> None:
    first = interpreter(requirements)
    prefix = subprocess.run(
        [str(first), "-c", "import sys; print(sys.prefix)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert Path(prefix.strip()) == first.parents[1]
    made = first.stat().st_mtime_ns, (first.parents[1] / "pyvenv.cfg").stat().st_mtime_ns
    assert interpreter(requirements) == first
    assert made == (first.stat().st_mtime_ns, (first.parents[1] / "pyvenv.cfg").stat().st_mtime_ns)
    assert names(requirements.parent / "made") == [first.parents[1].name]


def test_other_requirements_are_another_environment(requirements: Path) -> None:
    first = interpreter(requirements)
    requirements.write_text("# nothing else\n", encoding="utf-8")
    second = interpreter(requirements)
    assert first != second
    assert first.exists()
    assert second.exists()


def test_what_a_killed_process_left_is_never_used(
    requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops as a kill does: while pip installs, and nothing is cleaned up."""

    def killed(folder: Path, requirements: Path) -> None:
        without_pip(folder, requirements)
        raise KeyboardInterrupt

    made = requirements.parent / "made"
    with monkeypatch.context() as patch:
        patch.setattr(environments.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            interpreter(requirements, killed)
    (part,) = names(made)
    assert part.endswith(".part")
    (made / part / "debris").touch()
    folder = interpreter(requirements).parents[1]
    assert names(made) == [folder.name]
    assert not (folder / "debris").exists()


def make(requirements: Path, log: Path) -> None:
    """In a process of its own: note when something is installed."""

    def noting(folder: Path, requirements: Path) -> None:
        without_pip(folder, requirements)
        with log.open("a", encoding="utf-8") as file:
            file.write("installed\n")

    interpreter(requirements, noting)


def test_of_two_processes_one_makes_it_and_the_other_waits(requirements: Path) -> None:
    log = requirements.parent / "log"
    context = get_context("spawn")
    both = [context.Process(target=make, args=(requirements, log)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert log.read_text(encoding="utf-8") == "installed\n"


def test_what_cannot_be_installed_says_so_and_leaves_nothing(requirements: Path) -> None:
    """By pip itself."""
    requirements.write_text("edgebert-of-nobody @ file:///nowhere", encoding="utf-8")
    with pytest.raises(PeerError, match=r"none cannot be installed: .*nowhere"):
        interpreter(requirements, environments.with_pip)
    assert names(requirements.parent / "made") == []


def test_packages_for_node_are_not_there_without_npm(
    requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PeerError, match="node cannot be installed: there is no npm"):
        environments.node_packages()
    assert names(requirements.parent / "made") == []


def test_they_lie_in_the_users_cache_and_not_in_the_checkout(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(environments.LOCATION_VARIABLE)
    monkeypatch.delenv("EDGEBERT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert interpreter(requirements).is_relative_to(
        tmp_path / "cache" / "edgebert" / "environments"
    )
    monkeypatch.setenv("EDGEBERT_CACHE", "")
    with pytest.raises(PeerError, match="name a folder with EDGEBERT_ENVIRONMENTS"):
        interpreter(requirements)


def test_the_command_knows_every_environment() -> None:
    command = [sys.executable, "-m", "benchmarks.environments", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = sorted(path.stem for path in environments.HERE.glob("*.txt"))
    assert "peers" in found
    assert all(name in said for name in ("arm64", "node", *found))


def test_a_script_makes_one_and_says_what_failed(tmp_path: Path) -> None:
    script = tmp_path / "made.sh"
    script.write_text('mkdir "$1" && echo "$2" >"$1/python"')
    environments.with_script(tmp_path / "folder", script)
    assert (tmp_path / "folder" / "python").read_text().strip() == sys.executable
    script.write_text("echo why >&2; exit 3")
    with pytest.raises(PeerError, match="made cannot be installed: why"):
        environments.with_script(tmp_path / "other", script)
