"""The int8 graph for old engines, and inputs for it."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_export.graph.build import build, write_graphs
from edgebert_export.spec import ExportSpec
from edgebert_export.targets import TARGETS
from edgebert_quantize.recipes import RECIPES
from edgebert_quantize.rewrite.rewrite import Output, rewrite_graph
from edgebert_quantize.weights.grids import LARGEST
from edgebert_runtime.engine.session import Session

STOCK: Final = "onnx/model_quantized.onnx"
MASKS: Final = ("full", "right", "left", "holes", "none")
"""Which tokens of a batch count."""

TOKENS: Final = 40

Feeds = dict[str, NDArray[np.int64]]


def write_stock(canonical: ir.Model, spec: ExportSpec, folder: Path) -> Path:
    """Quantize the graph for `cpu` of a traced module into the one for old engines."""
    target = TARGETS["cpu"]
    write_graphs([build(canonical, target, spec, target.min_onnxruntime)], folder)
    exact = folder / target.file
    names = Session(exact, provider="cpu").inputs
    outputs = [Output(folder / STOCK, lowered=True)]
    batches = [token_feeds(names, "right", seed=seed) for seed in range(1, 4)]
    rewrite_graph(exact, outputs, RECIPES["int8"], lambda: batches, LARGEST)
    return folder / STOCK


def token_feeds(names: list[str] | tuple[str, ...], kind: str, seed: int = 0) -> Feeds:
    """Three texts, of which tokens are left out as `MASKS` names it."""
    ids = np.random.default_rng(seed).integers(5, 20, (3, TOKENS))
    mask = np.ones_like(ids)
    places = {"right": (1, slice(9, None)), "left": (1, slice(30)), "holes": (2, slice(0, 40, 2))}
    if kind != "full":
        mask[places.get(kind, (0, slice(None)))] = 0
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return {name: feeds[name] for name in names}


def assert_same_bits(native: Path, stock: Path) -> None:
    """Without the library a graph gives all outputs of the stock graph, whatever is masked."""
    sessions = [Session(path, provider="cpu") for path in (stock, native)]
    assert sessions[0].outputs == sessions[1].outputs
    for kind in MASKS:
        feeds = token_feeds(sessions[0].inputs, kind)
        expected, found = (each.run(each.outputs, feeds) for each in sessions)
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=kind)
