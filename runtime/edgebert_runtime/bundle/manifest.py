"""The manifest of a bundle: its file, read and checked; `manifest_records` has what it says."""

import hashlib
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.bundle.found_instead import describe
from edgebert_runtime.bundle.manifest_checks import contradictions
from edgebert_runtime.bundle.manifest_records import (
    SCHEMA_VERSION,
    EmbeddingInfo,
    ExternalRange,
    FileInfo,
    HeadInfo,
    Library,
    Manifest,
    ProvenanceStep,
    Step,
    TaskInfo,
    TensorInfo,
    TokenizerInfo,
    Variant,
    Way,
)
from edgebert_runtime.bundle.paths import check_spelling
from edgebert_runtime.errors import BundleError
from edgebert_runtime.storage.json_reader import Refusal, read_json, shown
from edgebert_runtime.storage.json_values import read_structure

__all__ = [
    "CARD_NAME",
    "MANIFEST_NAME",
    "SCHEMA_VERSION",
    "EmbeddingInfo",
    "ExternalRange",
    "FileInfo",
    "HeadInfo",
    "Library",
    "Manifest",
    "ProvenanceStep",
    "Step",
    "TaskInfo",
    "TensorInfo",
    "TokenizerInfo",
    "Variant",
    "Way",
    "hash_file",
    "read_manifest",
    "written_version",
]

MANIFEST_NAME: Final = "edgebert.json"
CARD_NAME: Final = "README.md"
FORMER_VERSION: Final = 1
"""The version that is read, too."""

MAX_BYTES: Final = 4 * 2**20


def read_manifest(folder: Path) -> Manifest:
    """Read and check `edgebert.json` of a bundle folder; schema version 1 is converted.

    Raises:
        BundleError: it is missing, is not JSON, has a schema version this build cannot read, lacks
            a key, has one whose value makes no sense, or two that contradict each other; the text
            names the file and the key, or says what is there instead of a bundle.
        UnsafePathError: it names a path outside the folder.
    """
    fields, refusal = _read_fields(folder)
    if fields["schema_version"] == FORMER_VERSION:
        from edgebert_runtime.bundle.format_1 import converted  # few bundles need it

        fields = converted(fields, refusal)
    manifest = read_structure(Manifest, fields, refusal)
    for name in manifest.files:
        check_spelling(folder, name)
    for problem in contradictions(manifest):
        raise refusal(problem)
    return manifest


def written_version(folder: Path) -> int:
    """The schema version of the `edgebert.json` in a folder.

    Raises:
        BundleError: as `read_manifest`.
    """
    version: int = _read_fields(folder)[0]["schema_version"]
    return version


def _read_fields(folder: Path) -> tuple[dict[str, Any], Refusal]:
    """The object in the file, of a version that is known, and what makes errors about it."""
    path = folder / MANIFEST_NAME

    def refusal(problem: str) -> BundleError:
        return BundleError(f"{path} {problem}; export the model again")

    def absent() -> BundleError:
        return BundleError(describe(folder, MANIFEST_NAME))

    fields = read_json(path, refusal, absent=absent, most_bytes=MAX_BYTES)
    if not isinstance(fields, dict):
        raise refusal(f"holds {type(fields).__name__}, expected a JSON object")
    version = fields.get("schema_version")
    if type(version) is not int or version not in (FORMER_VERSION, SCHEMA_VERSION):
        raise BundleError(
            f"{path} has schema version {shown(version)}, this edgebert reads {FORMER_VERSION} and "
            f"{SCHEMA_VERSION}; install a newer edgebert-runtime, or export the model again"
        )
    return fields, refusal


def hash_file(path: Path) -> FileInfo:
    """Size and sha256 of a file, read in blocks."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileInfo(size_bytes=file.tell(), sha256=digest.hexdigest())
