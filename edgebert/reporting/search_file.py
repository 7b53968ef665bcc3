"""A search for a quantization as `quantize --json` wrote it, read back."""

from collections.abc import Mapping
from typing import Any

from edgebert_quantize.search.result import Frontier
from edgebert_runtime.storage.json_reader import Refusal
from edgebert_runtime.storage.json_values import read_structure


def read_search(value: Mapping[str, Any], refusal: Refusal) -> Frontier:
    """A search from the JSON that `quantize --json` wrote.

    Args:
        value: the object.
        refusal: makes the error for a problem.

    Raises:
        EdgebertError: what `refusal` makes: a key is missing or does not fit.
    """
    found = read_structure(Frontier, value, refusal)
    if found.chosen is not None and found.chosen not in found.frontier:
        raise refusal("has a chosen point that is not among those of the frontier")
    for point in found.frontier:
        if point.speed and len(point.speed.candidate_ms) != len(point.speed.source_ms):
            raise refusal("has a speed with another number of times for fp32")
    return found
