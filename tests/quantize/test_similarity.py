"""Similarity of two graphs' outputs: what it is, and that it can fail."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray

from edgebert_quantize.evaluation.quality import Remembered
from edgebert_quantize.recipes import RECIPES
from edgebert_quantize.rewrite.model_inputs import find_inputs, try_lengths
from edgebert_quantize.similarity import Comparison, Outputs, SimilarityMetric, comparison_of
from edgebert_runtime.bundle.manifest import HeadInfo, TensorInfo
from edgebert_runtime.errors import ExportError, QualityError
from tests.support.tiny_manifest import of_task, tiny_manifest

TEXTS = 64
FEATURES = 48

LOOSEST = {
    metric: min(recipe.thresholds[metric].mean for recipe in RECIPES.values())
    for metric in SimilarityMetric
}


def scores(activation: str = "softmax") -> Comparison:
    raw = activation == "none"
    metric = SimilarityMetric.VALUES if raw else SimilarityMetric.SCORES
    return Comparison(metric=metric, outputs=("logits",), activation=activation)


def one(*values: float) -> Outputs:
    return [np.array([values], dtype=np.float32)]


def head(weights: np.ndarray, bias: float = 0.0) -> list[Outputs]:
    """Outputs of a linear layer on the same features each time."""
    features = np.random.default_rng(1).normal(size=(TEXTS, 1, FEATURES))
    return [[(each @ weights + bias).astype(np.float32)] for each in features]


@pytest.mark.parametrize("scale", [0.2, 40.0])
@pytest.mark.parametrize(
    ("metric", "activation", "width"),
    [
        (SimilarityMetric.COSINE, "none", 32),
        (SimilarityMetric.SCORES, "softmax", 3),
        (SimilarityMetric.SCORES, "sigmoid", 3),
        (SimilarityMetric.VALUES, "none", 3),
        (SimilarityMetric.VALUES, "none", 1),
        (SimilarityMetric.SCORES, "sigmoid", 1),
        (SimilarityMetric.SCORES, "softmax", 1),
    ],
)
def test_shuffled_weights_are_below_every_floor(
    metric: SimilarityMetric, activation: str, width: int, scale: float
) -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(FEATURES, width)) * scale
    shuffled = random.permutation(weights.ravel()).reshape(weights.shape)
    bias = -8.0 if width == 1 else 0.0  # as rerankers have it: nearly all documents are irrelevant
    comparison = Comparison(metric=metric, outputs=("out",), activation=activation)
    exact = head(weights, bias)
    same = comparison.similarities(zip(exact, exact, strict=True))
    np.testing.assert_allclose(same, 1, atol=1e-6)
    found = comparison.similarities(zip(head(shuffled, bias), exact, strict=True))
    assert np.mean(found) < LOOSEST[metric]


@pytest.mark.parametrize("share", [1.05 / 32, 1 / 16, 0.5])
def test_shuffled_weights_are_found_where_values_differ_little(share: float) -> None:
    """An offset that is large beside the spread; below 1/32 nothing is compared."""
    random = np.random.default_rng(0)
    values, others = random.normal(size=(2, 256))
    exact, found = (1 + share * each / 4 / each.std() for each in (values, others))
    exact /= exact.max()
    pairs = [(one(here), one(there)) for here, there in zip(found, exact, strict=True)]
    similarities = scores("none").similarities(pairs)
    assert np.mean(similarities) < LOOSEST[SimilarityMetric.VALUES]


@pytest.mark.parametrize(
    ("width", "activation", "metric"),
    [
        (1, "sigmoid", SimilarityMetric.VALUES),
        (3, "none", SimilarityMetric.VALUES),
        (3, "sigmoid", SimilarityMetric.SCORES),
        (3, "softmax", SimilarityMetric.SCORES),
    ],
)
def test_a_bundle_is_compared_by_what_its_head_gives(
    width: int, activation: str, metric: SimilarityMetric
) -> None:
    logits = TensorInfo(name="logits", dtype="float32", shape=("batch", width))
    head = HeadInfo(labels=("label",) * width, activation=activation)
    manifest = of_task(tiny_manifest({}), head=head, outputs=(logits,))
    assert comparison_of(manifest).metric is metric


def test_raw_values_are_scaled_by_their_spread() -> None:
    exact = [one(0.0), one(2.0), one(4.0), one(2.0)]  # standard deviation sqrt(2)
    found = [one(0.0), one(2.0 + np.sqrt(2.0)), one(100.0), one(np.nan)]
    for activation in ("softmax", "sigmoid", "none"):
        similarities = scores(activation).similarities(zip(found, exact, strict=True))
        np.testing.assert_allclose(similarities, [1, 0.75, 0, 0], atol=1e-3)


def test_a_number_for_each_text_is_a_raw_value() -> None:
    exact = [[np.array([value], dtype=np.float32)] for value in (0, 2, 4, 2)]
    found = [[np.array([value], dtype=np.float32)] for value in (0, 2, 4, 2 + np.sqrt(2.0))]
    similarities = scores().similarities(zip(found, exact, strict=True))
    np.testing.assert_allclose(similarities, [1, 1, 1, 0.75], atol=1e-3)


def test_each_value_has_its_own_spread() -> None:
    exact = [one(0, 0), one(1, 1000)]
    found = [one(0, 0.5), one(1, 1000.5)]
    similarities = scores("none").similarities(zip(found, exact, strict=True))
    np.testing.assert_allclose(similarities, 1, atol=1e-3)
    found = [one(0.5, 0), one(1.5, 1000)]
    similarities = scores("none").similarities(zip(found, exact, strict=True))
    np.testing.assert_allclose(similarities, 1 - 0.25 / 2, atol=1e-3)


def test_a_value_that_is_always_the_same_must_stay_so() -> None:
    exact = [one(0, 7), one(1, 7)]
    found = [one(0, 8), one(1, 8)]
    similarities = scores("none").similarities(zip(found, exact, strict=True))
    np.testing.assert_allclose(similarities, 0.5)


def test_a_row_of_tokens_may_have_a_single_token() -> None:
    exact = [one(5.0), one(0.0, 0.0)]
    found = [one(-5.0), one(0.0, np.log(3.0))]
    similarities = scores().similarities(zip(found, exact, strict=True))
    np.testing.assert_allclose(similarities, [1, 0.75], atol=1e-6)


@pytest.mark.parametrize(
    ("comparison", "pairs", "message"),
    [
        (scores(), [], "0 texts and 1 outputs"),
        (Comparison(metric=SimilarityMetric.SCORES, outputs=()), [([], [])], "0 outputs"),
        (
            scores(),
            [(one(1.0), one(3.0))] * 9,
            "'logits' .* between 9 texts: the spread is 0, the largest value 3,",
        ),
        (scores("none"), [(one(1, 2), one(3, 4))] * 9, "the largest value 4, and at least 1/32"),
        (scores(), [(one(1.0, 2.0), one(1.0))], r"shape \(1, 2\), that of the reference \(1, 1\)"),
        (scores(), [(one(), one())], "and not empty"),
    ],
)
def test_a_comparison_of_nothing_is_refused(
    comparison: Comparison, pairs: list[tuple[Outputs, Outputs]], message: str
) -> None:
    with pytest.raises(QualityError, match=f"nothing is compared: .*{message}"):
        comparison.similarities(pairs)


def write(path: Path, outputs: str, *last: str) -> Path:
    """A text encoder of one table, with these outputs."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 18]>\n'
        f"agraph (int64[b, s] input_ids, int64[b, s] attention_mask) => ({outputs})\n"
        "<float[8, 2] table> {\nrows = Gather(table, input_ids)\n"
        "kept = Cast<to = 1>(attention_mask)\n" + "\n".join(last) + "\n}"
    )
    table = np.arange(16, dtype=np.float32).reshape(8, 2)
    del model.graph.initializer[:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(table, "table"))
    onnx.save(model, path)
    return path


