"""The cache of optimised graphs: `warm` writes it, `load` reads it."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from edgebert_runtime.bundle.manifest import FileInfo, Manifest, Variant
from edgebert_runtime.engine.cpu import first_processor
from edgebert_runtime.engine.native import NativeLibrary
from edgebert_runtime.errors import BundleError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.storage.json_reader import read_json
from edgebert_runtime.storage.json_values import (
    Fields,
    Flag,
    Integer,
    Nullable,
    Number,
    Table,
    Text,
    read_structure,
)

GRAPHS: Final = "graphs"
GRAPH: Final = "graph.onnx"
PACKED: Final = "packed.bin"
"""Weights that `edgebert-native` has packed; the graph is then the bundle's own."""
ENTRY: Final = "entry.json"


class Tuning(NamedTuple):
    """The fastest settings, as measured.

    Attributes:
        micro_batch_tokens: padded tokens a micro-batch should hold.
        workers: whether micro-batches run in parallel, each on one thread.
        latency_threads: the smallest number of threads with the lowest latency on one text; None
            where it was not measured.
        max_padding: share of those tokens that may be padding, 0 to 1; None where it was not
            measured.
    """

    micro_batch_tokens: int
    workers: bool
    latency_threads: int | None = None
    max_padding: float | None = None


TUNING: Final = Fields(
    {"micro_batch_tokens": Integer(1), "workers": Flag()},
    {"latency_threads": Nullable(Integer(1)), "max_padding": Nullable(Number(0, 1))},
)
THREADS: Final = Text(pattern="[1-9][0-9]{0,5}", words="a number of threads")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The file beside a cached graph: its files, and number of threads → a `Tuning`."""

    files: Mapping[str, FileInfo]
    tunings: Annotated[Mapping[str, Any], Table(TUNING, THREADS)]


@dataclass(frozen=True, kw_only=True, repr=False)
class WarmGraph(Report):
    """A cached graph, or the packed weights of one.

    Attributes:
        folder: where it lies.
        files: what it consists of.
        tunings: number of threads → the fastest settings with that number.
    """

    folder: Path
    files: Mapping[str, FileInfo]
    tunings: Mapping[int, "Tuning"]

    @property
    def path(self) -> Path:
        """The ONNX file; where a library runs, the weights that it packed."""
        return self.folder / (PACKED if self.packed else GRAPH)

    @property
    def packed(self) -> bool:
        """Whether it is packed weights, for the bundle's own graph."""
        return PACKED in self.files

    @property
    def size_bytes(self) -> int:
        """On disk."""
        return sum(info.size_bytes for info in self.files.values())


def variant_folder(cache: Path, manifest: Manifest, variant: Variant) -> Path:
    """The folder of all cached graphs of a variant, for every engine and CPU."""
    hashes = "".join(manifest.files[path].sha256 for path in (variant.file, *variant.files))
    return cache / GRAPHS / hashlib.sha256(hashes.encode()).hexdigest()[:32]


def find_warm(
    cache: Path,
    manifest: Manifest,
    variant: Variant,
    engine: str,
    library: NativeLibrary | None = None,
) -> WarmGraph | None:
    """What is kept of a variant for an engine's version and this CPU; None if nothing is.

    Args:
        cache: the folder of all caches.
        manifest: of the bundle.
        variant: of the manifest.
        engine: version of ONNX Runtime.
        library: that runs the variant; None without one.
    """
    folder = place_of(cache, manifest, variant, engine, library)
    try:
        entry = read_structure(Entry, read_json(folder / ENTRY, BundleError), BundleError)
    except BundleError:
        return None
    tunings = {
        int(threads): Tuning(**{key: found[key] for key in Tuning._fields if key in found})
        for threads, found in entry.tunings.items()
    }
    files = entry.files
    needed = GRAPH if library is None else PACKED
    return WarmGraph(folder=folder, files=files, tunings=tunings) if needed in files else None


def place_of(
    cache: Path,
    manifest: Manifest,
    variant: Variant,
    engine: str,
    library: NativeLibrary | None = None,
) -> Path:
    """Where what is kept for an engine's version and a CPU of this kind lies.

    Arguments are those of `find_warm`. What a library packs also goes by its version and layout.
    """
    identity = cpu_identity(first_processor())
    if library is not None:
        identity += f"\n{library.version} {library.packing}".encode()
    cpu = hashlib.sha256(identity).hexdigest()[:16]
    return variant_folder(cache, manifest, variant) / f"{engine}-{cpu}"


def cpu_identity(lines: Sequence[bytes]) -> bytes:
    """What tells CPUs apart that weights are packed for differently.

    Args:
        lines: of /proc/cpuinfo on one core; none where there is no such file.
    """
    if not lines:
        import platform

        return f"{platform.machine()} {platform.processor()} {sys.platform}".encode()
    wanted = (b"model name", b"flags", b"Features", b"CPU implementer", b"CPU part")
    return b"\n".join(line for line in lines if line.startswith(wanted))
