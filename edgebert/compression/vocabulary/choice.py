"""Which tokens of a vocabulary stay."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from edgebert.compression.vocabulary.pieces import Pieces
from edgebert_runtime.errors import ConfigError


class Wanted(NamedTuple):
    """What a smaller vocabulary is asked to hold.

    Attributes:
        always: tokens that stay whatever is asked, such as special ones.
        counts: how often a corpus has each token; None without a corpus.
        allowed: whether a token may stay at all, by the text that it stands for; None: any.
        most: tokens to keep at most; None keeps all that the corpus or the languages have.
    """

    always: frozenset[str]
    counts: Mapping[str, int] | None = None
    allowed: Callable[[str], bool] | None = None
    most: int | None = None


def choose_tokens(pieces: Pieces, wanted: Wanted) -> frozenset[str]:
    """The tokens that stay.

    With a limit, those stay that are made most often while the corpus is cut into tokens; without a
    corpus, those with the lowest ids, which vocabularies give to the most frequent ones.

    Raises:
        ConfigError: the limit has no room for the tokens that any text may need.
    """
    allowed = _allowed(pieces, wanted.allowed)
    kept = set(wanted.always) | {token for token in pieces.needed if allowed(token)}
    if wanted.most is not None and wanted.most < len(kept):
        raise ConfigError(
            f"keep={wanted.most} is too few tokens: {len(kept)} are special ones, single "
            "characters, or others that any text may need"
        )
    for token in _ranked(pieces, wanted):
        whole = {token, *pieces.parts(token)} - kept
        if wanted.most is not None and len(kept) + len(whole) > wanted.most:
            continue
        if token not in kept and all(map(allowed, whole)):
            kept |= whole
    return frozenset(kept)


def _allowed(pieces: Pieces, asked: Callable[[str], bool] | None) -> Callable[[str], bool]:
    if asked is None:
        return lambda _: True
    return lambda token: asked(pieces.spelled(token))


def _ranked(pieces: Pieces, wanted: Wanted) -> Iterable[str]:
    """The tokens that are asked for, the most useful first."""
    if wanted.counts is None:
        return sorted(pieces.ids, key=pieces.ids.__getitem__)
    made: Counter[str] = Counter()
    for token, count in wanted.counts.items():
        if token in pieces.ids:
            for part in {token, *pieces.parts(token)}:
                made[part] += count
    return sorted(made, key=lambda token: (-made[token], pieces.ids[token]))
