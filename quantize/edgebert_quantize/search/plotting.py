"""Where the frontier of a search is drawn, and as what."""

import os
from os import PathLike
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.charts.svg import sheet
from edgebert_runtime.reporting.document import Page
from edgebert_runtime.reporting.html import html
from edgebert_runtime.storage.atomic_write import write_whole

DRAWN: Final = {".svg": sheet, ".html": html}
"""Ending → what makes the text of the file."""


def check_plot(path: str | PathLike[str]) -> Path:
    """Where a plot can go.

    Raises:
        ConfigError: its ending is of no kind that can be drawn, or it cannot be written there.
    """
    path = Path(path)
    if path.suffix not in DRAWN:
        raise ConfigError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(DRAWN)}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path.absolute().parent} is not a folder; create it first")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise ConfigError(f"{path} cannot be written; choose another file for the plot (--plot)")
    return path


def draw(page: Page, destination: Path) -> None:
    """Write a page where `check_plot` lets it: `.html` has all of it, `.svg` its charts.

    Raises:
        ConfigError: a chart cannot be drawn; as `html` and `sheet`.
        OutputError: the file cannot be written; what was there is untouched.
    """
    write_whole(destination, DRAWN[destination.suffix](page))
