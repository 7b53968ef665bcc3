"""Texts and the passages that they are to find, to measure recall@1."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from edgebert_quantize.calibration.readers import read_column
from edgebert_quantize.evaluation.accuracy import RECALL
from edgebert_quantize.evaluation.labelled_data import Labelled, read_labelled
from edgebert_quantize.evaluation.quality import Runner
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.arrays import Feeds

TEXT: Final = "text"
POSITIVE: Final = "positive"
"""Columns of a file; training vectors takes the same."""

DOT: Final = "dot"
"""The similarity of vectors that are compared as they are, without regard to their length."""

PROMPTS: Final[Mapping[str, tuple[str, ...]]] = {
    TEXT: ("query",),
    POSITIVE: ("document", "passage"),
}
"""Column → names of the bundle's prompts that are put before it; the first it has."""


@dataclass(frozen=True, kw_only=True)
class Pairs(Labelled):
    """Texts, then all passages, as they are embedded; `labels` has each text's passage.

    Attributes:
        by_dot: whether vectors are compared by dot product; otherwise by cosine.
    """

    by_dot: bool = False
    share: ClassVar[str] = RECALL

    def answers(self, run: Runner, feeds: Iterable[Feeds]) -> list[int]:
        """The passage that is nearest to each text, by its index.

        Args:
            run: returns the vector of one item, (1, dimensions).
            feeds: of each item, in order.
        """
        vectors = np.concatenate([run(each)[0] for each in feeds])
        if not self.by_dot:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        texts, passages = np.split(vectors, [len(self.labels)])
        nearest: list[int] = (texts @ passages.T).argmax(axis=1).tolist()
        return nearest


def read_evaluation(path: str | PathLike[str], bundle: Bundle) -> Labelled:
    """What a bundle's quality is measured on: pairs for vectors, labelled texts for others.

    Args:
        path: `.csv`, `.jsonl` or `.parquet`, as `read_texts` takes them.
        bundle: of vectors, or a single-label classifier.

    Raises:
        ConfigError: the bundle has another task.
        InputError: as `read_pairs` and `read_labelled`.
    """
    if bundle.manifest.task.embedding is None:
        return read_labelled(path, bundle)
    return read_pairs(path, bundle)


def require_vectors(bundle: Bundle) -> EmbeddingInfo:
    """How vectors are made and compared.

    Raises:
        ConfigError: the bundle has another task.
    """
    embedding = bundle.manifest.task.embedding
    if embedding is None:
        raise ConfigError(
            f"recall needs vectors; the task of {bundle.folder} is "
            f"{bundle.manifest.default_task}: give a budget on its scores"
        )
    return embedding


def read_pairs(path: str | PathLike[str], bundle: Bundle) -> Pairs:
    """Read columns `text` and `positive` of a file.

    Args:
        path: `.csv`, `.jsonl` or `.parquet`, as `read_texts` takes them.
        bundle: of vectors; its prompts are put before texts and passages.

    Raises:
        ConfigError: the bundle has another task.
        InputError: the file cannot be read, has no rows or one passage only, or a text twice.
    """
    path, embedding = Path(path), require_vectors(bundle)
    texts, passages, labels = read_passages(path)
    return Pairs(
        items=(*with_prompts(embedding, TEXT, texts), *with_prompts(embedding, POSITIVE, passages)),
        labels=tuple(labels),
        source=path.name,
        by_dot=embedding.similarity == DOT,
    )


def with_prompts(embedding: EmbeddingInfo, column: str, texts: Sequence[str]) -> list[str]:
    """Texts of a column as they are embedded: behind the prompt that the model has for them.

    Args:
        embedding: has the prompts.
        column: of `PROMPTS`.
        texts: of this column.
    """
    default = () if embedding.default_prompt is None else (embedding.default_prompt,)
    prompts = (embedding.prompts.get(name) for name in (*PROMPTS[column], *default))
    prompt = next((text for text in prompts if text is not None), "")
    return [prompt + text for text in texts]


def read_passages(path: Path) -> tuple[list[str], list[str], list[int]]:
    """The texts of a file, all different passages, and for each text the place of its own.

    Raises:
        InputError: the file cannot be read, has no rows or one passage only, or a text twice.
    """
    texts, positives = (_column(path, name) for name in (TEXT, POSITIVE))
    _check_once(path, texts)
    passages = {text: number for number, text in enumerate(dict.fromkeys(positives))}
    if len(passages) < 2:
        raise InputError(
            f"{path} has {len(passages)} different texts in column {POSITIVE}, expected at least "
            "2: each text has to find its own among them"
        )
    return texts, list(passages), [passages[text] for text in positives]


def _column(path: Path, name: str) -> list[str]:
    column = read_column(path, name)
    for number, text in enumerate(column, start=1):
        if not isinstance(text, str) or not text.strip():
            raise InputError(
                f"{path}, row {number} has {name}={text!r}, expected a text; fill or remove it"
            )
    return [text.strip() for text in column]


def _check_once(path: Path, texts: list[str]) -> None:
    first: dict[str, int] = {}
    for number, text in enumerate(texts, start=1):
        if text in first:
            raise InputError(
                f"{path}, row {number} has the text of row {first[text]}; give each text once, "
                "because one passage is the right one"
            )
        first[text] = number
