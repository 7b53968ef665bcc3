"""Queries, keys and values from one product."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes, constant


class JoinProjections(Fusion):
    """Attention(x Wq + bq, x Wk + bk, x Wv + bv)  becomes  Attention(Split(x [Wq Wk Wv] + b)).

    One product and one addition to launch on a GPU where there were three of each, which should
    be faster and is to be measured; on a CPU it is slower (docs/decisions/0014). The three parts
    of a head lie together, (heads, 3, head dimension), as `PackProjections` wants them. Weights
    of unequal width, or without a bias, are left alone.
    """

    title: ClassVar[str] = "joined_projections"

    def pattern(
        self,
        op: Any,
        x: ir.Value,
        query_weight: ir.Value,
        key_weight: ir.Value,
        value_weight: ir.Value,
        query_bias: ir.Value,
        key_bias: ir.Value,
        value_bias: ir.Value,
        mask: ir.Value,
    ) -> ir.Value:
        mixed: ir.Value = op.Attention(
            op.Add(op.MatMul(x, query_weight), query_bias),
            op.Add(op.MatMul(x, key_weight), key_bias),
            op.Add(op.MatMul(x, value_weight), value_bias),
            mask,
            _allow_other_attributes=True,
            _outputs=["mixed"],
        )
        return mixed

    def check(self, context: Any, mixed: ir.Value, **values: ir.Value) -> MatchResult:
        del context
        weights, biases = _sorted(values)
        if any(constant(value) is None for value in (*weights, *biases)):
            return self.refuse("weights or biases are computed", mixed)
        shapes = {constant(value).shape for value in weights}
        widths = {constant(value).shape for value in biases}
        if attributes(mixed)["q_num_heads"].as_int() != attributes(mixed)["kv_num_heads"].as_int():
            return self.refuse("queries and keys have different numbers of heads", mixed)
        if len(shapes) != 1 or widths != {next(iter(shapes))[-1:]}:
            return self.refuse(f"weights of {shapes} with biases of {widths}", mixed)
        return MatchResult()

    def rewrite(
        self, op: Any, x: ir.Value, mask: ir.Value, mixed: ir.Value, **values: ir.Value
    ) -> ir.Value:
        weights, biases = _sorted(values)
        heads = attributes(mixed)["q_num_heads"].as_int()
        name = weights[0].name
        joined = [
            op.initializer(ir.tensor(_joined(group, heads)), name=f"{name}_{kind}")
            for group, kind in ((weights, "joined"), (biases, "joined_bias"))
        ]
        product = op.Add(op.MatMul(x, joined[0]), joined[1])
        width = constant(biases[0]).size
        shape = op.Constant(value_ints=[0, 0, heads, 3, width // heads])
        parts = op.Split(op.Reshape(product, shape), axis=3, num_outputs=3, _outputs=3)
        whole = op.Constant(value_ints=[0, 0, width])
        rows = [op.Reshape(part, whole) for part in parts]
        attended: ir.Value = op.Attention(*rows, mask, **attributes(mixed))
        return attended


def _joined(parts: list[ir.Value], heads: int) -> np.ndarray:
    """(…, heads · d) three times, as (…, heads · 3 · d)."""
    arrays = [constant(part) for part in parts]
    by_head = [array.reshape(*array.shape[:-1], heads, -1) for array in arrays]
    return np.stack(by_head, axis=-2).reshape(*arrays[0].shape[:-1], -1)


def _sorted(values: dict[str, ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
    """Weights and biases, each of query, key and value."""
    parts = ("query", "key", "value")
    return [values[f"{part}_weight"] for part in parts], [values[f"{part}_bias"] for part in parts]
