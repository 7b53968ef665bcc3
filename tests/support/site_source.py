"""Builds the documentation site into `build/site`.

Usage: python -m tests.support.site_source

The site is built from a copy of `docs` in `build/site-source`, to which the pages of the top level
and the list of decisions are added. Links go on leading to the same page; a file of the repository
that has none is named by its path. The copy also keeps the cache of zensical out of `.cache`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "build" / "site-source"
SITE: Final = ROOT / "build" / "site"

TOP_LEVEL: Final[Mapping[str, str]] = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""File of the top level → its page."""

OTHER_NAMES: Final[Mapping[str, str]] = {
    **TOP_LEVEL,
    "README.md": "index.md",
    "docs/decisions": "decisions/index.md",
}
"""What a link may name that is not a file of `docs` → the page it leads to."""

FENCED: Final = re.compile(r"^(```+).*?^\1$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[([^\[\]]*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
TITLE: Final = re.compile(r"^# (\d{4}) (.+)$", re.MULTILINE)


def build(source: Path = SOURCE, site: Path = SITE) -> subprocess.CompletedProcess[str]:
    """Build the site anew; a warning is an error.

    Args:
        source: folder of the copy that is built.
        site: folder of the site. It is replaced where the build succeeds.
    """
    shutil.rmtree(source, ignore_errors=True)
    write_source(source)
    done = run_zensical(source)
    if done.returncode == 0:
        shutil.rmtree(site, ignore_errors=True)
        (source / "site").rename(site)
    return done


def run_zensical(source: Path) -> subprocess.CompletedProcess[str]:
    """Build what `write_source` wrote, into its folder `site`."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "mkdocs.yml"]
    packages = os.pathsep.join(str(ROOT / name) for name in ("runtime", "export", "quantize", "."))
    environment = {**os.environ, "PYTHONPATH": packages, "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )


def write_source(folder: Path) -> None:
    """Write the configuration and every page into a folder."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    for place, page in pages():
        text = (ROOT / place).read_text(encoding="utf-8")
        written = with_links(text, place, page)
        (folder / "docs" / page).write_text(written, encoding="utf-8")
    (folder / "docs" / "decisions" / "index.md").write_text(decisions(), encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Every file of the repository that is a page, and the page's place in the site."""
    yield from TOP_LEVEL.items()
    for path in sorted((ROOT / "docs").rglob("*.md")):
        place = path.relative_to(ROOT)
        yield place.as_posix(), place.relative_to("docs").as_posix()


def with_links(text: str, place: str, page: str) -> str:
    """A page whose links lead to the same files from its place in the site.

    Args:
        text: of the page.
        place: of the file in the repository.
        page: its place in the site.
    """
    codes = [match.span() for match in FENCED.finditer(text)]

    def moved(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in codes):
            return match[0]
        target = os.path.normpath(PurePosixPath(place).parent / match[2])
        inside = target.removeprefix("docs/") if target.startswith("docs/") else None
        found = OTHER_NAMES.get(target, inside)
        if found is not None:
            relative = os.path.relpath(found, PurePosixPath(page).parent)
            return f"[{match[1]}]({relative}{match[3] or ''})"
        if not (ROOT / target).exists():
            return match[0]
        return match[1] if target in match[1] else f"{match[1]} (`{target}`)"

    return LINK.sub(moved, text)


def decisions() -> str:
    """The page that lists every decision by its title."""
    lines = [
        "# Decisions\n",
        "Each page says what was decided, what it was compared with, and why.\n",
        "| number | decision |\n|---|---|",
    ]
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        found = TITLE.search(path.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{path.name} lacks its title; expected `# 0001 What was decided`")
        lines.append(f"| {found[1]} | [{found[2]}]({path.name}) |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Build; returns the exit code."""
    done = build()
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
