"""Bundles of layouts answer as transformers and sentence-transformers do; a tenth of the table.

The tenth is the same on every machine. `EDGEBERT_ZOO=all` takes the whole table.
"""

import os
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import pytest

import edgebert
from edgebert_runtime import load
from edgebert_runtime.engine.session import Session
from tests.support.zoo.folder import build
from tests.support.zoo.layouts import LAYOUTS, Layout
from tests.support.zoo.mutations import MUTATIONS, mutated, with_key
from tests.support.zoo.reference import TEXTS, outputs, own_tokenizer

EVERY: Final = 1 if os.environ.get("EDGEBERT_ZOO") == "all" else 10
TOLERANCE: Final = 2e-5


LONG: Final = 512


def _layout(name: str) -> Layout:
    return LAYOUTS[name] if name in LAYOUTS else mutated(name)


def _short(layout: Layout) -> Layout:
    """With 512 positions instead of thousands, which an export checks to the last one."""
    rows = layout.files["config.json"].get("max_position_embeddings", 0)
    if rows < 2 * LONG:
        return layout
    return with_key("config.json", "max_position_embeddings", LONG + rows % LONG, layout)


def _picked() -> list[str]:
    """Every tenth of the cases that are exported, in the order of a checksum of their names."""
    exported = [name for name in (*LAYOUTS, *MUTATIONS) if _layout(name).refused is None]
    return sorted(exported, key=lambda name: zlib.crc32(name.encode()))[::EVERY]


@pytest.mark.slow
@pytest.mark.parametrize("name", _picked())
def test_a_bundle_answers_as_transformers_does(name: str, tmp_path: Path) -> None:
    layout = _short(_layout(name))
    built = build(layout, tmp_path / "source")
    # Where transformers reads another tokenizer than the file's, an export asks which to take.
    tokens = "file" if "differs" in layout.expected else "auto"
    bundle = edgebert.export(built.folder, tmp_path / "bundle", tokens=tokens)
    task = bundle.manifest.default_task
    assert task == layout.expected["task"]
    own = own_tokenizer(layout)
    for text in TEXTS[:-1]:
        given = own.encode(text)
        wanted = outputs(built, task, given.ids, given.type_ids)
        if task == "embed":
            found = [load(bundle).embed([text])[0]]
        else:
            feeds = {
                "input_ids": given.ids,
                "attention_mask": given.attention_mask,
                "token_type_ids": given.type_ids,
            }
            session = Session(bundle.path_of("onnx/model.onnx"), provider="cpu")
            arrays = {name: np.array([feeds[name]]) for name in session.inputs}
            names = [item.name for item in bundle.manifest.task.outputs]
            found = [each[0] for each in session.run(names, arrays)]
        for ours, theirs in zip(found, wanted, strict=True):
            scale = max(1.0, float(np.abs(theirs).max()))
            np.testing.assert_allclose(ours, theirs, atol=TOLERANCE * scale)
