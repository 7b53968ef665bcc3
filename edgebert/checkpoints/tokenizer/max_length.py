"""How many tokens a text may have."""

from typing import Final

from edgebert_runtime.errors import CheckpointError, ConfigError

SHORTEST: Final = 3
"""Start token, one token of text, end token."""

NO_LIMIT: Final = 10**9
"""A larger limit of a tokenizer means no limit; transformers writes 1e30."""


def choose_limit(
    *, asked: int | None, settings: int | None, tokenizer: object, positions: int
) -> tuple[int, tuple[str, ...]]:
    """Choose the longest input in tokens, special tokens included.

    Args:
        asked: what the caller wants; it wins.
        settings: `max_seq_length` of sentence-transformers, next.
        tokenizer: `model_max_length` as stored; a huge or missing one is no limit.
        positions: how many positions the model has.

    Returns:
        The limit, and what the user should know about it.

    Raises:
        ConfigError: `asked` is not between 3 and `positions`.
        CheckpointError: the checkpoint's own limit is below 3.
    """
    if asked is not None:
        return _check_asked(asked, positions), ()
    limit = min(_finite(tokenizer) if settings is None else settings, positions)
    if limit < SHORTEST:
        raise CheckpointError(
            f"the checkpoint's limit is {limit} tokens, expected at least {SHORTEST}; "
            "pass max_length"
        )
    return limit, _contradiction(limit, settings, _finite(tokenizer), positions)


def _contradiction(
    limit: int, settings: int | None, tokenizer: int, positions: int
) -> tuple[str, ...]:
    """A note where the files name limits that differ, or one that the model cannot take."""
    named = {"max_seq_length": settings, "the tokenizer's model_max_length": tokenizer}
    finite = {name: value for name, value in named.items() if value not in (None, NO_LIMIT)}
    if set(finite.values()) <= {limit}:
        return ()
    listed = ", ".join(f"{name} is {value}" for name, value in finite.items())
    return (f"{listed}, the model has {positions} positions: texts are cut to {limit} tokens",)


def _finite(tokenizer: object) -> int:
    if isinstance(tokenizer, int | float) and tokenizer < NO_LIMIT:
        return int(tokenizer)
    return NO_LIMIT


def _check_asked(asked: int, positions: int) -> int:
    if not isinstance(asked, int) or isinstance(asked, bool) or not SHORTEST <= asked <= positions:
        raise ConfigError(
            f"max_length must be a whole number of tokens between {SHORTEST} and {positions}, the "
            f"positions this model has, got {asked!r}"
        )
    return asked
