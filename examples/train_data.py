"""Real sentences to train on: those people rated from bad to good, with the package vaderSentiment.

Hutto & Gilbert 2014; film reviews, product reviews and news, each with the mean of 20 scores from
-4 to 4. MIT licence; fetched from PyPI once, checked by sha256.
"""

import csv
import hashlib
import io
import json
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.minilm import CACHE

PACKAGE: Final = "vaderSentiment==3.3.2"
PACKAGE_SHA256: Final = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER_ARCHIVE: Final = "hutto_ICWSM_2014.tar.gz"
SOURCES: Final = {
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
    "nyt": "nytEditorialSnippets_GroundTruth.txt",
}
CLEAR: Final = 0.5
"""Sentences rated nearer to 0 than this are neither good nor bad."""
SEED: Final = 0
FOLDER: Final = CACHE / "training"


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A sentence and the mean of its scores; `review` is the text it is part of, where known."""

    text: str
    score: float
    review: str

    @property
    def label(self) -> str:
        """What a classifier is to say."""
        return "positive" if self.score > 0 else "negative"


def rated(source: str) -> list[Rated]:
    """The sentences of `movie`, `amazon` or `nyt`, in the order of the file."""
    with tarfile.open(_package()) as outer:
        inner = next(name for name in outer.getnames() if name.endswith(INNER_ARCHIVE))
        data = _member(outer, inner)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        name = next(name for name in archive.getnames() if name.endswith(SOURCES[source]))
        lines = _member(archive, name).decode("utf-8-sig", "replace").splitlines()
    return [_rated(line) for line in lines]


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(sentence.text, sentence.label) for sentence in sentences]
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def write_tagged(path: Path, sentences: Iterable[Rated]) -> Path:
    """A JSON lines file for task `tag`: lower-cased words, and whether they had a capital."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [_cased(sentence.text.split()) for sentence in sentences if sentence.text.split()]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def write_documents(path: Path, sentences: Iterable[Rated]) -> Path:
    """Plain text for task `fill`: the sentences of a review together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    documents: dict[str, list[str]] = {}
    for sentence in sentences:
        documents.setdefault(sentence.review, []).append(sentence.text)
    blocks = ["\n".join(lines) for lines in documents.values()]
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def _cased(words: list[str]) -> dict[str, list[str]]:
    labels = ["CAPITAL" if word[0].isupper() else "O" for word in words]
    return {"tokens": [word.lower() for word in words], "labels": labels}


def _rated(line: str) -> Rated:
    number, score, text = line.split("\t", 2)
    return Rated(text=text.strip(), score=float(score), review=number.partition("_")[0])


def _package() -> Path:
    path = CACHE / "texts" / "vader.tar.gz"
    if not path.exists():
        _download(path)
    return path


def _download(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        subprocess.run([*pip, "--no-binary", ":all:", PACKAGE], check=True)
        (source,) = Path(scratch).glob("*.tar.gz")
        found = hashlib.sha256(source.read_bytes()).hexdigest()
        if found != PACKAGE_SHA256:
            raise RuntimeError(f"{PACKAGE} has sha256 {found}, expected {PACKAGE_SHA256}")
        source.rename(path)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise RuntimeError(f"{name} is no file in its archive")
    return file.read()
