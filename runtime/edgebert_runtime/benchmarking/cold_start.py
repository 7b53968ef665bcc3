"""From the start of a process to its first answer and its end."""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.measurement.timing import seconds_of

COLD_START: Final = """
import json
import sys
from edgebert_runtime import load
model = load(sys.argv[1], **json.loads(sys.argv[2]))
getattr(model, sys.argv[3])(*json.loads(sys.argv[4]))
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
    method, arguments = first_call(manifest)
    call = [folder, json.dumps(how), method, json.dumps(arguments)]
    return 1000 * seconds_of([sys.executable, "-c", COLD_START, *call])


def first_call(manifest: Manifest) -> tuple[str, list[Any]]:
    """A short call for the bundle's task: the model's method and its arguments."""
    masked = manifest.tokenizer.special_tokens.get("mask_token", "") + QUESTION
    calls: dict[str, tuple[str, list[Any]]] = {
        "embed": ("embed", [[QUESTION]]),
        "classify": ("classify", [[QUESTION]]),
        "tag": ("tag", [[QUESTION]]),
        "answer": ("answer", [QUESTION, QUESTION]),
        "rank": ("rank", [QUESTION, [QUESTION]]),
        "fill": ("fill", [masked]),
        "next_sentence": ("score", [QUESTION, QUESTION]),
    }
    return calls[manifest.task]
