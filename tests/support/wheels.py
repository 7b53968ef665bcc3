"""Builds a distribution's wheel from a copy of its folder, and compares it with the package."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Final
from zipfile import ZipFile

MADE: Final = (".*", "__pycache__", "*.egg-info", "build", "dist")
"""What lies in a checkout without being part of it; of `build` and `dist` only those at the top."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A folder with a pyproject.toml, and the one package that its wheel holds."""

    folder: Path
    package: str

    @property
    def sources(self) -> set[str]:
        """Every module and marker of the package, as its wheel should name them.

        Where somebody made the scripts of `edgebert page`, these, too.
        """
        found = [
            *(self.folder / self.package).rglob("*.py"),
            *(self.folder / self.package / "page_app").glob("*"),
            *(self.folder / self.package / "reporting" / "explanation").glob("*.[cj]s*"),
            self.folder / self.package / "py.typed",
        ]
        return {path.relative_to(self.folder).as_posix() for path in found}


def copied(distribution: Distribution, out: Path) -> Distribution:
    """All of its folder but what was made there: building writes into the folder."""
    folder = distribution.folder

    def made(directory: str, names: list[str]) -> set[str]:
        patterns = MADE if Path(directory) == folder else MADE[:3]
        return shutil.ignore_patterns(*patterns)(directory, names)

    shutil.copytree(folder, out, ignore=made)
    return Distribution(folder=out, package=distribution.package)


def build_wheel(distribution: Distribution, out: Path) -> Path:
    """As `make dist`, with the environment's own setuptools; it writes into the folder.

    Raises:
        AssertionError: it cannot be built; the text is what the build said.
    """
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run(
        [*command, str(distribution.folder)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, (
        f"{distribution.folder}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    (wheel,) = out.glob("*.whl")
    return wheel


def metadata(wheel: Path) -> Message:
    """What an index reads of a wheel."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode("utf-8"))


def differences(wheel: Path, sources: set[str]) -> dict[str, list[str]]:
    """Names that the wheel lacks, and those that it should not have; its metadata apart."""
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    return {"missing": sorted(sources - names), "unexpected": sorted(names - sources)}
