"""The bundle that a search chose, with what was measured in its history."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgebert._version import __version__
from edgebert.search.result import CompressReport
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import MANIFEST_NAME, ProvenanceStep
from edgebert_runtime.storage.text_file import write_text

COMPRESSED: Final = "compressed"
"""The step of `provenance` that says what the search measured."""


def write_bundle(bundle: Bundle, folder: Path, report: CompressReport) -> None:
    """Write a copy of a bundle whose default is the chosen precision.

    Args:
        bundle: of the chosen model.
        folder: is there, and empty.
        report: of the search.

    Raises:
        BudgetError: nothing was chosen.
    """
    chosen = report.require()
    shutil.copytree(bundle.folder, folder, dirs_exist_ok=True)
    step = ProvenanceStep(
        step=COMPRESSED,
        by={"edgebert": __version__},
        variant=None,
        budget=report.budget.text,
        details={"aims": str(report.aims), "steps": list(chosen.steps), **chosen.summary()},
    )
    manifest = replace(
        bundle.manifest,
        default_variant=chosen.precision,
        provenance=(*bundle.manifest.provenance, step),
    )
    write_text(folder / MANIFEST_NAME, manifest.to_json())
