"""Errors of texts that say where the text comes from: the file and the line."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from edgebert_runtime.errors import InputError

NUMBERED: Final = re.compile(r"(?:item|document) (\d+)(?=[ \[])|text has ")
"""How the error of a text calls it, by its number from 0; of a lone one without."""


def placed(error: InputError, places: Iterator[str], first: int) -> InputError:
    """An error that says in which file and line its text is.

    Args:
        error: of the model, or of the file, which knows its line.
        places: of the texts, from the first that has no answer on; empty for a text of no file.
        first: how many have one.
    """
    numbered = NUMBERED.match(str(error))
    if numbered is None:
        return error
    place = next(islice(places, int(numbered[1] or first) - first, None), "")
    if not place:
        return error
    shell = None if error.shell is None else f"{place}: {error.shell}"
    return InputError(f"{place}: {error}", shell=shell)
