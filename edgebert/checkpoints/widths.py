"""Widths of a pruned encoder's layers, in `config.json` under edgebert's own key.

transformers' `pruned_heads` says nothing of feed-forward neurons, so it is not written. Its classes
refuse such weights by their shapes.

    "edgebert": {"widths": [{"heads": [0, 1, 5], "intermediate": 1024}, ...]}
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.own_settings import KEY, read_own_settings
from edgebert.model.config import LayerWidths
from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.storage.json_values import read_structure

WIDTHS: Final = "widths"


def read_widths(hf_config: Mapping[str, Any], *, source: str) -> tuple[LayerWidths, ...] | None:
    """Those of each distinct layer; None where the key is absent.

    Raises:
        CheckpointError: what stands there is no list of widths.
    """
    noted = read_own_settings(hf_config, source=source).get(WIDTHS)
    if noted is None:
        return None
    if not isinstance(noted, list):
        raise CheckpointError(
            f"{source} has {KEY}.{WIDTHS}={noted!r}, expected a list with one object for each layer"
        )

    def refusal(problem: str) -> CheckpointError:
        return CheckpointError(f"{source}: {KEY}.{WIDTHS} {problem}")

    return tuple(read_structure(LayerWidths, each, refusal) for each in noted)


def with_widths(
    hf_config: Mapping[str, Any], widths: tuple[LayerWidths, ...] | None
) -> dict[str, Any]:
    """A config with these widths in the place of any others."""
    others = {key: value for key, value in hf_config.get(KEY, {}).items() if key != WIDTHS}
    own = others if widths is None else {**others, WIDTHS: [_noted(each) for each in widths]}
    rest = {key: value for key, value in hf_config.items() if key != KEY}
    return {**rest, KEY: own} if own else rest


def _noted(widths: LayerWidths) -> dict[str, Any]:
    return {"heads": list(widths.heads), "intermediate": widths.intermediate}
