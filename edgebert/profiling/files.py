"""A profile in files."""

import json
import tempfile
from pathlib import Path

from edgebert.profiling.report import ProfileReport
from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.pages.document import Page


def check_places(*files: Path | None) -> None:
    """Refuse, before anything is measured, files that could not be written in the end.

    Raises:
        ConfigError: two are the same.
        OutputError: something there is no file, or its folder cannot be written.
    """
    named = [file for file in files if file is not None]
    if len({file.resolve() for file in named}) != len(named):
        raise ConfigError(f"{named[0]} cannot be both the record and the page; name two files")
    for file in named:
        if file.exists() and not file.is_file():
            raise OutputError(f"{file} is no file; choose another name")
        try:
            with tempfile.TemporaryFile(dir=file.resolve().parent):
                pass
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error.strerror}") from error


def write_json(report: ProfileReport, destination: Path) -> None:
    """Write everything that was found, replacing what is there.

    Raises:
        OutputError: it cannot be written there.
    """
    text = json.dumps(report.to_fields(), indent=2) + "\n"
    try:
        destination.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{destination} cannot be written: {error.strerror}") from error


def write_html_page(page: Page, destination: Path) -> None:
    """Write the page.

    Raises:
        OutputError: it cannot be written there.
    """
    from edgebert_runtime.pages.html import (  # type: ignore[import-not-found,unused-ignore]
        write_html,
    )

    write_html(page, destination)
