"""What bundles answer to a few items, as JSON for loaders in another language.

Usage: python -m tests.interop.write_cases CASES BUNDLE...
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert_runtime import Bundle, load
from tests.support.moved_graphs import moved_graphs

VARIANTS: Final = {"fp32": "portable", "q8": "int8-portable"}
"""What transformers.js calls a file → its variant."""

TEXTS: Final = ["The small Cat sat on the mat.", "a dog", "Über-café naïve dogs, 中国"]
PAIRS: Final = [("the cat", "A small Dog sat on the red mat"), ("red", "blue and unable")]
MASKED: Final = ["the [MASK] sat on the mat", "a [MASK] dog"]
ITEMS: Final = {"answer": PAIRS, "rank": PAIRS, "fill": MASKED}


def main(cases: str, *bundles: str) -> None:
    """Write the cases of every bundle."""
    Path(cases).write_text(json.dumps([_case(folder) for folder in bundles]), encoding="utf-8")


def _case(folder: str) -> dict[str, Any]:
    there = Bundle.open(folder).manifest.variants
    models = {name: load(folder, variant) for name, variant in VARIANTS.items() if variant in there}
    task = models["fp32"].info().task
    items = [_item(models, task, item) for item in ITEMS.get(task, TEXTS)]
    if "q8" in models:
        for session in moved_graphs(Path(folder) / there[VARIANTS["q8"]].file):
            for item in items:
                answers = item["answers"]["q8"]
                answers.append(_run(session, list(answers[0]), item))
    return {"task": task, "folder": folder, "items": items}


def _item(models: dict[str, Any], task: str, item: Any) -> dict[str, Any]:
    """What a loader is given, and for each file the answers that are right, ours first."""
    (encoded,) = models["fp32"].encode([item])
    (row,) = encoded.rows
    texts = [item] if isinstance(item, str) else item
    made = {"texts": texts, "ids": list(row.input_ids), "types": list(row.token_type_ids)}
    answers = {name: [_outputs(model, task, made)] for name, model in models.items()}
    return {**made, "answers": answers}


def _outputs(model: Any, task: str, item: dict[str, Any]) -> dict[str, Any]:
    """Name of each output → what it is for one item, run alone."""
    if task == "embed":
        return {"sentence_embedding": model.embed(item["texts"])[0].tolist()}
    return _run(model.session, [output.name for output in model.GRAPH], item)


def _run(session: Any, names: list[str], item: dict[str, Any]) -> dict[str, Any]:
    ids, types = item["ids"], item["types"]
    named = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": types}
    found = session.run(names, {name: np.array([named[name]]) for name in session.inputs})
    return {name: output[0].tolist() for name, output in zip(names, found, strict=True)}


if __name__ == "__main__":
    main(*sys.argv[1:])
