"""What bundles answer to a few items, as JSON for loaders in another language.

Usage: python -m tests.interop.write_cases CASES BUNDLE...
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert_runtime import Bundle, load
from tests.support.interop_rows import TOLERANCE

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
    tolerances = {name: TOLERANCE if name == "fp32" else _step(items, name) for name in models}
    return {"task": task, "folder": folder, "items": items, "tolerances": tolerances}


def _step(items: list[dict[str, Any]], name: str) -> float:
    """How far an engine may be from ours in 8 bits: twice as far as 8 bits are from fp32.

    A last bit of float32, in which engines differ, decides at times between two neighbouring
    steps of 8 bits. In these small models one such step moves an output by nearly as much as
    all of quantization does (bits of 1e-6 were changed by chance, forty times a model).
    """
    pairs = [(item["outputs"][name], item["outputs"]["fp32"]) for item in items]
    far = [
        np.abs(np.subtract(ours[each], fp32[each])).max() for ours, fp32 in pairs for each in ours
    ]
    return 2 * float(max(far))


def _item(models: dict[str, Any], task: str, item: Any) -> dict[str, Any]:
    (encoded,) = models["fp32"].encode([item])
    (row,) = encoded.rows
    ids, types = list(row.input_ids), list(row.token_type_ids)
    named = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": types}
    feeds = {name: np.array([values]) for name, values in named.items()}
    return {
        "texts": [item] if isinstance(item, str) else item,
        "ids": ids,
        "types": types,
        "outputs": {name: _outputs(model, task, item, feeds) for name, model in models.items()},
    }


def _outputs(model: Any, task: str, item: Any, feeds: dict[str, Any]) -> dict[str, Any]:
    """Name of each output → what it is for one item, run alone."""
    if task == "embed":
        return {"sentence_embedding": model.embed([item])[0].tolist()}
    names = [output.name for output in model.GRAPH]
    found = model.session.run(names, {name: feeds[name] for name in model.session.inputs})
    return {name: output[0].tolist() for name, output in zip(names, found, strict=True)}


if __name__ == "__main__":
    main(*sys.argv[1:])
