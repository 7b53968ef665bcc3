"""Each way in which a bundle's tokenizer may be wrong is seen on the corpus."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from tokenizers import Tokenizer

from edgebert.checkpoints.token_gate.corpus import build_corpus
from edgebert.checkpoints.token_gate.tokens import Tokens, spans_of
from edgebert.checkpoints.token_gate.verdict import Verdict, compare
from edgebert.checkpoints.token_gate.witnesses import (
    Origin,
    Silent,
    Witness,
    bundle_witness,
    file_witness,
)
from edgebert_runtime.bundle.manifest import TokenizerInfo
from tests.support.tokenizer_folders import (
    byte_pairs,
    fields_of,
    unigrams,
    word_pieces,
    write_tokenizer,
)

LIMIT: Final = 24
Fields = dict[str, Any]
STRIP: Final = {"type": "Strip", "strip_left": True, "strip_right": True}


def info(limit: int = LIMIT) -> TokenizerInfo:
    return TokenizerInfo(
        file="tokenizer.json",
        max_length=limit,
        max_positions=64,
        padding_side="right",
        pad_id=0,
        pad_token="[PAD]",
        pad_type_id=0,
        special_tokens={},
    )


def bundle_of(fields: Fields, limit: int = LIMIT) -> Witness:
    tokenizer = Tokenizer.from_str(json.dumps(fields))
    return bundle_witness(tokenizer.to_str(), info(limit))


def judge(folder: Path, fields: Fields, mutant: Fields, limit: int = LIMIT) -> Verdict:
    """A bundle of the mutant, from a folder of the fields."""
    origin = Origin(folder=write_tokenizer(folder, fields), vocabulary=1000)
    witness = file_witness(origin, json.dumps(mutant), LIMIT)
    assert not isinstance(witness, Silent)
    corpus = build_corpus(json.dumps(mutant), LIMIT, [witness.json or ""])
    return compare(bundle_of(mutant, limit), [witness], corpus)


def pair_type(fields: Fields) -> None:
    for piece in fields["post_processor"]["pair"]:
        next(iter(piece.values()))["type_id"] = 0


def no_start(fields: Fields) -> None:
    del fields["post_processor"]["single"][0]


def set_in(part: str, **values: Any) -> Callable[[Fields], None]:
    return lambda fields: fields[part].update(values)


def flag(content: str, **values: Any) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        (token,) = [each for each in fields["added_tokens"] if each["content"] == content]
        assert all(token[name] != value for name, value in values.items())
        token.update(values)

    return change


def lost(content: str) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        kept = [each for each in fields["added_tokens"] if each["content"] != content]
        assert len(kept) < len(fields["added_tokens"])
        fields["added_tokens"] = kept

    return change


def replace_part(part: str, value: Any) -> Callable[[Fields], None]:
    return lambda fields: fields.update({part: value})


MUTANTS: Final[dict[str, tuple[Callable[[], Tokenizer], Callable[[Fields], None]]]] = {
    "second text of a pair has type 0": (word_pieces, pair_type),
    "no start token": (word_pieces, no_start),
    "case is kept": (word_pieces, set_in("normalizer", lowercase=False)),
    "accents are kept": (word_pieces, set_in("normalizer", strip_accents=False)),
    "Chinese characters are no words": (
        word_pieces,
        set_in("normalizer", handle_chinese_chars=False),
    ),
    "control characters are kept": (word_pieces, set_in("normalizer", clean_text=False)),
    "punctuation is not split off": (
        word_pieces,
        replace_part("pre_tokenizer", {"type": "WhitespaceSplit"}),
    ),
    "words of 101 characters are known": (
        word_pieces,
        set_in("model", max_input_chars_per_word=101),
    ),
    "words of 100 characters are unknown": (
        word_pieces,
        set_in("model", max_input_chars_per_word=99),
    ),
    "a lost special token": (word_pieces, lost("[MASK]")),
    "a special token inside words alone": (word_pieces, flag("[SEP]", single_word=True)),
    "a mask in any case": (word_pieces, flag("[MASK]", normalized=True)),
    "a mask that takes the space behind": (byte_pairs, flag("<mask>", rstrip=True)),
    "a mask that does not take the space before": (byte_pairs, flag("<mask>", lstrip=False)),
    "a space before the first word": (
        byte_pairs,
        set_in("pre_tokenizer", add_prefix_space=True),
    ),
    "pairs with one separator": (
        byte_pairs,
        replace_part(
            "post_processor",
            {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]},
        ),
    ),
    "composed letters": (byte_pairs, replace_part("normalizer", {"type": "NFC"})),
    "full-width letters stay": (unigrams, replace_part("normalizer", {"type": "NFC"})),
    "no space before the first word": (
        unigrams,
        set_in("pre_tokenizer", prepend_scheme="never"),
    ),
    "spaces are not kept": (
        unigrams,
        replace_part(
            "normalizer",
            {"type": "Sequence", "normalizers": [{"type": "NFKC"}, STRIP]},
        ),
    ),
}


@pytest.mark.parametrize("build", [word_pieces, byte_pairs, unigrams])
def test_the_same_tokenizer_has_the_same_tokens(
    build: Callable[[], Tokenizer], tmp_path: Path
) -> None:
    fields = fields_of(build())
    verdict = judge(tmp_path, fields, fields)
    assert verdict.complaint == ()
    assert verdict.texts > 200


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_seen(name: str, tmp_path: Path) -> None:
    build, change = MUTANTS[name]
    fields = fields_of(build())
    mutant = copy.deepcopy(fields)
    change(mutant)
    assert mutant != fields
    complaint = judge(tmp_path, fields, mutant).complaint
    assert complaint
    assert len(complaint) <= 8


@pytest.mark.parametrize("limit", [LIMIT - 1, LIMIT + 1])
def test_another_limit_is_seen(limit: int, tmp_path: Path) -> None:
    fields = fields_of(word_pieces())
    assert judge(tmp_path, fields, fields, limit).complaint


def test_other_offsets_are_seen(tmp_path: Path) -> None:
    """Of every token, one character is missing at the end."""
    text = word_pieces().to_str()
    right = bundle_witness(text, info())

    def shifted(item: Any) -> Tokens:
        tokens = right.encode(item)
        spans = tokens.spans and tuple(span and (span[0], span[1] - 1) for span in tokens.spans)
        return Tokens(ids=tokens.ids, type_ids=tokens.type_ids, mask=tokens.mask, spans=spans)

    other = Witness(name="tokenizer.json", version="1", run=shifted, json=text)
    corpus = build_corpus(text, LIMIT)
    complaint = compare(right, [other], corpus).complaint
    assert "differ in offsets" in complaint[0]


def test_white_space_at_the_ends_of_a_token_is_no_difference(tmp_path: Path) -> None:
    """`trim_offsets` alone: answers of the runtime do not show it."""
    fields = fields_of(byte_pairs())
    mutant = copy.deepcopy(fields)
    mutant["post_processor"]["trim_offsets"] = not fields["post_processor"]["trim_offsets"]
    first, second = (
        Tokenizer.from_str(json.dumps(each)).encode("a b") for each in (fields, mutant)
    )
    assert first.offsets != second.offsets
    assert judge(tmp_path, fields, mutant).complaint == ()


def test_spans_lie_in_the_text_that_a_token_is_from() -> None:
    offsets = [(0, 0), (0, 2), (0, 0), (1, 4), (0, 1)]
    found = spans_of(("ab", " c  d"), offsets, [None, 0, None, 1, 1])
    assert found == (None, (0, 2), None, (1, 2), None)


def test_a_text_on_which_both_fail_is_no_difference_and_one_on_which_one_fails_is() -> None:
    failed, fine = Tokens(failure="no unknown token"), Tokens(ids=(1,), type_ids=(0,), mask=(1,))
    assert failed.difference(Tokens(failure="another reason")) is None
    assert failed.difference(fine) == fine.difference(failed) == "ids"
