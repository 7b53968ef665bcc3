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

from edgebert.checkpoints.files import json_bytes, read_json, setting
from edgebert.checkpoints.tokenizer.added_tokens import merge
from edgebert.checkpoints.tokenizer.classes import PLAIN_CLASS
from edgebert.checkpoints.tokenizer.max_length import choose_limit
from edgebert.checkpoints.tokenizer.overrules import follow_arguments
from edgebert.checkpoints.tokenizer.rust import parse, tokenizer_errors
from edgebert.checkpoints.tokenizer.side_files import CONFIG, SideFiles, read_side_files
from edgebert.checkpoints.tokenizer.template import add_template
from edgebert.checkpoints.tokenizer.vocabularies import build
from edgebert.checkpoints.tokenizer.words import tells_words
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import TokenizerError

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


USUAL_PADDING: Final = ("[PAD]", "<pad>")
"""Padding tokens of tokenizers whose files name none; a mask covers them, so no answer changes."""


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
    """Read the tokenizer of a checkpoint folder: `tokenizer.json` with what stands beside it.

    Returns:
        The tokenizer, and what the user should know about it.

    Raises:
        TokenizerError: there is none, it cannot be read, or it does not fit the model.
        ConfigError: the caller's limit is not one this model can take.
        CheckpointError: a JSON file beside it is damaged.
    """
    side = read_side_files(folder, demands.default_class)
    _check_settings(folder, side.settings)
    stored = _read_fields(folder, side)
    padding = stored.get("padding") or {}
    fields, kept, notes = _completed(folder, stored, side)
    settings = {**side.settings, **kept}
    if demands.lowercase and not _lowers(fields.get("normalizer")):
        fields = _lowered(fields)
        settings["tokenizer_class"] = PLAIN_CLASS
    tokenizer = parse(folder, fields)
    _check_ids(folder, tokenizer, fields)
    _check_dropout(folder, fields)
    vocabulary = _check_fit(folder, tokenizer, demands.vocabulary)
    _check_unknown(folder, tokenizer)
    pad_token, pad_id = _pad_token(folder, tokenizer, side, padding)
    pad_type_id = setting(folder / CONFIG, settings, "pad_token_type_id", int)
    max_length, limit_notes = choose_limit(
        asked=demands.asked,
        settings=demands.settings,
        tokenizer=settings.get("model_max_length", settings.get("max_len")),
        positions=demands.positions,
    )
    special_tokens = _known({**side.roles, "pad_token": pad_token}, tokenizer)
    files = TokenizerFiles(
        json=json.dumps(fields, ensure_ascii=False),
        vocab_txt=_bytes_if_present(folder / "vocab.txt"),
        tokenizer_config=_config({**settings, **special_tokens}, max_length),
        pad_token=pad_token,
        pad_id=pad_id,
        pad_type_id=padding.get("pad_type_id", 0) if pad_type_id is None else pad_type_id,
        special_tokens=special_tokens,
        max_length=max_length,
        vocabulary=vocabulary,
    )
    return files, (*notes, *limit_notes, *_padding_note(settings))


def _check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    if settings.get("truncation_side", "right") != "right":
        raise TokenizerError(
            f"{folder / CONFIG} has truncation_side {settings['truncation_side']!r}, edgebert cuts "
            "long texts at their end; set it to 'right' if that suits the model"
        )
    if settings.get("split_special_tokens"):
        raise TokenizerError(
            f"{folder / CONFIG} has split_special_tokens={settings['split_special_tokens']!r}, a "
            "bundle takes special tokens in texts for what they are; set it to false if that suits "
            "the model"
        )


def _read_fields(folder: Path, side: SideFiles) -> dict[str, Any]:
    path = folder / "tokenizer.json"
    return read_json(path, dict) if path.exists() else build(folder, side)


def _completed(
    folder: Path, fields: dict[str, Any], side: SideFiles
) -> tuple[dict[str, Any], Mapping[str, Any], tuple[str, ...]]:
    """The fields with what side files and class say; what the file alone says; notes."""
    tokenizer = parse(folder, fields)  # after this its parts have the types they should
    fields = fields | {"truncation": None, "padding": None}
    fields, token_notes = merge(folder, fields, tokenizer, side)
    fields, template_notes = add_template(folder, fields, tokenizer, side)
    fields, kept, notes = follow_arguments(folder, fields, side)
    if not (folder / "tokenizer.json").exists():
        return fields, kept, ()  # it was built from its class and arguments
    return fields, kept, (*_unknown_class(side), *token_notes, *template_notes, *notes)


def _unknown_class(side: SideFiles) -> tuple[str, ...]:
    if side.row is not None:
        return ()
    return (
        f"edgebert does not know the tokenizer class {side.class_name}; "
        "tokenizer.json is taken as it is",
    )


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


def _check_ids(folder: Path, tokenizer: Tokenizer, fields: Mapping[str, Any]) -> None:
    """Refuse added tokens whose stored id the tokenizers library does not give them."""
    for token in fields["added_tokens"]:
        given = tokenizer.token_to_id(token["content"])
        if given != token["id"]:
            raise TokenizerError(
                f"{folder / 'tokenizer.json'} has the added token {token['content']!r} with id "
                f"{token['id']}, the tokenizers library gives it id {given}; ids of added tokens "
                "must follow those of the vocabulary without gaps"
            )


def _check_dropout(folder: Path, fields: Mapping[str, Any]) -> None:
    """Refuse byte pairs that leave merges out by chance, as training may."""
    dropout = fields["model"].get("dropout")
    if dropout:
        raise TokenizerError(
            f"{folder / 'tokenizer.json'} has dropout {dropout} in its model, so that a text has "
            "other tokens at each call; set it to null"
        )


def _check_unknown(folder: Path, tokenizer: Tokenizer) -> None:
    """Refuse a tokenizer that fails on characters that its vocabulary lacks."""
    with tokenizer_errors(
        f"{folder / 'tokenizer.json'} has no unknown token for characters its vocabulary lacks",
        "name one in its model (unk_id or unk_token)",
    ):
        tokenizer.encode("\U000ffffd \u16a0 \U000103a0")  # few vocabularies have these


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


def _pad_token(
    folder: Path, tokenizer: Tokenizer, side: SideFiles, padding: Mapping[str, Any]
) -> tuple[str, int]:
    """The padding token and its id: named, the class's, that of stored padding, or a usual one."""
    wanted = [side.roles.get("pad_token"), padding.get("pad_token"), *USUAL_PADDING]
    for token in wanted:
        token_id = None if token is None else tokenizer.token_to_id(token)
        if token_id is not None:
            return str(token), token_id
    raise TokenizerError(
        f"the tokenizer of {folder} has no padding token, looked for "
        f"{', '.join(dict.fromkeys(token for token in wanted if token))}; name one that its "
        "vocabulary holds as pad_token in tokenizer_config.json"
    )


def _known(named: Mapping[str, str], tokenizer: Tokenizer) -> dict[str, str]:
    return {
        role: token for role, token in named.items() if tokenizer.token_to_id(token) is not None
    }


def _config(settings: Mapping[str, Any], max_length: int) -> dict[str, Any]:
    kept = {key: value for key, value in settings.items() if key not in LEFT_OUT}
    return kept | {"model_max_length": max_length, "padding_side": "right"}


def _padding_note(settings: Mapping[str, Any]) -> tuple[str, ...]:
    if settings.get("padding_side", "right") == "right":
        return ()
    return (f"padding_side was {settings['padding_side']!r}; the bundle pads right",)


def _bytes_if_present(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
