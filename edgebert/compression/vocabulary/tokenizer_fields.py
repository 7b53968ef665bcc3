"""`tokenizer.json` with fewer tokens, whose ids have no gaps."""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.compression.vocabulary.pieces import Pieces

Fields = dict[str, Any]

ENDS: Final = ("sep", "cls")
"""Fields of the post-processors of BERT and RoBERTa: a token and its id each."""


def trimmed_fields(fields: Mapping[str, Any], pieces: Pieces, new: Mapping[int, int]) -> Fields:
    """The fields of `tokenizer.json` with the tokens that stay.

    Args:
        fields: all of them.
        pieces: the vocabulary in their `model`.
        new: old id → new id, of every token that stays.
    """
    kept = {token: new[number] for token, number in pieces.ids.items() if number in new}
    ordered = dict(sorted(kept.items(), key=lambda each: each[1]))
    return {
        **fields,
        "model": pieces.without(ordered),
        "added_tokens": [
            {**token, "id": new[token["id"]]}
            for token in fields["added_tokens"]
            if token["id"] in new
        ],
        "post_processor": _processor(fields.get("post_processor"), new),
    }


def _processor(stored: Any, new: Mapping[int, int]) -> Any:
    """What puts special tokens around texts, with their new ids."""
    if not isinstance(stored, Mapping):
        return stored
    changed = dict(stored)
    for name in ENDS:
        if name in stored:
            token, number = stored[name]
            changed[name] = [token, new[number]]
    if "processors" in stored:
        changed["processors"] = [_processor(each, new) for each in stored["processors"]]
    if stored.get("type") == "TemplateProcessing":
        changed["special_tokens"] = {
            name: {**each, "ids": [new[number] for number in each["ids"]]}
            for name, each in stored["special_tokens"].items()
        }
    return changed
