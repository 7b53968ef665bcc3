"""From the start of a process to its first answer and its end."""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.measurement.timing import seconds_of
from edgebert_runtime.tasks.registry import require_task

COLD_START: Final = """
import json
import sys
from edgebert_runtime import load
model = load(sys.argv[1], **json.loads(sys.argv[2]))
model.predict(json.loads(sys.argv[3]))
"""
QUESTION: Final = "How fast does this start?"


def cold_start_ms(folder: str, manifest: Manifest, how: Mapping[str, Any]) -> float:
    """What a process takes that loads a bundle, answers once and ends.

    Args:
        folder: the bundle.
        manifest: of the bundle.
        how: arguments of `load`.

    Raises:
        EdgebertError: it failed; its last line is in the text.
    """
    call = [folder, json.dumps(how), json.dumps([first_item(manifest)])]
    return 1000 * seconds_of([sys.executable, "-c", COLD_START, *call])


def first_item(manifest: Manifest) -> Any:
    """A short item for the bundle's task."""
    return require_task(manifest.default_task).item(manifest, QUESTION)
