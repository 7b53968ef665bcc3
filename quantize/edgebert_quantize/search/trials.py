"""Graphs tried in a search: made, measured, and forgotten but for their numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, get_args

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.calibration.samples import Feeder, Samples
from edgebert_quantize.calibration.statistics import Feeds
from edgebert_quantize.evaluation.labelled_data import Labelled
from edgebert_quantize.evaluation.quality import Runner, graph_runner
from edgebert_quantize.evaluation.speed import Speed, measure_speed
from edgebert_quantize.recipes import FLOAT, Scheme
from edgebert_quantize.rewrite.embeddings import table_parameters
from edgebert_quantize.rewrite.prepare import Prepared
from edgebert_quantize.rewrite.rewrite import write_graph
from edgebert_quantize.search.budget import Measured
from edgebert_quantize.search.measurement_cache import Ledger
from edgebert_quantize.similarity import Comparison, Outputs

ANSWERS_BYTES: Final = 2**28
"""Of fp32's answers, kept; those of a masked language model are vocabularies for each token."""

SENSITIVITY_TEXTS: Final = 48
"""Of those calibrated on, for what each layer loses by itself; held-out texts are for the whole."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What becomes of each linear layer, and whether embedding tables are int8."""

    schemes: tuple[Scheme, ...]
    tables: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """Scheme → how many layers have it, always in the same order."""
        counted = Counter(self.schemes)
        return {scheme: counted[scheme] for scheme in get_args(Scheme) if counted[scheme]}

    def __str__(self) -> str:
        return f"{','.join(self.schemes)};{'int8' if self.tables else FLOAT}"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One graph of the frontier.

    Attributes:
        assignment: what it is.
        measured: what its answers are worth.
        size_bytes: of its file.
        speed: beside fp32's, on this machine; None where it is not measured.
    """

    assignment: Assignment
    measured: Measured
    size_bytes: int
    speed: Speed | None

    @property
    def milliseconds(self) -> float | None:
        """Of one text, the median of its rounds."""
        return None if self.speed is None else median(self.speed.made_ms)


class Evaluator:
    """Compares graphs with an fp32 one, whose answers it keeps.

    Args:
        source: the fp32 graph.
        comparison: how answers are compared.
        feeder: makes inputs.
        samples: texts; what is measured is held out from calibration.
        labelled: texts to count right labels on.
    """

    def __init__(
        self,
        source: Path,
        comparison: Comparison,
        feeder: Feeder,
        samples: Samples,
        labelled: Labelled | None,
    ) -> None:
        self._comparison = comparison
        self._labelled = labelled
        every = max(1, len(samples.calibration) // SENSITIVITY_TEXTS)
        run = graph_runner(source, comparison.outputs)
        self._reference = _Reference(run)
        self._few = list(feeder.alone(samples.calibration[::every]))
        self._held_out = list(feeder.alone(samples.quality))
        self._items = list(feeder.alone(labelled.items)) if labelled else []
        self.exact = Measured(
            mean=1.0,
            worst=1.0,
            accuracy=labelled.accuracy(run, self._items) if labelled else None,
        )

    def loss(self, graph: Path) -> float:
        """1 - mean nearness on a few of the texts calibrated on."""
        return 1 - float(np.mean(self._nearness(graph, self._few)))

    def nearness(self, graph: Path) -> list[float]:
        """Of each text held out."""
        return self._nearness(graph, self._held_out)

    def measure(self, graph: Path) -> Measured:
        """On the texts held out, and on the labelled ones."""
        near = self.nearness(graph)
        accuracy = None
        if self._labelled is not None:
            run = graph_runner(graph, self._comparison.outputs)
            accuracy = self._labelled.accuracy(run, self._items)
        return Measured(mean=float(np.mean(near)), worst=min(near), accuracy=accuracy)

    def _nearness(self, graph: Path, texts: Sequence[Feeds]) -> list[float]:
        run = graph_runner(graph, self._comparison.outputs)
        return [self._comparison.measure(run(feeds), self._reference(feeds)) for feeds in texts]


class _Reference:
    """Runs fp32 on an input once; again only where its answers are too many to keep."""

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._kept: dict[int, Outputs] = {}
        self._room = ANSWERS_BYTES

    def __call__(self, feeds: Feeds) -> Outputs:
        key = id(feeds)  # the evaluator keeps every input as long as this lives
        if key in self._kept:
            return self._kept[key]
        outputs = self._run(feeds)
        size = sum(output.nbytes for output in outputs)
        if size <= self._room:
            self._room -= size
            self._kept[key] = outputs
        return outputs


class Trials:
    """Makes the graph of an assignment and measures it, each once.

    Attributes:
        exact: what fp32's answers are worth.
        layer_sizes: weights of each linear layer.
        table_size: numbers in the embedding tables that can be int8.

    Args:
        prepared: what graphs are made of.
        source: the fp32 graph.
        scratch: a folder for one graph at a time.
        evaluator: measures quality.
        ledger: remembers.
        timed: an input to time graphs on; None times nothing.
    """

    def __init__(
        self,
        prepared: Prepared,
        source: Path,
        scratch: Path,
        evaluator: Evaluator,
        ledger: Ledger,
        timed: Mapping[str, NDArray[np.int64]] | None,
    ) -> None:
        self._prepared = prepared
        self._source = source
        self._graph = scratch / "trial.onnx"
        self._evaluator = evaluator
        self._ledger = ledger
        self._timed = timed
        self.exact = evaluator.exact
        self.layer_sizes = [layer.columns.size for layer in prepared.layers]
        self.table_size = table_parameters(ir.load(prepared.graph).graph)

    def loss(self, assignment: Assignment) -> float:
        """1 - mean nearness on a few texts; for what one layer loses by itself."""
        name = f"loss {assignment}"
        known = self._ledger.get(name)
        if known is None:
            self.write(assignment, self._graph)
            known = self._evaluator.loss(self._graph)
            self._ledger.put(name, known)
        return float(known)

    def point(self, assignment: Assignment) -> Point:
        """Quality on held-out texts, size and speed."""
        name = f"point {assignment}"
        known = self._ledger.get(name)
        if known is None:
            self.write(assignment, self._graph)
            point = self._measure(assignment)
            self._ledger.put(name, _to_json(point))
            return point
        return _from_json(assignment, known)

    def nearness(self, graph: Path) -> list[float]:
        """Of a graph to fp32, on each text held out."""
        return self._evaluator.nearness(graph)

    def write(self, assignment: Assignment, destination: Path) -> None:
        """Make the graph."""
        schemes = list(assignment.schemes)
        write_graph(self._prepared, destination, schemes, tables=assignment.tables)

    def _measure(self, assignment: Assignment) -> Point:
        speed = None
        if self._timed is not None:
            speed = measure_speed(self._graph, self._source, self._timed)
        return Point(
            assignment=assignment,
            measured=self._evaluator.measure(self._graph),
            size_bytes=self._graph.stat().st_size,
            speed=speed,
        )


def _to_json(point: Point) -> dict[str, Any]:
    speed = point.speed
    return {
        "measured": vars(point.measured),
        "size_bytes": point.size_bytes,
        "speed": None if speed is None else [speed.made_ms, speed.source_ms],
    }


def _from_json(assignment: Assignment, known: Mapping[str, Any]) -> Point:
    speed = known["speed"]
    return Point(
        assignment=assignment,
        measured=Measured(**known["measured"]),
        size_bytes=known["size_bytes"],
        speed=speed and Speed(made_ms=tuple(speed[0]), source_ms=tuple(speed[1])),
    )
