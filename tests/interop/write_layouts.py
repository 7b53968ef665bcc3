"""Folders of sentence-transformers in real layouts, and the vectors and scores of our bundles.

Usage: python -m tests.interop.write_layouts FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np

import edgebert
from edgebert_runtime import load
from tests.support.zoo.folder import build
from tests.support.zoo.layouts import LAYOUTS

EMBEDDERS = ("LaBSE", "all-mpnet-base-v2", "bge-small-zh-v1.5", "multilingual-e5-small")
RERANKER = "ms-marco-MiniLM-L6-v2"
PROMPTED = "multilingual-e5-small"
PROMPTS = {"query": "query: ", "passage": "passage: "}
"""As its card wants them; its files do not have them."""

TEXTS = ["The small Cat sat on the mat.", "Über-café naïve dogs, 中国", "a red Mat " * 200]
PAIRS = [("the cat", "A small Dog"), ("the cat", "the cat sat"), ("red", "blue " * 400)]


def main(folder: str) -> None:
    for name in (*EMBEDDERS, RERANKER):
        place = Path(folder) / name
        built = build(LAYOUTS[name], place / "source")
        if name == PROMPTED:
            _add_prompts(built.folder / "config_sentence_transformers.json")
        model = load(edgebert.export(built.folder, place / "bundle"))
        if name == RERANKER:
            np.savez(place / "expected.npz", pairs=np.array(PAIRS), scores=model.predict(PAIRS))
        else:
            np.savez(place / "expected.npz", texts=np.array(TEXTS), vectors=model.embed(TEXTS))


def _add_prompts(path: Path) -> None:
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(config | {"prompts": PROMPTS}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
