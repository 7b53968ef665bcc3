from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert_runtime import Classifier, load
from edgebert_runtime.errors import BundleError, InputError, TruncationWarning
from edgebert_runtime.inference import batch_runner
from edgebert_runtime.tasks.classify import select_labels
from tests.support.fake_sessions import opened
from tests.support.task_bundles import BERT, GetSample, Sample, edited, head
from tests.support.tiny_manifest import of_task

TEXTS = ["the small cat sat on the mat .", "", "Ada lives in Paris!", "café 🙂 unable", "xyz"]
PAIRS = [("the cat", "sat on the mat"), ("", "ada"), ("red " * 9, "blue dog .")]
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def bert(sample: GetSample) -> Sample:
    return sample(BERT["classify"])


@pytest.fixture(scope="module")
def model(bert: Sample) -> Classifier:
    return load(bert.folder, task="classify")


def test_scores_are_those_of_transformers(bert: Sample, model: Classifier) -> None:
    pipeline = bert.pipeline("text-classification", top_k=None)
    for found, expected in zip(model.classify(TEXTS), pipeline(TEXTS), strict=True):
        assert [each.label for each in found.scores] == [each["label"] for each in expected]
        for ours, theirs in zip(found.scores, expected, strict=True):
            assert ours.score == pytest.approx(theirs["score"], abs=TOLERANCE)
        assert found.best == found.scores[0]
        assert found.activation == "softmax"
    assert len({found.best.label for found in model.classify(TEXTS)}) > 1


def test_pairs_are_those_of_transformers(bert: Sample, model: Classifier) -> None:
    pipeline = bert.pipeline("text-classification", top_k=None)
    expected = pipeline([{"text": first, "text_pair": second} for first, second in PAIRS])
    for found, theirs in zip(model.classify(PAIRS), expected, strict=True):
        scores = {each.label: each.score for each in found.scores}
        assert scores == pytest.approx(
            {each["label"]: each["score"] for each in theirs}, abs=TOLERANCE
        )


def test_a_pair_is_not_its_texts_joined_nor_turned_round(model: Classifier) -> None:
    answers = model.classify([("the cat", "sat"), "the cat sat", ("sat", "the cat")])
    assert len({tuple(round(each.score, 4) for each in answer.scores) for answer in answers}) == 3


def test_a_pair_with_an_empty_text_is_still_a_pair(bert: Sample, model: Classifier) -> None:
    """As in a batch of transformers' tokenizer; alone, it would drop the empty second text."""
    features = bert.tokenizer([["ada", ""]], return_tensors="pt")
    assert features["input_ids"].shape == (1, 4)
    with torch.no_grad():
        expected = bert.model(**features).logits.softmax(-1).max()
    (found,) = model.classify([("ada", "")])
    assert found.best.score == pytest.approx(float(expected), abs=TOLERANCE)


def test_a_long_pair_is_cut_as_transformers_does(bert: Sample, model: Classifier) -> None:
    pair = ("the cat " * 9, "blue dog " * 30)
    with pytest.warns(TruncationWarning, match="1 of 2 texts were cut to 48 tokens") as caught:
        (found, _) = model.classify([pair, "a cat"])
    assert caught[0].filename == __file__
    assert model.last_report is not None
    assert [(cut.index, cut.tokens) for cut in model.last_report.truncated] == [(0, 18 + 60 + 3)]
    cut = bert.tokenizer(*pair, truncation=True, return_tensors="pt")
    assert cut["input_ids"].shape == (1, 48)
    with torch.no_grad():
        expected = bert.model(**cut).logits.softmax(-1)[0]
    assert found.best.score == pytest.approx(float(expected.max()), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("activation", "function"), [("sigmoid", "sigmoid"), ("none", "none"), ("softmax", "softmax")]
)
def test_the_manifests_activation_is_applied_and_named(
    bert: Sample, tmp_path: Path, activation: str, function: str
) -> None:
    folder = edited(
        bert.folder,
        tmp_path / "copy",
        lambda manifest: of_task(
            manifest, head=head(*BERT["classify"].head.labels, activation=activation)
        ),
    )
    found = load(folder, task="classify").classify(TEXTS)
    pipeline = bert.pipeline("text-classification", top_k=None, function_to_apply=function)
    for ours, theirs in zip(found, pipeline(TEXTS), strict=True):
        assert ours.activation == activation
        assert [each.label for each in ours.scores] == [each["label"] for each in theirs]
        np.testing.assert_allclose(
            [each.score for each in ours.scores],
            [each["score"] for each in theirs],
            rtol=TOLERANCE,
            atol=TOLERANCE,
        )


