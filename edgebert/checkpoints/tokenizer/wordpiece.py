"""A tokenizer for folders that hold BERT's `vocab.txt` and no `tokenizer.json`.

Source: transformers v5.23.0, src/transformers/models/bert/tokenization_bert.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from edgebert.checkpoints.files import read_json_if_present, setting
from edgebert_runtime.errors import TokenizerError

SPECIAL_TOKENS: Final = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}

DEFAULTS: Final[Mapping[str, bool | None]] = {
    "do_lower_case": True,
    "strip_accents": None,
    "tokenize_chinese_chars": True,
}

NORMALIZER_KEYS: Final = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
"""`tokenizer_config.json`'s keys and those of the normalizer in `tokenizer.json`."""

CONVERT: Final = (
    'write a tokenizer.json first: python -c "from transformers import AutoTokenizer; '
    "AutoTokenizer.from_pretrained('{folder}').save_pretrained('{folder}')\""
)


def build_wordpiece(
    folder: Path, settings: Mapping[str, Any], special_tokens: Mapping[str, str]
) -> Tokenizer:
    """Build BERT's tokenizer from `vocab.txt`; roles that `special_tokens` lacks take BERT's.

    Raises:
        TokenizerError: the vocabulary is unreadable or lacks a special token, or the settings ask
            for what only the Python tokenizer does.
    """
    _refuse_extras(folder, settings)
    roles = {**SPECIAL_TOKENS, **special_tokens}
    vocabulary = _read_vocabulary(folder / "vocab.txt")
    needed = [roles[role] for role in SPECIAL_TOKENS if role != "mask_token"]
    missing = [token for token in needed if token not in vocabulary]
    if missing:
        raise TokenizerError(
            f"{folder / 'vocab.txt'} lacks {', '.join(missing)}; name the model's own special "
            "tokens in tokenizer_config.json"
        )
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=roles["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(**normalizer_fields(folder, settings))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = _template(roles["cls_token"], roles["sep_token"], vocabulary)
    known = [roles[role] for role in SPECIAL_TOKENS if roles[role] in vocabulary]
    tokenizer.add_special_tokens(known)
    return tokenizer


def normalizer_fields(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The normalizer's fields as `tokenizer_config.json` sets them, under `tokenizer.json`'s names.

    Raises:
        CheckpointError: one of them is neither true nor false nor null, which means the default.
    """
    path = folder / "tokenizer_config.json"
    stored = {ours: setting(path, settings, ours, bool) for ours in NORMALIZER_KEYS}
    return {
        theirs: DEFAULTS[ours] if stored[ours] is None else stored[ours]
        for ours, theirs in NORMALIZER_KEYS.items()
    }


def token_text(token: object) -> str:
    """The text of a token, which is stored bare or as an object with `content`."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)


def _template(cls: str, sep: str, vocabulary: Mapping[str, int]) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(cls, vocabulary[cls]), (sep, vocabulary[sep])],
    )


def _read_vocabulary(path: Path) -> dict[str, int]:
    """Token to id, which is its line; of a token on two lines the last counts."""
    try:
        with path.open(encoding="utf-8") as lines:
            return {line.rstrip("\n"): number for number, line in enumerate(lines)}
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(f"{path} is not readable UTF-8 ({error}); fetch it again") from error


def _refuse_extras(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse settings that the vocabulary alone cannot reproduce."""
    odd = ["do_basic_tokenize=false"] if settings.get("do_basic_tokenize") is False else []
    odd += [
        key
        for key in ("never_split", "additional_special_tokens", "extra_special_tokens")
        if settings.get(key)
    ]
    decoder = setting(folder / "tokenizer_config.json", settings, "added_tokens_decoder", dict)
    added = {
        *read_json_if_present(folder / "added_tokens.json"),
        *(token_text(token) for token in (decoder or {}).values()),
    }
    odd += sorted(added - set(SPECIAL_TOKENS.values()))
    if odd:
        raise TokenizerError(
            f"{folder} has no tokenizer.json, and vocab.txt alone cannot give {', '.join(odd)}; "
            + CONVERT.format(folder=folder)
        )
