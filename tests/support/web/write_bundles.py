"""Small bundles of every task and MiniLM's, with what Python answers, for the browser's runtime.

Usage: python -m tests.support.web.write_bundles FOLDER
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import edgebert
from edgebert_runtime import Bundle, load
from edgebert_runtime.inference.reports import to_plain
from edgebert_runtime.tokenization.items import Item
from examples.minilm import minilm_folder
from tests.support.web.bundle_of_task import write_bundle

TEXTS: Final = ("The small Cat sat on the mat.", "a dog", "Über-café naïve dogs, 中国", "")
LONG: Final = "A dog ran far, over the red blue mat. " * 12
PAIRS: Final = (("the cat", "A small Dog sat on the red mat"), ("red", "blue and unable"))
MASKED: Final = ("the [MASK] sat on the mat", "a [MASK] dog [MASK]")
ITEMS: Final[Mapping[str, Sequence[Item]]] = {
    "embed": (*TEXTS, LONG),
    "classify": (*TEXTS, *PAIRS, LONG),
    "tag": (*TEXTS, LONG),
    "answer": (*PAIRS, ("where", LONG)),
    "rank": PAIRS,
    "fill": MASKED,
    "next_sentence": PAIRS,
}


def main(folder: str) -> None:
    """Write the bundles, and `expected.json` beside them."""
    place = Path(folder)
    bundles = [*(write_bundle(task, place / task) for task in ITEMS), _minilm(place)]
    expected = [_expected(bundle) for bundle in bundles]
    text = json.dumps(expected, ensure_ascii=False, allow_nan=False)
    (place / "expected.json").write_text(text, encoding="utf-8")


def _minilm(place: Path) -> Bundle:
    return edgebert.quantize(edgebert.export(minilm_folder(), place / "minilm"))


def _expected(bundle: Bundle) -> dict[str, Any]:
    task = bundle.manifest.default_task
    items = ITEMS[task]
    return {
        "folder": bundle.folder.name,
        "task": task,
        "items": items,
        "answers": {name: _answers(bundle, name, items) for name in bundle.manifest.variants},
    }


def _answers(bundle: Bundle, variant: str, items: Sequence[Item]) -> Any:
    """What one variant answers by its defaults, each item alone."""
    with load(bundle, variant) as model:
        return [_answer(model, item) for item in items]


def _answer(model: Any, item: Any) -> Any:
    """The answer to one item, by the method of the task, as JSON has it."""
    match model.info().task:
        case "embed":
            return model.embed([item])[0].tolist()
        case "answer":
            return to_plain(model.answer(*item, top_k=3))
        case "rank":
            query, document = item
            return to_plain(model.rank(query, [document, query]))
        case "fill":
            return to_plain(model.fill(item))
        case "next_sentence":
            return model.score(*item)
        case task:
            return to_plain(getattr(model, task)([item])[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
