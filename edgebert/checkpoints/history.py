"""What was done to a model before it is exported, kept in its `config.json`.

The steps are those of a manifest's `provenance`, where `edgebert.export` puts them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from edgebert._version import __version__
from edgebert.checkpoints.own_settings import read_own_settings, with_own_settings
from edgebert_runtime.bundle.manifest import ProvenanceStep
from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.storage.json_values import read_structure

HISTORY: Final = "history"


def read_history(hf_config: Mapping[str, Any], *, source: str) -> tuple[ProvenanceStep, ...]:
    """The steps that were noted, in order; none for other checkpoints.

    Raises:
        CheckpointError: what is noted is no list of steps.
    """
    noted = read_own_settings(hf_config, source=source).get(HISTORY, [])
    if not isinstance(noted, list):
        raise CheckpointError(f"{source} has {HISTORY}={noted!r}, expected a list; remove the key")

    def refusal(problem: str) -> CheckpointError:
        return CheckpointError(f"{source}: a step of {HISTORY} {problem}; remove the key")

    return tuple(read_structure(ProvenanceStep, step, refusal) for step in noted)


def with_step(
    settings: Mapping[str, Any],
    before: tuple[ProvenanceStep, ...],
    step: str,
    details: Mapping[str, Any],
) -> dict[str, Any]:
    """Keys of `config.json` that note another step.

    Args:
        settings: other keys.
        before: what was done earlier.
        step: a name that manifests know, such as `trimmed`.
        details: what was done, as JSON.
    """
    by = {"edgebert": __version__}
    done = ProvenanceStep(step=step, by=by, variant=None, budget=None, details=details)
    return with_own_settings(settings, {HISTORY: [asdict(each) for each in (*before, done)]})
