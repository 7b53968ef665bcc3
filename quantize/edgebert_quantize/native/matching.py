"""Find the layers of an int8 graph that the native operator can express.

The graph is the one for old engines, where attention is MatMul and Softmax. A layer is matched from
its end to its beginning: every value has one node that makes it. Each part of a layer has a matcher
of its own, which takes a value to the part that made it and to what the part reads. Whatever
differs from what the operator computes is a `MismatchError`, and the graph has no native variant.
"""

from collections.abc import Hashable, Iterable, Sequence

import onnx_ir as ir

from edgebert_quantize.native.attention import match_attention
from edgebert_quantize.native.blocks import POST, is_sum, match_block, place_of_norms
from edgebert_quantize.native.feed_forward import match_feed_forward
from edgebert_quantize.native.layers import EncoderLayers, Layer
from edgebert_quantize.native.norms import match_norm, norm_of
from edgebert_quantize.native.values import MismatchError, named


def find_layers(graph: ir.Graph) -> EncoderLayers:
    """All layers of a graph.

    Raises:
        MismatchError: a layer cannot be expressed, or they differ in what they must share.
    """
    nodes = list(graph)
    attentions = [at for at, node in enumerate(nodes) if node.op_type == "Softmax"]
    behind = nodes[attentions[-1] :] if attentions else []
    sums = [node.outputs[0] for node in behind if is_sum(node)]
    if len(sums) < 2:
        raise MismatchError("it has no attention and feed-forward network that end in two sums")
    place = place_of_norms(sums[1])
    end = _behind(sums[1], place, behind)
    normed = norm_of(end, behind)
    layers = [_layer(end, place)]
    while len(layers) < len(attentions):
        layers.append(_layer(layers[-1].hidden_states, place))
    found = EncoderLayers(
        layers=layers[::-1],
        place=place,
        final_norm=None if normed is None else match_norm(normed)[0],
        last=end if normed is None else normed,
    )
    _require_alike(found)
    return found


def _behind(joined: ir.Value, place: str, nodes: Sequence[ir.Node]) -> ir.Value:
    """What the last layer gives: a sum, or its norm."""
    if place != POST:
        return joined
    normed = norm_of(joined, nodes)
    if normed is None:
        raise MismatchError(f"{named(joined)} has no norm behind it that reads it alone")
    return normed


def _layer(end: ir.Value, place: str) -> Layer:
    feed_forward, feed_forward_norm, middle = match_block(end, place, match_feed_forward)
    attention, attention_norm, hidden_states = match_block(middle, place, match_attention)
    return Layer(
        hidden_states=hidden_states,
        attention=attention,
        feed_forward=feed_forward,
        attention_norm=attention_norm,
        feed_forward_norm=feed_forward_norm,
    )


def _require_alike(found: EncoderLayers) -> None:
    """Refuse layers that differ in what the operator has one of."""
    attributes = [layer.attributes() for layer in found.layers]
    for name in attributes[0]:
        _require_one(f"layers differ in {name}", (each[name] for each in attributes))
    _require_one("norms differ in epsilon", (norm.epsilon for norm in found.norms))
    _require_one("norms are of several kinds", (norm.kind for norm in found.norms))
    attentions = [layer.attention for layer in found.layers]
    _require_one("layers have masks of different inputs", (named(each.mask) for each in attentions))
    sources = (named(each.bias.source) if each.bias else "none" for each in attentions)
    _require_one("layers have different position biases", sources)
    for local in (False, True):
        rotaries = (each.rotary for each in attentions if bool(each.window) == local)
        _require_one("layers have different rotations", rotaries)
    _require_one("layers are partly without rotation", (each.rotary is None for each in attentions))


def _require_one(what: str, found: Iterable[Hashable]) -> None:
    values = [*dict.fromkeys(found)]
    if len(values) > 1:
        raise MismatchError(f"its {what}: {values[0]} and {values[1]}")
