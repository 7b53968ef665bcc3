"""A small tokenizer of every class the layouts have, with the class's own pipeline.

Source of the pipelines: transformers v4.57, src/transformers/convert_slow_tokenizer.py, where a
layout does not say what its own file has.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tests.support.tokenizers import BERT, FAIRSEQ, TRAINING
from tests.support.zoo.charsmap import charsmap
from tests.support.zoo.layouts import Layout

CORPUS: Final = [*TRAINING, *(text.lower() for text in TRAINING)]
"""Both cases are in every vocabulary, so that a wrong case shows."""

PRECOMPILED: Final = {
    "type": "Precompiled",
    "precompiled_charsmap": charsmap({"Ａ": "A", "ｂ": "b", "ﬁ": "fi", "\u3000": " ", "①": "1"}),
}
SPLIT: Final = {"type": "WhitespaceSplit"}
SPACES: Final = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
METASPACE: Final = {
    "type": "Metaspace",
    "replacement": "▁",
    "prepend_scheme": "always",
    "split": True,
}
BYTES: Final = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
BERT_NORMALIZER: Final = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}


def _sequence(kind: str, *parts: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", f"{kind}s": list(parts)}


def _template(single: str, pair: str) -> dict[str, Any]:
    return {"type": "TemplateProcessing", "single": single, "pair": pair}


BERT_TEMPLATE: Final = _template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")
FAIRSEQ_TEMPLATE: Final = _template("<s>:0 $A:0 </s>:0", "<s>:0 $A:0 </s>:0 </s>:0 $B:0 </s>:0")
ROBERTA_POST: Final = {
    "type": "RobertaProcessing",
    "sep": ["</s>", 2],
    "cls": ["<s>", 0],
    "trim_offsets": True,
    "add_prefix_space": False,
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A class of tokenizers.

    Attributes:
        model: `WordPiece`, `BPE` or `Unigram`.
        first: tokens with the lowest ids, in order; `last` has the highest ids.
        unknown: the model's unknown token, or None.
        parts: `normalizer`, `pre_tokenizer` and `post_processor` of its `tokenizer.json`.
    """

    model: str
    first: tuple[str, ...]
    last: tuple[str, ...] = ()
    unknown: str | None
    parts: Mapping[str, Any]


def _unigrams(first: Iterable[str], unknown: str, normalizer: Any, *split: Any, post: Any) -> Kind:
    *head, mask = first
    parts = {
        "normalizer": normalizer,
        "pre_tokenizer": _sequence("pretokenizer", *split, METASPACE),
        "post_processor": post,
    }
    return Kind(model="Unigram", first=tuple(head), last=(mask,), unknown=unknown, parts=parts)


