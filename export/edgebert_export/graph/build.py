"""From the canonical graph to one file per target, all over the same weights."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.external_data import convert_tensors_to_external
from onnx_ir.passes import common

from edgebert_export.fusions import apply
from edgebert_export.graph.cuda_graph_support import is_capturable
from edgebert_export.spec import PROMISES, ExportSpec
from edgebert_export.targets import Target
from edgebert_export.unpadding.unpadding import remove_padding
from edgebert_runtime.bundle.manifest import ExternalRange
from edgebert_runtime.bundle.weight_sharing import aligned, external_ranges, sharing
from edgebert_runtime.engine.opsets import engine_limits
from edgebert_runtime.errors import ConfigError, FusionError

COUNTED: Final = {
    "attention": ("Attention", "PackedMultiHeadAttention"),
    "gelu": ("Gelu", "BiasGelu", "FastGelu"),
    "layer_norm": ("LayerNormalization", "SkipLayerNormalization"),
    "bias_gelu": ("BiasGelu", "FastGelu"),
    "skip_layer_norm": ("SkipLayerNormalization",),
}
"""Fusion → operators that are counted in the finished graph."""

MASK_LENGTH: Final = 17
"""On which what an attention mask is, is seen, beside the longest."""

SHARED_OVER_BYTES: Final = 2**20
"""Weights of fewer bytes are stored in every graph; of more in the first, which others share."""

SINGLE_FILE_UP_TO_BYTES: Final = 256 * 2**20
"""More weights than this go to an external file, which ONNX Runtime maps instead of parsing:
docs/decisions/0034 has what a single file costs."""

SINGLE_FILE_BELOW_BYTES: Final = 2**31 - 2**20
"""What protobuf can hold, less the graph itself."""

INLINE_BELOW_BYTES: Final = 1024
"""Tensors that stay in the graph file all the same: shapes and scalars."""

PRODUCER: Final = "edgebert-export"


@dataclass(frozen=True, kw_only=True)
class BuiltGraph:
    """A finished graph before it is written."""

    target: Target
    model: ir.Model
    fusions: Mapping[str, int]
    opset: int
    min_onnxruntime: str
    capturable: bool


def build(
    canonical: ir.Model, target: Target, spec: ExportSpec, min_onnxruntime: str
) -> BuiltGraph:
    """Rewrite a copy of the canonical graph for a target.

    Raises:
        FusionError: the finished graph lacks a fusion the target promises; says why.
        StillPaddedError: the target has no padding, and the graph cannot do without.
    """
    model = canonical.clone()
    rules, fused = ([rule() for rule in kinds] for kinds in (target.rules, target.fused))
    apply(model, rules)
    common.CommonSubexpressionEliminationPass()(model)
    _share_equal_weights(model)
    common.RemoveUnusedNodesPass()(model)
    if target.unpadded:
        remove_padding(model, (min(MASK_LENGTH, spec.max_positions), spec.max_positions))
    apply(model, fused)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    common.ClearMetadataAndDocStringPass()(model)  # torch leaves stack traces there
    capturable = is_capturable(model)
    _forget_shapes(model.graph)
    fusions = count_fusions(model)
    refusals = list(dict.fromkeys(reason for rule in rules for reason in rule.refusals))
    require_fusions(fusions, target.required(spec.promised), target.name, refusals)
    opset, model.ir_version = _limits(canonical, min_onnxruntime)
    require_operators(model, opset, target.name, refusals)
    model.opset_imports[""] = opset
    model.producer_name = PRODUCER
    return BuiltGraph(
        target=target,
        model=model,
        fusions=fusions,
        opset=opset,
        min_onnxruntime=min_onnxruntime,
        capturable=capturable,
    )


def count_fusions(model: ir.Model) -> dict[str, int]:
    """Fusion → how many nodes of its operators the graph has; others than promised if any."""
    found = Counter(node.op_type for node in ir.traversal.RecursiveGraphIterator(model.graph))
    counts = {fusion: sum(found[kind] for kind in kinds) for fusion, kinds in COUNTED.items()}
    return {fusion: count for fusion, count in counts.items() if count or fusion in PROMISES}


def require_fusions(
    found: Mapping[str, int], required: Mapping[str, int], target: str, refusals: list[str]
) -> None:
    """Check that a finished graph has the fused nodes that its spec and target require.

    Raises:
        FusionError: names what is missing, and why rules did not match.
    """
    wrong = [
        f"expected {count} fused {name} nodes, found {found[name]}"
        for name, count in required.items()
        if found[name] != count
    ]
    if not wrong:
        return
    why = f". Rules did not match: {'; '.join(refusals)}" if refusals else ""
    message = f"target {target}: {'; '.join(wrong)}{why}"
    raise FusionError(f"{message}{_advice(found, required, why)}", shell=message)


def _advice(found: Mapping[str, int], required: Mapping[str, int], why: str) -> str:
    """How to accept the graph as it is, for those who wrote its spec."""
    lacking = {name: found[name] for name, count in required.items() if found[name] < count}
    if lacking:
        return (
            ". Use torch's scaled_dot_product_attention, gelu and layer_norm, or accept an unfused "
            f"graph: ExportSpec(promises={lacking})"
        )
    more = {name: found[name] for name, count in required.items() if found[name] > count}
    if why and not all(required[name] for name in more):
        return ""  # a rule of the target was to replace them
    return f". Promise what the module has: ExportSpec(promises={more})" if more else ""


def require_operators(model: ir.Model, opset: int, target: str, refusals: list[str]) -> None:
    """Check that a finished graph has only operators of its opset.

    Raises:
        FusionError: names the operators that are newer, and why no rule replaced them.
    """
    newer = sorted(
        {
            node.op_type
            for node in ir.traversal.RecursiveGraphIterator(model.graph)
            if not node.domain and not onnx.defs.has(node.op_type, max_inclusive_version=opset)
        }
    )
    if newer:
        why = "; ".join(refusals) or f"no rule of target {target} expands it"
        raise FusionError(
            f"target {target} is for opset {opset}, which has no {', '.join(newer)}: {why}"
        )


def write_graphs(
    graphs: Sequence[BuiltGraph], folder: Path, *, single_file: bool = False
) -> dict[str, tuple[ExternalRange, ...]]:
    """Write each graph under its target's file name.

    Weights are stored once. Up to `SINGLE_FILE_UP_TO_BYTES` they lie inside the first graph, and
    the others use byte ranges of it; more lie in an external file of the first, or of the first
    graph that has them. Below `SHARED_OVER_BYTES` each graph has its own.

    Args:
        graphs: those of one bundle.
        folder: of the bundle.
        single_file: put the weights of the first graph into it whatever they are.

    Returns:
        Graph file → the bytes of other files that it uses.

    Raises:
        ConfigError: the weights are too many for a single file.
    """
    weights = sum(_nbytes(value) for value in graphs[0].model.graph.initializers.values())
    if single_file and weights > SINGLE_FILE_BELOW_BYTES:
        raise ConfigError(
            f"the weights take {weights / 2**30:.1f} GiB, and a single file holds less than 2 GiB; "
            "leave single_file out",
            shell=f"the weights take {weights / 2**30:.1f} GiB, and a single file holds less than "
            "2 GiB; leave --single-file out",
        )
    paths = {built.target.file: folder / built.target.file for built in graphs}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    if single_file or weights <= SINGLE_FILE_UP_TO_BYTES:
        _write_inside(graphs, list(paths.values()), shared=weights > SHARED_OVER_BYTES)
    else:
        _write_beside(graphs, list(paths.values()))
    return {file: external_ranges(path, file) for file, path in paths.items()}


def _write_inside(graphs: Sequence[BuiltGraph], paths: Sequence[Path], *, shared: bool) -> None:
    """Write all weights into the first graph, and into others what it lacks, or all of theirs."""
    for built, path in zip(graphs, paths, strict=True):
        content = ir.to_proto(built.model).SerializeToString()
        if path == paths[0]:
            content = aligned(content)
        elif shared:
            content = sharing(content, paths[0])
        path.write_bytes(content)


def _write_beside(graphs: Sequence[BuiltGraph], paths: Sequence[Path]) -> None:
    """Write weights into external files."""
    external: dict[str, ir.ExternalTensor] = {}
    for built, path in zip(graphs, paths, strict=True):
        _share(built.model.graph, external, path.with_name(f"{path.name}_data"))
        ir.save(built.model, path)


def _nbytes(value: ir.Value) -> int:
    return 0 if value.const_value is None else value.const_value.nbytes


def _share_equal_weights(model: ir.Model) -> None:
    """Store a weight once that several layers use; torch folds its transpose once for each use.

    onnx_ir 1.1 hashes contiguous arrays only.
    """
    for value in model.graph.initializers.values():
        if value.const_value is not None:
            array = value.const_value.numpy()
            if not array.flags.c_contiguous:
                value.const_value = ir.tensor(np.ascontiguousarray(array), name=value.name)
    common.DeduplicateHashedInitializersPass()(model)


def _forget_shapes(graph: ir.Graph) -> None:
    """Drop the stored shapes of activations, which nothing needs to run the graph.

    ONNX Runtime turns Add and LayerNormalization into SkipLayerNormalization where it knows their
    shapes, and on CPU that is slower: docs/decisions/0003.
    """
    outputs = set(graph.outputs)
    for node in graph:
        for value in node.outputs:
            value.metadata_props.clear()
            if value not in outputs:
                value.shape, value.type = None, None
    for value in (*graph.inputs, *graph.initializers.values()):
        value.metadata_props.clear()


def _share(graph: ir.Graph, external: dict[str, ir.ExternalTensor], data: Path) -> None:
    """Point weights to what lies in external files, and put the others into one if they are much.

    Args:
        graph: whose weights.
        external: those that lie there, by name; what is added is added here.
        data: the graph's own external file.
    """
    own = []
    for name, value in graph.initializers.items():
        tensor = external.get(name, value.const_value)
        value.const_value = tensor
        if name not in external and tensor is not None and tensor.nbytes >= INLINE_BELOW_BYTES:
            own.append(value)
    if sum(map(_nbytes, own)) > SHARED_OVER_BYTES:
        tensors = [value.const_value for value in own if value.const_value is not None]
        stored = convert_tensors_to_external(tensors, data.parent, data.name)
        for value, tensor in zip(own, stored, strict=True):
            value.const_value = external[str(value.name)] = tensor


def _limits(canonical: ir.Model, min_onnxruntime: str) -> tuple[int, int]:
    opset, ir_version = engine_limits(min_onnxruntime)
    return min(opset, canonical.opset_imports[""]), min(ir_version, 11)
