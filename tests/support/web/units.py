"""Places in texts as JavaScript counts them: in UTF-16 units, where Python counts characters."""

from typing import Any


def units_of(text: str) -> list[int]:
    """Number of a character → its place in UTF-16 units; one more for the end."""
    places = [0]
    for character in text:
        places.append(places[-1] + (2 if ord(character) > 0xFFFF else 1))
    return places


def in_units(text: str, answer: Any) -> Any:
    """An answer as JSON has it, its `start` and `end` in UTF-16 units of a text."""
    if isinstance(answer, list):
        return [in_units(text, each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    places = units_of(text)
    return {
        key: places[value] if key in ("start", "end") else in_units(text, value)
        for key, value in answer.items()
    }
