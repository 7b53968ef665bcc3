"""A page as GitHub markdown, with its charts as SVG files beside it."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Final
from urllib.parse import quote

from edgebert.reporting.bars import Bars
from edgebert.reporting.drawing import standalone_svg
from edgebert.reporting.plots import Plot
from edgebert_runtime.errors import OutputError
from edgebert_runtime.reporting.document import Block, Page, Section, Table
from edgebert_runtime.reporting.html import escaped
from edgebert_runtime.reporting.text import numeric, paragraphs, slugs, spoken
from edgebert_runtime.storage.atomic_write import write_whole

AGAIN: Final = "Measure this again:"

SPECIAL: Final = re.compile(r"[\\*\[\]|~$`]|(?<![^\W_])_|_(?![^\W_])")
"""What GitHub takes for more than itself within a line; `a_b` is left as it is."""

OPENING: Final = re.compile(r"^(?:(\d+)(?=[.)])|(?=[-+=#]))")
"""What would make a list, a heading or a rule of a paragraph."""

ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown(page: Page, folder: str) -> str:
    """A page as markdown; the same page gives the same bytes.

    What stands between backticks in its sentences and cells is code.

    Args:
        page: what to write.
        folder: where the files of `figures` lie, as the page links to them.

    Raises:
        ConfigError: a table's row does not fit its columns.
    """
    names = iter(figures(page))
    parts = [f"# {_line(page.title)}", *_text(page.answer)]
    if isinstance(page.chart, Bars | Plot):
        parts += _block(page.chart, folder, names)
    parts += _text(page.lead)
    for section in page.sections:
        parts += _section(section, folder, names)
    return "\n\n".join(parts) + "\n"


def figures(page: Page) -> Mapping[str, Bars | Plot]:
    """Name of a file → the chart it holds, in order; named after the sections."""
    first = [page.chart] if isinstance(page.chart, Bars | Plot) else []
    titles = [page.title for _ in first]
    titles += [section.title for section in page.sections for _ in _charts(section)]
    charts = first + [chart for section in page.sections for chart in _charts(section)]
    return {f"{slug}.svg": chart for slug, chart in zip(slugs(titles), charts, strict=True)}


def write_markdown(
    page: Page, destination: str | PathLike[str], folder: str | PathLike[str]
) -> None:
    """Write a page and its figures; the page last, so that it never names one that is not there.

    Figures say which page they belong to. Those of this page that it no longer has are removed;
    other files are left alone.

    Args:
        page: what to write.
        destination: the markdown file.
        folder: where the figures go; made if need be. Other pages may have theirs there.

    Raises:
        ConfigError: as `markdown` and `standalone_svg`; nothing is written.
        OutputError: it cannot be written there, or a figure's name is taken by a file that is not
            this page's.
    """
    path, folder = Path(destination), Path(folder)
    owner = _relative(path, folder)
    drawn = {folder / name: standalone_svg(chart, owner) for name, chart in figures(page).items()}
    text = markdown(page, quote(_relative(folder, path.parent)))
    _check_places(path, drawn, owner)
    _make(folder)
    for place, figure in drawn.items():
        write_whole(place, figure)
    write_whole(path, text)
    for place in sorted(folder.glob("*.svg")):
        if place not in drawn and _is_of(place, owner):
            with suppress(OSError):  # the page is whole without that
                place.unlink()


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()


def _check_places(path: Path, drawn: Mapping[Path, str], owner: str) -> None:
    if not path.absolute().parent.is_dir():
        raise OutputError(
            f"{path} cannot be written: {path.absolute().parent} is not a folder; create it"
        )
    for place in drawn:
        if os.path.lexists(place) and not _is_of(place, owner):
            raise OutputError(
                f"{place} exists and was not drawn for {path.name}; move it away, or choose "
                "another folder for the figures"
            )


def _is_of(place: Path, owner: str) -> bool:
    """Whether a file is a figure that was drawn for a page."""
    if place.is_symlink() or not place.is_file():
        return False
    try:
        text = place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    start, _, _ = text.partition(">")
    return start.startswith("<svg ") and f' data-page="{escaped(owner)}" ' in start


def _charts(section: Section) -> list[Bars | Plot]:
    return [block for block in section.blocks if isinstance(block, Bars | Plot)]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be created: {error.strerror}; choose another folder for the figures"
        ) from error


def _section(section: Section, folder: str, names: Iterator[str]) -> Iterator[str]:
    yield f"## {_line(section.title)}"
    yield from _text(section.text)
    if section.command:
        yield _command(section.command)
    for block in section.blocks:
        yield from _block(block, folder, names)


def _block(block: Block, folder: str, names: Iterator[str]) -> Iterator[str]:
    if block.caption:
        yield from _text(block.caption)
    if isinstance(block, Table):
        yield _table(block)
    else:
        yield f"![{_plain(' '.join(block.label.split()))}]({folder}/{next(names)})"


def _command(command: str) -> str:
    """Inline code, or a block if it has several lines."""
    longest = max(map(len, re.findall("`+", command)), default=0)
    if "\n" in command.strip():
        fence = "`" * max(3, longest + 1)
        return f"{AGAIN}\n\n{fence}sh\n{command.strip()}\n{fence}"
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{AGAIN} {fence}{space}{command.strip()}{space}{fence}"


def _table(table: Table) -> str:
    table.check()
    rules = [
        "---:" if column and numeric(table.rows, column) else "---"
        for column in range(len(table.columns))
    ]
    rows = [map(_cell, row) for row in (table.columns, *table.rows)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def _cell(text: str) -> str:
    return spoken(
        " ".join(text.split()), _plain, lambda code: f"`{code.replace('|', chr(92) + '|')}`"
    )


def _text(text: str) -> list[str]:
    return [_opened(_line(paragraph)) for paragraph in paragraphs(text)]


def _opened(line: str) -> str:
    return OPENING.sub(lambda match: f"{match[1] or ''}\\", line)


def _line(text: str) -> str:
    return spoken(" ".join(text.split()), _plain, lambda code: f"`{code}`")


def _plain(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", text.translate(ENTITIES))
