"""Rated sentences as the training examples take them: a part of them, split, in files."""

import argparse
import csv
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.minilm import CACHE
from examples.rated import Rated, rated

CLEAR: Final = 0.5
"""Sentences rated nearer to 0 than this are neither good nor bad."""
SEED: Final = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of an example.

    Attributes:
        folder: where its files go.
        sentences: how many of each source to take; None takes all.
    """

    folder: Path
    sentences: int | None

    def read(self, source: str) -> list[Rated]:
        """The sentences of a source that this run is about."""
        return rated(source)[: self.sentences]


def parse_run(description: str | None) -> Run:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--folder", type=Path, default=CACHE / "training", help="for its files")
    parser.add_argument("--sentences", type=int, help="of each source, for a quick look")
    found = parser.parse_args()
    found.folder.mkdir(parents=True, exist_ok=True)
    return Run(folder=found.folder, sentences=found.sentences)


def clear(sentences: Iterable[Rated]) -> list[Rated]:
    """Those that are good or bad."""
    return [sentence for sentence in sentences if abs(sentence.score) >= CLEAR]


def split(items: Sequence[Rated], held_out: float) -> tuple[list[Rated], list[Rated]]:
    """Shuffled the same way each time; the second part has the share `held_out`.

    A text that occurs twice is on one side only.
    """
    texts = sorted({item.text for item in items})
    random.Random(SEED).shuffle(texts)
    held = set(texts[: round(held_out * len(texts))])
    return [i for i in items if i.text not in held], [i for i in items if i.text in held]


def write_labelled(path: Path, sentences: Iterable[Rated]) -> Path:
    """A CSV file for task `classify`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(sentence.text, sentence.label) for sentence in sentences]
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def write_tagged(path: Path, rows: Iterable[tuple[list[str], list[str]]]) -> Path:
    """A JSON lines file for task `tag`, of words and their labels."""
    lines = [json.dumps({"tokens": words, "labels": labels}) for words, labels in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_documents(path: Path, sentences: Iterable[Rated]) -> Path:
    """Plain text for task `fill`: the sentences of a review together."""
    documents: dict[str, list[str]] = {}
    for sentence in sentences:
        documents.setdefault(sentence.review, []).append(sentence.text)
    blocks = ["\n".join(lines) for lines in documents.values()]
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path
