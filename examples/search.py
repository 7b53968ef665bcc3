"""Search a folder of text files by meaning; nothing is kept on disk.

Usage: python -m examples.search FOLDER BUNDLE "query"
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from edgebert_runtime import Embedder, load
from edgebert_runtime.errors import EdgebertError

KINDS: Final = (".md", ".txt")
BEST: Final = 5


@dataclass(frozen=True)
class Paragraph:
    """Lines without a blank one among them, and where they begin."""

    file: Path
    line: int
    text: str


class Index:
    """The paragraphs of every text file below a folder, with their vectors.

    Raises:
        OSError, ValueError: it is not a folder, a file cannot be read, or there is no text.
    """

    def __init__(self, model: Embedder, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
        texts = (path for path in folder.rglob("*") if path.suffix in KINDS and path.is_file())
        self._paragraphs = [paragraph for file in sorted(texts) for paragraph in _paragraphs(file)]
        if not self._paragraphs:
            raise ValueError(f"{folder} has no text in files that end in {' or '.join(KINDS)}")
        self._model = model
        self._vectors = model.embed([each.text for each in self._paragraphs], normalize=True)

    def search(self, query: str) -> list[tuple[float, Paragraph]]:
        """The best paragraphs, each with its cosine to the query."""
        scores = self._vectors @ self._model.embed([query], normalize=True)[0]
        best = np.argsort(-scores, kind="stable")[:BEST]
        return [(float(scores[index]), self._paragraphs[index]) for index in best]


def main() -> None:
    """Run the command; a mistake of the caller ends it with 2."""
    parser = argparse.ArgumentParser(prog="search", description="Search a folder by meaning.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("query", metavar="QUERY")
    asked = parser.parse_args()
    try:
        found = Index(load(asked.bundle, task="embed"), asked.folder).search(asked.query)
    except (EdgebertError, OSError, ValueError) as error:
        parser.error(str(error))
    for score, paragraph in found:
        print(f"{score:.3f}  {paragraph.file}:{paragraph.line}  {paragraph.text}")


def _paragraphs(file: Path) -> Iterator[Paragraph]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for written, group in groupby(enumerate(lines, 1), key=lambda line: bool(line[1].strip())):
        if written:
            numbers, texts = zip(*group, strict=True)
            yield Paragraph(file, numbers[0], " ".join(map(str.strip, texts)))


if __name__ == "__main__":
    main()
