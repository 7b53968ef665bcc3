"""The tokens of side files, put among the `added_tokens` of `tokenizer.json` as transformers does.

Source: `__init__` of `TokenizersBackend` and `PreTrainedTokenizerFast` of transformers v5.23.0 and
v4.57.6; ids as `add_tokens` of tokenizers v0.23, src/tokenizer/added_vocabulary.rs.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from edgebert.checkpoints.tokenizer.side_files import SideFiles, SideToken
from edgebert_runtime.errors import TokenizerError

SHOWN: Final = 3
"""Tokens that a note names; it counts the others."""

Fields = dict[str, Any]


def merge(
    folder: Path, fields: Fields, tokenizer: Tokenizer, side: SideFiles
) -> tuple[Fields, tuple[str, ...]]:
    """Add the tokens of the side files, and let the flags of `added_tokens_decoder` win.

    Args:
        folder: for messages.
        fields: those of `tokenizer.json`.
        tokenizer: read from them.
        side: what stands beside them.

    Returns:
        The fields, with added tokens in the order of their ids, and notes.

    Raises:
        TokenizerError: a side file gives a token another id than it has here.
    """
    added = {token["content"]: token for token in fields.get("added_tokens") or []}
    changed = _changed_flags(added, side)
    entries = {**added, **changed}
    new: dict[str, Fields] = {}
    numbers = _Numbers(tokenizer)
    for token in _missing(entries, numbers, side):
        if token.content not in new:
            new[token.content] = _entry(token, numbers.take(token.content), side)
    for token in side.declared:
        entry = new.get(token.content) or entries[token.content]
        if token.id != entry["id"]:
            raise TokenizerError(
                f"{folder / token.file} gives the token {token.content!r} id {token.id}, the "
                f"tokenizer gives it id {entry['id']}; save the tokenizer again with transformers"
            )
    merged = sorted((entries | new).values(), key=lambda entry: entry["id"])
    return fields | {"added_tokens": merged}, (*_note_new(new, numbers), *_note_flags(changed))


class _Numbers:
    """Ids of tokens: those of the model, then the next free one.

    Attributes:
        appended: tokens that the model's vocabulary lacks and that got an id after all others.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.appended: list[str] = []

    def known(self, content: str) -> bool:
        return self._tokenizer.token_to_id(content) is not None

    def take(self, content: str) -> int:
        stored = self._tokenizer.token_to_id(content)
        if stored is not None:
            return int(stored)
        self.appended.append(content)
        return self._last + len(self.appended)

    @cached_property
    def _last(self) -> int:
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)


def _changed_flags(added: Mapping[str, Fields], side: SideFiles) -> dict[str, Fields]:
    """Tokens whose flags in `added_tokens_decoder` are others than in `tokenizer.json`."""
    if not side.decoder:
        return {}
    both = [(token, added[token.content]) for token in side.declared if token.content in added]
    wanted = [(stored, stored | _flags(token, _is_special(token, side))) for token, stored in both]
    return {entry["content"]: entry for stored, entry in wanted if entry != stored}


def _missing(
    entries: Mapping[str, Fields], numbers: _Numbers, side: SideFiles
) -> Iterator[SideToken]:
    """Tokens of the side files, and of the class where the vocabulary has them, not added yet."""
    row = side.row
    roles = [token for role, token in side.roles.items() if role not in side.named]
    defaults = (*roles, *(row.extra if row else ()))
    candidates = (
        *sorted(side.declared, key=lambda token: token.id or 0),
        *side.named.values(),
        *side.extras,
        *(
            SideToken(content=content, flags={}, file="")
            for content in defaults
            if numbers.known(content)
        ),
    )
    return (token for token in candidates if token.content and token.content not in entries)


def _is_special(token: SideToken, side: SideFiles) -> bool:
    """A token with an id is special if its file says so, or gives it a role, too."""
    if token.id is None:
        return True
    named = {other.content for other in (*side.named.values(), *side.extras)}
    return token.flags.get("special", False) or token.content in named


def _flags(token: SideToken, special: bool) -> dict[str, bool]:
    """All flags of a token; where not stated, it is normalized if it is not special."""
    defaults = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
    return {**defaults, **token.flags, "special": special}


def _entry(token: SideToken, token_id: int, side: SideFiles) -> Fields:
    flags = _flags(token, _is_special(token, side))
    is_mask = token.content == side.roles.get("mask_token")
    if is_mask and "lstrip" not in token.flags and token.id is None and side.row:
        flags["lstrip"] = side.row.mask_strips
    return {"id": token_id, "content": token.content, **flags}


def _note_new(new: Mapping[str, Fields], numbers: _Numbers) -> tuple[str, ...]:
    if not numbers.appended:
        return ()
    named = ", ".join(f"{name!r} ({new[name]['id']})" for name in numbers.appended[:SHOWN])
    more = len(numbers.appended) - SHOWN
    return (
        "tokens that only the files beside tokenizer.json have were added to it: "
        f"{named}{f' and {more} more' if more > 0 else ''}",
    )


def _note_flags(changed: Mapping[str, Fields]) -> tuple[str, ...]:
    if not changed:
        return ()
    return (
        "tokenizer_config.json overrides the flags of tokenizer.json, as in transformers: "
        + ", ".join(repr(content) for content in list(changed)[:SHOWN])
        + (f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""),
    )
