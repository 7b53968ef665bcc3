"""Sentences of a page, and what of them is code."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

CODE: Final = re.compile(r"`([^`]+)`")

NUMBER: Final = re.compile(
    r"[-+−<>≈±~≤≥]?\s?\d[\d.,]*(?:e[-+]?\d+)?"  # 1,234.5 or 1.2e-05
    r"(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"
    r"(?:\s?[^\s\d(]{1,7})?"  # its unit
    r"(?:\s?\(.*\))?"  # what stands behind it, such as quartiles
)
NOTHING: Final = ("", "-", "–", "—")


def paragraphs(text: str) -> list[str]:
    """Parts with an empty line between them."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def spoken(text: str, plain: Callable[[str], str], code: Callable[[str], str]) -> str:
    """A text with what stands between backticks made into code, and the rest into what it is."""
    pieces = CODE.split(text)
    return "".join(
        code(piece) if number % 2 else plain(piece) for number, piece in enumerate(pieces)
    )


def numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column holds numbers, some with a unit or a remark in brackets."""
    cells = [row[column].strip() for row in rows]
    told = [cell for cell in cells if cell not in NOTHING]
    return bool(told) and all(NUMBER.fullmatch(cell) for cell in told)


def slugs(titles: Sequence[str]) -> Iterator[str]:
    """A name for each title that an address can hold, no two alike."""
    taken: set[str] = set()
    for title in titles:
        stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        number, slug = 1, stem
        while slug in taken:
            number += 1
            slug = f"{stem}-{number}"
        taken.add(slug)
        yield slug
