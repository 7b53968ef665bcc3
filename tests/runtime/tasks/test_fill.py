import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgebert_runtime import Filling, MaskFiller, load
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.errors import BundleError, InputError, TruncationWarning
from edgebert_runtime.tasks.fill import best_ids
from tests.support.task_bundles import BERT, ROBERTA, GetSample, Sample, edited

TEXTS = [
    "the small MASK sat on the mat .",
    "MASK",
    "Ada lives in MASK, café 🙂 unables!",
    "the MASK MASK sat",
    "MASK , MASK and MASK [PAD] zebra",
]
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=["wordpiece", "byte_level"])
def peer(request: pytest.FixtureRequest, sample: GetSample) -> Sample:
    return sample((BERT if request.param == "wordpiece" else ROBERTA)["fill"])


@pytest.fixture(scope="module")
def model(peer: Sample) -> MaskFiller:
    return load(peer.folder, task="fill")


@pytest.fixture(scope="module")
def bert(sample: GetSample) -> MaskFiller:
    return load(sample(BERT["fill"]).folder, task="fill")


def masked(peer: Sample, text: str) -> str:
    return text.replace("MASK", peer.tokenizer.mask_token)


def as_pipeline(fillings: list[Filling]) -> list[dict[str, object]]:
    return [
        {
            "score": pytest.approx(each.score, abs=TOLERANCE),
            "token": each.token_id,
            "token_str": each.token,
            "sequence": each.sequence,
        }
        for each in fillings
    ]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("top_k", [1, 5, 30])
def test_fillings_are_those_of_transformers(
    peer: Sample, model: MaskFiller, text: str, top_k: int
) -> None:
    given = masked(peer, text)
    expected = peer.pipeline("fill-mask")(given, top_k=top_k)
    found = model.fill(given, top_k=top_k)
    if len(found) == 1:
        expected = [expected]
    assert expected == [as_pipeline(mask) for mask in found]


@pytest.mark.parametrize("targets", [["cat", "dog", "cat"], ["red"], ["the", ",", "on"]])
def test_targets_are_those_of_transformers(
    sample: GetSample, bert: MaskFiller, targets: list[str]
) -> None:
    pipeline = sample(BERT["fill"]).pipeline("fill-mask")
    text = "the small [MASK] sat ."
    assert pipeline(text, targets=targets) == as_pipeline(bert.fill(text, targets=targets)[0])


def test_a_target_may_be_text_that_is_one_token(sample: GetSample) -> None:
    """In byte-level BPE the token of a word holds the space before it; transformers warns."""
    peer = sample(ROBERTA["fill"])
    text = "the small<mask> sat"
    expected = peer.pipeline("fill-mask")(text, targets=[" cat", "Ġdog"])
    found = load(peer.folder, task="fill").fill(text, targets=[" cat", "Ġdog"])
    assert expected == as_pipeline(found[0])
    assert {each.token for each in found[0]} == {" cat", " dog"}


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["cat", "unable"], r"target 1, 'unable', is 2 tokens to this model \(\['un', '##able'\]"),
        (["zebra"], r"target 0, 'zebra', is 1 tokens .*\['\[UNK\]'\]"),
        ([""], "target 0, '', is 0 tokens"),
        ([], r"targets must be a list of one token or more, got \[\]"),
        ("cat", r"targets must be a list of strings or None, got 'cat' \(str\)"),
        ([3], r"targets must be a list of strings or None, got \[3\] \(list\)"),
    ],
)
def test_a_target_that_is_no_token_is_refused(
    bert: MaskFiller, targets: list[str], message: str
) -> None:
    """Transformers takes the first piece instead, whose score is that of another word."""
    with pytest.raises(InputError, match=message):
        bert.fill("a [MASK]", targets=targets)


def test_a_text_without_a_mask_is_told_what_to_write(model: MaskFiller, peer: Sample) -> None:
    message = re.escape(f"text has no {peer.tokenizer.mask_token} among its first")
    with pytest.raises(InputError, match=message):
        model.fill("the cat sat")


def test_a_mask_beyond_the_limit_counts_not(bert: MaskFiller) -> None:
    with pytest.raises(InputError, match=r"no \[MASK\] among its first 48 tokens"):
        bert.fill("cat " * 60 + "[MASK]")
    with pytest.warns(TruncationWarning, match="1 of 1 texts were cut") as caught:
        assert len(bert.fill("[MASK]" + " cat" * 60 + "[MASK]")) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("text", "top_k", "message"),
    [
        (["[MASK]"], 5, "text is list, expected str"),
        ("[MASK]\ud800", 5, "text holds a lone surrogate at character 6"),
        ("[MASK]", 0, "top_k must be at least 1"),
    ],
)
def test_what_cannot_be_filled_is_named(
    bert: MaskFiller, text: str, top_k: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        bert.fill(text, top_k=top_k)


def test_best_ids_by_hand() -> None:
    scores = np.array([0.1, 0.4, 0.2, 0.4], dtype=np.float32)
    assert best_ids(scores, None, 3) == [1, 3, 2]
    assert best_ids(scores, [2, 0, 2], 9) == [2, 0]


def test_a_bundle_without_a_mask_token_is_refused(sample: GetSample, tmp_path: Path) -> None:
    def forget(manifest: Manifest) -> Manifest:
        return replace(manifest, tokenizer=replace(manifest.tokenizer, special_tokens={}))

    with pytest.raises(BundleError, match="task 'fill', but its tokenizer has no mask_token"):
        load(edited(sample(BERT["fill"]).folder, tmp_path / "copy", forget))
