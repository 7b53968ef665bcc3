"""Tokens and flags that stand beside `tokenizer.json`, merged as transformers merges them."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from edgebert.checkpoints.tokenizer.read import (
    TokenizerFiles,
    TokenizerRequirements,
    read_tokenizer,
)
from edgebert.checkpoints.tokenizer.rust import tokenizer_errors
from edgebert_runtime.errors import CheckpointError, TokenizerError
from tests.support.small_checkpoints import write_json
from tests.support.tokenizer_layouts import (
    BERT,
    byte_pairs,
    flags,
    vocabulary,
    vocabulary_txt,
    word_pieces,
    write_folder,
)

SIZE: Final = len(vocabulary())
LOWER: Final = {"do_lower_case": True}
DECODER: Final = {str(number): flags(token, special=True) for number, token in enumerate(BERT)}
TEXTS: Final = (
    "the <url> film",
    "a<url>b",
    "THE <URL> film",
    "the  <url>  <extra>b",
    "[MASK] [CLS]",
)


def with_url(**stated: bool) -> dict[str, Any]:
    """A `tokenizer.json` that has one token more."""
    fields = word_pieces()
    token = {"id": SIZE, **flags("<url>", **stated)}
    return fields | {"added_tokens": [*fields["added_tokens"], token]}


def read(folder: Path, vocabulary: int = SIZE + 9) -> tuple[TokenizerFiles, tuple[str, ...]]:
    demands = TokenizerRequirements(
        vocabulary=vocabulary,
        positions=64,
        asked=None,
        settings=None,
        lowercase=False,
        default_class="BertTokenizer",
    )
    return read_tokenizer(folder, demands)


def both(folder: Path, text: str) -> tuple[list[int], list[int]]:
    """Ids of ours and of transformers."""
    ours = Tokenizer.from_str(read(folder)[0].json).encode(text).ids
    return list(ours), AutoTokenizer.from_pretrained(folder)(text)["input_ids"]


MERGED: Final[dict[str, dict[str, Any]]] = {
    "added_tokens.json": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER,
        "added_tokens": {"<extra>": SIZE + 1, "<url>": SIZE},
    },
    "added_tokens.json and vocab.txt": {
        "vocab_txt": vocabulary_txt(),
        "tokenizer_config": LOWER,
        "added_tokens": {"<url>": SIZE, "<extra>": SIZE + 1},
    },
    "additional_special_tokens": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER | {"additional_special_tokens": ["<url>", "<extra>"]},
    },
    "extra_special_tokens with names": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER | {"extra_special_tokens": {"url_token": "<url>"}},
    },
    "added_tokens_decoder": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER
        | {"added_tokens_decoder": DECODER | {str(SIZE): flags("<url>", rstrip=True)}},
    },
    "added_tokens_decoder and vocab.txt": {
        "vocab_txt": vocabulary_txt(),
        "tokenizer_config": LOWER
        | {"added_tokens_decoder": DECODER | {str(SIZE): flags("<url>", lstrip=True)}},
    },
    "added_tokens_decoder against tokenizer.json": {
        "tokenizer": with_url(),
        "tokenizer_config": LOWER
        | {"added_tokens_decoder": DECODER | {str(SIZE): flags("<url>", single_word=True)}},
    },
    "a word of the vocabulary": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER
        | {"added_tokens_decoder": DECODER | {str(len(BERT) + 2): flags("film")}},
    },
    "special_tokens_map.json against tokenizer_config.json": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER | {"pad_token": "[PAD]"},
        "special_tokens_map": {"pad_token": "[UNK]"},
    },
    "added_tokens_decoder against special_tokens_map.json": {
        "tokenizer": word_pieces(),
        "tokenizer_config": LOWER | {"added_tokens_decoder": DECODER, "pad_token": "[PAD]"},
        "special_tokens_map": {"pad_token": "[UNK]"},
    },
    "another token for a role of the class": {
        "vocab_txt": vocabulary_txt(),
        "tokenizer_config": LOWER | {"cls_token": "[MASK]"},
    },
    "flags of special_tokens_map.json": {
        "vocab_txt": vocabulary_txt(),
        "tokenizer_config": LOWER,
        "special_tokens_map": {"mask_token": flags("[MASK]", lstrip=True)},
    },
}


@pytest.mark.parametrize("case", MERGED)
def test_side_files_are_merged_as_in_transformers(tmp_path: Path, case: str) -> None:
    write_folder(tmp_path, "bert", **MERGED[case])
    files, _ = read(tmp_path)
    ours, theirs = Tokenizer.from_str(files.json), AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"], text
    assert files.pad_id == theirs.pad_token_id
    assert files.vocabulary == len(theirs)


NAMES: Final = ("single_word", "lstrip", "rstrip", "normalized")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    stored=st.fixed_dictionaries({name: st.booleans() for name in NAMES}),
    stated=st.fixed_dictionaries({name: st.booleans() for name in NAMES}),
)
def test_flags_of_the_decoder_win(
    tmp_path: Path, stored: dict[str, bool], stated: dict[str, bool]
) -> None:
    decoder = DECODER | {str(SIZE): flags("<url>", **stated)}
    config = LOWER | {"added_tokens_decoder": decoder}
    write_folder(tmp_path, "bert", tokenizer=with_url(**stored), tokenizer_config=config)
    for text in TEXTS:
        ours, theirs = both(tmp_path, text)
        assert ours == theirs, text
    _, notes = read(tmp_path)
    assert len(notes) == (stored != stated)


def test_a_list_of_extra_special_tokens_is_added(tmp_path: Path) -> None:
    """As transformers 5; transformers 4 fails."""
    config = LOWER | {"extra_special_tokens": ["<url>", {"content": "<extra>", "lstrip": True}]}
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), tokenizer_config=config)
    files, notes = read(tmp_path)
    ours = Tokenizer.from_str(files.json)
    assert ours.encode("the <url> <extra>").tokens[1:-1] == ["the", "<url>", " <extra>"]
    assert [ours.token_to_id(token) for token in ("<url>", "<extra>")] == [SIZE, SIZE + 1]
    assert f"were added to it: '<url>' ({SIZE}), '<extra>' ({SIZE + 1})" in notes[0]


def test_many_added_tokens_are_counted(tmp_path: Path) -> None:
    words = {f"<{number}>": SIZE + number for number in range(9)}
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), added_tokens=words)
    files, notes = read(tmp_path)
    assert files.vocabulary == SIZE + 9
    assert notes[0].endswith(f"'<2>' ({SIZE + 2}) and 6 more")


def test_a_token_past_the_last_vector_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), added_tokens={"<url>": SIZE})
    assert read(tmp_path, SIZE + 1)[0].vocabulary == SIZE + 1
    with pytest.raises(TokenizerError, match=rf"ids up to {SIZE} \('<url>'\), .* {SIZE} token vec"):
        read(tmp_path, SIZE)


@pytest.mark.parametrize("number", [0, SIZE - 1, SIZE + 1, 10**9])
@pytest.mark.parametrize("file", ["added_tokens", "tokenizer_config"])
def test_a_token_with_an_id_it_cannot_have_is_refused(
    tmp_path: Path, file: str, number: int
) -> None:
    decoder = {"added_tokens_decoder": {str(number): flags("<url>")}}
    content = {"<url>": number} if file == "added_tokens" else decoder
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), **{file: content})
    with pytest.raises(
        TokenizerError, match=rf"{file}\.json gives .*'<url>' id {number}, .* gives it id {SIZE};"
    ):
        read(tmp_path)


def test_a_gap_before_an_added_token_of_the_file_is_refused(tmp_path: Path) -> None:
    fields = with_url()
    fields["added_tokens"][-1]["id"] = SIZE + 3
    write_folder(tmp_path, "bert", tokenizer=fields)
    with pytest.raises(TokenizerError, match=rf"id {SIZE + 3}, .* gives it id {SIZE}; .* gaps"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer_config", {"mask_token": 5}, "5 under mask_token, expected a token"),
        ("special_tokens_map", {"mask_token": {"x": 1}}, "under mask_token, expected a token"),
        ("tokenizer_config", {"extra_special_tokens": "<x>"}, "expected a list of tokens"),
        ("tokenizer_config", {"extra_special_tokens": [1]}, "1 under extra_special_tokens"),
        ("tokenizer_config", {"added_tokens_decoder": {"x": flags("<x>")}}, "expected ids"),
        ("tokenizer_config", {"added_tokens_decoder": {"1": "<x>"}}, "expected ids"),
        ("tokenizer_config", {"added_tokens_decoder": [1]}, "expected dict"),
        ("tokenizer_config", {"mask_token": {"content": "m", "lstrip": 1}}, "expected bool"),
        ("added_tokens", {"<x>": "1"}, "expected int"),
        ("tokenizer_config", {"split_special_tokens": True}, "split_special_tokens=True"),
    ],
)
def test_side_files_that_make_no_sense_are_named(
    tmp_path: Path, file: str, content: dict[str, Any], message: str
) -> None:
    write_folder(tmp_path, "bert", tokenizer=word_pieces(), **{file: content})
    with pytest.raises((TokenizerError, CheckpointError), match=message) as caught:
        read(tmp_path)
    assert f"{file}.json" in str(caught.value)


def test_ids_outside_the_models_vocabulary_carry_special_tokens(tmp_path: Path) -> None:
    """As ModernBERT: every special token is an added one."""
    specials = dict(
        zip(
            ("cls_token", "sep_token", "pad_token", "mask_token"),
            ["<c>", "<s2>", "<p>", "<m>"],
            strict=True,
        )
    )
    fields = byte_pairs(post_processor=None)
    first = len(fields["model"]["vocab"])
    new = [
        {"id": first + number, **flags(token, special=True, lstrip=token == "<m>")}
        for number, token in enumerate(specials.values())
    ]
    fields["added_tokens"] += new
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **specials}
    write_folder(tmp_path, "bert", tokenizer=fields, tokenizer_config=config)
    files, notes = read(tmp_path, first + 4)
    assert (files.pad_id, files.special_tokens) == (first + 2, specials)
    assert Tokenizer.from_str(files.json).encode("hello <m>").tokens == ["hello", " <m>"]
    assert notes == ()


def test_a_panic_of_the_library_is_an_error_of_ours() -> None:
    class PanicException(BaseException):
        """As pyo3 raises it."""

    with (
        pytest.raises(TokenizerError, match="found it \\(index out of range\\); mend it") as caught,
        tokenizer_errors("found it", "mend it"),
    ):
        raise PanicException("index out of range")
    assert isinstance(caught.value.__cause__, PanicException)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through(stop: type[BaseException]) -> None:
    with pytest.raises(stop), tokenizer_errors("found it", "mend it"):
        raise stop


def test_damaged_side_files_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, "bert", tokenizer=word_pieces())
    write_json(tmp_path / "added_tokens.json", ["<x>"])
    with pytest.raises(CheckpointError, match=r"added_tokens\.json holds list"):
        read(tmp_path)
