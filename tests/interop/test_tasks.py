"""Other people's loaders run our graphs with heads; run by .ci/interop."""

import os
from pathlib import Path

import numpy as np
import pytest
from optimum.onnxruntime import (
    ORTModelForMaskedLM,
    ORTModelForQuestionAnswering,
    ORTModelForSequenceClassification,
    ORTModelForTokenClassification,
)
from sentence_transformers import CrossEncoder

from tests.support.interop_rows import agree

FOLDER = Path(os.environ["EDGEBERT_TASKS"])
LOADERS = {
    "classify": ORTModelForSequenceClassification,
    "tag": ORTModelForTokenClassification,
    "answer": ORTModelForQuestionAnswering,
    "fill": ORTModelForMaskedLM,
    "rank": ORTModelForSequenceClassification,
}
pytestmark = pytest.mark.interop


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("task", LOADERS)
def test_optimum_gives_our_logits(family: str, task: str) -> None:
    place = FOLDER / f"{family}-{task}"
    stored = dict(np.load(place / "expected.npz"))
    outputs = {name: stored.pop(name) for name in list(stored) if name.endswith("logits")}
    model = LOADERS[task].from_pretrained(
        str(place / "bundle"), subfolder="onnx", file_name="model.onnx"
    )
    found = model(**stored)
    assert outputs
    for name, expected in outputs.items():
        agree("optimum-onnx", task, "fp32", found[name], expected)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_sentence_transformers_ranks_as_torch_does(family: str) -> None:
    place = FOLDER / f"{family}-rank"
    pairs = [("the cat", "a small dog"), ("the cat", "the cat sat")]
    ours = CrossEncoder(
        str(place / "bundle"), backend="onnx", model_kwargs={"file_name": "onnx/model.onnx"}
    )
    torch_scores = CrossEncoder(str(place / "source")).predict(pairs)
    agree("sentence-transformers", "rank", "fp32", ours.predict(pairs), torch_scores)
