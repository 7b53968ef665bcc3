"""What the files beside `tokenizer.json` say of special and added tokens.

Source: transformers v4.57.6 and v5.23.0, `_from_pretrained` of
src/transformers/tokenization_utils_base.py. With `added_tokens_decoder` in `tokenizer_config.json`
that file alone counts. Without it, `special_tokens_map.json` overrules `tokenizer_config.json`,
and `added_tokens.json` adds to both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.files import read_json_if_present, setting
from edgebert.checkpoints.tokenizer.classes import (
    PLAIN_CLASS,
    ROLES,
    TokenizerClass,
    find_class,
)
from edgebert_runtime.errors import TokenizerError

CONFIG: Final = "tokenizer_config.json"
MAP: Final = "special_tokens_map.json"
ADDED: Final = "added_tokens.json"

FLAGS: Final = ("single_word", "lstrip", "rstrip", "normalized", "special")
EXTRAS: Final = ("additional_special_tokens", "extra_special_tokens")

CLASS_NAMES: Final = {"TokenizersBackend": PLAIN_CLASS}
"""Names of transformers 5 that transformers 4 does not know."""


@dataclass(frozen=True, kw_only=True)
class SideToken:
    """A token as a side file has it.

    Attributes:
        content: its text.
        flags: those of `FLAGS` that the file states.
        id: its id, where the file states one.
        file: the file's name.
    """

    content: str
    flags: Mapping[str, bool]
    file: str
    id: int | None = None


@dataclass(frozen=True, kw_only=True)
class SideFiles:
    """What the files beside `tokenizer.json` say.

    Attributes:
        settings: `tokenizer_config.json`, with the class that loads `tokenizer.json` under
            `tokenizer_class`.
        class_name: the class that the folder names, or the family's.
        row: what is known of the class; None where nothing is.
        named: role to token, for roles that a file names.
        extras: further special tokens.
        declared: tokens with ids, of `added_tokens_decoder` or else `added_tokens.json`.
        decoder: whether `added_tokens_decoder` is there; its flags overrule `tokenizer.json`'s.
    """

    settings: Mapping[str, Any]
    class_name: str
    row: TokenizerClass | None
    named: Mapping[str, SideToken]
    extras: tuple[SideToken, ...]
    declared: tuple[SideToken, ...]
    decoder: bool

    @property
    def roles(self) -> dict[str, str]:
        """Role to token: those of the class, overruled by those that a file names."""
        defaults = self.row.roles if self.row else {}
        return {**defaults, **{role: token.content for role, token in self.named.items()}}


def read_side_files(folder: Path, default_class: str) -> SideFiles:
    """Read what a folder says of its tokenizer beside `tokenizer.json`.

    Args:
        folder: of the tokenizer.
        default_class: the class of the model's family, for folders that name none.

    Raises:
        CheckpointError: a file is no JSON object, or a value in it is of another type.
        TokenizerError: a token is neither a string nor an object with `content`.
    """
    path = folder / CONFIG
    settings = read_json_if_present(path)
    name = _class_name(folder, settings) or default_class
    row = find_class(name)
    stored = CLASS_NAMES.get(name, name) if row else PLAIN_CLASS
    decoder = setting(path, settings, "added_tokens_decoder", dict)
    special = read_json_if_present(folder / MAP) if decoder is None else {}
    sources = ((path.name, settings), (MAP, special))  # the later one wins
    return SideFiles(
        settings=settings | {"tokenizer_class": stored},
        class_name=name,
        row=row,
        named={role: token for source in sources for role, token in _named(folder, *source)},
        extras=tuple(token for source in sources for token in _extras(folder, *source)),
        declared=tuple(_decoded(folder, decoder) if decoder is not None else _added(folder)),
        decoder=decoder is not None,
    )


def _class_name(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """The class that `tokenizer_config.json` names, or else `config.json`."""
    named = setting(folder / CONFIG, settings, "tokenizer_class", str)
    path = folder / "config.json"
    return named or setting(path, read_json_if_present(path), "tokenizer_class", str)


def _named(folder: Path, file: str, stored: Mapping[str, Any]) -> Iterator[tuple[str, SideToken]]:
    for role in ROLES:
        if stored.get(role) not in (None, ""):
            token = _token(folder / file, role, stored[role])
            if token.content:
                yield role, token


def _extras(folder: Path, file: str, stored: Mapping[str, Any]) -> Iterator[SideToken]:
    """Special tokens without a usual role: lists, objects, and keys such as `image_token`."""
    for key in EXTRAS:
        values = stored.get(key) or ()
        if not isinstance(values, list | tuple | dict):
            raise TokenizerError(
                f"{folder / file} has {key}={values!r}, expected a list of tokens or an object "
                "from names to tokens; correct it"
            )
        for value in values.values() if isinstance(values, dict) else values:
            yield _token(folder / file, key, value)
    for key, value in stored.items():
        if key.endswith("_token") and key not in ROLES and isinstance(value, str) and value:
            yield _token(folder / file, key, value)


def _decoded(folder: Path, decoder: Mapping[str, Any]) -> Iterator[SideToken]:
    for key, value in decoder.items():
        if not key.isdecimal() or not isinstance(value, dict):
            raise TokenizerError(
                f"{folder / CONFIG} has added_tokens_decoder with {key!r}: {value!r}, expected ids "
                "with objects that have content; correct it"
            )
        yield _token(folder / CONFIG, "added_tokens_decoder", value, int(key))


def _added(folder: Path) -> Iterator[SideToken]:
    path = folder / ADDED
    stored = read_json_if_present(path)
    for content in stored:
        yield SideToken(
            content=content, flags={}, file=ADDED, id=setting(path, stored, content, int)
        )


def _token(path: Path, key: str, value: object, token_id: int | None = None) -> SideToken:
    """A token that is stored bare or as an object with `content` and flags."""
    stored = {"content": value} if isinstance(value, str) else value
    content = stored.get("content") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not isinstance(content, str):
        raise TokenizerError(
            f"{path} has {value!r} under {key}, expected a token: a string, or an object with "
            "content; correct it"
        )
    flags = {flag: setting(path, stored, flag, bool) for flag in FLAGS}
    return SideToken(
        content=content,
        flags={flag: value for flag, value in flags.items() if value is not None},
        file=path.name,
        id=token_id,
    )
