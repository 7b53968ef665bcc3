"""A tokenizer file from anyone: an answer or an error of ours, in bounded memory and time."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import InputError, TokenizerError
from edgebert_runtime.tokenization.growth import check_growth
from edgebert_runtime.tokenization.rust_tokenizer import call
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

WORDS: Final = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "dog": 3, "[UNK]": 4}
INFO: Final = TokenizerInfo(
    file="tokenizer.json",
    max_length=8,
    max_positions=8,
    padding_side="right",
    pad_id=0,
    pad_token="[PAD]",
    pad_type_id=0,
    special_tokens={},
)


def plain() -> dict[str, Any]:
    made = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    fields: dict[str, Any] = json.loads(made.to_str())
    return fields


def opened(folder: Path, info: TokenizerInfo = INFO, **changed: Any) -> TextTokenizer:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**plain(), **changed}), encoding="utf-8")
    return TextTokenizer(path, info)


def replace(content: str, *, regex: str = "", text: str = "") -> dict[str, Any]:
    pattern = {"Regex": regex} if regex else {"String": text}
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(*parts: Any, key: str = "normalizers") -> dict[str, Any]:
    return {"type": "Sequence", key: list(parts)}


def charsmap(text: str) -> dict[str, Any]:
    raw = (4).to_bytes(4, "little") + b"\0" * 4 + text.encode() + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": b64encode(raw).decode()}


EXPLODING: Final[dict[str, dict[str, Any]]] = {
    "by a million": {"normalizer": sequence(*[replace("a" * 100, text="a")] * 3)},
    "nested": {"normalizer": sequence(sequence(sequence(*[replace("aa", text="a")] * 6)))},
    "by a regex": {"normalizer": replace("b" * 33, regex=".")},
    "by an empty match": {"normalizer": sequence(*[replace("b", regex="x*")] * 6)},
    "by an empty text": {"normalizer": replace("b" * 32)},
    "by what Python does not read": {"normalizer": sequence(*[replace("b", regex=r"\p{L}*")] * 6)},
    "by prefixes": {"normalizer": sequence(*[{"type": "Prepend", "prepend": "aaa"}] * 3)},
    "by Unicode, again and again": {
        "normalizer": sequence(*[replace("\ufdfa", text="ا"), {"type": "NFKD"}] * 3)
    },
    "by a map": {"normalizer": charsmap("a" * 600)},
    "by bytes": {"pre_tokenizer": sequence(*[{"type": "ByteLevel"}] * 6, key="pretokenizers")},
    "by copies": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 40,
            "pair": [],
            "special_tokens": {},
        }
    },
    "when it decodes": {"decoder": sequence(replace("a" * 99, text="d"), key="decoders")},
}


@pytest.mark.parametrize("name", EXPLODING)
def test_a_tokenizer_that_lengthens_texts_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenizerError, match=r"json has a \w+ that can make a text .* times as lo"):
        opened(tmp_path, **EXPLODING[name])


def test_a_type_cannot_hide_behind_escapes(tmp_path: Path) -> None:
    text = json.dumps({**plain(), **EXPLODING["by a million"]})
    for shown, hidden in (('"normalizer"', '"norm\\u0061lizer"'), ("Replace", "Repl\\u0061ce")):
        (tmp_path / "tokenizer.json").write_text(text.replace(shown, hidden), encoding="utf-8")
        with pytest.raises(TokenizerError, match="times as long"):
            check_growth(tmp_path / "tokenizer.json")


USUAL: Final[dict[str, dict[str, Any]]] = {
    "ALBERT": sequence(
        replace('"', text="``"),
        replace('"', text="''"),
        *({"type": kind} for kind in ("NFKD", "StripAccents", "Lowercase")),
        charsmap("ab" * 9),
    ),
    "XLM-R": sequence(charsmap("ab" * 9), replace("▁", regex=" {2,}")),
    "CLIP": sequence({"type": "NFC"}, replace(" ", regex=r"\s+"), {"type": "Lowercase"}),
    "ellipsis": sequence(replace("...", text="…"), {"type": "NFKC"}),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_normalizers_are_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**plain(), "normalizer": USUAL[name]}), encoding="utf-8")
    check_growth(path)


def split(regex: str) -> dict[str, Any]:
    return {
        "type": "Split",
        "pattern": {"Regex": regex},
        "behavior": "Isolated",
        "invert": False,
    }


def test_a_panic_names_the_item_and_spares_the_others(tmp_path: Path) -> None:
    """The library panics where a pattern takes more than ten million steps."""
    words = opened(tmp_path, pre_tokenizer=split("(a+)+$"))
    with pytest.raises(InputError, match=r"item 8 cannot be tokenized: Onig: .*; leave out"):
        words.encode(["dog", "a" * 40 + "b"], first=7)
    with pytest.raises(InputError, match="text cannot be tokenized"):
        words.ids_of("a" * 40 + "b")
    assert list(words.encode(["dog"])[0].input_ids) == [1, 3, 2]


def test_a_panic_while_texts_are_prepared_is_ours(tmp_path: Path) -> None:
    none = opened(tmp_path, pre_tokenizer={"type": "FixedLength", "length": 0})
    with pytest.raises((InputError, TokenizerError)):
        list(none.windows("dog dog", None))


def test_a_tokenizer_without_room_for_a_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"adds 2 special tokens .* max_length is 2"):
        opened(tmp_path, TokenizerInfo(**{**vars(INFO), "max_length": 2}))


def test_a_pair_without_room_is_refused(tmp_path: Path) -> None:
    words = opened(tmp_path, TokenizerInfo(**{**vars(INFO), "max_length": 3}))
    assert list(words.encode(["dog dog"])[0].input_ids) == [1, 3, 2]
    for pair in (("dog", "dog"), ("dog", "dog " * words.SLICE_CHARACTERS)):
        with pytest.raises(InputError, match="special tokens are 3 tokens and fill a window of 3"):
            words.encode([pair])


def test_a_part_of_no_type_is_refused(tmp_path: Path) -> None:
    """Found by make fuzz."""
    for part in ({"type": []}, {"type": "Replace", "pattern": 5}, {"type": "Sequence"}, {}):
        with pytest.raises(TokenizerError, match="cannot be read"):
            opened(tmp_path, normalizer=part)


def test_a_padding_token_with_another_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"'\[PAD\]' as token 0, expected 3 as the manifest"):
        opened(tmp_path, TokenizerInfo(**{**vars(INFO), "pad_id": 3}))


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.mkdir()
    with pytest.raises(TokenizerError, match="is not a file"):
        TextTokenizer(path, INFO)
    path.rmdir()
    for content in (b"{", b"\xff", b"[" * 100_000, b'{"normalizer": {"type": "Replace"}}'):
        path.write_bytes(content)
        with pytest.raises(TokenizerError, match="cannot be read"):
            TextTokenizer(path, INFO)


def test_an_interrupt_is_no_error_of_the_library() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(TokenizerError, interrupted)
