"""Small tokenizers of every kind, as the `tokenizers` library writes them, and folders of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.tokenizer.read import (
    TokenizerFiles,
    TokenizerRequirements,
    read_tokenizer,
)
from tests.support.small_checkpoints import write_json

Fields = dict[str, Any]

WORDS: Final = ("hello", "world", "film", "the", "url", "Hello", "café", "cafe")
LETTERS: Final = tuple("abcdefghijklmnopqrstuvwxyzCAFÉé中国,.!'\"<>/[]")
BERT: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FAIRSEQ: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
MPNET: Final = ("<s>", "<pad>", "</s>", "[UNK]", "<mask>")
CAMEMBERT: Final = ("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", *FAIRSEQ[::2])
ALBERT: Final = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
DEBERTA: Final = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")

TYPED: Final = ("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")
DOUBLE: Final = ("<s> $A </s>", "<s> $A </s> </s> $B </s>")

ALBERT_STEPS: Final = (normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase())

DEMANDS: Final = TokenizerRequirements(
    vocabulary=500,
    positions=64,
    asked=None,
    settings=None,
    lowercase=False,
    default_class="PreTrainedTokenizerFast",
)


def flags(content: str, **stated: bool) -> Fields:
    """A token as side files state it."""
    names = ("lstrip", "rstrip", "single_word", "normalized", "special")
    return {"content": content, **dict.fromkeys(names, False), **stated}


def vocabulary(specials: Iterable[str] = BERT) -> tuple[str, ...]:
    """The lines of a `vocab.txt`."""
    return (*specials, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS))


def word_pieces(
    specials: tuple[str, ...] = BERT, *, lower: bool = True, template: bool = True
) -> Fields:
    """BERT's `tokenizer.json`."""
    ids = {token: number for number, token in enumerate(vocabulary(specials))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if template:
        ends = ("[CLS]", "[SEP]") if "[CLS]" in ids else ("<s>", "</s>")
        single, pair = TYPED if "[CLS]" in ids else DOUBLE
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=[(end, ids[end]) for end in ends]
        )
    tokenizer.add_special_tokens(list(specials))
    return _fields(tokenizer)


@cache
def _trained_pairs() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=290,
        special_tokens=list(FAIRSEQ),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["hello world the film"] * 9, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    return tokenizer.to_str()


def byte_pairs(**changes: Any) -> Fields:
    """RoBERTa's `tokenizer.json`, its mask as the Hub has it, with fields of it replaced."""
    fields: Fields = json.loads(_trained_pairs())
    fields["added_tokens"][-1] |= {"lstrip": True}
    return fields | changes


def unigram(
    specials: tuple[str, ...] = FAIRSEQ,
    *,
    unknown: str = "<unk>",
    template: tuple[str, str] | None = DOUBLE,
    steps: tuple[Any, ...] = (),
) -> Fields:
    """A `tokenizer.json` that was made of a sentencepiece file."""
    words = [(f"▁{word}", -3.0) for word in ("", *WORDS)]
    pieces = [(token, 0.0) for token in specials] + words + [(letter, -6.0) for letter in LETTERS]
    ids = {token: number for number, (token, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=ids[unknown], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
        ]
    )
    if template:
        ends = ("[CLS]", "[SEP]") if "[CLS]" in ids else ("<s>", "</s>")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template[0], pair=template[1], special_tokens=[(end, ids[end]) for end in ends]
        )
    tokenizer.add_special_tokens(
        [AddedToken(token, lstrip="mask" in token.lower(), normalized=False) for token in specials]
    )
    return _fields(tokenizer)


def _fields(tokenizer: Tokenizer) -> Fields:
    fields: Fields = json.loads(tokenizer.to_str())
    return fields


def without(fields: Fields, *contents: str) -> Fields:
    """The fields with tokens that the vocabulary has but that are not added tokens."""
    kept = [token for token in fields["added_tokens"] if token["content"] not in contents]
    return fields | {"added_tokens": kept}


def write_folder(folder: Path, model_type: str, **files: Fields | str | None) -> Path:
    """Write `config.json` and files: `tokenizer_config` is the JSON file of that name."""
    write_json(folder / "config.json", {"model_type": model_type})
    for name, content in files.items():
        if isinstance(content, str):
            (folder / name.replace("_txt", ".txt")).write_text(content, encoding="utf-8")
        elif content is not None:
            write_json(folder / f"{name}.json", content)
    return folder


def vocabulary_txt(specials: Iterable[str] = BERT) -> str:
    return "\n".join(vocabulary(specials)) + "\n"


def pair_files(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`vocab.json` and `merges.txt` of byte pairs, for `write_folder`."""
    merges = "\n".join(" ".join(pair) for pair in fields["model"]["merges"])
    return {"vocab": fields["model"]["vocab"], "merges_txt": f"#version: 0.2\n{merges}\n"}


def read(folder: Path, default_class: str) -> tuple[TokenizerFiles, tuple[str, ...]]:
    """The tokenizer of a folder and the notes, for a model with room for its tokens."""
    return read_tokenizer(folder, replace(DEMANDS, default_class=default_class))


def read_layout(folder: Path, model_type: str, **files: Any) -> Tokenizer:
    """Our tokenizer of a folder with these files."""
    write_folder(folder, model_type, **files)
    return Tokenizer.from_str(read(folder, FAMILIES[model_type].tokenizer_class)[0].json)
