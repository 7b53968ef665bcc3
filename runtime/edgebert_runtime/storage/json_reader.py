"""The one reader of JSON files: bounded, strict, and every problem told by the caller's error.

RFC 8259 leaves to a reader how large, how deep and how precise a text may be, and what two keys of
one name mean. Here a text has at most `MAX_BYTES` and `MAX_DEPTH`, and a key once.
"""

import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.errors import EdgebertError

MAX_BYTES: Final = 64 * 2**20
"""Above every file that is read: a tokenizer of 256,000 tokens has 35 MB. Its values take at most
1.4 GB, if it consists of empty arrays."""
MAX_DIGITS: Final = 100
"""Of an integer: reading takes time that grows with their square."""
MAX_DEPTH: Final = 64
"""Arrays and objects within one another."""
MAX_SHOWN: Final = 60
"""Characters of a value in a message."""

Refusal = Callable[[str], EdgebertError]
"""The problem, without the file's name → the error to raise."""

_PLAIN_KEY: Final = re.compile(r"[\w-]{1,60}")


def read_json(
    path: Path,
    refusal: Refusal,
    *,
    absent: Callable[[], EdgebertError] | None = None,
    most_bytes: int = MAX_BYTES,
) -> Any:
    """The value in a JSON file.

    Args:
        path: of the file.
        refusal: makes the error for a problem, such as "is not valid JSON (…)".
        absent: makes the error where nothing is there; None is `refusal`.
        most_bytes: size of the largest file that is read.

    Raises:
        EdgebertError: what `refusal` or `absent` makes: the file is missing, is no regular file,
            cannot be read, is too large, or `parse_json` refuses what it holds.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait
            raise refusal("is not a file, expected a JSON file")
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise (absent() if absent else refusal("not found")) from error
    except OSError as error:
        raise refusal(f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a path that no system can hold
        raise refusal(f"cannot be read: {error}") from error
    if len(content) > most_bytes:
        raise refusal(f"has more than {most_bytes:,} bytes, expected a smaller JSON file")
    return parse_json(content, refusal)


def parse_json(content: bytes, refusal: Refusal) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        EdgebertError: what `refusal` makes: the text is not UTF-8 or not JSON, nests deeper than
            `MAX_DEPTH`, has a number that is not finite or has too many digits, a key twice, or
            half of a surrogate pair.
    """
    odd: list[str] = []

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            odd.append(text)
        return value

    try:
        text = content.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=number,
            parse_constant=number,
            parse_int=_integer,
        )
        _check_depth(value)
        if "\\u" in text:  # only an escape can give half of a pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise refusal(f"is not valid JSON (it nests deeper than {MAX_DEPTH} levels)") from None
    except ValueError as error:
        raise refusal(f"is not valid JSON ({error})") from error
    if odd:
        raise refusal(f"is not valid JSON ({_first_odd(value)}, expected a finite number)")
    return value


def shown(value: object) -> str:
    """A value of JSON in a message: one line, not longer than `MAX_SHOWN`."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def printable(name: str) -> str:
    """A name from a file in a message: line ends and other controls are escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in name)


def inside(place: str, key: str | int) -> str:
    """The place of a value in a message, such as `variants.cpu.files[0]`."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{place}[{shown(key)}]"
    return f"{place}.{key}" if place else key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, of which JSON itself would allow two values of one name."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has {shown(twice)} twice")
    return fields


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has {len(text):,} digits, expected at most {MAX_DIGITS}")
    return int(text)


def _children(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for each in level
            for child in _children(each)
            if child.__class__ is dict or child.__class__ is list
        ]
        if not level:
            return
    raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")


def _first_odd(value: Any) -> str:
    numbers = _numbers(value, "")
    return next(f"{place} is {found}" for place, found in numbers if not math.isfinite(found))


def _numbers(value: Any, place: str) -> Iterator[tuple[str, float]]:
    """Each number that is no integer, with its place."""
    if isinstance(value, float):
        yield place or "the value", value
    elif isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in parts:
            yield from _numbers(child, inside(place, key))
