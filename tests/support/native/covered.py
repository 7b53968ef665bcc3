"""Which families have a variant for the library, and why the others have none."""

from typing import Any, Final

from tests.support.families import SAMPLES

UNCOVERED: Final = {
    "deberta-v2": "its attention adds to scores what is no number for each distance",
    "deberta-v3": "its attention adds to scores what is no number for each distance",
    "nomic-bert": "found a head_size of 16 with rotary positions, expected a multiple of 32",
}
"""Sample → a part of the reason."""

TURNED: Final = ("modernbert", "nomic-bert")
"""Families whose heads are turned; with three heads they are as large as the kernels take them."""

COVERED: Final = tuple(name for name in SAMPLES if not name.startswith("deberta"))


def changes_of(sample: str) -> dict[str, Any]:
    """What makes a sample's heads large enough."""
    return {"hidden_size": 96} if sample.startswith(TURNED) else {}
