"""Tokenizers as transformers would load them, cleared of leftovers."""

import json
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from edgebert.checkpoints.tokenizer.read import (
    TokenizerFiles,
    TokenizerRequirements,
    read_tokenizer,
)
from edgebert_runtime.errors import CheckpointError, TokenizerError
from tests.support.small_checkpoints import (
    SPECIALS,
    TINY,
    VOCABULARY,
    write_json,
    write_vocabulary,
)

DEMANDS: Final = TokenizerRequirements(
    vocabulary=TINY.vocabulary,
    positions=TINY.positions,
    asked=None,
    settings=None,
    lowercase=False,
    default_class="BertTokenizer",
)

TRICKY: Final = (
    "Hello, world!",
    "CAFÉS café cafe\u0301s",
    "中国hello中",
    "hello\x00\x07\ufffd world\u200b\u00ad",
    "hello😀world 👩‍👩‍👧",
    "tab\thello\u00a0world\u3000\nworld\r\nhello",
    "[MASK] hello [SEP] [mask]",
    "İstanbul ẞ ǆ ﬁ ½ ① Ａ",
    "hello" * 30,
    "",
    "   ",
)


def read(folder: Path, **demands: Any) -> TokenizerFiles:
    return read_tokenizer(folder, replace(DEMANDS, **demands))[0]


def ids(files: TokenizerFiles, text: str) -> list[int]:
    return list(Tokenizer.from_str(files.json).encode(text).ids)


def character_vocabulary() -> tuple[str, ...]:
    """Every character of the tricky texts, in both cases, alone and inside a word."""
    text = "".join(TRICKY) + "abcdefghijklmnopqrstuvwxyz"
    characters = sorted({c for c in text + text.lower() + text.upper() if not c.isspace()})
    inside = tuple(f"##{character}" for character in characters)
    return (*SPECIALS, *WORDS_BESIDE, *characters, *inside)


WORDS_BESIDE: Final = ("hello", "world", "Hello", "café", "##lo")


def write_json_tokenizer(folder: Path, **changes: Any) -> None:
    """Write `tokenizer.json` for the sample vocabulary, with fields of it replaced."""
    write_vocabulary(folder)
    fields = json.loads(read(folder).json)
    (folder / "vocab.txt").unlink()
    write_json(folder / "tokenizer.json", fields | changes)


@pytest.mark.parametrize("chinese", [True, False])
@pytest.mark.parametrize("accents", [None, True, False])
@pytest.mark.parametrize("lower", [True, False])
def test_a_vocabulary_alone_gives_what_transformers_gives(
    tmp_path: Path, lower: bool, accents: bool | None, chinese: bool
) -> None:
    settings = {
        "do_lower_case": lower,
        "strip_accents": accents,
        "tokenize_chinese_chars": chinese,
    }
    tokens = character_vocabulary()
    write_vocabulary(tmp_path, tokens)
    write_json(tmp_path / "config.json", {"model_type": "bert"})
    write_json(tmp_path / "tokenizer_config.json", settings)
    files = read(tmp_path, vocabulary=len(tokens))
    fast = AutoTokenizer.from_pretrained(tmp_path)
    pure = BertTokenizerLegacy(tmp_path / "vocab.txt", **settings)
    for text in TRICKY:
        assert ids(files, text) == fast(text)["input_ids"], text
        # The Python tokenizer composes accents first, the Rust one of transformers does not.
        composed = unicodedata.normalize("NFC", text)
        assert ids(files, composed) == pure(text)["input_ids"], text


