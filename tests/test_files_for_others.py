"""Files of a bundle that other loaders read alone say what the runtime does."""

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from edgebert.tasks.rank import config_keys
from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.tasks.open_bundle import open_tokenizer

TEXTS = ["a dog", "the small cat sat on the mat . " * 20]


def test_tokenizer_json_alone_cuts_and_pads_as_the_runtime_does(tiny_bundle: Bundle) -> None:
    info = tiny_bundle.manifest.tokenizer
    alone = Tokenizer.from_file(str(tiny_bundle.path_of(info.file)))
    short, cut = alone.encode_batch(TEXTS)
    ours = open_tokenizer(tiny_bundle).encode(TEXTS)
    assert cut.ids == list(ours[1].input_ids)
    assert len(cut.ids) == len(short.ids) == info.max_length
    used = len(ours[0].input_ids)
    assert short.ids == [*ours[0].input_ids, *[info.pad_id] * (info.max_length - used)]
    assert short.attention_mask == [1] * used + [0] * (info.max_length - used)


def test_loaders_that_choose_for_themselves_still_do(tiny_bundle: Bundle) -> None:
    theirs = AutoTokenizer.from_pretrained(tiny_bundle.folder)
    uncut = theirs(TEXTS)["input_ids"]
    assert len(uncut[0]) == 4
    assert len(uncut[1]) > tiny_bundle.manifest.tokenizer.max_length
    assert [len(ids) for ids in theirs(TEXTS, truncation=True, max_length=7)["input_ids"]] == [4, 7]
    assert {len(ids) for ids in theirs(["a", "a dog"], padding=True)["input_ids"]} == {4}


@pytest.mark.parametrize("activation", ["sigmoid", "none"])
def test_one_score_asks_for_a_sigmoid(activation: str) -> None:
    """Loaders without CrossEncoder's key would take a softmax of one number, which is 1."""
    keys = config_keys(HeadInfo(labels=("score",), activation=activation))
    assert keys["problem_type"] == "multi_label_classification"
    assert keys["sentence_transformers"]["activation_fn"].startswith("torch.nn.")
