"""How a command writes its page: the runtime as plain tables, `edgebert` with charts."""

from pathlib import Path
from typing import Protocol

from edgebert_runtime.reporting.document import Page


class PageWriter(Protocol):
    """Writes the page that was asked for with `--html`."""

    def check(self) -> None:
        """Refuse, before anything is measured, what could not be written in the end.

        Raises:
            ConfigError: something is missing that it needs.
        """

    def write(self, page: Page, results: object, destination: Path) -> str:
        """Write a page; returns what to say of it, or nothing.

        Args:
            page: the tables.
            results: what they were made of, for who draws it, too.
            destination: the file.

        Raises:
            OutputError: it cannot be written; what was there is untouched.
        """
        ...


class PlainPages:
    """Tables, without charts."""

    def check(self) -> None:
        """Nothing more is needed."""

    def write(self, page: Page, results: object, destination: Path) -> str:
        """As `PageWriter.write`."""
        from edgebert_runtime.reporting.html import write_html

        del results
        write_html(page, destination)
        return (
            f"{destination} has tables only; on the build machine, `edgebert report` makes a page "
            "with charts of a result that was written with --json"
        )
