"""Texts that tiny students learn from, and the numbers of a short training."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from edgebert.checkpoints import Checkpoint
from edgebert.compression.answers import model_of
from edgebert.training.data.encoding import TextEncoder
from tests.support.families import save
from tests.support.training_data import QUICK

TEXTS: Final = [
    "the cat sat on the mat .",
    "a dog ran far",
    "red and blue",
    "it is red on blue .",
    "small and far",
    "the small unable dog",
    "is it red",
    "the blue mat",
    "a small cat",
    "far over it",
    "a dog ran far over the mat",
    "the cat is small",
    "a red mat",
    "blue far",
]
PAIRS: Final = [{"text": text, "other": TEXTS[at - 1]} for at, text in enumerate(TEXTS)]

NUMBERS: Final = replace(QUICK, epochs=5, learning_rate=2e-3, validate_every=100)


def write_texts(folder: Path) -> Path:
    """The texts with the columns `text` and `other`."""
    path = folder / "texts.jsonl"
    path.write_text("\n".join(map(json.dumps, PAIRS)), encoding="utf-8")
    return path


def save_with_tokens_of(teacher: Path, model: Any, folder: Path) -> Path:
    """Tokenizers of samples are trained anew each time, and differ."""
    save(model, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(teacher / name, folder / name)
    return folder


def rows_of(checkpoint: Checkpoint) -> torch.Tensor:
    """The answers to all texts, (texts, width)."""
    encoder = TextEncoder(checkpoint.tokenizer, segments=checkpoint.config.token_types > 1)
    inputs = encoder.pad(encoder.encode(TEXTS))
    found = model_of(checkpoint).eval()
    with torch.no_grad():
        rows: torch.Tensor = found(*inputs.arguments)[1]
    return rows
