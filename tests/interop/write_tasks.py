"""Export small models with heads and store what their graphs give, for other people's loaders.

Usage: python -m tests.interop.write_tasks FOLDER
"""

import sys
from pathlib import Path

import numpy as np

import edgebert
from edgebert_runtime.engine.session import Session
from tests.support.families import SAMPLES, build_with_head, save

FAMILIES = ("bert", "roberta")
TASKS = ("classify", "tag", "answer", "fill", "rank")
QUANTIZED = ("classify", "tag", "answer", "fill")
"""Of BERT; the one logit of a random ranker is too small beside the steps of int8."""

LENGTH = 17


def main(folder: str) -> None:
    for family in FAMILIES:
        for task in TASKS:
            _write(Path(folder) / f"{family}-{task}", family, task)


def _write(place: Path, family: str, task: str) -> None:
    one = {"num_labels": 1} if task == "rank" else {}
    model = build_with_head(SAMPLES[family], "classify" if task == "rank" else task, **one)
    bundle = edgebert.export(save(model, place / "source"), place / "bundle")
    if family == "bert" and task in QUANTIZED:
        bundle = edgebert.quantize(bundle, force=True)
    session = Session(bundle.path_of("onnx/model.onnx"), provider="cpu")
    ids = np.random.default_rng(0).integers(5, 100, (2, LENGTH))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": 0 * ids}
    given = {name: feeds[name] for name in session.inputs}
    outputs = [item.name for item in bundle.manifest.task.outputs]
    found = dict(zip(outputs, session.run(outputs, given), strict=True))
    np.savez(place / "expected.npz", **given, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
