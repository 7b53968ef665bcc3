"""A small bundle of a task, whose graphs are those of a real export."""

from pathlib import Path
from typing import Any, Final

import edgebert
from edgebert_runtime import Bundle
from tests.support.families import SAMPLES, build, build_with_head, save

FAMILY: Final = SAMPLES["bert"]
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "classify": {"id2label": dict(enumerate(("bad", "fair", "good")))},
    "tag": {"id2label": dict(enumerate(("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))},
    "rank": {"num_labels": 1},
}
"""Task → what its head needs."""

QUANTIZED: Final = ("classify", "tag")
"""Tasks whose bundle has int8, too, which is its default."""


def write_bundle(task: str, folder: Path) -> Bundle:
    """Export a model with random weights; its checkpoint is written beside the bundle."""
    source = save(_model(task), folder.with_name(f"{folder.name}-source"))
    bundle = edgebert.export(source, folder, progress=False)
    quantized = task in QUANTIZED
    return edgebert.quantize(bundle, force=True, progress=False) if quantized else bundle


def _model(task: str) -> Any:
    if task == "embed":
        return build(FAMILY)
    head = "classify" if task == "rank" else task
    return build_with_head(FAMILY, head, **CHANGES.get(task, {}))
