"""What a text became in one tokenizer, and what counts as a difference between two."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgebert_runtime.tokenization.items import Item, strings_of

Span = tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """One text, or a pair, as a tokenizer gives it; all sequences are (sequence,).

    Attributes:
        ids, type_ids, mask: what a model reads.
        spans: where each token lies in its text, as `spans_of` gives it; None where the tokenizer
            does not say, or the text was cut.
        pieces: the tokens as the vocabulary spells them, for messages.
        failure: why there are none.
    """

    ids: tuple[int, ...] = ()
    type_ids: tuple[int, ...] = ()
    mask: tuple[int, ...] = ()
    spans: tuple[Span, ...] | None = None
    pieces: tuple[str, ...] = field(default=(), compare=False)
    failure: str | None = None

    def difference(self, other: "Tokens") -> str | None:
        """What differs, by the name of an attribute; None where nothing does."""
        if self.failure is not None or other.failure is not None:
            both = self.failure is not None and other.failure is not None
            return None if both else "ids"
        for name in ("ids", "type_ids", "mask"):
            if getattr(self, name) != getattr(other, name):
                return name
        unlike = None not in (self.spans, other.spans) and self.spans != other.spans
        return "spans" if unlike else None


def spans_of(
    item: Item, offsets: Sequence[tuple[int, int]], sources: Sequence[int | None]
) -> tuple[Span, ...]:
    """The characters of each token, without white space at their ends.

    Tokenizers of one checkpoint differ in whether a token has the space before it (`trim_offsets`,
    Metaspace behind WhitespaceSplit or alone). No answer of the runtime shows it, so white space
    does not count. None stands for a token that was added, or has white space alone.
    """
    strings = strings_of(item)
    return tuple(
        None if source is None else _trimmed(strings[source], *offset)
        for offset, source in zip(offsets, sources, strict=True)
    )


def _trimmed(text: str, start: int, end: int) -> Span:
    covered = text[start:end]
    bare = covered.strip()
    if not bare:
        return None
    begin = start + covered.index(bare)
    return begin, begin + len(bare)
