"""The texts that a student learns from, and those it is judged by, split before anything else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.io.readers import open_file
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tokenization.items import Item, strings_of

HELD_OUT: Final = 10
"""One text of so many is held out where no file for validation is given."""

FEWEST: Final = 3
"""Held-out texts; with fewer there is no order of similarities."""


class Texts(NamedTuple):
    """Texts, or pairs of them, in two parts that share no first text.

    Attributes:
        training: to learn from.
        validation: held out.
    """

    training: list[Item]
    validation: list[Item]


def read_items(path: Path, column: str | None, column_pair: str | None) -> list[Item]:
    """The texts or pairs of a file, each once, in order; those with an empty text are left out.

    Raises:
        InputError: the file cannot be read, lacks a column, or has no texts.
    """
    found: dict[Item, None] = {}
    for row in open_file(path, column, column_pair).rows:
        if row.problem is not None:
            raise row.problem
        texts = tuple(text.strip() for text in row.values)
        if all(texts):
            found[texts[0] if column_pair is None else (texts[0], texts[1])] = None
    if not found:
        raise InputError(f"{path} has no texts; give a file with texts of the application")
    return list(found)


def check_pairs(task: str, column_pair: str | None) -> None:
    """Refuse texts that a task does not take.

    Raises:
        ConfigError: it takes pairs, and none are given, or the reverse.
    """
    command = require_task(task).command
    always = command.pairs == "always" or command.question is not None
    if always and column_pair is None:
        raise ConfigError(
            f"task {task!r} takes pairs of texts; name the second column (--column-pair)"
        )
    if not always and command.pairs == "never" and column_pair is not None:
        raise ConfigError(f"task {task!r} takes no pairs; leave out the second column")


def split(items: Sequence[Item], validation: Sequence[Item] | None, seed: int) -> Texts:
    """Both parts. Items whose first text is held out are not learnt from.

    Args:
        items: of the file to learn from.
        validation: of a file of its own; None holds out a tenth of the first texts.
        seed: of what is held out.

    Raises:
        InputError: a part has too few texts.
    """
    drawn = (
        _drawn(items, seed) if validation is None else {strings_of(each)[0] for each in validation}
    )
    held_out = [each for each in items if strings_of(each)[0] in drawn]
    texts = Texts(
        training=[each for each in items if strings_of(each)[0] not in drawn],
        validation=held_out if validation is None else list(validation),
    )
    if not texts.training or len(texts.validation) < FEWEST:
        raise InputError(
            f"there are {len(texts.training)} texts to learn from and {len(texts.validation)} to "
            f"judge by, expected at least 1 and {FEWEST}; give more texts"
        )
    return texts


def _drawn(items: Sequence[Item], seed: int) -> set[str]:
    first = list(dict.fromkeys(strings_of(each)[0] for each in items))
    count = max(len(first) // HELD_OUT, FEWEST)
    return {first[at] for at in np.random.default_rng(seed).permutation(len(first))[:count]}
