"""Write what each task answers from what a graph gave, for runtime/web/tests/answers.test.ts.

A case has an item, options, the rows that were run with the graph's outputs, and the answer. So a
page's steps before and after the graph are compared with Python's alone.
"""

import base64
import json
import random
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert_runtime import load
from edgebert_runtime.bundle.manifest import Manifest, read_manifest
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.inference.reports import to_plain
from edgebert_runtime.tokenization.items import Item, strings_of
from tests.support.web.small_bundles import write_bundles
from tests.support.web.units import in_units

CASES: Final = 120
"""Of each bundle."""

WORDS: Final = (
    *("the", "a", "small", "cat", "dog", "sat", "on", "mat", "and", "ran", "far", "over", "red"),
    *("blue", "un", ".", ",", "!", "paris", "berlin", "ada", "love", "lives", "works", "acme"),
    *(
        "corp",
        "Café",
        "naïve",
        "中国",
        "🙂",
        "ΟΔΥΣΣΕΥΣ",
        "unable",
        "Zürich",
        "𠀀𠀁",
        "x\u0301",
        "<b>",
    ),
)


def write_answers(out: Path) -> None:
    """Write a file a bundle."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        for name, folder in write_bundles(Path(made)):
            content = json.dumps({"name": name, **_content(name, folder)}, ensure_ascii=False)
            (out / f"{name}.json").write_text(content, encoding="utf-8")


def _content(name: str, folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    dense = [path for path in manifest.files if path.endswith(".safetensors")]
    chosen = random.Random(name)
    with load(folder) as model, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [_case(model, chosen, manifest) for _ in range(CASES)]
    return {
        "manifest": json.loads(manifest.to_json()),
        "tokenizer": (folder / manifest.tokenizer.file).read_text(encoding="utf-8"),
        "files": {path: base64.b64encode((folder / path).read_bytes()).decode() for path in dense},
        "cases": cases,
    }


def _case(model: Any, chosen: random.Random, manifest: Manifest) -> dict[str, Any]:
    task = manifest.default_task
    options = _options(task, chosen)
    item = _item(task, chosen, manifest)
    case = {"item": item, "options": {_camel(key): value for key, value in options.items()}}
    made = model.OPTIONS(**options)
    try:
        (encoded,) = model.encode([item], made)
        answer = model.predict([item], made)[0]
    except EdgebertError as error:
        return {**case, "refused": type(error).__name__}
    return {
        **case,
        "rows": [_row(model, row, manifest) for row in encoded.rows],
        "answer": in_units(strings_of(item)[-1], _plain(answer)),
    }


def _row(model: Any, row: Any, manifest: Manifest) -> dict[str, Any]:
    """A row's ids, and what the graph gives for it alone."""
    ids, types = list(row.input_ids), list(row.token_type_ids)
    given = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": types}
    feeds = {name: np.array([given[name]], np.int64) for name in model.session.inputs}
    names = [output.name for output in manifest.task.outputs]
    found = model.session.run(names, feeds)
    return {
        "ids": ids,
        "types": types,
        "outputs": {
            name: {"dims": each.shape[1:], "data": np.ravel(each).tolist()}
            for name, each in zip(names, found, strict=True)
        },
    }


def _item(task: str, chosen: random.Random, manifest: Manifest) -> Item:
    text = _text(chosen, chosen.choice((0, 3, 12, 60)))
    if task in ("rank", "answer", "next_sentence") or (
        task == "classify" and chosen.random() < 0.3
    ):
        return (_text(chosen, chosen.randint(1, 8)), text or "cat")
    if task == "fill":
        mask = manifest.tokenizer.special_tokens["mask_token"]
        return " ".join([mask, _text(chosen, 3), *([mask, "dog"] * (chosen.random() < 0.5))])
    return text


def _text(chosen: random.Random, words: int) -> str:
    joints = (" ", " ", " ", "", "\n")
    return "".join(chosen.choice(WORDS) + chosen.choice(joints) for _ in range(words))


def _options(task: str, chosen: random.Random) -> dict[str, Any]:
    """Some of the options of a task."""
    lengths = {"long": ("truncate", "window", "window"), "stride": (None, 0, 7)}
    several: Mapping[str, Mapping[str, Any]] = {
        "embed": {
            **lengths,
            "normalize": (None, True, False),
            "dimensions": (None, 3),
            "prompt": (None, "", "other"),
            "output_dtype": ("float32", "float32", "int8", "binary"),
        },
        "classify": {**lengths, "top_k": (None, 1, 2), "threshold": (None, 0.2)},
        "rank": lengths,
        "tag": {
            **lengths,
            "aggregation": (None, "none", "simple", "first", "average", "max"),
            "ignore": (("O",), (), ("O", "LOC")),
        },
        "answer": {
            "top_k": (1, 3),
            "max_answer_length": (15, 2),
            "allow_no_answer": (False, True),
            "window": (None, 20, 33),
            "stride": (None, 1, 4),
        },
        "fill": {"top_k": (5, 1), "targets": (None, ("cat", "dog"))},
        "next_sentence": {},
    }
    return {key: chosen.choice(values) for key, values in several[task].items()}


def _plain(answer: Any) -> Any:
    return answer.tolist() if isinstance(answer, np.ndarray) else to_plain(answer)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)
