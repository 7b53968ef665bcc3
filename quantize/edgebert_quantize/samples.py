"""Which texts a graph is calibrated on and measured on, and how it is fed them."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgebert_quantize.texts import (
    SOURCE,
    VOCABULARY_SOURCE,
    beginnings,
    default_texts,
    vocabulary_texts,
)
from edgebert_runtime.bundle import Bundle
from edgebert_runtime.schedule import micro_batches
from edgebert_runtime.tokenization import TextTokenizer

SAMPLES: Final = 256
CALIBRATION_SENTENCES: Final = 1024
CALIBRATION_TOKENS: Final = 16384
"""Sentences measured on and calibrated on, never the same, and random tokens calibrated on."""

STRIDE: Final = (SAMPLES + CALIBRATION_SENTENCES) // SAMPLES
"""Every how manieth sentence is measured on."""

CALIBRATION: Final = (
    f"{CALIBRATION_SENTENCES} {SOURCE} and the beginnings of each; "
    f"{CALIBRATION_TOKENS} {VOCABULARY_SOURCE}"
)
BATCH_TOKENS: Final = 1024
"""Padded tokens in a batch of calibration."""


def quality_texts() -> list[str]:
    """The default texts that quality is measured on."""
    return _sentences()[::STRIDE]


def calibration_texts(tokenizer: Tokenizer) -> list[str]:
    """The default texts that activations are calibrated on, none of `quality_texts`."""
    sentences = [text for number, text in enumerate(_sentences()) if number % STRIDE]
    random = vocabulary_texts(tokenizer, CALIBRATION_TOKENS)
    return [*sentences, *beginnings(sentences), *random]


def _sentences() -> list[str]:
    return default_texts(SAMPLES + CALIBRATION_SENTENCES)


def calibration_batches(bundle: Bundle) -> list[dict[str, NDArray[np.int64]]]:
    """`calibration_texts` as inputs of a bundle's graphs, texts of similar length together."""
    info = bundle.manifest.tokenizer
    path = bundle.path_of(info.file)
    tokenizer = TextTokenizer(path, info)
    encoded = tokenizer.encode(calibration_texts(Tokenizer.from_file(str(path))))
    lengths = [len(text.input_ids) for text in encoded]
    return [
        tokenizer.pad([encoded[index] for index in batch])
        for batch in micro_batches(lengths, BATCH_TOKENS)
    ]


def batches_of_one(bundle: Bundle, texts: Sequence[str]) -> Iterator[dict[str, NDArray[np.int64]]]:
    """Each text alone, as the graph's inputs."""
    info = bundle.manifest.tokenizer
    tokenizer = TextTokenizer(bundle.path_of(info.file), info)
    for encoded in tokenizer.encode(texts):
        yield tokenizer.pad([encoded])
