"""The `edgebert` command: its commands, what they print, and progress bars."""

from typing import Final

PROGRAM: Final = "edgebert"
