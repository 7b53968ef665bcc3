"""Classifiers that are trained here on texts of which it is known what decides, and their tests."""

import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert import TrainingConfig, train
from edgebert_runtime.postprocessing.explanation.words import shortened
from tests.support.tiny_encoder import WORDS
from tests.support.training_data import write_base

PLAIN: Final = [word for word in WORDS.split() if word.isalpha()]
GOOD, BAD = ("cat", "red", "small"), ("dog", "blue", "far")
"""Words that count for a label and against it."""

PLANTED: Final = "unable"
"""Decides alone where it stands; two tokens of the vocabulary."""

CONFIG: Final = TrainingConfig(
    epochs=6, batch_size=16, learning_rate=2e-3, weight_decay=0.0, device="cpu"
)


def texts(count: int, seed: int, *, planted: bool) -> Iterator[tuple[str, str]]:
    """Texts of 9 to 13 words, and their labels.

    Where a word is planted, half of the texts have it, and it is what decides. Else the label is
    whether more words count for it than against it.
    """
    chance = random.Random(seed)
    while count:
        words = chance.choices(PLAIN, k=chance.randint(9, 13))
        if planted:
            label = chance.random() < 0.5
            if label:
                words[chance.randrange(len(words))] = PLANTED
        else:
            votes = sum(word in GOOD for word in words) - sum(word in BAD for word in words)
            if not votes:
                continue
            label = votes > 0
        count -= 1
        yield " ".join(words), "yes" if label else "no"


def trained(folder: Path, *, planted: bool) -> Path:
    """A checkpoint that has learnt the labels of 1,200 texts."""
    base = write_base(folder / "source")
    data = folder / "data.csv"
    with data.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *texts(1_200, seed=1, planted=planted)])
    train(base, data, folder / "trained", task="classify", config=CONFIG, progress=False)
    return folder / "trained"


def first_word(model: Any, text: str, method: str) -> str:
    """The word of the largest value."""
    found = model.explain(text, method=method, answer="yes", window=1, error=0.05, most_runs=400)
    values = np.array(found.attributions[method].values, float)
    word: str = found.words[int(values.argmax())].text
    return word


def areas(model: Any, text: str, seed: int) -> tuple[float, float]:
    """Mean score that is left as words are deleted: the top ones first, and in random order."""
    found = model.explain(text, method="shapley", error=0.05, most_runs=400)
    label = found.target.removeprefix("score of ")
    values = np.array(found.attributions["shapley"].values, float)
    by_chance = np.random.default_rng(seed).permutation(len(values))
    return (
        _area(model, text, found.words, label, np.argsort(-values).tolist()),
        _area(model, text, found.words, label, by_chance.tolist()),
    )


def _area(model: Any, text: str, words: Sequence[Any], label: str, order: Sequence[int]) -> float:
    kept = ({*range(len(words))} - {*order[:count]} for count in range(1, len(words)))
    answers = model.classify([str(shortened(text, words, each).item) for each in kept])
    return float(
        np.mean([{one.label: one.score for one in each.scores}[label] for each in answers])
    )
