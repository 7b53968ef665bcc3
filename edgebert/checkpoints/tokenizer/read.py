"""A checkpoint's tokenizer, without the truncation and padding that were saved with it.

Source: transformers v5.23.0, src/transformers/tokenization_utils_base.py and
models/bert/tokenization_bert.py.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from edgebert.checkpoints.files import json_bytes, read_json, read_json_if_present, setting
from edgebert.checkpoints.tokenizer.max_length import choose_limit
from edgebert.checkpoints.tokenizer.wordpiece import (
    CONVERT,
    build_wordpiece,
    normalizer_fields,
    token_text,
)
from edgebert.checkpoints.tokenizer.words import tells_words
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import TokenizerError

ROLES: Final = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)

SLOW_ONLY: Final = ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "vocab.json")
"""Files of tokenizers that only transformers' Python code reads."""

BERT_CLASSES: Final = tuple(
    f"{family}Tokenizer{kind}"
    for family in ("Bert", "DistilBert", "Electra", "MPNet")
    for kind in ("", "Fast")
)
"""Classes whose settings overrule the normalizer stored in `tokenizer.json`."""

PREFIX_CLASSES: Final = ("RobertaTokenizer", "RobertaTokenizerFast")
"""Classes whose settings overrule the pre-tokenizer's `add_prefix_space`."""

PLAIN_CLASS: Final = "PreTrainedTokenizerFast"
"""The class that takes `tokenizer.json` as it is, in transformers 4 and 5."""

CLASS_NAMES: Final = {"TokenizersBackend": PLAIN_CLASS}
"""Names of transformers 5 that transformers 4 does not know."""

LEFT_OUT: Final = frozenset(
    {
        "auto_map",
        "max_len",
        "max_length",
        "name_or_path",
        "pad_to_multiple_of",
        "padding",
        "special_tokens_map_file",
        "stride",
        "tokenizer_file",
        "truncation",
        "truncation_strategy",
        "vocab_file",
    }
)
"""Keys of `tokenizer_config.json` that are not stored: paths of a machine, padding, truncation."""


@dataclass(frozen=True, kw_only=True)
class TokenizerFiles:
    """A tokenizer as the bundle stores it.

    Attributes:
        json: the text of `tokenizer.json`, without truncation and padding.
        vocab_txt: the bytes of `vocab.txt`, where the checkpoint has one.
        tokenizer_config: the contents of `tokenizer_config.json`.
        pad_token, pad_id, pad_type_id: what fills a batch.
        special_tokens: role such as `cls_token` to token, for tokens the vocabulary holds.
        max_length: where texts are cut, in tokens, special tokens included.
        vocabulary: one more than the highest id.
    """

    json: str
    vocab_txt: bytes | None
    tokenizer_config: Mapping[str, Any]
    pad_token: str
    pad_id: int
    pad_type_id: int
    special_tokens: Mapping[str, str]
    max_length: int
    vocabulary: int

    def contents(self) -> dict[str, bytes]:
        """Every file of the tokenizer: name → content."""
        files = {
            "tokenizer.json": self.json.encode("utf-8"),
            "tokenizer_config.json": json_bytes(self.tokenizer_config),
            "special_tokens_map.json": json_bytes(self.special_tokens),
        }
        return files if self.vocab_txt is None else {**files, "vocab.txt": self.vocab_txt}

    @property
    def tells_words(self) -> bool:
        """Whether its tokens tell where words begin."""
        return tells_words(json.loads(self.json)["model"])

    def info(self, *, max_length: int, max_positions: int) -> TokenizerInfo:
        """What the runtime must know of it; both limits are in tokens."""
        return TokenizerInfo(
            file="tokenizer.json",
            max_length=max_length,
            max_positions=max_positions,
            padding_side="right",
            pad_id=self.pad_id,
            pad_token=self.pad_token,
            pad_type_id=self.pad_type_id,
            special_tokens=self.special_tokens,
        )


@dataclass(frozen=True, kw_only=True)
class TokenizerRequirements:
    """What the model and the caller ask of a tokenizer.

    Attributes:
        vocabulary: rows of the model's token table.
        positions: longest sequence the model takes, in tokens.
        asked: the caller's limit in tokens, or None.
        settings: `max_seq_length` of sentence-transformers in tokens, or None.
        lowercase: whether sentence-transformers lower-cases whatever the tokenizer does.
        default_class: the family's tokenizer class, for checkpoints that name none.
    """

    vocabulary: int
    positions: int
    asked: int | None
    settings: int | None
    lowercase: bool
    default_class: str


