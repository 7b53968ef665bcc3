"""Arguments of a tokenizer class in `tokenizer_config.json` against `tokenizer.json`."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from tests.support.tokenizer_layouts import (
    ALBERT,
    ALBERT_STEPS,
    DEBERTA,
    TYPED,
    byte_pairs,
    read,
    read_layout,
    unigram,
    word_pieces,
    write_folder,
)


def deberta(**config: bool) -> dict[str, Any]:
    tokenizer = unigram(DEBERTA, unknown="[UNK]", template=TYPED)
    return {"tokenizer": tokenizer, "tokenizer_config": config}


def albert(**config: bool) -> dict[str, Any]:
    tokenizer = unigram(ALBERT, template=TYPED, steps=ALBERT_STEPS)
    return {"tokenizer": tokenizer, "tokenizer_config": config}


@pytest.mark.parametrize(
    ("model_type", "files", "text", "tokens"),
    [
        ("deberta-v2", deberta(), "Hello,", ["▁Hello", ","]),
        ("deberta-v2", deberta(split_by_punct=True), "hello,", ["▁hello", "▁", ","]),
        ("deberta-v2", deberta(do_lower_case=True), "Hello", ["▁hello"]),
        ("albert", albert(), "Hello café", ["▁hello", "▁cafe"]),
        ("albert", albert(do_lower_case=False), "Hello", ["▁Hello"]),
        ("albert", albert(keep_accents=True), "Café", ["▁café"]),
        (
            "roberta",
            {"tokenizer": byte_pairs(), "tokenizer_config": {"add_prefix_space": True}},
            "world",
            ["Ġworld"],
        ),
    ],
)
def test_an_argument_of_the_class_overrules_the_file(
    tmp_path: Path, model_type: str, files: dict[str, Any], text: str, tokens: list[str]
) -> None:
    ours = read_layout(tmp_path, model_type, **files)
    assert ours.encode(text).tokens[1:-1] == tokens


@pytest.mark.parametrize(
    ("name", "value", "back"), [("do_lower_case", True, False), ("split_by_punct", True, False)]
)
def test_an_argument_takes_back_what_the_file_has(
    tmp_path: Path, name: str, value: bool, back: bool
) -> None:
    plain = read_layout(tmp_path / "a", "deberta-v2", **deberta())
    write_folder(tmp_path / "b", "deberta-v2", **deberta(**{name: value}))
    changed = read(tmp_path / "b", "DebertaV2Tokenizer")[0].json
    (tmp_path / "b/tokenizer.json").write_text(changed, encoding="utf-8")
    config = {name: back}
    again = read_layout(tmp_path / "b", "deberta-v2", tokenizer_config=config)
    assert again.encode("Hello, world").tokens == plain.encode("Hello, world").tokens
    assert (
        again.encode("Hello, world").tokens
        != Tokenizer.from_str(changed).encode("Hello, world").tokens
    )


@pytest.mark.parametrize("config", [None, {}, {"tokenizer_class": "BertTokenizer"}])
def test_a_cased_file_stays_cased_where_nobody_says_otherwise(
    tmp_path: Path, config: dict[str, Any] | None
) -> None:
    write_folder(tmp_path, "bert", tokenizer=word_pieces(lower=False), tokenizer_config=config)
    files, notes = read(tmp_path, "BertTokenizer")
    assert Tokenizer.from_str(files.json).encode("Hello").tokens == ["[CLS]", "Hello", "[SEP]"]
    assert "do_lower_case=False, which is kept" in notes[0]
    assert files.tokenizer_config["do_lower_case"] is False


def test_cleaning_of_the_file_is_kept(tmp_path: Path) -> None:
    tokenizer = word_pieces()
    tokenizer["normalizer"] |= {"clean_text": False}
    config = {"do_lower_case": True, "strip_accents": False}
    ours = read_layout(tmp_path, "bert", tokenizer=tokenizer, tokenizer_config=config)
    assert ours.encode("hel\x07lo café").tokens == ["[CLS]", "[UNK]", "café", "[SEP]"]


def test_berts_arguments_leave_other_normalizers_alone(tmp_path: Path) -> None:
    """Saved by sentence-transformers, or a Unigram file under BERT's name."""
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    lowered = word_pieces(lower=False)
    steps = [{"type": "Lowercase"}, lowered["normalizer"]]
    lowered["normalizer"] = {"type": "Sequence", "normalizers": steps}
    ours = read_layout(tmp_path / "a", "bert", tokenizer=lowered, tokenizer_config=config)
    assert ours.encode("HELLO").tokens == ["[CLS]", "hello", "[SEP]"]
    named = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>"}
    config = {**config, **named, "do_lower_case": True, "mask_token": "<mask>"}
    ours = read_layout(tmp_path / "b", "bert", tokenizer=unigram(), tokenizer_config=config)
    assert ours.encode("Hello").tokens == ["<s>", "▁Hello", "</s>"]
