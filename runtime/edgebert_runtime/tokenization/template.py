"""What the tokens of one or two texts are put into: the tokens that a tokenizer adds."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from edgebert_runtime.tokenization.encoding import EncodedText


class TemplatePiece(NamedTuple):
    """Of what one or two texts become: a token that is added, or the place of a text's own.

    Attributes:
        source: the number of the text; None for a token that is added.
        id: of that token.
        type: of that token, or of all that the text has.
    """

    source: int | None
    id: int
    type: int


def added_tokens(template: Sequence[TemplatePiece]) -> int:
    """How many tokens are added to the texts' own."""
    return sum(slot.source is None for slot in template)


def fill_template(
    template: Sequence[TemplatePiece], contents: "Sequence[array[int]]", left_out: int = 0
) -> EncodedText:
    """Each text's tokens in its place; `left_out` are more that the whole has.

    Ids are arrays: the windows of a huge text are many.
    """
    ids, types = array("q"), array("q")
    for slot in template:
        part = array("q", [slot.id]) if slot.source is None else contents[slot.source]
        ids.extend(part)
        types.extend(array("q", [slot.type]) * len(part))
    return EncodedText(input_ids=ids, token_type_ids=types, tokens=len(ids) + left_out)


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens of each of two texts fit, where the longer one loses first.

    https://huggingface.co/docs/tokenizers/api/encode-inputs (strategy `longest_first`)
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second)
    if shorter + shorter <= room:
        longer = room - shorter
        return (shorter, longer) if first <= second else (longer, shorter)
    half = room // 2
    return (half, room - half) if first <= second else (room - half, half)
