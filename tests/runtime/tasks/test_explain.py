"""Every number of an explanation is a difference of real answers."""

import json
from typing import Any

import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import ConfigError, EdgebertError, InputError
from edgebert_runtime.postprocessing.explanation.words import shortened
from edgebert_runtime.tokenization.items import Item
from tests.support.task_bundles import BERT, GetSample

TEXT = "the small cat sat on the red mat ."
ITEMS: dict[str, Item] = {
    "classify": TEXT,
    "rank": ("the cat", "a small dog ran far"),
    "tag": "Ada lives in Paris , the dog in Berlin",
    "answer": ("the cat", "ada lives in paris . the cat sat on a mat"),
    "fill": "the small [MASK] sat on the mat .",
    "next_sentence": ("the cat sat .", "it ran far"),
}


def answer_of(model: Any, item: Item, target: str) -> float:
    """The explained number by the task's own method; 0 where the answer is gone."""
    task = model.info().task
    if task == "classify":
        return {each.label: each.score for each in model.classify([item])[0].scores}[
            target.removeprefix("score of ")
        ]
    if task == "rank":
        return float(model.rank(item[0], [item[1]])[0].score)
    if task == "next_sentence":
        return float(model.score(*item))
    if task == "fill":
        token = target.removeprefix("probability of ")
        return float(model.fill(item, targets=[token])[0][0].score)
    if task == "answer":
        found = model.answer(*item, top_k=20) if all(item) else []
        return next((each.score for each in found if repr(each.text) == target[9:]), 0.0)
    label = target.split()[2]
    return max((each.score for each in model.tag([item])[0] if each.label == label), default=0.0)


@pytest.mark.parametrize("task", ITEMS)
def test_each_difference_is_reproduced_by_running_the_shorter_text(
    sample: GetSample, task: str
) -> None:
    model, item = load(sample(BERT[task]).folder, task=task), ITEMS[task]
    found = model.explain(item, method=["leave_one_out", "shapley"], error=0.2)
    assert found.value == pytest.approx(answer_of(model, item, found.target), abs=1e-6)
    values = found.attributions["leave_one_out"].values
    for number, value in enumerate(values):
        if value is None:
            continue
        left = shortened(item, found.words, {*range(len(found.words))} - {number}).item
        if task != "tag":  # there, others of the label may be elsewhere in the text
            again = answer_of(model, left, found.target)
            assert found.value - value == pytest.approx(again, abs=1e-6)
    sum_of_all = sum(each or 0.0 for each in found.attributions["shapley"].values)
    assert sum_of_all == pytest.approx(found.value - found.empty, abs=1e-4)


def test_an_entity_is_gone_with_its_words(sample: GetSample) -> None:
    model = load(sample(BERT["tag"]).folder, task="tag")
    found = model.explain(ITEMS["tag"], method="leave_one_out")
    entity = max(model.tag([ITEMS["tag"]])[0], key=lambda each: each.score)
    assert found.target == f"score of {entity.label} {entity.text!r}"
    inside = [at for at, word in enumerate(found.words) if entity.start <= word.start < entity.end]
    if len(inside) == 1:
        assert found.attributions["leave_one_out"].values[inside[0]] == pytest.approx(found.value)


def test_a_mask_stays(sample: GetSample) -> None:
    found = load(sample(BERT["fill"]).folder, task="fill").explain(ITEMS["fill"], answer="dog")
    assert found.target == "probability of dog"
    fixed = [
        word.text
        for word, value in zip(found.words, found.attributions["shapley"].values, strict=True)
        if value is None
    ]
    assert fixed == ["[", "MASK", "]"]


def test_similarity_is_of_the_first_text(tiny_bundle: Bundle) -> None:
    model = load(tiny_bundle)
    found = model.explain(("the cat sat", "a dog ran"), method="occlusion", window=2)
    assert found.target == "cosine"
    assert [value is None for value in found.attributions["occlusion"].values] == [False] * 3 + [
        True
    ] * 3
    one, other = model.embed(["the cat sat", "a dog ran"], normalize=True)
    assert found.value == pytest.approx(float(one @ other), abs=1e-6)


@pytest.mark.parametrize(
    ("task", "item", "given", "error", "message"),
    [
        (
            "classify",
            TEXT,
            {"answer": "great"},
            InputError,
            "no label here; there is 'bad', 'fair'",
        ),
        ("classify", TEXT, {"method": "lime"}, ConfigError, "method must be one of"),
        ("classify", "", {}, InputError, "no word"),
        ("classify", 7, {}, InputError, "text is int, expected str"),
        (
            "classify",
            "the " * 100,
            {},
            InputError,
            "102 tokens, the limit is 48; .* characters 0 to",
        ),
        ("rank", "one", {}, InputError, r"expected a pair: \(query, document\)"),
        ("rank", ("a", "b"), {"answer": "x"}, ConfigError, "leave answer out"),
        ("tag", "Ada in Paris", {"answer": "cat"}, InputError, "no entity here"),
        ("fill", "no mask", {}, InputError, "has no"),
        ("answer", ("the cat", "  "), {}, InputError, "no token|empty"),
    ],
)
def test_what_cannot_be_explained(
    sample: GetSample,
    task: str,
    item: Any,
    given: dict[str, Any],
    error: type[EdgebertError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        load(sample(BERT[task]).folder, task=task).explain(item, **given)


def test_the_command(sample: GetSample, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(sample(BERT["rank"]).folder)
    assert main(["explain", folder, "the cat", "--pair", "a dog ran", "--method", "occlusion"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [word["text"] for word in found["words"]] == ["the", "cat", "a", "dog", "ran"]
    assert len(found["attributions"]["occlusion"]["values"]) == 5
    assert main(["explain", folder, "the cat"]) == 2
    assert capsys.readouterr().err == (
        "edgebert-run: text is one string, expected a pair: (query, document)\n"
    )
