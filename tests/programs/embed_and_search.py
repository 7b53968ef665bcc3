"""Rows of a CSV file to vectors in a file, and a search in it."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgebert_runtime import load


def texts(rows: Path) -> Iterator[str]:
    with rows.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["text"]


def main(bundle: str, rows: str, vectors_file: str, query: str) -> None:
    with load(bundle, task="embed") as model:
        vectors = np.stack(list(model.embed(texts(Path(rows)), normalize=True)))
        np.save(vectors_file, vectors)
        (wanted,) = model.embed([query], normalize=True)
        print(model.info().variant, file=sys.stderr)
    scores = np.load(vectors_file) @ wanted
    for row in np.argsort(-scores)[:3]:
        print(f"{row}\t{scores[row]:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
