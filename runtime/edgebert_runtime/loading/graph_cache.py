"""Where a variant's graph is kept as this machine runs it; `warm` puts it there."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgebert_runtime.bundle.manifest import FileInfo, Manifest, Variant
from edgebert_runtime.engine.cpu import first_processor
from edgebert_runtime.inference.reports import Report

GRAPHS: Final = "graphs"
GRAPH: Final = "graph.onnx"
ENTRY: Final = "entry.json"


class Tuning(NamedTuple):
    """How texts are run fastest, as measured.

    Attributes:
        micro_batch_tokens: padded tokens a micro-batch should hold.
        workers: whether micro-batches go side by side, each on one thread.
        latency_threads: with how many threads one text is answered soonest, and with no fewer
            as soon; None where nobody has measured it.
    """

    micro_batch_tokens: int
    workers: bool
    latency_threads: int | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class WarmGraph(Report):
    """A kept graph.

    Attributes:
        folder: where it lies.
        files: what it consists of.
        tunings: number of threads there are → what is fastest with so many.
    """

    folder: Path
    files: Mapping[str, FileInfo]
    tunings: Mapping[int, "Tuning"]

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
        tunings = {int(threads): _tuning(found) for threads, found in entry["tunings"].items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return WarmGraph(folder=folder, files=files, tunings=tunings) if GRAPH in files else None


def _tuning(fields: Mapping[str, Any]) -> Tuning:
    tuning = Tuning(**fields)
    threads = tuning.latency_threads
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(threads)
    return tuning


def place_of(cache: Path, manifest: Manifest, variant: Variant, engine: str) -> Path:
    """Where the graph for an engine's version and a CPU of this kind lies."""
    return (
        variant_folder(cache, manifest, variant)
        / f"{engine}-{hashlib.sha256(_cpu()).hexdigest()[:16]}"
    )


def _cpu() -> bytes:
    """What tells CPUs apart that weights are packed for differently."""
    lines = first_processor()
    if not lines:
        import platform

        return f"{platform.machine()} {platform.processor()} {sys.platform}".encode()
    wanted = (b"model name", b"flags", b"Features", b"CPU implementer", b"CPU part")
    return b"\n".join(line for line in lines if line.startswith(wanted))
