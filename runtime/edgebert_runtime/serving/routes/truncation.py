"""How text-embeddings-inference says what becomes of long texts."""

from collections.abc import Mapping
from typing import Any, Final

from edgebert_runtime.serving.schemas.parts import choice, flag

TRUNCATE: Final = flag(
    "Cut texts beyond the model's maximum length, or refuse them; as the server does unless said."
)

DIRECTION: Final = choice(
    "right", "Right", description="Where a text is cut: at its end, which is the only way."
)


def long_texts(asked: Mapping[str, Any]) -> str | None:
    """The option `long` of a request; None where it says nothing."""
    truncate = asked.get("truncate")
    return None if truncate is None else "truncate" if truncate else "error"