def test_a_foreign_graph_without_a_comparable_output_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.onnx", "int64[b, s] best", "best = ArgMax<axis = 2, keepdims = 0>(rows)"
    )
    with pytest.raises(
        ExportError, match=r"no output .* it gives best \(int64 \(1, 128\)\), expected"
    ):
        try_lengths(path, path, find_inputs(path, path, 8))


def test_outputs_of_any_floating_point_type_are_compared(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.onnx",
        "float16[b, s, 2] half, double[b] sums, float total",
        "half = Cast<to = 10>(rows)",
        "wide = Cast<to = 11>(kept)",
        "axes = Constant<value_ints = [1]>()",
        "sums = ReduceSum<keepdims = 0>(wide, axes)",
        "total = ReduceSum<keepdims = 0>(kept)",
    )
    found = try_lengths(path, path, find_inputs(path, path, 8))
    assert found == (128, {"half": 2, "sums": 1})


def test_a_reference_is_run_once_for_each_text_while_its_outputs_fit() -> None:
    ran: list[int] = []

    def run(feeds: Mapping[str, NDArray[np.int64]]) -> Outputs:
        ran.append(int(feeds["input_ids"].sum()))
        return [np.full((1, 4), feeds["input_ids"].sum(), np.float32)]

    size = 2 * 3 * 8 + 16  # two inputs of three ids, four numbers
    remembered = Remembered(run, limit=2 * size)
    for _ in range(2):
        for first in (1, 2, 3):
            ids = np.array([[first, 0, 0]])
            (found,) = remembered({"input_ids": ids, "attention_mask": np.ones_like(ids)})
            assert found.tolist() == [[first] * 4]
    assert ran == [1, 2, 3, 3]
    same = np.array([[1, 0, 0]])
    remembered({"input_ids": same, "attention_mask": same})
    assert ran == [1, 2, 3, 3, 1]
