"""Small tokenizers in folders, written with the tokenizers library alone, for any transformers."""

import json
from pathlib import Path
from typing import Any, Final

from tokenizers import (
    AddedToken,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

WORDS: Final = [
    *("the", "a", "in", "of", "small", "cat", "sat", "on", "mat", "and", "dog", "ran", "far"),
    *("red", "blue", "hello", "world", "it", "is"),
]
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHW0123456789.,!'-üéñ中国мир"

BERT: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FAIRSEQ: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")

ROLES: Final = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
FAIRSEQ_ROLES: Final = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "bos_token": "<s>",
    "sep_token": "</s>",
    "eos_token": "</s>",
    "mask_token": "<mask>",
}


def word_pieces() -> Tokenizer:
    """As BERT's."""
    tokens = [*BERT, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS[2:], "##able", "##s"]
    ids = {token: at for at, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(BERT))
    _frame_as_bert(tokenizer)
    return tokenizer


def byte_pairs() -> Tokenizer:
    """As RoBERTa's; its mask takes the space before it."""
    spelled = [*WORDS, *(f"Ġ{word}" for word in WORDS)]
    merges = [(word[:at], word[at]) for word in spelled for at in range(1, len(word))]
    merged = ["".join(pair) for pair in merges]
    tokens = dict.fromkeys([*FAIRSEQ, *sorted(pre_tokenizers.ByteLevel.alphabet()), *merged])
    ids = {token: at for at, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, list(dict.fromkeys(merges))))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens(list(FAIRSEQ[:-1]))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def unigrams() -> Tokenizer:
    """As ALBERT's or DeBERTa's: SentencePiece with BERT's special tokens."""
    scores = dict.fromkeys(BERT, 0.0) | {"▁": -6.0}
    scores |= {f"▁{word}": -3.0 - at / 100 for at, word in enumerate(WORDS)}
    scores |= {letter: -8.0 - at / 100 for at, letter in enumerate(LETTERS)}
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), unk_id=1))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(list(BERT))
    _frame_as_bert(tokenizer)
    return tokenizer


def _frame_as_bert(tokenizer: Tokenizer) -> None:
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )


def fields_of(tokenizer: Tokenizer) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(tokenizer.to_str())
    return fields


def write_tokenizer(
    folder: Path, tokenizer: Tokenizer | dict[str, Any], model_type: str = "bert", **config: Any
) -> Path:
    """`tokenizer.json`, `tokenizer_config.json` of these keys, and a `config.json`."""
    fields = tokenizer if isinstance(tokenizer, dict) else fields_of(tokenizer)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "tokenizer.json": fields,
        "tokenizer_config.json": config,
        "config.json": {"model_type": model_type},
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder
