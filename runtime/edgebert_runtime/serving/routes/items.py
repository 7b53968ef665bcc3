"""Texts, and pairs of them, in our own shape and in that of pipelines."""

from typing import Any, Final

from edgebert_runtime.serving.schemas.check import Schema
from edgebert_runtime.serving.schemas.parts import TEXT, closed, optional

TEXT_AND_PAIR: Final = closed("text", text=TEXT, text_pair=optional(TEXT, "The second text."))
PAIR: Final = closed("text", "text_pair", text=TEXT, text_pair=TEXT)

ITEMS: Final[dict[str, Schema]] = {
    "never": TEXT,
    "optional": {"anyOf": (TEXT, TEXT_AND_PAIR)},
    "always": PAIR,
}
"""Whether a task takes pairs → the schema of an item."""


def text_or_pair(found: Any) -> str | tuple[str, str]:
    """A text, or an object with a text and perhaps a second one."""
    if isinstance(found, str):
        return found
    first, second = found["text"], found.get("text_pair")
    return first if second is None else (first, second)