def read_tokenizer(
    folder: Path, demands: TokenizerRequirements
) -> tuple[TokenizerFiles, tuple[str, ...]]:
    """Read the tokenizer of a checkpoint folder as transformers would load it.

    Returns:
        The tokenizer, and what the user should know about it.

    Raises:
        TokenizerError: there is none, it cannot be read, or it does not fit the model.
        ConfigError: the caller's limit is not one this model can take.
        CheckpointError: a JSON file beside it is damaged.
    """
    settings = _read_settings(folder, demands.default_class)
    named = _named_tokens(folder, settings)
    fields, padding = _read_fields(folder, settings, named)
    fields, notes = _follow_settings(folder, fields, settings)
    if demands.lowercase and not _lowers(fields.get("normalizer")):
        fields = _lowered(fields)
        settings["tokenizer_class"] = PLAIN_CLASS
    tokenizer = _parse(folder, fields)
    vocabulary = _check_fit(folder, tokenizer, demands.vocabulary)
    _check_unknown(folder, tokenizer)
    pad_token = named.get("pad_token") or padding.get("pad_token") or "[PAD]"
    pad_type_id = setting(folder / "tokenizer_config.json", settings, "pad_token_type_id", int)
    max_length, limit_notes = choose_limit(
        asked=demands.asked,
        settings=demands.settings,
        tokenizer=settings.get("model_max_length", settings.get("max_len")),
        positions=demands.positions,
    )
    files = TokenizerFiles(
        json=json.dumps(fields, ensure_ascii=False),
        vocab_txt=_bytes_if_present(folder / "vocab.txt"),
        tokenizer_config=_config(settings, max_length, pad_token),
        pad_token=pad_token,
        pad_id=_pad_id(folder, tokenizer, pad_token),
        pad_type_id=padding.get("pad_type_id", 0) if pad_type_id is None else pad_type_id,
        special_tokens=_known({**named, "pad_token": pad_token}, tokenizer),
        max_length=max_length,
        vocabulary=vocabulary,
    )
    return files, (*notes, *limit_notes, *_padding_note(settings))


def _read_settings(folder: Path, default_class: str) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    settings = read_json_if_present(path)
    if settings.get("truncation_side", "right") != "right":
        raise TokenizerError(
            f"{path} has truncation_side {settings['truncation_side']!r}, edgebert cuts long texts "
            "at their end; set it to 'right' if that suits the model"
        )
    name = setting(path, settings, "tokenizer_class", str) or default_class
    return settings | {"tokenizer_class": CLASS_NAMES.get(name, name)}


def _named_tokens(folder: Path, settings: Mapping[str, Any]) -> dict[str, str]:
    """Role to token, as `special_tokens_map.json` and then `tokenizer_config.json` name them."""
    stored = read_json_if_present(folder / "special_tokens_map.json") | dict(settings)
    tokens = {role: token_text(stored[role]) for role in ROLES if stored.get(role) is not None}
    return {role: token for role, token in tokens.items() if token}


