"""Where labels land on tokens, which span is the answer, and what passages are made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgebert.checkpoints import TokenizerFiles
from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.tokenizer.read import TokenizerRequirements, read_tokenizer
from edgebert.training.data.documents import paired_passages, passages
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.records import Question, Tagged
from edgebert.training.losses import IGNORED
from edgebert.training.objectives.answer import Answering, best_answer, span_of
from edgebert.training.objectives.base import count_truncated
from edgebert.training.objectives.pretrain import Pretraining
from edgebert.training.objectives.tag import Tagging, first_tokens
from edgebert_runtime.errors import InputError
from edgebert_runtime.tokenization.offsets import AlignedText
from tests.support.tokenizers import save_tokenizer
from tests.support.training_data import tokenizer_in, write_base


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("tokenizer") / "tiny"
    write_base(path)
    return path


def encoder_of(folder: Path, max_length: int | None = None) -> TextEncoder:
    return TextEncoder(tokenizer_in(folder, max_length=max_length), segments=True)


def files_of(model_type: str, folder: Path) -> TokenizerFiles:
    save_tokenizer(model_type, folder)
    demands = TokenizerRequirements(
        vocabulary=1003,
        positions=80,
        asked=None,
        settings=None,
        lowercase=False,
        default_class=FAMILIES[model_type].tokenizer_class,
    )
    return read_tokenizer(folder, demands)[0]


@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlm-roberta", "deberta-v2", "mpnet"])
@pytest.mark.parametrize("limit", [8, 9, 12, 40])
def test_texts_are_cut_as_the_tokenizer_itself_cuts_them(
    model_type: str, limit: int, tmp_path: Path
) -> None:
    files = replace(files_of(model_type, tmp_path), max_length=limit)
    encoder = TextEncoder(files, segments=True)
    long, short = "the unable dogs sat on the red mat", "cat"
    pairs = [(short, long), (long, short), (long, long), (short, short)]
    theirs = Tokenizer.from_str(files.json)
    theirs.enable_truncation(limit, strategy="longest_first")
    for items in ([long, short], pairs):
        expected = theirs.encode_batch(items)
        for found in (encoder.encode(items), encoder.align(items)):
            assert [list(row.input_ids) for row in found] == [each.ids for each in expected]
            assert [list(row.token_type_ids) for row in found] == [e.type_ids for e in expected]
        aligned = encoder.align(items)
        assert [list(row.offsets) for row in aligned] == [each.offsets for each in expected]
        assert count_truncated(aligned) == sum(bool(each.overflowing) for each in expected)
    theirs.enable_truncation(limit, strategy="only_second")
    expected = theirs.encode_batch([pairs[0]])
    assert list(encoder.align_first_windows([pairs[0]])[0].input_ids) == expected[0].ids


@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlm-roberta", "deberta-v2", "mpnet"])
def test_the_first_token_of_a_word_carries_its_label(model_type: str, tmp_path: Path) -> None:
    words = ["The", "unable", "dogs", "sat,", "far"]
    text = " ".join(words)
    encoder = TextEncoder(files_of(model_type, tmp_path), segments=False)
    (encoded,) = encoder.align([text])
    firsts = first_tokens(words, text, encoded)
    assert list(firsts) == [0, 1, 2, 3, 4]
    for word, position in firsts.items():
        begin, end = encoded.offsets[position]
        assert words[word].startswith(text[begin:end].strip())
        before = encoded.offsets[position - 1][1] if position > 1 else 0
        assert not text[before:end].strip() or before <= text.index(words[word])


def test_the_rest_of_a_word_is_not_counted(folder: Path) -> None:
    record = Tagged(tokens=("the", "unable", "cats"), labels=("O", "B", "I"))
    tagging = Tagging([record], encoder_of(folder), ("B", "I", "O"))
    batch = tagging.batch([0], np.random.default_rng(0))
    # [CLS] the un ##able cat ##s [SEP]
    expected = [IGNORED, 2, 0, IGNORED, 1, IGNORED, IGNORED]
    assert batch.targets[0].tolist() == [expected]
    assert batch.counts == (3,)


def test_words_that_were_cut_off_are_missed(folder: Path) -> None:
    record = Tagged(tokens=("the", "cat", "sat"), labels=("O", "B-X", "B-X"))
    tagging = Tagging([record], encoder_of(folder, 4), ("B-X", "O"))
    assert tagging.truncated == 1
    batch = tagging.batch([0], np.random.default_rng(0))
    right = torch.nn.functional.one_hot(batch.targets[0].clamp(min=0), 2).float()
    assert tagging.predictions((right,), batch) == [("O", "B-X", "O")]
    assert tagging.metrics([("O", "B-X", "O")]).values["recall"] == 0.5


def question(answer: str, start: int, context: str = "the red mat sat on unable dogs") -> Question:
    return Question(question="the", context=context, answer=answer, start=start)


@pytest.mark.parametrize(
    ("answer", "start", "span"),
    [
        ("red mat", 4, (4, 5)),
        ("able", 21, (9, 9)),
        ("unable dogs", 19, (8, 11)),
        ("", 0, (0, 0)),
    ],
)
def test_an_answer_is_found_among_the_tokens(
    answer: str, start: int, span: tuple[int, int], folder: Path
) -> None:
    # [CLS] the [SEP] the red mat sat on un ##able dog ##s [SEP]
    record = question(answer, start)
    (encoded,) = encoder_of(folder).align_first_windows([(record.question, record.context)])
    assert span_of(record, encoded) == span


def test_an_answer_that_was_cut_off_is_left_out_of_training_only(folder: Path) -> None:
    encoder = encoder_of(folder, 8)
    records = [question("red", 4), question("dogs", 26)]
    training = Answering(records, encoder, training=True)
    assert (training.examples, training.left_out, training.truncated) == (1, 1, 2)
    judged = Answering(records, encoder, training=False)
    assert (judged.examples, judged.left_out) == (2, 0)


def test_a_question_alone_too_long_is_refused(folder: Path) -> None:
    long = Question(question="the cat sat on", context="mat", answer="mat", start=0)
    with pytest.raises(InputError, match="has 4 tokens, expected at most 1"):
        Answering([long], encoder_of(folder, 5), training=True)


@given(
    starts=st.lists(st.floats(-5, 5, width=32), min_size=8, max_size=8),
    ends=st.lists(st.floats(-5, 5, width=32), min_size=8, max_size=8),
)
@settings(deadline=None)
def test_the_best_span_is_the_best_of_all(starts: list[float], ends: list[float]) -> None:
    context = "a b c d"
    places = [(at, at + 1) for at in range(0, 8, 2)]
    encoded = AlignedText(
        input_ids=range(8),
        token_type_ids=[0] * 8,
        tokens=8,
        pieces=[""] * 8,
        offsets=[(0, 0), (0, 1), (0, 0), *places, (0, 0)],
        words=[None, 0, None, 0, 1, 2, 3, None],
        sources=[None, 0, None, 1, 1, 1, 1, None],
    )
    every = {
        context[places[a][0] : places[b][1]]: starts[a + 3] + ends[b + 3]
        for a in range(4)
        for b in range(a, 4)
    }
    logits = np.array(starts, dtype=np.float32), np.array(ends, dtype=np.float32)
    best = max(every.values())
    assert every[best_answer(context, encoded, *logits, may_be_none=False)] == pytest.approx(
        best, abs=1e-5
    )
    if abs(starts[0] + ends[0] - best) > 1e-5:
        none = starts[0] + ends[0] > best
        assert (best_answer(context, encoded, *logits, may_be_none=True) == "") == none


def test_passages_fill_the_sequence_and_keep_to_their_document(folder: Path) -> None:
    encoder = encoder_of(folder, 8)  # six tokens beside the special ones
    documents = [("the cat", "a dog ran", "it ran"), ("red and blue", "far"), ("it " * 9,)]
    found = [passage.text for passage in passages(documents, encoder)]
    assert found == ["the cat a dog ran", "it ran", "red and blue far", "it " * 9]
    assert Pretraining(passages(documents, encoder), encoder).truncated == 1


def test_half_of_the_pairs_follow(folder: Path) -> None:
    documents = [(f"d{n}", f"d{n} one", f"d{n} two") for n in range(400)]
    found = paired_passages(documents, encoder_of(folder), seed=0)
    assert len(found) == 400
    follows = [passage.follows for passage in found]
    assert np.mean(follows) == pytest.approx(0.5, abs=0.1)  # four standard deviations
    for number, passage in enumerate(found):
        own = " ".join(documents[number])
        assert own.startswith(passage.text)
        assert (f"{passage.text} {passage.pair}" == own) == passage.follows
        assert (f"d{number}" in f"{passage.pair}".split()) == passage.follows


def test_next_sentences_need_documents_and_sentences(folder: Path) -> None:
    encoder = encoder_of(folder)
    with pytest.raises(InputError, match="at least two documents, found 1"):
        paired_passages([("the cat", "a dog")], encoder, 0)
    with pytest.raises(InputError, match="two sentences in a row"):
        paired_passages([("the cat",), ("a dog",)], encoder, 0)


def test_of_a_next_sentence_0_means_that_it_follows(folder: Path) -> None:
    encoder = encoder_of(folder)
    documents = [("the cat", "a dog"), ("red", "blue"), ("it ran", "it sat")] * 5
    found = paired_passages(documents, encoder, seed=1)
    batch = Pretraining(found, encoder).batch(range(len(found)), np.random.default_rng(0))
    assert batch.targets[1].tolist() == [int(not passage.follows) for passage in found]
    assert batch.inputs[0].token_type_ids is not None
    assert set(batch.inputs[0].token_type_ids.unique().tolist()) == {0, 1}
