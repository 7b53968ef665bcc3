"""What edgebert notes in the `config.json` of what it writes, for `edgebert.export`.

One key holds all of it. transformers keeps keys that it does not know, and reads none of them.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert_runtime.errors import CheckpointError

KEY: Final = "edgebert"

AGGREGATION: Final = "aggregation"
"""For `tag`: how tokens are put together, as the training labelled them."""

MAX_LENGTH: Final = "max_length"
"""The limit in tokens that the training was given, where the model could take more."""


def with_own_settings(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of `config.json`, with these values noted beside those noted before."""
    noted = {**settings.get(KEY, {}), **values}
    return {**settings, KEY: noted} if noted else dict(settings)


def read_own_settings(hf_config: Mapping[str, Any], *, source: str) -> Mapping[str, Any]:
    """What a training noted; nothing for other checkpoints.

    Raises:
        CheckpointError: the key holds no object.
    """
    found = hf_config.get(KEY, {})
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{source} has {KEY}={found!r}, expected an object; remove the key")
    return found
