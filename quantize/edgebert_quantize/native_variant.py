"""The variant whose layers are one operator of `edgebert-native`, beside the graphs without it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.evaluation.quality_meter import QualityMeter
from edgebert_quantize.evaluation.speed import Speed, measure_speed, shortened
from edgebert_quantize.native.operator import SCHEME, write_native
from edgebert_quantize.native.values import MismatchError
from edgebert_quantize.new_variant import Form
from edgebert_runtime.bundle.manifest import Library, Variant, Way
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from edgebert_runtime.bundle.weight_sharing import external_ranges
from edgebert_runtime.engine.native import NAME, NativeLibrary, find_native
from edgebert_runtime.errors import BundleError, QualityError, SpeedError
from edgebert_runtime.progress import ProgressCallback

KEPT: Final = ("calibration", "budget", "tables")
"""What the stock graph's quality says that holds for both ways."""

Timed = Callable[[Path, str], Speed | None]
"""A graph and a way it runs → its speed beside fp32; None where nothing is timed."""


def native_variant(
    form: Form,
    stock: Variant,
    graph: Path,
    meter: QualityMeter,
    timed: Timed,
    cpu: str,
    progress: ProgressCallback,
) -> tuple[Variant, Path] | None:
    """The variant and its graph, measured in both ways that it runs.

    Args:
        form: its name and file.
        stock: the variant of the graph without the operator.
        graph: that graph, in the staging area.
        meter: of qualities.
        timed: measures speeds.
        cpu: the class of CPU that it is for.
        progress: is told why there is none, if there is none.

    Returns:
        None where the library does not run here, cannot run the layers, or gains nothing.
    """
    library, reason = find_native()
    if library is None:
        progress(f"no variant {form.name}: {reason}")
        return None
    path = graph.with_name(Path(form.file).name)
    try:
        write_native(graph, path)
        progress(f"measuring {form.name} with {NAME} and without")
        ways = _ways(stock, path, library, meter, timed, cpu)
    except (MismatchError, BundleError, QualityError, SpeedError) as error:
        progress(f"no variant {form.name}: {error}")
        return None
    external = external_ranges(path, form.file)
    major, minor = library.version.split(".")[:2]
    variant = replace(
        stock,
        file=form.file,
        files=(form.file, *(each.file for each in external)),
        external=external,
        target=form.target or stock.target,
        library=Library(name=NAME, version=f"{major}.{minor}.0", required=False),
        ways=ways,
    )
    return variant, path


def timed_beside(
    exact: Path, feeds: Mapping[str, NDArray[np.int64]], name: str, *, wanted: bool
) -> Timed:
    """What times graphs beside fp32.

    Args:
        exact: the fp32 graph.
        feeds: the input.
        name: of the recipe, for errors.
        wanted: whether anything is timed.
    """

    def timed(graph: Path, way: str) -> Speed | None:
        if not wanted:
            return None
        speed = measure_speed(graph, exact, shortened(feeds), way)
        if way == NATIVE:
            speed.require(name)
        return speed

    return timed


def _ways(
    stock: Variant,
    graph: Path,
    library: NativeLibrary,
    meter: QualityMeter,
    timed: Timed,
    cpu: str,
) -> dict[str, Way]:
    """Without the library and with it.

    Raises:
        QualityError: one is below the threshold.
        SpeedError: it is slower than fp32 with the library.
    """
    found = {}
    known: Mapping[str, Any] = stock.way.quality or {}
    kept = {key: known[key] for key in KEPT if key in known}
    for way, used in ((STOCK, None), (NATIVE, library)):
        quality = meter.measure(graph, used)
        quality.require()
        speed = timed(graph, way)
        scheme = SCHEME if used else stock.way.scheme
        layers = {"layers": {scheme: sum(known["layers"].values())}} if "layers" in known else {}
        found[way] = Way(
            scheme=scheme,
            quality={**quality.to_manifest(), **kept, **layers},
            speed=None if speed is None else speed.to_manifest(cpu),
        )
    return found
