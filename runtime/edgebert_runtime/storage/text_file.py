"""Text files with the same bytes on every system: UTF-8, and lines that end with a line feed."""

from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a text; Python alone would end lines as the system does.

    Raises:
        OSError: it cannot be written.
    """
    path.write_text(text, encoding="utf-8", newline="\n")
