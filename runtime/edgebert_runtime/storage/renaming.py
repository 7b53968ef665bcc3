"""Renaming and removing where Windows refuses: what is open, also for a moment, stays as it is.

A virus scanner or an indexer opens what was just written, and lets go of it soon.
https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

IN_USE: Final = (5, 32, 33)
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION."""

PAUSES: Final = (0.01, 0.03, 0.1, 0.3, 0.6)
"""Seconds between tries: one in all."""


def is_in_use(error: OSError) -> bool:
    """Whether Windows refused because a program has it open; no other system does."""
    return getattr(error, "winerror", None) in IN_USE


def rename_folder(source: Path, destination: Path) -> None:
    """Give a folder a name that nothing or an empty folder has, as rename(2) does everywhere else.

    Raises:
        OSError: it cannot be done; something else has the name.
    """
    try:
        _patiently(lambda: os.rename(source, destination))
    except FileExistsError:  # Windows, also where the folder is empty
        os.rmdir(destination)
        _patiently(lambda: os.rename(source, destination))


def replace_file(source: Path, destination: Path) -> None:
    """Give a file a name that nothing or another file has, in one step.

    Raises:
        OSError: it cannot be done; what was there is untouched.
    """
    _patiently(lambda: os.replace(source, destination))


def remove_unneeded(path: Path) -> None:
    """Remove a file that nothing names any more; what is open stays, until somebody else clears up.

    Raises:
        OSError: it cannot be done for another reason.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if not is_in_use(error):
            raise


def _patiently(change: Callable[[], None]) -> None:
    for pause in PAUSES:
        try:
            return change()
        except OSError as error:
            if not is_in_use(error):
                raise
        time.sleep(pause)
    return change()
