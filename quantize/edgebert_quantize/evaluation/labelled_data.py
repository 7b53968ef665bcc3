"""Rows whose right answers are known, to measure accuracy or recall."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from edgebert_quantize.calibration.readers import has_column, read_column
from edgebert_quantize.evaluation.accuracy import ACCURACY
from edgebert_quantize.evaluation.quality import Runner
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.tokenization.items import Item

PAIR: Final = "text_pair"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts or text pairs, and their labels.

    Attributes:
        items: texts, or pairs.
        labels: index of each item's label among the model's.
        source: the file's name.
        share: what right answers are a share of, a key of `TITLES`.
    """

    items: tuple[Item, ...]
    labels: tuple[int, ...]
    source: str
    share: ClassVar[str] = ACCURACY

    def answers(self, run: Runner, feeds: Iterable[Feeds]) -> list[int]:
        """The label with the highest score, by its index.

        Args:
            run: returns the logits of one item, (1, labels).
            feeds: of each item, in order.
        """
        return [int(np.argmax(run(each)[0])) for each in feeds]


def require_classifier(bundle: Bundle) -> HeadInfo:
    """The head of a classifier of one label per text, the only task that has an accuracy.

    Raises:
        ConfigError: the bundle has another task.
    """
    head, task = bundle.manifest.task.head, bundle.manifest.default_task
    if task != "classify" or head is None or head.activation != "softmax":
        raise ConfigError(
            f"accuracy needs a classifier of one label per text; the task of {bundle.folder} is "
            f"{task}: give a budget on its {'cosine' if head is None else 'scores'}"
        )
    return head


def read_labelled(path: str | PathLike[str], bundle: Bundle) -> Labelled:
    """Read columns `text`, `label` and, for pairs, `text_pair` of a file.

    Args:
        path: `.csv`, `.jsonl` or `.parquet`, as `read_texts` takes them.
        bundle: a single-label classifier with these labels.

    Raises:
        ConfigError: the bundle has another task.
        InputError: the file cannot be read, has no rows, or a label the bundle lacks.
    """
    path, head = Path(path), require_classifier(bundle)
    texts, labels = read_column(path, "text"), read_column(path, "label")
    if not texts:
        raise InputError(f"{path} has no rows to measure accuracy on")
    known = {label: index for index, label in enumerate(head.labels)}
    for number, label in enumerate(labels, start=1):
        if str(label) not in known:
            raise InputError(
                f"{path}, row {number} has the label {label!r}, the bundle has "
                f"{', '.join(head.labels)}"
            )
    pairs = read_column(path, PAIR) if has_column(path, PAIR) else []
    items = list(zip(texts, pairs, strict=True)) if pairs else texts
    return Labelled(
        items=tuple(items), labels=tuple(known[str(label)] for label in labels), source=path.name
    )
