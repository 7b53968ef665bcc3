"""A call of each task, in JavaScript and in Python, and how far two answers are apart."""

import re
from collections.abc import Callable
from typing import Any, Final

TEXTS: Final = ["the small cat sat on the mat.", "a dog ran far, over the red blue mat; naïve 中国"]
QUESTION: Final = "who sat on the mat?"
MASKED: Final = "the small [MASK] sat on the mat."

CALLS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "embed": (
        f"embed({TEXTS}).then((found) => found.map((each) => [...each]))",
        lambda model: model.embed(TEXTS).tolist(),
    ),
    "classify": (f"classify({TEXTS})", lambda model: model.classify(TEXTS)),
    "tag": (f"tag({TEXTS})", lambda model: model.tag(TEXTS)),
    "answer": (
        f"answer({QUESTION!r}, {TEXTS[0]!r}, {{ topK: 3 }})",
        lambda model: model.answer(QUESTION, TEXTS[0], top_k=3),
    ),
    "rank": (f"rank({QUESTION!r}, {TEXTS})", lambda model: model.rank(QUESTION, TEXTS)),
    "fill": (f"fill({MASKED!r})", lambda model: model.fill(MASKED)),
    "next_sentence": (f"score(...{TEXTS})", lambda model: model.score(*TEXTS)),
}
"""Task → a method's call in JavaScript, and the same in Python."""

FP32: Final = 1e-5
"""Largest difference of a number; the order of additions differs between engines."""


def plain(value: Any) -> Any:
    """An answer as JSON has it, with JavaScript's names."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        camel = (re.sub(r"_(\w)", lambda found: found[1].upper(), key) for key in value)
        return dict(zip(camel, map(plain, value.values()), strict=True))
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def far(found: Any, expected: Any, place: str = "answer") -> float:
    """The largest difference of two numbers; what is no number must be the same."""
    if isinstance(expected, dict):
        assert found.keys() >= expected.keys(), place
        return max(far(found[key], expected[key], f"{place}.{key}") for key in expected)
    if isinstance(expected, list):
        assert len(found) == len(expected), f"{place}: {found} {expected}"
        parts = zip(found, expected, strict=True)
        return max((far(*each, f"{place}[{at}]") for at, each in enumerate(parts)), default=0.0)
    if isinstance(expected, float):
        return abs(found - expected)
    assert found == expected, place
    return 0.0
