"""How much of a teacher a student keeps, as a user writes it."""

import re
from dataclasses import dataclass
from typing import Final

from edgebert_runtime.errors import ConfigError

BEGINNING: Final = re.compile(r"(layers|width)=")
FORMS: Final = (
    "layers=N, width=SHARE, layers=N,width=SHARE, or the folder or Hub id of a checkpoint"
)


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a student keeps of its teacher.

    Attributes:
        layers: how many; None for all.
        width: the share of heads and feed-forward neurons; None for all.
    """

    layers: int | None
    width: float | None


def read_share(text: str) -> Share | None:
    """Read `layers=N`, `width=SHARE` or both with a comma between.

    Returns:
        None where the text is no such form, but the name of a checkpoint.

    Raises:
        ConfigError: a name is unknown or there twice, the layers are no whole number, or the width
            is no number above 0 and below 1.
    """
    if BEGINNING.match(text) is None:
        return None
    given = [part.partition("=") for part in text.split(",")]
    values = {name.strip(): value.strip() for name, _, value in given}
    if len(values) < len(given) or not values.keys() <= {"layers", "width"}:
        raise ConfigError(f"student is {text!r}, expected {FORMS}")
    layers, width = values.get("layers"), values.get("width")
    return Share(
        layers=None if layers is None else _whole(layers, text),
        width=None if width is None else _width(width, text),
    )


def _whole(value: str, text: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise ConfigError(f"student is {text!r}, expected {FORMS}")
    return int(value)


def _width(value: str, text: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ConfigError(
            f"student is {text!r}, expected a width above 0 and below 1: the share of heads and "
            "feed-forward neurons that stays, such as width=0.5"
        )
    return share
