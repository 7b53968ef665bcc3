"""Export a model of every family, task and pooling for CUDA, for the tests beside this.

Usage: python -m tests.dry_cuda.write_bundles FOLDER
"""

import sys
from pathlib import Path
from typing import Any, Final

from torch import nn

import edgebert
from tests.support.families import SAMPLES, build, build_with_head, save
from tests.support.small_checkpoints import TINY, write_sentence_model

TASKS: Final = ("classify", "tag", "answer", "fill", "rank")
POOLINGS: Final = ("cls_token", "max_tokens", "mean_sqrt_len_tokens", "mean_tokens")
NORMALIZED: Final = ("2_Normalize", "sentence_transformers.models.Normalize")


def main(folder: str) -> None:
    for family, sample in SAMPLES.items():
        _write(Path(folder) / "families" / family, build(sample))
    for task in TASKS:
        one: dict[str, Any] = {"num_labels": 1} if task == "rank" else {}
        head = "classify" if task == "rank" else task
        _write(Path(folder) / "tasks" / task, build_with_head(SAMPLES["bert"], head, **one))
    for pooling in POOLINGS:
        place = Path(folder) / "poolings" / pooling
        mode = {"word_embedding_dimension": TINY.hidden, f"pooling_mode_{pooling}": True}
        (place / "source").mkdir(parents=True)
        write_sentence_model(place / "source", NORMALIZED, pooling=mode)
        edgebert.export(place / "source", place / "bundle", target="cuda")


def _write(place: Path, model: nn.Module) -> None:
    bundle = edgebert.export(save(model, place / "source"), place / "bundle", target="cuda")
    if place.parent.name == "families":
        edgebert.quantize(bundle, "bf16", keep_default=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
