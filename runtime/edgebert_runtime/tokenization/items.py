"""What a tokenizer takes: a text, or two."""

from collections.abc import Sequence

from edgebert_runtime.errors import InputError

Item = str | tuple[str, str]
"""A text, or two that the model sees at once."""


def strings_of(item: Item) -> Sequence[str]:
    """The one string of an item, or its two."""
    return (item,) if isinstance(item, str) else item


def check_text(name: str, text: object) -> str:
    """The text, if the tokenizer can take it; `name` is what the message calls it.

    Raises:
        InputError: `text` is not a string, or holds a lone surrogate.
    """
    if not isinstance(text, str):
        raise InputError(f"{name} is {type(text).__name__}, expected str")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name} holds a lone surrogate at character {error.start}, which is not text; "
            "replace it, for example with text.encode('utf-8', 'replace').decode('utf-8')"
        ) from error
    return text


def check_item(name: str, item: object) -> Item:
    """A text or a pair, if the tokenizer can take it.

    Raises:
        InputError: `item` is neither a string nor a tuple of two, or holds a lone surrogate.
    """
    if isinstance(item, tuple | list):
        return check_pair(name, item)
    return check_text(name, item)


def check_pair(name: str, item: object) -> tuple[str, str]:
    """Two texts, if the tokenizer can take them.

    Raises:
        InputError: `item` is not a tuple of two strings, or holds a lone surrogate.
    """
    if not isinstance(item, tuple):
        raise InputError(
            f"{name} is {type(item).__name__}, expected a pair of strings, which is a tuple: "
            "(first, second)"
        )
    if len(item) != 2:
        raise InputError(f"{name} holds {len(item)} texts, expected a string or a pair of strings")
    first, second = (check_text(f"{name}[{at}]", text) for at, text in enumerate(item))
    return first, second
