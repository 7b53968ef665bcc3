"""The corpus: the same for the same tokenizer, and with every kind of text."""

from collections.abc import Callable

import pytest
from tokenizers import Tokenizer

from edgebert.checkpoints.token_gate.corpus import FIXED, build_corpus
from tests.support.tokenizer_folders import byte_pairs, unigrams, word_pieces

LIMIT = 24

every_kind = pytest.mark.parametrize("build", [word_pieces, byte_pairs, unigrams])


@every_kind
def test_it_is_the_same_twice_and_small(build: Callable[[], Tokenizer]) -> None:
    tokenizer = build()
    corpus = build_corpus(tokenizer.to_str(), LIMIT)
    assert corpus == build_corpus(tokenizer.to_str(), LIMIT)
    assert len(set(corpus)) == len(corpus)
    assert 200 < len(corpus) < 600
    assert set(FIXED) < set(corpus)


@every_kind
def test_lengths_around_the_limit_are_met_exactly(build: Callable[[], Tokenizer]) -> None:
    tokenizer = build()
    corpus = build_corpus(tokenizer.to_str(), LIMIT)
    singles = [item for item in corpus if isinstance(item, str)]
    pairs = [item for item in corpus if not isinstance(item, str)]
    for encoded in (tokenizer.encode_batch(singles), tokenizer.encode_batch(pairs)):
        assert {LIMIT, LIMIT + 1} <= {len(each.ids) for each in encoded}
    assert LIMIT - 1 in {len(each.ids) for each in tokenizer.encode_batch(singles)}


def test_added_tokens_are_tried_in_words_in_other_case_and_with_spaces() -> None:
    tokenizer = word_pieces()
    tokenizer.add_tokens(["<url>"])
    corpus = build_corpus(tokenizer.to_str(), LIMIT)
    expected = {"<url>", " <url> ", "a<url>b", "<url><url>", "<URL>", "a <url>b", "a<url> b"}
    assert expected <= set(corpus)
    assert ("the <url>", "<url> b") in corpus


def test_added_tokens_that_only_another_tokenizer_has_are_tried() -> None:
    """More of them than are tried of those that both have."""
    other = word_pieces()
    other.add_tokens([f"<{at}>" for at in range(100)])
    text = word_pieces().to_str()
    assert "<99>" not in build_corpus(text, LIMIT)
    assert {"<0>", "<99>", "[MASK]"} <= set(build_corpus(text, LIMIT, [other.to_str()]))


def test_of_a_large_vocabulary_tokens_of_all_parts_are_taken() -> None:
    tokenizer = word_pieces()
    ids = tokenizer.get_vocab(with_added_tokens=False)
    last = max(ids, key=ids.__getitem__)
    assert len(ids) > 120
    assert last in build_corpus(tokenizer.to_str(), LIMIT)
