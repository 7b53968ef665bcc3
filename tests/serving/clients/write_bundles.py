"""A small bundle of every task, for servers that other people's clients ask.

Usage: python -m tests.serving.clients.write_bundles FOLDER
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import edgebert
from tests.support.task_bundles import BERT, build
from tests.support.tiny_encoder import build_tiny, save_tiny

MODULES: Final = ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
MODELS: Final = "sentence_transformers.models"
PROMPTS: Final = {"query": "find the ", "document": ""}


def main(folder: str) -> None:
    whole = Path(folder)
    _write_embedder(whole / "embedder")
    for task, recipe in BERT.items():
        build(recipe, _made_at(whole / f"my-{task.replace('_', '-')}"))


def _made_at(place: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    def made(_: str, make: Callable[[Path], object]) -> Path:
        make(place)
        return place

    return made


def _write_embedder(place: Path) -> None:
    """Of vectors of length 1, with prompts, as sentence-transformers lays one out."""
    with tempfile.TemporaryDirectory() as scratch:
        source = save_tiny(build_tiny(), Path(scratch) / "source")
        modules = [
            {
                "idx": at,
                "name": str(at),
                "path": path,
                "type": f"{MODELS}.{kind}",
            }
            for at, (path, kind) in enumerate(MODULES)
        ]
        pooling = {"word_embedding_dimension": 48, "pooling_mode_mean_tokens": True}
        files = {
            "modules.json": modules,
            "1_Pooling/config.json": pooling,
            "config_sentence_transformers.json": {"prompts": PROMPTS},
        }
        for name, value in files.items():
            (source / name).parent.mkdir(exist_ok=True)
            (source / name).write_text(json.dumps(value), encoding="utf-8")
        edgebert.export(source, place)


if __name__ == "__main__":
    main(*sys.argv[1:])