def test_a_vocabulary_alone_takes_berts_defaults(tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    files = read(tmp_path)
    assert ids(files, "Hello CAFÉ") == [2, VOCABULARY.index("hello"), VOCABULARY.index("cafe"), 3]


def test_a_pair_has_segments(tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    pair = Tokenizer.from_str(read(tmp_path).json).encode("hello", "world")
    assert pair.type_ids == [0, 0, 0, 1, 1]
    assert pair.tokens == ["[CLS]", "hello", "[SEP]", "world", "[SEP]"]


def test_windows_line_ends_and_repeated_tokens_count_as_in_transformers(tmp_path: Path) -> None:
    text = "\r\n".join([*VOCABULARY, "hello", ""])
    (tmp_path / "vocab.txt").write_bytes(text.encode())
    pure = BertTokenizerLegacy(tmp_path / "vocab.txt")
    assert ids(read(tmp_path), "hello world") == pure("hello world")["input_ids"]


def test_special_tokens_of_its_own_name_are_used(tmp_path: Path) -> None:
    renamed = [token.replace("[", "<").replace("]", ">") for token in SPECIALS]
    write_vocabulary(tmp_path, (*renamed, "hello"))
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    named = dict(zip(roles, renamed, strict=True))
    write_json(tmp_path / "special_tokens_map.json", named | {"pad_token": {"content": "<PAD>"}})
    files = read(tmp_path)
    assert ids(files, "hello <MASK>") == [2, 5, 4, 3]
    assert files.special_tokens == named
    assert (files.pad_token, files.pad_id) == ("<PAD>", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("do_basic_tokenize", False),
        ("never_split", ["hello"]),
    ],
)
def test_what_a_vocabulary_cannot_say_is_refused(tmp_path: Path, name: str, value: object) -> None:
    write_vocabulary(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", {name: value})
    with pytest.raises(TokenizerError, match="AutoTokenizer"):
        read(tmp_path)


def test_a_vocabulary_without_special_tokens_is_refused(tmp_path: Path) -> None:
    write_vocabulary(tmp_path, ("[PAD]", "[UNK]", "hello"))
    with pytest.raises(TokenizerError, match=r"lacks \[SEP\], \[CLS\]"):
        read(tmp_path)


def test_a_vocabulary_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TokenizerError, match="not readable UTF-8"):
        read(tmp_path)


@pytest.mark.parametrize(
    "names", [("spiece.model",), ("sentencepiece.bpe.model",), ("vocab.json", "merges.txt")]
)
def test_a_slow_tokenizer_is_refused_with_the_command_to_convert_it(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(TokenizerError, match=rf"{names[0]}.* and no tokenizer\.json, .*python -c"):
        read(tmp_path)


def test_a_folder_without_a_tokenizer_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"expected tokenizer\.json or vocab\.txt"):
        read(tmp_path)


def test_stored_truncation_and_padding_do_not_leak(tmp_path: Path) -> None:
    write_json_tokenizer(
        tmp_path,
        truncation={
            "max_length": 4,
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": "Right",
        },
        padding={
            "strategy": {"Fixed": 9},
            "direction": "Left",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 1,
            "pad_token": "[PAD]",
        },
    )
    files = read(tmp_path)
    assert len(ids(files, "hello")) == 3
    assert len(ids(files, "hello " * 9)) == 11
    assert files.pad_type_id == 1


def test_the_written_config_is_finite_and_names_no_machine(tmp_path: Path) -> None:
    write_json_tokenizer(tmp_path)
    stored = {
        "model_max_length": 1000000000000000019884624838656,
        "name_or_path": "/home/someone/model",
        "special_tokens_map_file": "/home/someone/special_tokens_map.json",
        "max_length": 128,
        "stride": 0,
        "padding_side": "left",
        "tokenizer_class": "TokenizersBackend",
        "cls_token": "[CLS]",
        "clean_up_tokenization_spaces": True,
    }
    write_json(tmp_path / "tokenizer_config.json", stored)
    files, notes = read_tokenizer(tmp_path, DEMANDS)
    assert files.tokenizer_config == {
        "model_max_length": 16,
        "padding_side": "right",
        "pad_token": "[PAD]",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "cls_token": "[CLS]",
        "clean_up_tokenization_spaces": True,
    }
    assert files.max_length == 16
    assert notes == ("padding_side was 'left'; the bundle pads right",)


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
        {"tokenizer_class": "BertTokenizer", "do_lower_case": False},
        {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True, "strip_accents": False},
        {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False},
    ],
)
def test_case_and_accents_follow_transformers_where_two_files_disagree(
    tmp_path: Path, settings: dict[str, Any], stored: bool
) -> None:
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": stored,
    }
    write_json_tokenizer(tmp_path, normalizer=normalizer)
    write_json(tmp_path / "config.json", {"model_type": "bert"})
    write_json(tmp_path / "tokenizer_config.json", settings)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    files = read(tmp_path)
    for text in ("Hello hello", "Café CAFÉ cafe"):
        assert ids(files, text) == theirs(text)["input_ids"]


