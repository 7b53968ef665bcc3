"""Windows over a text that is longer than a model takes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, get_args

from edgebert_runtime.errors import ConfigError, InputError

Long = Literal["truncate", "error", "window"]
"""What becomes of a text beyond the limit: it is cut, refused, or run in overlapping windows."""

WINDOWS_AT_ONCE: Final = 128
"""Windows of a huge text that are held together; all but its last are full."""

STRIDE_TOKENS: Final = 128
"""Most that neighbouring windows share where the caller says nothing."""


def slide(length: int, room: int, shared: int) -> Iterator[range]:
    """Yield the tokens of each window over `length` of them, `shared` by neighbours.

    Every token is in a window, every window but the last is full.
    """
    for start in range(0, length, room - shared):
        yield range(start, min(start + room, length))
        if start + room >= length:
            return


def shared_tokens(window: int, room: int, asked: int | None) -> int:
    """How many tokens neighbouring windows share.

    Args:
        window: tokens of a window, all included.
        room: those of them that the text can have.
        asked: by the caller; None is half a window, at most `STRIDE_TOKENS`.

    Raises:
        ConfigError: more than there is room for.
    """
    if asked is None:
        usual = min(window // 2, STRIDE_TOKENS)
        return usual if usual < room else room // 2
    if not 0 <= asked < room:
        raise ConfigError(
            f"stride must be between 0 and {room - 1} for windows of {window} tokens, got {asked}"
        )
    return asked


def kept_positions(sources: Sequence[int | None], parts: Mapping[int, range]) -> list[int]:
    """Tokens that stay: all that were added, and of each text a part of its own.

    Args:
        sources: which text each token is of; None for tokens that were added.
        parts: number of a text → which of its tokens.
    """
    seen = dict.fromkeys(parts, 0)
    kept: list[int] = []
    for position, source in enumerate(sources):
        if source is None:
            kept.append(position)
            continue
        if seen[source] in parts[source]:
            kept.append(position)
        seen[source] += 1
    return kept


def room_in(window: int, others: int) -> int:
    """Tokens of a text that a window holds beside the others.

    Raises:
        InputError: they leave no room.
    """
    if others >= window:
        raise InputError(
            f"question or query and special tokens are {others} tokens and fill a window of "
            f"{window}; shorten the question, or export the model with a larger max_length"
        )
    return window - others


def check_long(long: str, *, windows: bool = True) -> None:
    """Refuse what is no way to treat long texts.

    Raises:
        ConfigError: unknown, or a window where the task has none.
    """
    ways = [way for way in get_args(Long) if windows or way != "window"]
    if long not in ways:
        raise ConfigError(f"long must be one of {', '.join(ways)}; got {long!r}")
