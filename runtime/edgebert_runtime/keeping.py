"""Where a variant's graph is kept as this machine runs it; `warm` puts it there."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.manifest import FileInfo, Manifest, Variant

GRAPHS: Final = "graphs"
GRAPH: Final = "graph.onnx"
ENTRY: Final = "entry.json"

FIRST_PROCESSOR_BYTES: Final = 16384
"""Of /proc/cpuinfo; what it says of the first core is there."""


@dataclass(frozen=True, kw_only=True)
class WarmGraph:
    """A kept graph.

    Attributes:
        folder: where it lies.
        files: what it consists of.
        budgets: number of threads → padded tokens a micro-batch should hold, as measured.
    """

    folder: Path
    files: Mapping[str, FileInfo]
    budgets: Mapping[int, int]

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.folder / GRAPH

    @property
    def size_bytes(self) -> int:
        """On disk."""
        return sum(info.size_bytes for info in self.files.values())


def variant_folder(cache: Path, manifest: Manifest, variant: Variant) -> Path:
    """Where all kept graphs of a variant lie, whatever engine and CPU they are for."""
    hashes = "".join(manifest.files[path].sha256 for path in (variant.file, *variant.files))
    return cache / GRAPHS / hashlib.sha256(hashes.encode()).hexdigest()[:32]


def find_warm(cache: Path, manifest: Manifest, variant: Variant, engine: str) -> WarmGraph | None:
    """The kept graph of a variant for an engine's version and this CPU; None if there is none."""
    folder = place_of(cache, manifest, variant, engine)
    try:
        entry: dict[str, Any] = json.loads((folder / ENTRY).read_text(encoding="utf-8"))
        files = {name: FileInfo(**info) for name, info in entry["files"].items()}
        budgets = {int(threads): int(budget) for threads, budget in entry["budgets"].items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return WarmGraph(folder=folder, files=files, budgets=budgets) if GRAPH in files else None


def place_of(cache: Path, manifest: Manifest, variant: Variant, engine: str) -> Path:
    """Where the graph for an engine's version and a CPU of this kind lies."""
    return (
        variant_folder(cache, manifest, variant)
        / f"{engine}-{hashlib.sha256(_cpu()).hexdigest()[:16]}"
    )


def _cpu() -> bytes:
    """What tells CPUs apart that weights are packed for differently."""
    try:
        with Path("/proc/cpuinfo").open("rb") as file:
            lines = file.read(FIRST_PROCESSOR_BYTES).partition(b"\n\n")[0].splitlines()
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()} {sys.platform}".encode()
    wanted = (b"model name", b"flags", b"Features", b"CPU implementer", b"CPU part")
    return b"\n".join(line for line in lines if line.startswith(wanted))
