"""What GitHub reads: workflows that run the steps of CI, and forms for issues."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

GITHUB: Final = Path(".github")
WORKFLOW: Final = GITHUB / "workflows/ci.yml"
FORMS: Final = ("bug", "refused-model", "question")
PATHS: Final = re.compile(r"(?:tests|docs)/[\w./-]*\w")


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def commands(job: str) -> list[str]:
    return [step["run"] for step in read(WORKFLOW)["jobs"][job]["steps"] if "run" in step]


def test_linux_runs_the_steps_of_ci_and_no_others_of_its_own() -> None:
    assert ".ci/run" in commands("linux-x86-64")
    assert commands("linux-x86-64")[-1].startswith(
        ".venv/bin/python -m tests.support.device.make_bundle "
    )


@pytest.mark.parametrize(
    ("job", "runners", "folder"),
    [
        ("runtime", ["ubuntu-24.04-arm", "macos-latest"], "tests/runtime"),
        ("device", ["ubuntu-24.04-arm", "macos-latest", "windows-latest"], "tests/device"),
    ],
)
def test_other_machines_run_the_tests_of_the_runtime(
    job: str, runners: list[str], folder: str
) -> None:
    assert read(WORKFLOW)["jobs"][job]["strategy"]["matrix"]["runner"] == runners
    assert commands(job)[-1].endswith(f" {folder}")
    assert "They have not been run yet." in WORKFLOW.read_text(encoding="utf-8")


def test_workflows_are_checked_with_the_other_lints() -> None:
    _, _, rest = Path("Makefile").read_text(encoding="utf-8").partition("\nlint:")
    assert "\t.ci/workflows\n" in rest.partition("\n\n")[0] + "\n"


def test_a_workflow_may_read_and_nothing_else() -> None:
    assert read(WORKFLOW)["permissions"] == {"contents": "read"}


def test_every_form_asks_and_its_parts_have_names_of_their_own() -> None:
    found = {path.stem for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml")}
    assert found == {*FORMS, "config"}
    for form in FORMS:
        body = read(GITHUB / f"ISSUE_TEMPLATE/{form}.yml")["body"]
        names = [part["id"] for part in body]
        assert len(set(names)) == len(names) > 1
        assert any(part.get("validations", {}).get("required") for part in body)


def test_files_that_they_name_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in GITHUB.rglob("*.*") if path.is_file()]
    named = {path for text in texts for path in PATHS.findall(text)}
    assert len(named) > 3
    assert [path for path in named if not Path(path).exists()] == []