WORD_PIECES: Final = {
    "normalizer": BERT_NORMALIZER,
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}
ALBERT_NORMALIZER: Final = _sequence(
    "normalizer",
    {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
    {"type": "Replace", "pattern": {"String": "''"}, "content": '"'},
    {"type": "NFKD"},
    {"type": "StripAccents"},
    {"type": "Lowercase"},
    PRECOMPILED,
    SPACES,
)
DEBERTA_NORMALIZER: Final = _sequence(
    "normalizer", {"type": "Strip", "strip_left": True, "strip_right": True}, PRECOMPILED, SPACES
)

KINDS: Final = {
    "bert": Kind(
        model="WordPiece",
        first=tuple(BERT),
        unknown="[UNK]",
        parts=WORD_PIECES | {"post_processor": BERT_TEMPLATE},
    ),
    "mpnet": Kind(
        model="WordPiece",
        first=("<s>", "<pad>", "</s>", "<unk>", "[UNK]"),
        last=("<mask>",),
        unknown="[UNK]",
        parts=WORD_PIECES | {"post_processor": ROBERTA_POST},
    ),
    "roberta": Kind(
        model="BPE",
        first=tuple(FAIRSEQ[:-1]),
        last=("<mask>",),
        unknown=None,
        parts={"normalizer": None, "pre_tokenizer": BYTES, "post_processor": ROBERTA_POST},
    ),
    "modernbert": Kind(
        model="BPE",
        first=("<|padding|>",),
        unknown=None,
        parts={
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": BYTES,
            "post_processor": BERT_TEMPLATE,
        },
    ),
    "xlm-roberta": _unigrams(FAIRSEQ, "<unk>", PRECOMPILED, SPLIT, post=FAIRSEQ_TEMPLATE),
    "albert": _unigrams(
        ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
        "<unk>",
        ALBERT_NORMALIZER,
        SPLIT,
        post=BERT_TEMPLATE,
    ),
    "deberta-v2": _unigrams(
        ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"),
        "[UNK]",
        DEBERTA_NORMALIZER,
        post=BERT_TEMPLATE,
    ),
}


def tokenizer_fields(layout: Layout) -> dict[str, Any]:
    """`tokenizer.json` of the small tokenizer, whether the folder has that file or not."""
    own = dict(layout.files.get("tokenizer.json", {}))
    settings = layout.files.get("tokenizer_config.json", {})
    decoder = settings.get("added_tokens_decoder", {})
    if "added_tokens" not in own and decoder:  # the two were saved together
        own["added_tokens"] = [{"id": int(key), **decoder[key]} for key in decoder]
    fields = build_fields(layout.tokenizer, own)
    if "normalizer" not in own and fields["model"].get("type") == "WordPiece":
        lowercase = settings.get("do_lower_case", True)
        fields["normalizer"] = {**fields["normalizer"], "lowercase": lowercase}
    return fields


def build_fields(name: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """`tokenizer.json` of a kind; `own` has what a layout's file has of its own.

    Ids in `own` are the real ones; what comes out has those of the small vocabulary.
    """
    kind = KINDS[name]
    model = json.loads(_trained(name))
    ids = token_ids(model)
    added = []
    for token in own.get("added_tokens") or _default_added(kind):
        content = token["content"]
        ids.setdefault(content, len(ids))
        added.append(_added(token, ids[content]))
    if own.get("model") == "without type":
        del model["type"]
    parts = {**kind.parts, **{key: own[key] for key in kind.parts if key in own}}
    return {
        "version": "1.0",
        "truncation": own.get("truncation"),
        "padding": own.get("padding"),
        "added_tokens": sorted(added, key=lambda token: token["id"]),
        **parts,
        "post_processor": _post_processor(parts["post_processor"], ids),
        "decoder": None,
        "model": model,
    }


def token_ids(model: Mapping[str, Any]) -> dict[str, int]:
    """Token to id, of the `model` of a `tokenizer.json`."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return dict(vocabulary)
    return {token: index for index, (token, _) in enumerate(vocabulary)}


def _default_added(kind: Kind) -> list[dict[str, Any]]:
    return [{"content": token} for token in (*kind.first, *kind.last)]


def _added(token: Mapping[str, Any], index: int) -> dict[str, Any]:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    lstrip = {"lstrip": token["content"] == "<mask>"}
    return {**plain, **lstrip, "special": True, **token, "id": index}


def _post_processor(post: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    """With the ids of the small vocabulary, and templates spelled out."""
    if post["type"] == "RobertaProcessing":
        return {**post, **{role: [post[role][0], ids[post[role][0]]] for role in ("sep", "cls")}}
    pieces = [piece.rpartition(":") for piece in f"{post['single']} {post['pair']}".split()]
    specials = dict.fromkeys(token for token, _, _ in pieces if not token.startswith("$"))
    return {
        "type": "TemplateProcessing",
        "single": [_piece(each) for each in post["single"].split()],
        "pair": [_piece(each) for each in post["pair"].split()],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in specials
        },
    }


def _piece(text: str) -> dict[str, Any]:
    token, _, type_id = text.rpartition(":")
    kind, name = ("Sequence", token[1:]) if token.startswith("$") else ("SpecialToken", token)
    return {kind: {"id": name, "type_id": int(type_id)}}


@cache
def _trained(name: str) -> str:
    """The model of a kind, as JSON: its first tokens, what was learned, its last tokens."""
    kind = KINDS[name]
    learn: dict[str, Callable[[], dict[str, Any]]] = {
        "WordPiece": _word_pieces,
        "BPE": _byte_pairs,
        "Unigram": partial(_unigram, kind.unknown),
    }
    model = learn[kind.model]()
    learned = model["vocab"]
    scores = {} if isinstance(learned, dict) else dict(learned)
    plain = [token for token in token_ids(model) if token not in (*kind.first, *kind.last)]
    tokens = [*kind.first, *plain, *kind.last]
    if kind.model == "Unigram":
        vocabulary: Any = [[token, scores.get(token, 0.0)] for token in tokens]
        model["unk_id"] = tokens.index(str(kind.unknown))
    else:
        vocabulary = {token: index for index, token in enumerate(tokens)}
    return json.dumps({**model, "vocab": vocabulary})


def _word_pieces() -> dict[str, Any]:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    options: dict[str, Any] = {"vocab_size": 200, "special_tokens": ["[UNK]"]}
    return _learned(tokenizer, trainers.WordPieceTrainer(show_progress=False, **options))


def _byte_pairs() -> dict[str, Any]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    return _learned(tokenizer, trainer)


def _unigram(unknown: str | None) -> dict[str, Any]:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    options: dict[str, Any] = {"vocab_size": 160, "unk_token": unknown, "special_tokens": [unknown]}
    return _learned(tokenizer, trainers.UnigramTrainer(show_progress=False, **options))


def _learned(tokenizer: Tokenizer, trainer: Any) -> dict[str, Any]:
    tokenizer.train_from_iterator(CORPUS, trainer)
    fields: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return fields
