"""CONTRIBUTING.md walks through commits and files that exist."""

import re
import subprocess
from pathlib import Path
from typing import Final

from edgebert.checkpoints.families.registry import FAMILIES
from tests.support.code_map import PACKAGES, build_graph, rooms

PAGE: Final = Path("CONTRIBUTING.md").read_text(encoding="utf-8")
STEP: Final = re.compile(r"^\| \d\. [^|]+ \| `([^`]+)` \| `([0-9a-f]{7}):([^`]+)` \|$", re.M)
HASH: Final = re.compile(r"\b([0-9a-f]{7})\b")
PROMPTED: Final = re.compile(r"^\| `make ([\w-]+)`", re.M)


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def has_history() -> bool:
    """Whether this checkout has its commits: not in an archive or a shallow clone."""
    return git("rev-parse", "--is-shallow-repository") == "false"


def test_every_step_of_a_walk_names_a_file_that_its_commit_touched() -> None:
    steps = STEP.findall(PAGE)
    assert len(steps) == len(re.findall(r"^\| \d\. ", PAGE, re.M)) > 20
    assert [today for today, _, _ in steps if not Path(today).exists()] == []
    commits = {commit for _, commit, _ in steps} if has_history() else set()
    touched = {each: git("show", "--name-only", "--format=", each).splitlines() for each in commits}
    assert [
        f"{commit} {then}"
        for _, commit, then in steps
        if commit in touched and then not in touched[commit]
    ] == []


def test_every_commit_that_is_named_exists() -> None:
    named = sorted(set(HASH.findall(PAGE))) if has_history() else []
    kinds = {each: git("cat-file", "-t", each) for each in named}
    assert kinds == dict.fromkeys(named, "commit")
    assert git("cat-file", "-t", "0000000") == ""


def test_the_map_has_every_room() -> None:
    _, _, rest = PAGE.partition("## Map of the rooms")
    drawn = set(rest.split("```")[1].split())
    graph = build_graph()
    small = {"model_card", "new_variant", "similarity", "file_quantizer", "transformers_bridge"}
    for package in PACKAGES:
        assert rooms(graph, package).keys() - small <= drawn


def test_the_commands_are_targets_and_the_family_is_there() -> None:
    targets = Path("Makefile").read_text(encoding="utf-8")
    assert all(f"\n{name}:" in targets for name in PROMPTED.findall(PAGE))
    assert "nomic_bert" in FAMILIES
