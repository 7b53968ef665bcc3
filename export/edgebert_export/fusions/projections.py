"""Queries, keys and values from one product."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes, constant


class JoinProjections(Fusion):
    """Attention(x Wq + bq, x Wk + bk, x Wv + bv)  becomes  Attention(Split(x [Wq Wk Wv] + b)).

    One product and one addition to launch on a GPU where there were three of each, which should
    be faster and is to be measured; on a CPU it is slower (docs/decisions/0014). Weights of
    unequal width, or without a bias, are left alone.
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
        if len(shapes) != 1 or widths != {next(iter(shapes))[-1:]}:
            return self.refuse(f"weights of {shapes} with biases of {widths}", mixed)
        return MatchResult()

    def rewrite(
        self, op: Any, x: ir.Value, mask: ir.Value, mixed: ir.Value, **values: ir.Value
    ) -> ir.Value:
        weights, biases = _sorted(values)
        name = weights[0].name
        joined = [
            op.initializer(
                ir.tensor(np.concatenate([constant(value) for value in group], axis=-1)),
                name=f"{name}_{kind}",
            )
            for group, kind in ((weights, "joined"), (biases, "joined_bias"))
        ]
        product = op.Add(op.MatMul(x, joined[0]), joined[1])
        query, key, value = op.Split(product, axis=-1, num_outputs=3, _outputs=3)
        attended: ir.Value = op.Attention(query, key, value, mask, **attributes(mixed))
        return attended


def _sorted(values: dict[str, ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
    """Weights and biases, each of query, key and value."""
    parts = ("query", "key", "value")
    return [values[f"{part}_weight"] for part in parts], [values[f"{part}_bias"] for part in parts]
