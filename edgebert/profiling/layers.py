"""Assign operators to the layers of an encoder by data flow.

Names are not enough: ONNX Runtime renames what it fuses, and layers may share weights. But each
layer has one attention and a residual connection around it:

    ─ x ─┬─ queries, keys, values ─ attention ─ product ─ Add ─ … ─ the next x ─┬─
         └──────────────────────────────────────────────────┘                   └─

A layer begins after the input of its residual connection and ends with that of the next layer. The
last layer ends after the same sequence of post-dominators as the layer before it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import onnx_ir as ir

EMBEDDINGS: Final = "embeddings"
SHARED: Final = "shared"
"""Read by several regions: masks, positions, angles."""
UNASSIGNED: Final = "unassigned"
LAYER: Final = "layer "
"""Prefix of a layer's name; the first layer has number 1."""

ATTENTIONS: Final = frozenset({"Attention", "MultiHeadAttention", "QAttention"})
PRODUCTS: Final = frozenset({"MatMul", "FusedMatMul"})
SUMS: Final = frozenset({"Add", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization"})

FEWEST_TO_COMPARE: Final = 2
"""Least number of layers for which the end of the last can be found."""


def regions_of(graph: "ir.Graph", head: str = "head") -> dict[str, str]:
    """Name of a node → `embeddings`, `layer 1` …, `shared`, what follows the layers, `unassigned`.

    Names of several nodes are left out. If the layers are not one chain, all nodes are unassigned.
    After the attention of the last layer nodes are unassigned if its end cannot be found.

    Args:
        graph: as ONNX Runtime runs it.
        head: name of the region after the layers.
    """
    flow = Flow(graph)
    names = [str(node.name) for node in flow.nodes]
    uses = Counter(names)
    regions = zip(names, _regions(flow, head), strict=True)
    return {name: region for name, region in regions if uses[name] == 1}


class Flow:
    """Dependencies and post-dominators of a graph's nodes.

    Attributes:
        nodes: in topological order; a place is an index into them.
        sources, readers: places of each node's producers and consumers.
        before, after: bit sets of each node and those it depends on, or that depend on it.
        meeting: immediate post-dominator of each node; `end` if there is none.
        fed: bit set of the nodes that depend on the graph's inputs; the others are constant.
    """

    def __init__(self, graph: "ir.Graph") -> None:
        graph.sort()
        self.nodes = list(graph)
        self._places = {node: place for place, node in enumerate(self.nodes)}
        self.sources = [self._producers(node.inputs) for node in self.nodes]
        self.readers: list[list[int]] = [[] for _ in self.nodes]
        for place, sources in enumerate(self.sources):
            for source in set(sources):
                self.readers[source].append(place)
        self._ends = set(self._producers(graph.outputs))
        self.before, self.after = self._before(), self._after()
        self.fed = self._fed(set(graph.inputs))
        self.meeting = self._meetings()

    @property
    def end(self) -> int:
        """The place after the last node."""
        return len(self.nodes)

    def place(self, node: "ir.Node") -> int:
        """Index of a node in `nodes`."""
        return self._places[node]

    def follows(self, place: int, earlier: int) -> bool:
        """Whether a node depends on another or is the same."""
        return bool(self.before[place] >> earlier & 1)

    def is_fed(self, place: int) -> bool:
        """Whether a node depends on the graph's inputs."""
        return bool(self.fed >> place & 1)

    def leads_out(self, place: int) -> bool:
        """Whether a node gives a graph output or has no consumer."""
        return place in self._ends or not self.readers[place]

    def meetings(self, place: int) -> Iterator[int]:
        """Post-dominators of a node, in order."""
        place = self.meeting[place]
        while place != self.end:
            yield place
            place = self.meeting[place]

    def uncast(self, place: int) -> int:
        """The node before a chain of Casts."""
        while self.nodes[place].op_type == "Cast" and self.sources[place]:
            (place,) = self.sources[place]
        return place

    def _producers(self, values: "Iterable[ir.Value | None]") -> list[int]:
        producers = [value.producer() for value in values if value is not None]
        return [self._places[producer] for producer in producers if producer is not None]

    def _fed(self, inputs: "set[ir.Value]") -> int:
        found = 0
        for place, node in enumerate(self.nodes):
            if not inputs.isdisjoint(value for value in node.inputs if value is not None):
                found |= self.after[place]
        return found

    def _before(self) -> list[int]:
        found: list[int] = []
        for place, sources in enumerate(self.sources):
            reached = 1 << place
            for source in sources:
                reached |= found[source]
            found.append(reached)
        return found

    def _after(self) -> list[int]:
        found = [1 << place for place in range(self.end)]
        for place in reversed(range(self.end)):
            for reader in self.readers[place]:
                found[place] |= found[reader]
        return found

    def _meetings(self) -> list[int]:
        """Immediate post-dominators, which in a graph without cycles need one pass.

        Cooper, Harvey and Kennedy 2001, "A Simple, Fast Dominance Algorithm".
        """
        found, depth = [self.end] * (self.end + 1), [0] * (self.end + 1)
        for place in reversed(range(self.end)):
            nexts = [*self.readers[place], *([self.end] if self.leads_out(place) else [])]
            meeting = nexts[0]
            for other in nexts[1:]:
                while meeting != other:
                    if depth[meeting] >= depth[other]:
                        meeting = found[meeting]
                    else:
                        other = found[other]
            found[place], depth[place] = meeting, depth[meeting] + 1
        return found


class _Layer(NamedTuple):
    """The input of a residual connection, the attention in it, and the sum after both."""

    around: int
    attention: int
    sum: int


def _layers(flow: Flow) -> list[_Layer]:
    """The layers in order; empty if they are not one chain."""
    attentions = [place for place in range(flow.end) if _is_attention(flow, place)]
    layers = [_layer(flow, place) for place in attentions]
    found = [layer for layer in layers if layer is not None]
    chained = len(found) == len(layers) and all(
        later.around in flow.meetings(earlier.attention) for earlier, later in pairwise(found)
    )
    return found if chained else []


def _is_attention(flow: Flow, place: int) -> bool:
    """Whether a node is an attention, or the product of a softmax and the values."""
    node = flow.nodes[place]
    if node.op_type in ATTENTIONS:
        return True
    if node.op_type not in PRODUCTS or node.inputs[0] is None:
        return False
    read = node.inputs[0].producer()
    return read is not None and flow.nodes[flow.uncast(flow.place(read))].op_type == "Softmax"


def _layer(flow: Flow, attention: int) -> _Layer | None:
    """The residual connection around an attention; None without one."""
    for place in flow.meetings(attention):
        if flow.nodes[place].op_type in SUMS:
            for source in map(flow.uncast, flow.sources[place]):
                if flow.is_fed(source) and not flow.follows(source, attention):
                    around = flow.follows(attention, source)
                    return _Layer(source, attention, place) if around else None
    return None


def _last_end(flow: Flow, layers: Sequence[_Layer]) -> int | None:
    """Last node of the last layer; None if it ends unlike the layer before."""
    if len(layers) < FEWEST_TO_COMPARE:
        return None
    model, last = layers[-2:]
    whole = list(_stations(flow, model))
    wanted = whole[: whole.index(last.around) + 1] if last.around in whole else []
    found = list(_stations(flow, last))[: len(wanted)]
    alike = _kinds(flow, found) == _kinds(flow, wanted)
    return found[-1] if found and alike else None


def _kinds(flow: Flow, places: Sequence[int]) -> list[str]:
    return [flow.nodes[place].op_type for place in places]


def _stations(flow: Flow, layer: _Layer) -> Iterator[int]:
    """Post-dominators of a layer's first sum, without Casts."""
    for place in flow.meetings(layer.attention):
        if place >= layer.sum and flow.nodes[place].op_type != "Cast":
            yield place


def _regions(flow: Flow, head: str) -> list[str]:
    """Region of each node; a node that only one region reads belongs to it."""
    streams = _streams(flow, _layers(flow), head)
    found = [UNASSIGNED] * flow.end
    for place in reversed(range(flow.end)):
        readers = {found[reader] for reader in flow.readers[place]}
        if place in streams:
            found[place] = streams[place]
        elif not flow.leads_out(place) and UNASSIGNED not in readers:
            found[place] = readers.pop() if len(readers) == 1 else SHARED
    return found


def _streams(flow: Flow, layers: Sequence[_Layer], head: str) -> dict[int, str]:
    """Regions that follow from dependencies."""
    if not layers:
        return {}
    found = {layers[0].around: EMBEDDINGS}
    last_end = _last_end(flow, layers)
    ends = [*(layer.around for layer in layers[1:]), last_end or layers[-1].attention]
    for number, (layer, end) in enumerate(zip(layers, ends, strict=True), 1):
        for place in range(layer.around + 1, end + 1):
            if flow.follows(place, layer.around) and flow.follows(end, place):
                found[place] = f"{LAYER}{number}"
    if last_end is not None:
        for place in range(last_end + 1, flow.end):
            if flow.follows(place, last_end):
                found[place] = head
    return found