def test_labels_are_selected_by_score() -> None:
    scores = np.array([0.7, 0.1, 0.7, 0.9], dtype=np.float32)
    assert select_labels(scores, None, None) == [3, 0, 2, 1]
    assert select_labels(scores, 2, None) == [3, 0]
    assert select_labels(scores, None, 0.7) == [3, 0, 2]  # 0.7 in float32 is below 0.7
    assert select_labels(scores, None, 0.71) == [3]
    assert select_labels(scores, 3, 0.95) == []


def test_many_equal_scores_keep_the_order_of_the_labels() -> None:
    scores = np.array([0.25, 0.5] * 40, dtype=np.float32)
    assert select_labels(scores, None, None) == [*range(1, 80, 2), *range(0, 80, 2)]


def test_the_best_label_is_there_below_the_threshold(model: Classifier) -> None:
    (found,) = model.classify(TEXTS[:1], threshold=1.5)
    assert found.scores == ()
    assert 0 < found.best.score < 1


def test_top_k_gives_so_many(model: Classifier) -> None:
    everything, two = model.classify(TEXTS), model.classify(TEXTS, top_k=2)
    assert [found.scores for found in two] == [found.scores[:2] for found in everything]


@settings(deadline=None, max_examples=20)
@given(
    items=st.lists(st.sampled_from([*TEXTS, *PAIRS]), max_size=9), budget=st.sampled_from([1, 60])
)
def test_micro_batches_change_no_result(
    model: Classifier, items: list[str | tuple[str, str]], budget: int
) -> None:
    alone = [model.classify([item])[0] for item in items]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_runner, "MICRO_BATCH_TOKENS", budget)
        together = model.classify(items)
    assert [found.best.label for found in together] == [found.best.label for found in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.best.score == pytest.approx(other.best.score, abs=TOLERANCE)


def test_no_texts_give_no_answers(model: Classifier) -> None:
    assert model.classify([]) == []


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ("one", {}, r"got one string; write classify\(\[text\]\)"),
        (["a", 3], {}, "item 1 is int, expected str"),
        (["a", ("b", "c", "d")], {}, "item 1 holds 3 texts, expected a string or a pair"),
        ([("a",)], {}, "item 0 holds 1 texts"),
        ([("a", None)], {}, r"item 0\[1\] is NoneType, expected str"),
        ([("a", "b\ud800")], {}, r"item 0\[1\] holds a lone surrogate at character 1"),
        (["a"], {"top_k": 0}, "top_k must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_classified_is_named(
    model: Classifier, texts: list[str], options: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        model.classify(texts, top_k=options.get("top_k"))


@pytest.mark.parametrize(
    ("labels", "activation", "message"),
    [
        (("a", "b"), "softmax", r"names 2 labels for logits of \[4\]"),
        ((), "softmax", "names 0 labels"),
        (("a", "b", "c", "d"), "gelu", "activation 'gelu', expected a head with activation soft"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(
    tmp_path: Path, labels: tuple[str, ...], activation: str, message: str
) -> None:
    wrong = opened("classify", tmp_path, lambda _: [], head=head(*labels, activation=activation))
    with pytest.raises(BundleError, match=message):
        Classifier(*wrong)
