"""What each of transformers' tokenizer classes adds to the files of a checkpoint.

One row a class: its special tokens, the tokens around a text and a pair, the spaces that its mask
token takes, the files that it is built from, and the arguments that change tokens. A class of
transformers 4 has a second name that ends with "Fast".

Source: transformers v4.57.6, src/transformers/models/*/tokenization_*_fast.py and
convert_slow_tokenizer.py, and v5.23.0, src/transformers/models/*/tokenization_*.py. Where the two
differ, version 4 counts: the models were trained with it. So the mask token of RoBERTa, XLM-RoBERTa
and ALBERT takes the space before it, and a pair of DeBERTa has one separator in the middle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PLAIN_CLASS: Final = "PreTrainedTokenizerFast"
"""The class that takes `tokenizer.json` as it is, in transformers 4 and 5."""

ROLES: Final = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


@dataclass(frozen=True, kw_only=True)
class Field:
    """An argument that is a field of one part of `tokenizer.json`, where that part is of a kind.

    Attributes:
        part: `normalizer`, `pre_tokenizer` or `post_processor`.
        kind: the part's type; of another type, the argument says nothing.
        name: the field's.
    """

    part: str
    kind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Steps:
    """An argument that says whether a part of `tokenizer.json` has certain steps.

    Attributes:
        part: `normalizer` or `pre_tokenizer`.
        steps: as they stand in `tokenizer.json`.
        present_if: the value of the argument with which they are there.
        before: types of steps; new ones go before the first of these, or first where it is empty.
    """

    part: str
    steps: tuple[Mapping[str, Any], ...]
    present_if: bool = True
    before: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Argument:
    """An argument of a class: a key of `tokenizer_config.json` that changes tokens.

    Attributes:
        default: what the class takes where nothing is said.
        places: what it changes.
    """

    default: bool | None
    places: tuple[Field | Steps, ...]


@dataclass(frozen=True, kw_only=True)
class TokenizerClass:
    """A class, or several that differ in their names only.

    Attributes:
        names: without "Fast".
        roles: role such as `cls_token` to the token that has it unless another one is named.
        single, pair: the tokens around a text and a pair with their type ids, roles for tokens;
            empty where the class adds none.
        mask_strips: whether its mask token takes the spaces before it.
        files: what it can be built from without `tokenizer.json`; empty where only transformers'
            Python code can.
        trims: whether spaces that tokens begin with are cut from their offsets.
        extra: further special tokens, where the vocabulary has them.
        arguments: by key of `tokenizer_config.json`.
    """

    names: tuple[str, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    single: str = ""
    pair: str = ""
    mask_strips: bool = False
    files: tuple[str, ...] = ()
    trims: bool = False
    extra: tuple[str, ...] = ()
    arguments: Mapping[str, Argument] = field(default_factory=dict)


BERT_ROLES: Final = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
ENDS: Final = {"bos_token": "[CLS]", "eos_token": "[SEP]"}
FAIRSEQ_ROLES: Final = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}

SINGLE: Final = "cls_token:0 $A:0 sep_token:0"
TYPED_PAIR: Final = f"{SINGLE} $B:1 sep_token:1"
"""The pair of BERT: one separator in the middle, type id 1 from the second text on."""
DOUBLE_PAIR: Final = f"{SINGLE} sep_token:0 $B:0 sep_token:0"
"""The pair of RoBERTa: two separators in the middle, type id 0 everywhere."""

BYTE_PAIR_FILES: Final = ("vocab.json", "merges.txt")

BERT_ARGUMENTS: Final = {
    key: Argument(
        default=default, places=(Field(part="normalizer", kind="BertNormalizer", name=name),)
    )
    for key, name, default in (
        ("do_lower_case", "lowercase", True),
        ("strip_accents", "strip_accents", None),
        ("tokenize_chinese_chars", "handle_chinese_chars", True),
    )
}
PREFIX: Final = Field(part="pre_tokenizer", kind="ByteLevel", name="add_prefix_space")
ROBERTA_ARGUMENTS: Final = {
    "add_prefix_space": Argument(
        default=False,
        places=(
            PREFIX,
            Field(part="post_processor", kind="RobertaProcessing", name="add_prefix_space"),
        ),
    ),
    "trim_offsets": Argument(
        default=True,
        places=(Field(part="post_processor", kind="RobertaProcessing", name="trim_offsets"),),
    ),
}
PREFIX_ARGUMENT: Final = {"add_prefix_space": Argument(default=False, places=(PREFIX,))}
LOWERCASE: Final[Mapping[str, Any]] = {"type": "Lowercase"}
DEBERTA_V2_ARGUMENTS: Final = {
    "do_lower_case": Argument(
        default=False, places=(Steps(part="normalizer", steps=(LOWERCASE,)),)
    ),
    "split_by_punct": Argument(
        default=False,
        places=(
            Steps(
                part="pre_tokenizer",
                steps=({"type": "Punctuation", "behavior": "Isolated"},),
            ),
        ),
    ),
}
ALBERT_ARGUMENTS: Final = {
    "do_lower_case": Argument(
        default=True,
        places=(Steps(part="normalizer", steps=(LOWERCASE,), before=("Precompiled",)),),
    ),
    "keep_accents": Argument(
        default=False,
        places=(
            Steps(
                part="normalizer",
                steps=({"type": "NFKD"}, {"type": "StripAccents"}),
                present_if=False,
                before=("Lowercase", "Precompiled"),
            ),
        ),
    ),
}

ROWS: Final = (
    TokenizerClass(names=(PLAIN_CLASS, "TokenizersBackend", "PreTrainedTokenizer")),
    TokenizerClass(
        names=("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer"),
        roles=BERT_ROLES,
        single=SINGLE,
        pair=TYPED_PAIR,
        files=("vocab.txt",),
        arguments=BERT_ARGUMENTS,
    ),
    TokenizerClass(
        names=("MPNetTokenizer",),
        roles={**FAIRSEQ_ROLES, "unk_token": "[UNK]"},
        single=SINGLE,
        pair=DOUBLE_PAIR,
        mask_strips=True,
        files=("vocab.txt",),
        arguments=BERT_ARGUMENTS,
    ),
    TokenizerClass(
        names=("RobertaTokenizer", "LongformerTokenizer", "BartTokenizer"),
        roles=FAIRSEQ_ROLES,
        single=SINGLE,
        pair=DOUBLE_PAIR,
        mask_strips=True,
        files=BYTE_PAIR_FILES,
        trims=True,
        arguments=ROBERTA_ARGUMENTS,
    ),
    TokenizerClass(
        names=("DebertaTokenizer",),
        roles={**ENDS, **BERT_ROLES},
        single=SINGLE,
        pair=TYPED_PAIR,
        mask_strips=True,
        files=BYTE_PAIR_FILES,
        arguments=PREFIX_ARGUMENT,
    ),
    TokenizerClass(
        names=("GPT2Tokenizer",),
        roles=dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>"),
        files=BYTE_PAIR_FILES,
        arguments=PREFIX_ARGUMENT,
    ),
    TokenizerClass(
        names=("XLMRobertaTokenizer",),
        roles=FAIRSEQ_ROLES,
        single=SINGLE,
        pair=DOUBLE_PAIR,
        mask_strips=True,
    ),
    TokenizerClass(
        names=("CamembertTokenizer",),
        roles=FAIRSEQ_ROLES,
        single=SINGLE,
        pair=DOUBLE_PAIR,
        mask_strips=True,
        extra=("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"),
    ),
    TokenizerClass(
        names=("AlbertTokenizer",),
        roles={**ENDS, **BERT_ROLES, "unk_token": "<unk>", "pad_token": "<pad>"},
        single=SINGLE,
        pair=TYPED_PAIR,
        mask_strips=True,
        arguments=ALBERT_ARGUMENTS,
    ),
    TokenizerClass(
        names=("DebertaV2Tokenizer",),
        roles={**ENDS, **BERT_ROLES},
        single=SINGLE,
        pair=TYPED_PAIR,
        arguments=DEBERTA_V2_ARGUMENTS,
    ),
)

CLASSES: Final[Mapping[str, TokenizerClass]] = {name: row for row in ROWS for name in row.names}


def find_class(name: str) -> TokenizerClass | None:
    """The row of a class by its name in transformers 4 or 5; None where there is none."""
    return CLASSES.get(name) or CLASSES.get(name.removesuffix("Fast"))