def test_overruling_the_tokenizer_file_is_told(tmp_path: Path) -> None:
    write_json_tokenizer(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", {"do_lower_case": False})
    _, notes = read_tokenizer(tmp_path, DEMANDS)
    assert notes == (
        "tokenizer_config.json overrides tokenizer.json, as in transformers: do_lower_case=False",
    )


def test_sentence_transformers_may_lower_the_case_on_top(tmp_path: Path) -> None:
    write_json_tokenizer(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", {"do_lower_case": False})
    files = read(tmp_path, lowercase=True)
    assert ids(files, "HELLO CAFÉ") == [
        2,
        VOCABULARY.index("hello"),
        VOCABULARY.index("café"),
        3,
    ]
    assert files.tokenizer_config["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_a_tokenizer_that_lowers_already_is_left_alone(tmp_path: Path) -> None:
    write_json_tokenizer(tmp_path)
    assert read(tmp_path, lowercase=True) == read(tmp_path)


def test_the_bundle_files_mean_the_same_to_transformers(tmp_path: Path, minilm: Path) -> None:
    demands = {"vocabulary": 30522, "positions": 512, "settings": 256}
    files = read(minilm, **demands)
    (tmp_path / "tokenizer.json").write_text(files.json, encoding="utf-8")
    write_json(tmp_path / "tokenizer_config.json", files.tokenizer_config)
    shutil.copy(minilm / "config.json", tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.model_max_length == 256
    for text in TRICKY:
        assert ids(files, text) == theirs(text)["input_ids"]


def test_real_files_give_what_the_python_tokenizer_gives(minilm: Path) -> None:
    files = read(minilm, vocabulary=30522, positions=512)
    pure = BertTokenizerLegacy(minilm / "vocab.txt")
    for text in TRICKY:
        assert ids(files, text) == pure(text)["input_ids"], text
    assert files.vocabulary == 30522
    assert files.vocab_txt == (minilm / "vocab.txt").read_bytes()


def test_ids_beyond_the_models_vocabulary_are_refused(tmp_path: Path) -> None:
    write_json_tokenizer(tmp_path)
    last = len(VOCABULARY) - 1
    assert read(tmp_path, vocabulary=last + 1).vocabulary == last + 1
    with pytest.raises(TokenizerError, match=rf"ids up to {last} \('😀'\), .* {last} token"):
        read(tmp_path, vocabulary=last)


def test_a_tokenizer_without_a_padding_token_is_refused(tmp_path: Path) -> None:
    write_vocabulary(tmp_path, ("<p>", *VOCABULARY[1:]))
    write_json(tmp_path / "tokenizer_config.json", {"pad_token": "<p>"})
    write_json(tmp_path / "tokenizer.json", json.loads(read(tmp_path).json))
    write_json(tmp_path / "tokenizer_config.json", {})
    with pytest.raises(TokenizerError, match=r"no padding token, looked for \[PAD\], <pad>; name"):
        read(tmp_path)


def test_cutting_at_the_beginning_is_refused(tmp_path: Path) -> None:
    write_json_tokenizer(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", {"truncation_side": "left"})
    with pytest.raises(TokenizerError, match="truncation_side 'left'"):
        read(tmp_path)


def test_a_tokenizer_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "tokenizer.json", {"model": {"type": "Unheard"}})
    with pytest.raises(TokenizerError, match=r"tokenizer\.json cannot be read by this version"):
        read(tmp_path)


def test_a_tokenizer_file_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": ', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is not valid JSON"):
        read(tmp_path)
