"""The code blocks of a documentation page, run as a reader would run them.

A page is run from top to bottom in one folder. Blocks of `sh` go to bash and those of `python` to a
new Python each, so that every block can be copied by itself. A block of `text` right below one of
these is what it prints, where `...` stands for anything, as in doctest. A block below a line

    <!-- not run: needs a GPU -->

is not run; the reason is one of `REASONS`. A title, as of ```python title="faiss", names the
environment that a block of Python runs in, where a test has one of that name.
"""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

SECONDS: Final = 300
"""For a block; one that takes longer hangs."""

REASONS: Final = (
    "downloads from the network",
    "needs a GPU",
    "needs another machine",
    "needs root",
    "runs for minutes",
    "runs until it is stopped",
)

BLOCK: Final = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]*) -->\n+)?"
    r"^(?P<fence>```+)(?P<language>\w*)(?: title=\"(?P<title>[^\"\n]*)\")?[^\n]*\n"
    r"(?P<code>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sh": ("bash", "-euo", "pipefail", "-c"),
    "python": (sys.executable, "-c"),
}
"""Language of a block → the program that runs it."""

NONE: Final[Mapping[str, Path]] = {}


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of a page.

    Attributes:
        language: `sh` or `python`.
        code: as it stands in the page.
        line: of the page, where it begins.
        title: what the fence has as `title="…"`; None if it has none.
        reason: why it is not run; None if it is.
        output: what it prints, with `...` for anything; None if the page does not say.
        printed: what it did print, once it ran.
    """

    language: str
    code: str
    line: int
    title: str | None
    reason: str | None
    output: str | None
    printed: str = ""


def read_blocks(page: str) -> list[Block]:
    """The blocks of a page that hold commands or Python, in order."""
    found = list(BLOCK.finditer(page))
    following = [*found, None][1:]
    return [
        Block(
            language=match["language"],
            code=match["code"],
            line=page.count("\n", 0, match.start("fence")) + 1,
            title=match["title"],
            reason=match["reason"],
            output=_output(page, match, after),
        )
        for match, after in zip(found, following, strict=True)
        if match["language"] in COMMANDS
    ]


def run_page(
    page: str, folder: Path, *, pythons: Mapping[str, Path] = NONE, **environment: str
) -> Iterator[Block]:
    """Run the blocks of a page in a folder; gives each after it ran.

    Args:
        page: its text.
        folder: where the blocks run.
        pythons: title of a block of Python → the Python that runs it; of others, this one does.
        environment: further variables.

    Raises:
        AssertionError: a block fails, or prints something else than the page says.
    """
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    cache = str(folder / ".cache")
    for block in read_blocks(page):
        if block.reason is not None:
            assert block.reason in REASONS, f"line {block.line}: {block.reason!r}"
            continue
        done = subprocess.run(
            [*_program(block, pythons), block.code],
            cwd=folder,
            env={**os.environ, "PATH": path, "EDGEBERT_CACHE": cache, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        place = f"the block of line {block.line}"
        assert done.returncode == 0, f"{place} ends with {done.returncode}:\n{done.stderr}"
        if block.output is not None:
            assert_prints(block.output, done.stdout, place)
        yield replace(block, printed=done.stdout)


def assert_prints(expected: str, printed: str, place: str) -> None:
    """Compare what was printed with what a page says, without regard to spaces.

    Raises:
        AssertionError: they differ; with both.
    """
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    same = doctest.OutputChecker().check_output(expected, printed, flags)
    assert same, f"{place} prints\n{printed}\nand the page says\n{expected}"


def _program(block: Block, pythons: Mapping[str, Path]) -> tuple[str, ...]:
    program, *options = COMMANDS[block.language]
    chosen = (
        pythons.get(block.title or "", Path(program)) if block.language == "python" else program
    )
    return (str(chosen), *options)


def _output(page: str, match: re.Match[str], after: re.Match[str] | None) -> str | None:
    """The block of text below a block, if nothing but empty lines lies between."""
    if after is None or after["language"] != "text":
        return None
    return None if page[match.end() : after.start()].strip() else after["code"]
