"""The texts for calibration and for measuring, and the inputs that are made of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from edgebert_quantize.calibration.readers import read_texts
from edgebert_quantize.calibration.texts import (
    SOURCE,
    VOCABULARY_SOURCE,
    beginnings,
    default_texts,
    vocabulary_texts,
)
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import InputError
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.batching import micro_batches
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

QUALITY_TEXTS: Final = 256
CALIBRATION_TEXTS: Final = 1024
"""The most held-out texts and calibration texts; no text is both."""

CALIBRATION_TOKENS: Final = 16384
"""Random tokens that are calibrated on in addition."""

STRIDE: Final = (QUALITY_TEXTS + CALIBRATION_TEXTS) // QUALITY_TEXTS
"""One text of so many is held out."""

FEWEST: Final = 50
"""The least number of different texts in a user's file."""

BATCH_TOKENS: Final = 1024
"""Padded tokens in a calibration batch."""


@dataclass(frozen=True, kw_only=True)
class TextSplit:
    """Texts for one quantization.

    Attributes:
        calibration: to observe activations on.
        quality: held out, to measure quality on; none is in `calibration`.
        source: a description of the texts.
        excluded: further texts that are never calibrated on.
    """

    calibration: tuple[str, ...]
    quality: tuple[str, ...]
    source: str
    excluded: frozenset[str] = frozenset()

    @property
    def calibration_source(self) -> str:
        """A description of the calibration texts, for the manifest."""
        return (
            f"{len(self.calibration)} {self.source} and the beginnings of each; "
            f"{CALIBRATION_TOKENS} {VOCABULARY_SOURCE}"
        )


def default_text_split() -> TextSplit:
    """English sentences that ship with CPython."""
    return _split(default_texts(QUALITY_TEXTS + CALIBRATION_TEXTS), SOURCE)


def read_text_split(path: str | PathLike[str] | None, column: str | None = None) -> TextSplit:
    """The texts of a user's file, as `read_texts` returns them; without a file the default ones.

    Raises:
        InputError: the file cannot be read, or has fewer than `FEWEST` different texts.
    """
    if path is None:
        return default_text_split()
    texts = read_texts(Path(path), column)
    if len(texts) < FEWEST:
        raise InputError(
            f"{path} has {len(texts)} different texts, expected at least {FEWEST}: some are "
            "for calibration, the others for measuring"
        )
    most = min(len(texts), QUALITY_TEXTS + CALIBRATION_TEXTS)
    chosen = [texts[number * len(texts) // most] for number in range(most)]
    return _split(chosen, f"texts of {Path(path).name}")


def _split(texts: Sequence[str], source: str) -> TextSplit:
    return TextSplit(
        calibration=tuple(text for number, text in enumerate(texts) if number % STRIDE),
        quality=tuple(texts[::STRIDE]),
        source=source,
    )


def calibration_texts(split: TextSplit, tokenizer: Tokenizer) -> list[str]:
    """All texts for calibration: the split's, their beginnings, and random tokens."""
    random = vocabulary_texts(tokenizer, CALIBRATION_TOKENS)
    texts = [*split.calibration, *beginnings(split.calibration), *random]
    held_out = {*split.quality, *split.excluded}
    return [text for text in texts if text not in held_out]


class Feeder:
    """Makes a graph's inputs from texts.

    Args:
        path: `tokenizer.json`.
        info: settings of the tokenizer.
        complete: adds inputs under names that only this graph has.
    """

    def __init__(
        self, path: Path, info: TokenizerInfo, complete: Callable[[Feeds], Feeds] = dict
    ) -> None:
        self._path = path
        self._tokenizer = TextTokenizer(path, info)
        self._complete = complete

    @staticmethod
    def of(bundle: Bundle) -> "Feeder":
        """For a bundle's graphs."""
        info = bundle.manifest.tokenizer
        return Feeder(bundle.path_of(info.file), info)

    def alone(self, items: Sequence[Item]) -> Iterator[Feeds]:
        """Each text, or pair of texts, alone."""
        for encoded in self._tokenizer.encode(items):
            yield self._complete(self._tokenizer.pad([encoded]))

    def long(self, texts: Sequence[str]) -> Feeds:
        """All texts joined into one, cut to the longest input of the model."""
        (feeds,) = self.alone([" ".join(texts)])
        return feeds

    def calibration(self, split: TextSplit) -> list[Feeds]:
        """`calibration_texts` in batches, texts of similar length together."""
        texts = calibration_texts(split, Tokenizer.from_file(str(self._path)))
        encoded = self._tokenizer.encode(texts)
        lengths = [len(text.input_ids) for text in encoded]
        return [
            self._complete(self._tokenizer.pad([encoded[index] for index in batch]))
            for batch in micro_batches(lengths, BATCH_TOKENS)
        ]