def _read_fields(
    folder: Path, settings: Mapping[str, Any], named: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of `tokenizer.json` without truncation and padding, and that padding."""
    path = folder / "tokenizer.json"
    if path.exists():
        fields = read_json(path, dict)
        _parse(folder, fields)  # after this its parts have the types they should
    elif (folder / "vocab.txt").exists():
        fields = json.loads(build_wordpiece(folder, settings, named).to_str())
    else:
        raise TokenizerError(_nothing_readable(folder))
    return fields | {"truncation": None, "padding": None}, fields.get("padding") or {}


def _nothing_readable(folder: Path) -> str:
    slow = [name for name in SLOW_ONLY if (folder / name).exists()]
    if slow:
        return f"{folder} has {', '.join(slow)} and no tokenizer.json; " + CONVERT.format(
            folder=folder
        )
    return f"{folder} has no tokenizer, expected tokenizer.json or vocab.txt; save it there too"


def _follow_settings(
    folder: Path, fields: dict[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Let `tokenizer_config.json` overrule parts of `tokenizer.json`, as transformers does."""
    name = settings["tokenizer_class"]
    if name in BERT_CLASSES:
        return _overruled(
            fields, "normalizer", "BertNormalizer", normalizer_fields(folder, settings)
        )
    if name in PREFIX_CLASSES:
        prefix = bool(settings.get("add_prefix_space", False))
        return _overruled(fields, "pre_tokenizer", "ByteLevel", {"add_prefix_space": prefix})
    return fields, ()


def _overruled(
    fields: dict[str, Any], part: str, kind: str, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields with values of one part replaced, where it is of the kind that has them."""
    stored = fields.get(part)
    if not isinstance(stored, dict) or stored.get("type") != kind:
        return fields, ()
    changed = [f"{key}={value}" for key, value in wanted.items() if stored.get(key) != value]
    if not changed:
        return fields, ()
    note = (
        f"tokenizer_config.json overrules tokenizer.json, as in transformers: {', '.join(changed)}"
    )
    return fields | {part: {**stored, **wanted}}, (note,)


def _lowers(normalizer: object) -> bool:
    if not isinstance(normalizer, dict):
        return False
    if normalizer.get("type") == "Sequence":
        return any(_lowers(part) for part in normalizer["normalizers"])
    return normalizer.get("type") == "Lowercase" or bool(normalizer.get("lowercase"))


def _lowered(fields: dict[str, Any]) -> dict[str, Any]:
    """Lower-case first, as sentence-transformers 6.2.0, base/modules/transformer.py."""
    stored = fields.get("normalizer")
    parts = [{"type": "Lowercase"}, *([] if stored is None else [stored])]
    return fields | {"normalizer": {"type": "Sequence", "normalizers": parts}}


def _parse(folder: Path, fields: Mapping[str, Any]) -> Tokenizer:
    try:
        return Tokenizer.from_str(json.dumps(fields, ensure_ascii=False))
    except Exception as error:  # the Rust side raises bare Exception
        raise TokenizerError(
            f"{folder / 'tokenizer.json'} cannot be read by this version of tokenizers ({error}); "
            "fetch it again, or install a newer tokenizers"
        ) from error


def _check_unknown(folder: Path, tokenizer: Tokenizer) -> None:
    """Refuse a tokenizer that fails on characters that its vocabulary lacks."""
    try:
        tokenizer.encode("\U000ffffd \u16a0 \U000103a0")  # few vocabularies have these
    except Exception as error:  # the Rust side raises bare Exception
        raise TokenizerError(
            f"{folder / 'tokenizer.json'} has no unknown token for characters that its vocabulary "
            f"lacks ({error}); name one in its model (unk_id or unk_token)"
        ) from error


def _check_fit(folder: Path, tokenizer: Tokenizer, vocabulary: int) -> int:
    ids = tokenizer.get_vocab(with_added_tokens=True)
    if not ids:
        raise TokenizerError(f"{folder} has a tokenizer without tokens; fetch it again")
    token = max(ids, key=ids.__getitem__)
    if ids[token] >= vocabulary:
        raise TokenizerError(
            f"the tokenizer of {folder} gives ids up to {ids[token]} ({token!r}), the model has "
            f"{vocabulary} token vectors; use the tokenizer the model was trained with"
        )
    return ids[token] + 1


def _pad_id(folder: Path, tokenizer: Tokenizer, pad_token: str) -> int:
    pad_id = tokenizer.token_to_id(pad_token)
    if pad_id is None:
        raise TokenizerError(
            f"the tokenizer of {folder} has no padding token {pad_token!r}; name one that its "
            "vocabulary holds as pad_token in tokenizer_config.json"
        )
    return int(pad_id)


def _known(named: Mapping[str, str], tokenizer: Tokenizer) -> dict[str, str]:
    return {
        role: token for role, token in named.items() if tokenizer.token_to_id(token) is not None
    }


def _config(settings: Mapping[str, Any], max_length: int, pad_token: str) -> dict[str, Any]:
    kept = {key: value for key, value in settings.items() if key not in LEFT_OUT}
    return kept | {
        "model_max_length": max_length,
        "padding_side": "right",
        "pad_token": pad_token,
    }


def _padding_note(settings: Mapping[str, Any]) -> tuple[str, ...]:
    if settings.get("padding_side", "right") == "right":
        return ()
    return (f"padding_side was {settings['padding_side']!r}; the bundle pads right",)


def _bytes_if_present(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
