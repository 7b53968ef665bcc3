"""Attention of every kind of item is that of transformers on the same tokens."""

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

import edgebert
from edgebert_runtime import load
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.tokenization.items import Item
from tests.support.task_bundles import BERT, ROBERTA, GetSample, Recipe

ITEMS: Final[list[tuple[Recipe, Item]]] = [
    (BERT["classify"], "the small cats sat on the red mat ."),
    (BERT["rank"], ("the cat", "a small dog ran far")),
    (BERT["fill"], "the small [MASK] sat on the mat ."),
    (ROBERTA["answer"], ("the cat", "ada lives in paris . the cat sat on a mat")),
]


@pytest.mark.parametrize(("recipe", "item"), ITEMS, ids=[recipe.model for recipe, _ in ITEMS])
def test_maps_of_an_item_are_those_of_transformers(
    sample: GetSample, recipe: Recipe, item: Item, tmp_path: Path
) -> None:
    made = sample(recipe)
    bundle = edgebert.add_attention(shutil.copytree(made.folder, tmp_path / "copy"))
    opened: Any = load
    with opened(bundle, variant="attention", task=recipe.task) as model:
        found = model.explain(item, method="attention")
    texts = (item,) if isinstance(item, str) else item
    encoded = made.tokenizer(*texts, return_tensors="pt")
    with torch.no_grad():
        expected = made.model(**encoded, output_attentions=True).attentions
    theirs = np.concatenate([each.numpy() for each in expected])
    np.testing.assert_allclose(found.attention, theirs, atol=1e-5)
    assert list(found.tokens) == encoded.tokens()
    separator = made.tokenizer.sep_token_id
    places = [at for at, id_ in enumerate(encoded["input_ids"][0]) if id_ == separator]
    assert found.heads[0].separator == pytest.approx(theirs[0, 0][:, places].sum(axis=1).mean())
    for word in found.words:
        spelled = "".join(found.tokens[at].removeprefix("##").lstrip("Ġ") for at in word.tokens)
        assert word.text.lower() in spelled.lower()
    assert (found.target, found.value, found.runs) == (None, None, 1)


def test_a_task_that_takes_pairs_takes_no_single_text(sample: GetSample, tmp_path: Path) -> None:
    bundle = edgebert.add_attention(shutil.copytree(sample(BERT["rank"]).folder, tmp_path / "copy"))
    with (
        load(bundle, variant="attention", task="rank") as model,
        pytest.raises(EdgebertError, match=r"expected a pair: \(query, document\)"),
    ):
        model.explain("the cat", method="attention")
