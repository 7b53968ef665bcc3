"""The texts that a search may learn from: those of a file that nothing is measured on."""

import json
from pathlib import Path
from typing import Final

from edgebert_quantize.calibration.readers import has_column, read_column, read_texts
from edgebert_quantize.calibration.text_split import FEWEST
from edgebert_runtime.errors import InputError
from edgebert_runtime.storage.atomic_write import write_whole

MEASURED: Final = ("text", "positive", "text_pair")
"""Columns of a file for evaluation."""


def unseen_texts(texts: Path, column: str | None, evaluation: Path) -> list[str]:
    """The texts of a file that are not in another one, nor differ from those in case or spaces.

    Args:
        texts: the file.
        column: of it.
        evaluation: what is measured on.

    Raises:
        InputError: a file cannot be read, or too few texts are left.
    """
    columns = (name for name in MEASURED if has_column(evaluation, name))
    measured = {_alike(str(text)) for name in columns for text in read_column(evaluation, name)}
    found = read_texts(texts, column)
    kept = [text for text in found if _alike(text) not in measured]
    if len(kept) < FEWEST:
        raise InputError(
            f"{texts} has {len(found)} different texts, {len(found) - len(kept)} of them also in "
            f"{evaluation}; expected at least {FEWEST} that quality is not measured on"
        )
    return kept


def _alike(text: str) -> str:
    """A text without what two copies of it may differ in: case, spaces and punctuation."""
    return "".join(each for each in text.casefold() if each.isalnum())


def write_corpus(path: Path, texts: list[str]) -> None:
    """Texts as JSON lines with the column `text`."""
    write_whole(path, "".join(json.dumps({"text": text}) + "\n" for text in texts))
