"""The four wheels hold their packages, whole, and nothing else."""

import subprocess
import sys
from email.message import Message
from pathlib import Path
from typing import Final

import pytest

from tests.support.wheels import Distribution, build_wheel, copied, differences, metadata

ROOT: Final = Path(__file__).resolve().parents[1]
DISTRIBUTIONS: Final = [
    Distribution(folder=ROOT, package="edgebert"),
    Distribution(folder=ROOT / "export", package="edgebert_export"),
    Distribution(folder=ROOT / "quantize", package="edgebert_quantize"),
    Distribution(folder=ROOT / "runtime", package="edgebert_runtime"),
]
IMPORT_ALL: Final = ROOT / ".ci" / "import_all.py"


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda each: each.package)
def test_a_wheel_holds_its_package_and_nothing_else(
    distribution: Distribution, tmp_path: Path
) -> None:
    assert f"{distribution.package}/__init__.py" in distribution.sources
    wheel = build_wheel(copied(distribution, tmp_path / "copy"), tmp_path / "dist")
    assert differences(wheel, distribution.sources) == {"missing": [], "unexpected": []}
    check_metadata(metadata(wheel))


def check_metadata(found: Message) -> None:
    """What an index shows: who, about what, for which Pythons; addresses only if they are real."""
    assert found["Author"] == "The edgebert maintainers"
    assert found["License-Expression"] == "Apache-2.0"
    assert len(found["Keywords"].split(",")) >= 5
    classifiers = found.get_all("Classifier", [])
    assert "Typing :: Typed" in classifiers
    oldest = found["Requires-Python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {oldest}" in classifiers
    assert not any(each.startswith("License ::") for each in classifiers)  # said by the expression
    for each in found.get_all("Project-URL", []):
        assert "://example." not in each
    assert found.get_payload().startswith(f"# {found['Name']}\n")


def small_distribution(folder: Path, found: str) -> Distribution:
    """Packages `made`, `made.inner` and `tests`, with setuptools' `packages.find` as given."""
    (folder / "made" / "inner").mkdir(parents=True)
    (folder / "tests").mkdir()
    for name in (
        "made/__init__.py",
        "made/inner/__init__.py",
        "made/py.typed",
        "tests/__init__.py",
    ):
        (folder / name).touch()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "made"\nversion = "1"\n'
        f"[tool.setuptools.packages.find]\nnamespaces = false\n{found}\n"
        '[tool.setuptools.package-data]\nmade = ["py.typed"]\n'
    )
    return Distribution(folder=folder, package="made")


@pytest.mark.parametrize(
    ("found", "missing", "unexpected"),
    [
        ('include = ["made", "made.*"]', [], []),
        ('include = ["made"]', ["made/inner/__init__.py"], []),
        ('include = ["*"]', [], ["tests/__init__.py"]),
    ],
)
def test_a_file_too_few_or_too_many_is_found(
    found: str, missing: list[str], unexpected: list[str], tmp_path: Path
) -> None:
    made = small_distribution(tmp_path / "made", found)
    wheel = build_wheel(made, tmp_path / "dist")
    assert differences(wheel, made.sources) == {"missing": missing, "unexpected": unexpected}


def import_all(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(IMPORT_ALL), *names]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}
    )


def install(folder: Path, modules: dict[str, str]) -> None:
    """Modules and their record, as pip leaves them."""
    info = folder / "made-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1\n")
    for name, text in modules.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in modules))


def test_every_module_of_a_distribution_is_imported(tmp_path: Path) -> None:
    marker = "if __name__ == '__main__':\n    raise SystemExit(1)\n"
    install(tmp_path, {"made/__init__.py": "", "made/__main__.py": marker, "made/a.py": ""})
    done = import_all(tmp_path, "made")
    assert (done.returncode, done.stdout) == (0, "made: 3 modules\n"), done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [("import nothing_of_this_name", "No module named"), ("raise SystemExit(0)", "SystemExit")],
)
def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path, text: str, said: str) -> None:
    install(tmp_path, {"made/__init__.py": "", "made/a.py": text, "made/b.py": "import made.a"})
    done = import_all(tmp_path, "made")
    assert done.returncode == 1
    assert "made.a: " in done.stderr
    assert "made.b: " in done.stderr
    assert said in done.stderr


def test_a_distribution_without_modules_is_an_error(tmp_path: Path) -> None:
    install(tmp_path, {})
    done = import_all(tmp_path, "made")
    assert done.returncode == 1
    assert "made has no modules" in done.stderr
