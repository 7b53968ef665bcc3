"""How long a layer takes at several widths, by timing int8 graphs of one layer on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from edgebert.checkpoints import Checkpoint
from edgebert.checkpoints.rewriting import parts_of
from edgebert.checkpoints.saving import save_checkpoint
from edgebert.compression.widths.costs import LayerCosts, Table
from edgebert.compression.widths.importance import TILE
from edgebert.model.config import LayerWidths
from edgebert.model.encoder import Encoder
from edgebert.workflow.api import export
from edgebert_quantize.bundle_quantizer import source_of
from edgebert_quantize.calibration.text_split import Feeder, read_text_split
from edgebert_quantize.evaluation.speed import milliseconds
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, this_cpu
from edgebert_quantize.native.operator import write_native
from edgebert_quantize.native.values import MismatchError
from edgebert_quantize.recipes import find_recipe
from edgebert_quantize.rewrite.rewrite import Output, rewrite_graph
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from edgebert_runtime.engine.native import find_native
from edgebert_runtime.measurement.rounds import measure_in_rounds
from edgebert_runtime.progress import ProgressCallback

LENGTHS: Final[Mapping[str, tuple[int, ...]]] = {
    "1x32": (32,),
    "8x128": (128,) * 8,
    "mixed": (8, 16, 24, 32, 48, 64, 96, 128),
}
"""Name of a shape → tokens of each text."""

ROUNDS_OF_TABLE: Final = 3
ROUNDS: Final = 5
SOME_ID: Final = 5
"""The speed of a dense graph does not depend on the ids."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A graph to time.

    Attributes:
        graph: its path.
        way: `stock`, or `native` with the library.
    """

    graph: Path
    way: str


def int8_graph(checkpoint: Checkpoint, folder: Path) -> Timed:
    """Export a model and quantize its graph, in a new folder; its quality is not looked at.

    Raises:
        EdgebertError: as `edgebert.export`.
    """
    source = folder / "checkpoint"
    save_checkpoint(source, parts_of(checkpoint, "pruned", {}))
    bundle = export(
        source, folder / "bundle", task=_task(checkpoint), tokens="unchecked", progress=False
    )
    recipe = find_recipe("int8")
    graph = bundle.path_of(source_of(bundle, recipe).file)
    plain, lowered, native = (folder / f"{name}.onnx" for name in ("plain", "lowered", "native"))
    feeder, split = Feeder.of(bundle), read_text_split(None, None)
    rewrite_graph(
        graph,
        [Output(plain), Output(lowered, lowered=True)],
        recipe,
        partial(feeder.calibration, split),
        LARGEST_WEIGHT[this_cpu()],
    )
    if find_native().library is None:
        return Timed(graph=plain, way=STOCK)
    try:
        write_native(lowered, native)
    except MismatchError:
        return Timed(graph=plain, way=STOCK)
    return Timed(graph=native, way=NATIVE)


def _task(checkpoint: Checkpoint) -> Any:
    return checkpoint.task  # of `ExportTask`, or a registered one


def medians(
    graphs: Mapping[str, Timed], checkpoint: Checkpoint, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Time graphs in turn, each in a process of its own.

    Returns:
        Name of a shape → name of a graph → its median time in each round, in ms.
    """
    found: dict[str, dict[str, list[float]]] = {}
    with TemporaryDirectory() as folder:
        for shape, lengths in LENGTHS.items():
            arrays = Path(folder) / f"{shape}.npz"
            np.savez(arrays, **_feeds(lengths, checkpoint))
            measures = {
                name: partial(milliseconds, each.graph, arrays, each.way)
                for name, each in graphs.items()
            }
            found[shape] = measure_in_rounds(measures, rounds)
    return found


def speedups(whole: Timed, narrow: Timed, checkpoint: Checkpoint) -> dict[str, float]:
    """How much faster one graph is than another, by paired rounds, in each shape."""
    times = medians({"whole": whole, "narrow": narrow}, checkpoint, ROUNDS)
    return {
        shape: median(
            before / after for before, after in zip(each["whole"], each["narrow"], strict=True)
        )
        for shape, each in times.items()
    }


def timed_costs(checkpoint: Checkpoint, tell: ProgressCallback) -> LayerCosts:
    """Time layers at several widths.

    A model of one layer and one of two tell what a model takes beside its layers. The attention is
    timed with all neurons and the feed-forward block with all heads; between the widths that were
    timed, times are taken to be linear.

    Raises:
        EdgebertError: as `edgebert.export`.
    """
    config = checkpoint.config
    wide = (config.heads, config.intermediate)
    widths = [
        *((heads, wide[1]) for heads in _grid(config.heads, 1)),
        *((wide[0], neurons) for neurons in _grid(config.intermediate, TILE)),
    ]
    with TemporaryDirectory() as folder:
        graphs: dict[str, Timed] = {}
        for heads, neurons in dict.fromkeys((wide, *widths)):
            tell(f"timing an int8 layer of {heads} heads and {neurons} neurons")
            layer = _stack(checkpoint, 1, heads, neurons)
            name = f"{heads} {neurons}"
            graphs[name] = int8_graph(layer, Path(folder) / name)
        graphs["two"] = int8_graph(_stack(checkpoint, 2, *wide), Path(folder) / "two")
        times = medians(graphs, checkpoint, ROUNDS_OF_TABLE)
    return LayerCosts(
        tables={
            shape: _table({name: median(each) for name, each in found.items()}, wide)
            for shape, found in times.items()
        }
    )


def _table(times: Mapping[str, float], wide: tuple[int, int]) -> Table:
    whole = times[f"{wide[0]} {wide[1]}"]
    rest = max(2 * whole - times["two"], 0.0)
    named = {tuple(map(int, name.split())): time for name, time in times.items() if name != "two"}
    return Table(
        heads={
            heads: time - rest for (heads, neurons), time in named.items() if neurons == wide[1]
        },
        neurons={
            neurons: time - whole for (heads, neurons), time in named.items() if heads == wide[0]
        },
        rest=rest,
    )


def _grid(most: int, least: int) -> list[int]:
    """From the widest to the narrowest, by halves."""
    halved = [most // 2 // least * least, most // 4 // least * least]
    return [each for each in dict.fromkeys((most, *halved, least)) if least <= each <= most]


def _stack(checkpoint: Checkpoint, count: int, heads: int, neurons: int) -> Checkpoint:
    """The checkpoint with so many layers of these widths, whose weights are random."""
    config = checkpoint.config
    shared = config.layer_groups is not None
    widths = LayerWidths(heads=tuple(range(heads)), intermediate=neurons)
    config = replace(
        config,
        layers=count,
        layer_groups=1 if shared else None,
        widths=(widths,) * (1 if shared else count),
    )
    with torch.random.fork_rng(devices=[]):
        encoder = Encoder(config).eval()
    kept = checkpoint.encoder.state_dict()
    others = {name: kept[name] for name in encoder.state_dict() if not name.startswith("layers.")}
    encoder.load_state_dict(others, strict=False)
    return replace(checkpoint, encoder=encoder, config=config)


def _feeds(lengths: Sequence[int], checkpoint: Checkpoint) -> dict[str, Any]:
    most = checkpoint.max_length
    cut = [min(each, most) for each in lengths]
    mask = np.zeros((len(cut), max(cut)), np.int64)
    for row, length in enumerate(cut):
        mask[row, :length] = 1
    ids: NDArray[np.int64] = mask * SOME_ID
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": mask * 0}
