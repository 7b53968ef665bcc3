"""Which texts a graph is calibrated on and measured on, and how it is fed them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from edgebert_quantize.calibration.readers import read_texts
from edgebert_quantize.calibration.statistics import Feeds
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
from edgebert_runtime.inference.batching import micro_batches
from edgebert_runtime.tokenization.tokenizer import Item, TextTokenizer

QUALITY_TEXTS: Final = 256
CALIBRATION_TEXTS: Final = 1024
"""Texts measured on and calibrated on at most, never the same."""

CALIBRATION_TOKENS: Final = 16384
"""Random tokens calibrated on besides."""

STRIDE: Final = (QUALITY_TEXTS + CALIBRATION_TEXTS) // QUALITY_TEXTS
"""Every how manieth text is measured on."""

FEWEST: Final = 50
"""Different texts a user's file must have."""

BATCH_TOKENS: Final = 1024
"""Padded tokens in a batch of calibration."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Texts for one quantization.

    Attributes:
        calibration: activations are watched on these.
        quality: answers are compared on these; none is in `calibration`.
        source: what the texts are, in words.
        judged: further texts that nothing may be calibrated on.
    """

    calibration: tuple[str, ...]
    quality: tuple[str, ...]
    source: str
    judged: frozenset[str] = frozenset()

    @property
    def calibration_source(self) -> str:
        """What activations are watched on, for the manifest."""
        return (
            f"{len(self.calibration)} {self.source} and the beginnings of each; "
            f"{CALIBRATION_TOKENS} {VOCABULARY_SOURCE}"
        )


def default_samples() -> Samples:
    """English sentences that ship with CPython."""
    return _divided(default_texts(QUALITY_TEXTS + CALIBRATION_TEXTS), SOURCE)


def read_samples(path: str | PathLike[str] | None, column: str | None = None) -> Samples:
    """The texts of a user's file, as `read_texts` has them; without a file the default ones.

    Raises:
        InputError: the file cannot be read, or has fewer than `FEWEST` different texts.
    """
    if path is None:
        return default_samples()
    texts = read_texts(Path(path), column)
    if len(texts) < FEWEST:
        raise InputError(
            f"{path} has {len(texts)} different texts, expected at least {FEWEST}: some to "
            "calibrate on and others to measure on"
        )
    most = min(len(texts), QUALITY_TEXTS + CALIBRATION_TEXTS)
    chosen = [texts[number * len(texts) // most] for number in range(most)]
    return _divided(chosen, f"texts of {Path(path).name}")


def _divided(texts: Sequence[str], source: str) -> Samples:
    return Samples(
        calibration=tuple(text for number, text in enumerate(texts) if number % STRIDE),
        quality=tuple(texts[::STRIDE]),
        source=source,
    )


def calibration_texts(samples: Samples, tokenizer: Tokenizer) -> list[str]:
    """Everything activations are watched on: texts, their beginnings, and random tokens."""
    random = vocabulary_texts(tokenizer, CALIBRATION_TOKENS)
    texts = [*samples.calibration, *beginnings(samples.calibration), *random]
    measured = {*samples.quality, *samples.judged}
    return [text for text in texts if text not in measured]


class Feeder:
    """Makes inputs of graphs from texts.

    Args:
        path: `tokenizer.json`.
        info: how it is used.
        complete: adds inputs that a graph calls by names of its own.
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
        """Texts run together to one, as long as the model takes."""
        (feeds,) = self.alone([" ".join(texts)])
        return feeds

    def calibration(self, samples: Samples) -> list[Feeds]:
        """`calibration_texts` in batches, texts of similar length together."""
        texts = calibration_texts(samples, Tokenizer.from_file(str(self._path)))
        encoded = self._tokenizer.encode(texts)
        lengths = [len(text.input_ids) for text in encoded]
        return [
            self._complete(self._tokenizer.pad([encoded[index] for index in batch]))
            for batch in micro_batches(lengths, BATCH_TOKENS)
        ]
