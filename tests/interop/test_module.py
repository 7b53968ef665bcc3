"""`edgebert.integrations.sentence_transformers` in `SentenceTransformer` and `CrossEncoder`.

Run by .ci/interop, with sentence-transformers 5 and with 6.
"""

import os
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from sentence_transformers import CrossEncoder, SentenceTransformer

from edgebert.integrations.sentence_transformers import Module
from edgebert_runtime import load
from edgebert_runtime.errors import ConfigError
from tests.support.interop_rows import agree

BUNDLE: Final = os.environ["EDGEBERT_BUNDLE"]
TASKS: Final = Path(os.environ["EDGEBERT_TASKS"])
LAYOUTS: Final = Path(os.environ["EDGEBERT_LAYOUTS"])
STORED: Final = np.load(os.environ["EDGEBERT_VECTORS"])
TEXTS: Final = [str(text) for text in STORED["texts"]]
PAIRS: Final = [("the cat", "a small dog"), ("the cat", "the cat sat"), ("red", "blue")]
LOADER: Final = "sentence-transformers"
THROUGH: Final = "edgebert.integrations.sentence_transformers"

pytestmark = pytest.mark.interop


@pytest.mark.parametrize(("variant", "file"), [("portable", "fp32"), ("int8", "int8")])
def test_sentence_transformer_gives_our_vectors(variant: str, file: str) -> None:
    module = Module(BUNDLE, variant=variant)
    model = SentenceTransformer(modules=[module], **module.settings)
    agree(LOADER, "embed", file, model.encode(TEXTS), STORED[variant], through=THROUGH)
    assert model.max_seq_length == 256
    assert model.encode("a cat", truncate_dim=8).shape == (8,)


def test_cross_encoder_gives_our_scores_and_order() -> None:
    folder = TASKS / "bert-rank" / "bundle"
    module = Module(str(folder))
    model = CrossEncoder(modules=[module], **module.settings)
    own = load(folder, task="rank")
    agree(LOADER, "rank", "fp32", model.predict(PAIRS), own.predict(PAIRS), through=THROUGH)
    documents = [second for _, second in PAIRS]
    ranked = [each["corpus_id"] for each in model.rank("the cat", documents)]
    assert ranked == [each.index for each in own.rank("the cat", documents)]


def test_prompts_are_those_of_the_bundle() -> None:
    folder = LAYOUTS / "multilingual-e5-small" / "bundle"
    module = Module(str(folder))
    model = SentenceTransformer(modules=[module], **module.settings)
    own = load(folder)
    for found, prompt in (
        (model.encode_query(TEXTS), "query"),
        (model.encode(TEXTS, prompt_name="passage"), "passage"),
        (model.encode(TEXTS, prompt=""), ""),
    ):
        np.testing.assert_allclose(found, own.embed(TEXTS, prompt=prompt), atol=1e-6)


def test_a_saved_module_names_its_bundle(tmp_path: Path) -> None:
    module = Module(BUNDLE, variant="int8")
    module.save(str(tmp_path))
    again = Module.load(str(tmp_path))
    assert again.get_config_dict() == {"bundle": BUNDLE, "variant": "int8"}


def test_a_bundle_for_another_task_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="'tag'; sentence-transformers takes bundles for embed or rank"
    ):
        Module(str(TASKS / "bert-tag" / "bundle"))
