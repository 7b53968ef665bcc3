"""Take padding out of a graph: from the first lookup to the outputs it sees only kept tokens.

The tokens of all texts become one row of (1, tokens, …), so whatever treats each token alone stays
as it is, and attention is PackedMultiHeadAttention, which keeps to the bounds of each text
(docs/ContribOperators.md of ONNX Runtime, com.microsoft). Inputs and outputs stay (batch,
sequence).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from edgebert_export.fusions.rule import constant
from edgebert_export.unpadding.key_masks import MASK, StillPaddedError, require_key_masks
from edgebert_export.unpadding.tokenwise import Packed, result_of
from edgebert_runtime.engine.onnxruntime import CONTRIB


def remove_padding(model: ir.Model, lengths: tuple[int, ...]) -> None:
    """Let a fused graph work on kept tokens only, in place.

    Args:
        model: standard operators, one Attention a layer, shapes of activations known.
        lengths: to try masks on; the longest should be the longest there is, for a layer that
            looks only so far is like any other on short texts.

    Shapes of activations stay those with padding, to be compared with each other.

    Raises:
        StillPaddedError: a layer's attention depends on more than which tokens are kept, or
            something mixes tokens in another way; the model is spoilt then.
    """
    if any(attribute.type == ir.AttributeType.GRAPH for attribute in _attributes(model.graph)):
        raise StillPaddedError("the graph has branches or loops")
    require_key_masks(model, lengths)
    _Remover(model.graph).remove()
    model.opset_imports.setdefault(CONTRIB, 1)
    common.CommonSubexpressionEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)


class _Remover:
    """Walks a graph once, in order, and knows which values are without padding by then."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._packed: dict[ir.Value, Packed] = {}
        self._made: dict[tuple[str, ir.Value], ir.Value] = {}
        self._outputs = set(graph.outputs)
        self._at: ir.Node = graph[0]
        (mask,) = [value for value in graph.inputs if value.name == MASK]
        shape = mask.shape
        if shape is None or len(shape) != 2:
            raise StillPaddedError(f"{MASK} has shape {shape}, expected (batch, sequence)")
        self._batch, self._sequence = shape
        self._layout = _Layout(self, mask)

    def remove(self) -> None:
        nodes = list(self._graph)
        for node in nodes:
            self._at = node
            if node.op_type == "Attention":
                self._attention(node)
            elif any(value in self._packed for value in _given(node.inputs)):
                self._follow(node)
            elif (entrance := self._entrance(node)) is not None:
                self._change_inputs(node, [entrance], self._as_tokens)
                self._packed[node.outputs[0]] = Packed(3, 1)
        self._restore_outputs()

    def add(self, operator: str, *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """Add a node of one output before the node that is looked at."""
        domain = attributes.pop("domain", "")
        node = ir.node(operator, inputs, attributes, domain=domain)
        self._graph.insert_before(self._at, node)
        return node.outputs[0]

    def constant(self, values: Any, dtype: Any = np.int64) -> ir.Value:
        """A constant of the graph."""
        return self.add("Constant", value=ir.tensor(np.array(values, dtype=dtype)))

    def _entrance(self, node: ir.Node) -> ir.Value | None:
        """What a node turns into token vectors: ids looked up in a table, or other vectors."""
        if node.op_type == "Gather" and node.attributes.get_int("axis", 0) == 0:
            table, value = node.inputs
        elif node.op_type == "MatMul":
            value, table = node.inputs
        else:
            return None
        numbers = constant(table)
        if numbers is None or numbers.ndim != 2 or value is None or value.shape is None:
            return None
        shape = list(value.shape)
        if node.op_type == "Gather":
            return value if shape == [self._batch, self._sequence] else None
        return value if len(shape) == 3 and shape[1] == self._sequence else None

    def _follow(self, node: ir.Node) -> None:
        """Let a node work on tokens if it treats each alone; give it padded values if not."""
        inside = [value for value in node.inputs if value in self._packed]
        lie = {self._packed[value] for value in inside}
        final = not self._outputs.isdisjoint(inside)  # padded again anyway, so from here on
        result = result_of(node, *lie) if len(lie) == 1 and not final else None
        others = [value for value in _given(node.inputs) if value not in inside]
        if result is None or any(self._is_of_a_text(value, result) for value in others):
            self._change_inputs(node, inside, self._as_padded)
            return
        per_token = [value for value in others if self._size(value, result, result.axis) != 1]
        self._change_inputs(node, per_token, self._as_tokens)
        for output in node.outputs:
            self._packed[output] = result

    def _change_inputs(
        self, node: ir.Node, values: list[ir.Value], change: Callable[[ir.Value], ir.Value]
    ) -> None:
        for index, value in enumerate(node.inputs):
            if value is not None and value in values:
                node.replace_input_with(index, change(value))

    def _is_of_a_text(self, value: ir.Value, beside: Packed) -> bool:
        """Whether a value has one thing for each text, whatever its tokens."""
        sizes = [self._size(value, beside, axis) for axis in (0, beside.axis)]
        return bool(sizes[0] != 1 and sizes[1] == 1)

    def _size(self, value: ir.Value, beside: Packed, axis: int) -> Any:
        """How long a value is along an axis of what it is aligned with; 1 where it lacks that."""
        if constant(value) is not None:
            return 1
        if value.shape is None:
            raise StillPaddedError(f"the shape of {value.name} is unknown")
        own = axis - (beside.rank - len(value.shape))
        return value.shape[own] if own >= 0 else 1

    def _as_tokens(self, value: ir.Value) -> ir.Value:
        """(…, sequence, rest) without padding: (tokens, rest), with leading ones up to its rank."""
        if value.shape is None:
            raise StillPaddedError("the shape of the input of the layers is unknown")
        key = ("tokens", value)
        if key not in self._made:
            tokens = self._packed_from(value, list(value.shape))
            tokens.shape, tokens.type = value.shape, value.type
            self._made[key] = tokens
        return self._made[key]

    def _packed_from(self, value: ir.Value, shape: list[Any]) -> ir.Value:
        if self._sequence not in shape:
            raise StillPaddedError(f"{value.name} of shape {value.shape} has no axis of tokens")
        axis = shape.index(self._sequence)
        batch, between, rest = shape[:1] if axis else [], shape[1:axis], shape[axis + 1 :]
        if not all(isinstance(size, int) for size in rest) or any(size != 1 for size in between):
            raise StillPaddedError(f"{value.name} has shape {value.shape}")
        if batch not in ([], [1], [self._batch]):
            raise StillPaddedError(f"{value.name} has shape {value.shape}")
        if between:
            value = self.add("Squeeze", value, self.constant(list(range(1, axis))))
        of_every_text = batch != [self._batch]
        places = self._layout.columns if of_every_text else self._layout.kept
        rows = self.add("Reshape", value, self.constant([-1, *rest]))
        tokens = self.add("Gather", rows, places, axis=0)
        ones = list(range(axis))
        return self.add("Unsqueeze", tokens, self.constant(ones)) if ones else tokens

    def _as_padded(self, value: ir.Value) -> ir.Value:
        """(batch, sequence, rest), zero where padded."""
        key = ("padded", value)
        if key not in self._made:
            shape, packed = value.shape, self._packed[value]
            rest = list(shape)[2:] if shape is not None else [None]
            if packed.axis != 1 or not all(isinstance(size, int) for size in rest):
                raise StillPaddedError(
                    f"{value.name} of shape {shape} is read by an operator that depends on padding"
                )
            kind = ir.DataType.FLOAT if value.dtype is None else value.dtype
            zero = self.constant(np.zeros((1, 1, *rest)), kind.numpy())
            ended = self.add("Concat", value, zero, axis=1)
            tokens = self.add("Squeeze", ended, self.constant([0]))
            padded = self.add("Gather", tokens, self._layout.places, axis=0)
            padded.shape, padded.type = shape, value.type
            self._made[key] = padded
        return self._made[key]

    def _attention(self, node: ir.Node) -> None:
        parts = _given(node.inputs[:3])
        found = {self._packed.get(value) for value in parts}
        if found not in ({Packed(3, 1)}, {Packed(4, 2)}):
            raise StillPaddedError(f"attention {node.name} has an input that is not token vectors")
        _require_plain(node)
        split = found == {Packed(4, 2)}
        heads = _heads(node, split=split)
        rows = [self._rows(value, split=split) for value in parts]
        mixed = self.add(
            "PackedMultiHeadAttention",
            *rows,
            None,
            self._layout.offsets,
            self._layout.cumulative,
            domain=CONTRIB,
            num_heads=heads,
            scale=_scale(node, heads, split=split),
        )
        back = self.add("Unsqueeze", mixed, self.constant([0]))
        if split:
            width = parts[2].shape[3] if parts[2].shape is not None else None
            back = self.add("Reshape", back, self.constant([0, 0, heads, width]))
            back = self.add("Transpose", back, perm=[0, 2, 1, 3])
        output = node.outputs[0]
        back.shape, back.type = output.shape, output.type
        output.replace_all_uses_with(back)
        self._outputs.discard(output)
        self._packed[back] = Packed(4, 2) if split else Packed(3, 1)

    def _rows(self, value: ir.Value, *, split: bool) -> ir.Value:
        """(tokens, hidden) of what attention reads."""
        if not split:
            return self.add("Squeeze", value, self.constant([0]))
        if value.shape is None:
            raise StillPaddedError(f"the shape of {value.name} is unknown")
        width = value.shape[1] * value.shape[3]
        return self.add(
            "Reshape",
            self.add("Transpose", value, perm=[0, 2, 1, 3]),
            self.constant([-1, width]),
        )

    def _restore_outputs(self) -> None:
        last = ir.node("Identity", [self._graph.outputs[0]])
        self._graph.append(last)
        self._at = last
        for index, value in enumerate(self._graph.outputs):
            if value in self._packed:
                padded, name = self._as_padded(value), value.name
                value.name = f"{name}_tokens"
                padded.name = name
                self._graph.outputs[index] = padded
        self._graph.remove(last, safe=True)


class _Layout:
    """Where the kept tokens of a batch lie; computed once, at the beginning of a graph.

    A GPU makes the host wait once, for how many tokens are kept: NonZero.

    Attributes:
        shape: (batch, sequence), int64.
        kept: of every kept token the place among all, (tokens,), int64.
        columns: of every kept token the place within its text, (tokens,), int64.
        places: of every token the place among the kept, (batch, sequence), int64; of one that is
            dropped, the place after the last.
        offsets: (batch, sequence): the places of all tokens, the kept ones first, int32.
        cumulative: (batch + 1,): where each text begins among the kept, and their number, int32.
    """

    def __init__(self, graph: _Remover, mask: ir.Value) -> None:
        add, constant_of = graph.add, graph.constant
        axis, one, zero = constant_of(0), constant_of(1), constant_of([0])
        self.shape = add("Shape", mask)
        kept = add("Reshape", add("Cast", mask, to=ir.DataType.BOOL), constant_of([-1]))
        self.kept = add("Squeeze", add("NonZero", kept), zero)
        self.columns = add("Mod", self.kept, add("Shape", mask, start=1))
        before = add("CumSum", add("Cast", kept, to=ir.DataType.INT64), axis, exclusive=1)
        after_last = add("Shape", self.kept)
        self.places = add("Reshape", add("Where", kept, before, after_last), self.shape)
        every = add("Range", axis, add("Squeeze", add("Shape", kept)), one)
        behind = add("Add", after_last, add("Sub", every, before))
        ordered = add("ScatterElements", every, add("Where", kept, before, behind), every, axis=0)
        self.offsets = add("Cast", add("Reshape", ordered, self.shape), to=ir.DataType.INT32)
        lengths = add("ReduceSum", mask, constant_of([1]), keepdims=0)
        ends = add("CumSum", lengths, axis)
        self.cumulative = add("Cast", add("Concat", zero, ends, axis=0), to=ir.DataType.INT32)


def _attributes(graph: ir.Graph) -> Iterator[ir.Attr]:
    return (attribute for node in graph for attribute in node.attributes.values())


def _given(values: Sequence[ir.Value | None]) -> list[ir.Value]:
    return [value for value in values if value is not None]


def _require_plain(node: ir.Node) -> None:
    """Refuse attention that the packed operator does not compute."""
    unusual = [
        name
        for name in ("is_causal", "softcap", "qk_matmul_output_mode", "softmax_precision")
        if name in node.attributes and node.attributes[name].value
    ]
    if unusual or len(node.outputs) > 1:
        raise StillPaddedError(
            f"attention {node.name} has {', '.join(unusual) or 'several outputs'}"
        )


def _heads(node: ir.Node, *, split: bool) -> int:
    shapes = [value.shape for value in _given(node.inputs[:3])]
    given: Mapping[str, ir.Attr] = node.attributes
    found = (
        {shape[1] for shape in shapes if shape is not None}
        if split
        else {given["q_num_heads"].as_int(), given["kv_num_heads"].as_int()}
    )
    (heads,) = found if len(found) == 1 else (None,)
    if not isinstance(heads, int):
        raise StillPaddedError(f"attention {node.name} has {found} heads")
    return heads


def _scale(node: ir.Node, heads: int, *, split: bool) -> float:
    """What scores are multiplied by; the root of the head dimension unless given."""
    if "scale" in node.attributes:
        return node.attributes["scale"].as_float()
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    width = None if shape is None else shape[3] if split else shape[2]
    if not isinstance(width, int):
        raise StillPaddedError(f"attention {node.name} has vectors of unknown width")
    return float((width if split else width // heads) ** -0.5)
