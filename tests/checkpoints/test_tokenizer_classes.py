"""Folders of every tokenizer class, with as few files as the Hub has, beside transformers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.tokenizer.classes import CLASSES, find_class
from edgebert.checkpoints.tokenizer.read import read_tokenizer
from edgebert_runtime.errors import TokenizerError
from tests.support.tokenizer_layouts import (
    ALBERT,
    ALBERT_STEPS,
    BERT,
    CAMEMBERT,
    DEBERTA,
    DEMANDS,
    DOUBLE,
    MPNET,
    TYPED,
    byte_pairs,
    pair_files,
    read,
    read_layout,
    unigram,
    vocabulary_txt,
    without,
    word_pieces,
    write_folder,
)

TEXTS: Final = (
    "Hello world, the film!",
    "the <mask> film",
    "the [MASK] film",
    "  hello   the  ",
    "Café CAFÉ 中国",
    "<s> hello </s> [CLS] [SEP]",
    "",
)
PAIR: Final = ("hello world", "the film")

BARE: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "bert": ("bert", {"tokenizer": word_pieces(), "tokenizer_config": {"do_lower_case": True}}),
    "bert, no mask added": (
        "bert",
        {"tokenizer": without(word_pieces(), "[MASK]"), "tokenizer_config": {}},
    ),
    "bert, cased": (
        "bert",
        {"tokenizer": word_pieces(lower=False), "tokenizer_config": {"do_lower_case": False}},
    ),
    "distilbert": ("distilbert", {"vocab_txt": vocabulary_txt()}),
    "electra": ("electra", {"vocab_txt": vocabulary_txt()}),
    "mpnet": ("mpnet", {"tokenizer": word_pieces(MPNET)}),
    "mpnet, vocab.txt": ("mpnet", {"vocab_txt": vocabulary_txt(MPNET)}),
    "roberta": (
        "roberta",
        {"tokenizer": byte_pairs(), "tokenizer_config": {"model_max_length": 512}},
    ),
    "roberta, no config": ("roberta", {"tokenizer": byte_pairs()}),
    "roberta, vocab.json and merges.txt": (
        "roberta",
        {
            **pair_files(byte_pairs()),
            "tokenizer_config": {"add_prefix_space": True},
            "special_tokens_map": {
                "mask_token": {"content": "<mask>", "lstrip": True, "normalized": True}
            },
        },
    ),
    "xlm-roberta": ("xlm-roberta", {"tokenizer": unigram()}),
    "xlm-roberta, no mask added": ("xlm-roberta", {"tokenizer": without(unigram(), "<mask>")}),
    "xlm-roberta, an argument it has not": (
        "xlm-roberta",
        {"tokenizer": unigram(), "tokenizer_config": {"do_lower_case": True}},
    ),
    "camembert": ("camembert", {"tokenizer": unigram(CAMEMBERT)}),
    "albert": (
        "albert",
        {"tokenizer": unigram(ALBERT, template=TYPED, steps=ALBERT_STEPS)},
    ),
    "deberta-v2": (
        "deberta-v2",
        {
            "tokenizer": unigram(DEBERTA, unknown="[UNK]", template=TYPED),
            "tokenizer_config": {"do_lower_case": False, "vocab_type": "spm"},
        },
    ),
}
"""Layouts whose tokens transformers 4 and 5 agree on."""


@pytest.mark.parametrize("layout", BARE)
def test_a_folder_that_names_no_special_tokens_gives_transformers_tokens(
    tmp_path: Path, layout: str
) -> None:
    model_type, stored = BARE[layout]
    write_folder(tmp_path, model_type, **stored)
    files, _ = read(tmp_path, FAMILIES[model_type].tokenizer_class)
    ours = Tokenizer.from_str(files.json)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"], text
    assert ours.encode(*PAIR).ids == theirs(*PAIR)["input_ids"]
    assert files.pad_id == theirs.pad_token_id
    assert files.special_tokens["mask_token"] == theirs.mask_token


@pytest.mark.parametrize("layout", BARE)
def test_what_a_bundle_stores_is_read_back_the_same(tmp_path: Path, layout: str) -> None:
    model_type, stored = BARE[layout]
    name = FAMILIES[model_type].tokenizer_class
    files, _ = read(write_folder(tmp_path / "a", model_type, **stored), name)
    (tmp_path / "b").mkdir()
    for file, content in files.contents().items():
        (tmp_path / "b" / file).write_bytes(content)
    assert read(tmp_path / "b", name) == (files, ())


TRAINED: Final = {
    "BertTokenizer": word_pieces(template=False),
    "MPNetTokenizer": word_pieces(MPNET, template=False),
    "RobertaTokenizer": byte_pairs(post_processor=None),
    "XLMRobertaTokenizer": unigram(template=None),
    "CamembertTokenizer": unigram(CAMEMBERT, template=None),
    "AlbertTokenizer": unigram(ALBERT, template=None),
    "DebertaV2Tokenizer": unigram(DEBERTA, unknown="[UNK]", template=None),
}


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("kind", ["", "Fast"])
def test_a_tokenizer_without_a_template_takes_the_one_of_its_class(
    tmp_path: Path, name: str, kind: str
) -> None:
    write_folder(
        tmp_path, "bert", tokenizer=TRAINED[name], tokenizer_config={"tokenizer_class": name + kind}
    )
    files, notes = read(tmp_path, "BertTokenizer")
    pair = Tokenizer.from_str(files.json).encode("the", "film")
    typed = name in ("BertTokenizer", "AlbertTokenizer", "DebertaV2Tokenizer")
    cls, sep = ("[CLS]", "[SEP]") if typed else ("<s>", "</s>")
    middle = [sep] if typed else [sep, sep]
    words = [token for token in pair.tokens if token not in (cls, sep)]
    first, second = words[: len(words) // 2], words[len(words) // 2 :]
    assert pair.tokens == [cls, *first, *middle, *second, sep]
    assert pair.type_ids[-1] == int(typed)
    assert sum(pair.type_ids) == (len(second) + 1 if typed else 0)
    assert f"those of {name}{kind} are put there: {cls}, {sep}" in notes[0]


def test_a_byte_post_processor_adds_no_special_tokens_either(tmp_path: Path) -> None:
    trims = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    ours = read_layout(tmp_path, "roberta", tokenizer=byte_pairs(post_processor=trims))
    encoding = ours.encode("hello world")
    assert encoding.tokens == ["<s>", "hello", "Ġworld", "</s>"]
    assert encoding.offsets[2] == (6, 11)


def test_a_plain_class_takes_a_file_without_a_template_as_it_is(tmp_path: Path) -> None:
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    tokenizer = word_pieces(template=False)
    ours = read_layout(tmp_path, "bert", tokenizer=tokenizer, tokenizer_config=config)
    assert ours.encode("hello").tokens == ["hello"]


@pytest.mark.parametrize(
    ("model_type", "files"),
    [
        ("mpnet", {"vocab_txt": vocabulary_txt(MPNET)}),
        ("roberta", pair_files(byte_pairs())),
        ("roberta", {"tokenizer": without(byte_pairs(), "<mask>")}),
        ("xlm-roberta", {"tokenizer": without(unigram(), "<mask>")}),
        ("camembert", {"tokenizer": without(unigram(CAMEMBERT), "<mask>")}),
        ("albert", {"tokenizer": without(unigram(ALBERT, template=TYPED), "[MASK]")}),
    ],
)
def test_the_mask_takes_the_space_before_it(
    tmp_path: Path, model_type: str, files: dict[str, Any]
) -> None:
    ours = read_layout(tmp_path, model_type, **files)
    mask = "[MASK]" if model_type == "albert" else "<mask>"
    at = ours.encode(f"the {mask} film").tokens.index
    assert at(f" {mask}") == 2


@pytest.mark.parametrize(
    ("model_type", "files"),
    [
        ("bert", {"vocab_txt": vocabulary_txt()}),
        ("deberta-v2", {"tokenizer": unigram(DEBERTA, unknown="[UNK]", template=TYPED)}),
    ],
)
def test_the_mask_of_bert_and_deberta_leaves_spaces_alone(
    tmp_path: Path, model_type: str, files: dict[str, Any]
) -> None:
    if "tokenizer" in files:
        files = {"tokenizer": without(files["tokenizer"], "[MASK]")}
    ours = read_layout(tmp_path, model_type, **files)
    assert "[MASK]" in ours.encode("the [MASK] film").tokens


@pytest.mark.parametrize("place", ["tokenizer_config", "config"])
@pytest.mark.parametrize("name", ["BertJapaneseTokenizer", "SmilesTokenizer", "PhobertTokenizer"])
def test_a_vocabulary_of_a_class_that_is_no_word_pieces_is_refused(
    tmp_path: Path, place: str, name: str
) -> None:
    write_folder(tmp_path, "bert", vocab_txt=vocabulary_txt())
    write_folder(tmp_path, "bert", **{place: {"tokenizer_class": name}})
    with pytest.raises(TokenizerError, match=rf"vocab\.txt .* no {name}; .*python -c"):
        read(tmp_path, "BertTokenizer")


def test_a_vocabulary_of_no_class_asks_for_one(tmp_path: Path) -> None:
    write_folder(tmp_path, "transformer", vocab_txt=vocabulary_txt())
    with pytest.raises(TokenizerError, match=r"names no tokenizer class; name it .*BertTokenizer"):
        read(tmp_path, "PreTrainedTokenizerFast")


@pytest.mark.parametrize(
    ("model_type", "file"),
    [
        ("deberta-v2", "spm.model"),
        ("albert", "spiece.model"),
        ("xlm-roberta", "sentencepiece.bpe.model"),
        ("camembert", "tokenizer.model"),
        ("bert", "merges.txt"),
        ("roberta", "vocab.txt"),
    ],
)
def test_files_that_are_not_enough_are_refused_with_the_command(
    tmp_path: Path, model_type: str, file: str
) -> None:
    write_folder(tmp_path, model_type)
    (tmp_path / file).write_bytes(b"x")
    name = FAMILIES[model_type].tokenizer_class
    with pytest.raises(TokenizerError, match=rf"has {file} and .* no {name}; .*transformers<5"):
        read(tmp_path, name)


def test_damaged_byte_pairs_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, "roberta", vocab={"a": 0}, merges_txt="#version: 0.2\na b\n")
    with pytest.raises(TokenizerError, match=r"merges\.txt are no byte pairs \("):
        read(tmp_path, "RobertaTokenizer")


@pytest.mark.parametrize(("dropout", "refused"), [(0.1, True), (0.0, False), (None, False)])
def test_tokens_by_chance_are_refused(tmp_path: Path, dropout: float | None, refused: bool) -> None:
    model = byte_pairs()["model"] | {"dropout": dropout}
    write_folder(tmp_path, "roberta", tokenizer=byte_pairs(model=model))
    if refused:
        with pytest.raises(TokenizerError, match=r"has dropout 0\.1 in its model"):
            read(tmp_path, "RobertaTokenizer")
    else:
        assert read(tmp_path, "RobertaTokenizer")[0].pad_id == 1


def test_an_unknown_class_with_a_file_is_taken_as_it_is_and_told(tmp_path: Path) -> None:
    config = {"tokenizer_class": "SmilesTokenizer", "do_lower_case": False}
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), tokenizer_config=config)
    files, notes = read(tmp_path, "BertTokenizer")
    assert Tokenizer.from_str(files.json).encode("HELLO").tokens == ["[CLS]", "hello", "[SEP]"]
    assert notes == (
        "edgebert does not know the tokenizer class SmilesTokenizer; tokenizer.json is taken "
        "as it is",
    )
    assert files.tokenizer_config["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_special_tokens_outlast_the_name_of_the_class(tmp_path: Path) -> None:
    """The class is not stored where sentence-transformers lower-cases on top of it."""
    decoder = {"added_tokens_decoder": {"4": {"content": "[MASK]", "special": True}}}
    config = {"do_lower_case": False, **decoder}
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), tokenizer_config=config)
    demands = replace(DEMANDS, lowercase=True, default_class="BertTokenizer")
    files, _ = read_tokenizer(tmp_path, demands)
    assert files.tokenizer_config["tokenizer_class"] == "PreTrainedTokenizerFast"
    for file, content in files.contents().items():
        (tmp_path / file).write_bytes(content)
    assert read(tmp_path, "BertTokenizer")[0].special_tokens == files.special_tokens
    assert files.special_tokens["mask_token"] == "[MASK]"


def test_every_family_has_a_class_of_the_table() -> None:
    assert {family.tokenizer_class for family in FAMILIES.values()} <= set(CLASSES)


@pytest.mark.parametrize("name", ["Tokenizer", "Fast", "BertTokenizerFastFast", "bertTokenizer"])
def test_near_names_are_no_classes(name: str) -> None:
    assert find_class(name) is None


def test_special_tokens_of_a_class_are_left_out_where_the_vocabulary_lacks_them(
    tmp_path: Path,
) -> None:
    write_folder(tmp_path, "bert", vocab_txt=vocabulary_txt(BERT[:4]))
    files, _ = read(tmp_path, "BertTokenizer")
    assert "mask_token" not in files.special_tokens
    assert DOUBLE[0].split()[0] not in files.json
