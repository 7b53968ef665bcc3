"""Trials of a search: write a graph, measure it, keep the measurements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.calibration.text_split import Feeder, TextSplit
from edgebert_quantize.evaluation.accuracy import TITLES, Accuracy, paired
from edgebert_quantize.evaluation.agreement import AgreementEvaluator
from edgebert_quantize.evaluation.labelled_data import Labelled
from edgebert_quantize.evaluation.quality import Runner, graph_runner
from edgebert_quantize.evaluation.speed import Speed, measure_speed
from edgebert_quantize.recipes import FLOAT, SCHEME_LABELS, Scheme
from edgebert_quantize.rewrite.embeddings import table_parameters
from edgebert_quantize.rewrite.prepare import Prepared
from edgebert_quantize.rewrite.rewrite import Output, write_graphs
from edgebert_quantize.search.budget import Measured
from edgebert_quantize.search.measurement_cache import MeasurementCache
from edgebert_quantize.similarity import Comparison, Outputs
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.reports import to_plain
from edgebert_runtime.storage.json_values import Array, Text
from edgebert_runtime.tasks.agreement import Agreement

REFERENCE_CACHE_BYTES: Final = 2**28
"""Memory for cached outputs of fp32; those of masked language models are large."""

SENSITIVITY_TEXTS: Final = 48
"""Calibration texts that the loss of single layers is measured on; whole graphs are measured on
held-out texts."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The scheme of each linear layer, and whether embedding tables are int8."""

    schemes: Annotated[tuple[Scheme, ...], Array(Text(tuple(SCHEME_LABELS)), least=1)]
    tables: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """Label of a scheme → layers that have it, in the order of `SCHEME_LABELS`."""
        counts = Counter(self.schemes)
        return {label: counts[each] for each, label in SCHEME_LABELS.items() if counts[each]}

    def __str__(self) -> str:
        return f"{','.join(self.schemes)};{'int8' if self.tables else FLOAT}"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measured graph of the quality-cost frontier.

    Attributes:
        assignment: how it is quantized.
        measured: its quality.
        size_bytes: of its file.
        speed: compared with fp32 on this machine; None if not measured.
    """

    assignment: Assignment
    measured: Measured
    size_bytes: int
    speed: Speed | None

    @property
    def over_fp32(self) -> float | None:
        """Time over that of fp32, median over paired rounds; None if not measured."""
        return None if self.speed is None else self.speed.over_fp32


class Evaluator:
    """Compares graphs with an fp32 graph, whose outputs it caches.

    Args:
        source: the fp32 graph.
        comparison: how outputs are compared.
        feeder: makes inputs.
        texts: calibration texts, and held-out texts to measure on; pairs where the task scores
            pairs.
        labelled: rows to measure accuracy or recall on.
        agreements: compares answers.
    """

    def __init__(
        self,
        source: Path,
        comparison: Comparison,
        feeder: Feeder,
        texts: TextSplit,
        labelled: Labelled | None,
        agreements: AgreementEvaluator,
    ) -> None:
        self._comparison = comparison
        self._labelled = labelled
        self._agreements = agreements
        every = max(1, len(texts.calibration) // SENSITIVITY_TEXTS)
        run = graph_runner(source, comparison.outputs)
        self._reference = _Reference(run)
        few, held_out = (
            agreements.items(each) for each in (texts.calibration[::every], texts.quality)
        )
        self._few, self._held_out = list(feeder.alone(few)), list(feeder.alone(held_out))
        self._items = list(feeder.alone(labelled.items)) if labelled else []
        self._answers = self._answered(run)
        self.exact = Measured(
            mean=1.0, worst=1.0, agreement=agreements.exact, **self._on_rows(self._answers)
        )

    def loss(self, graph: Path) -> float:
        """1 − mean similarity on some of the calibration texts."""
        return 1 - float(np.mean(self._similarities(graph, self._few)))

    def similarities(self, graph: Path) -> list[float]:
        """Similarity to fp32 of each held-out text."""
        return self._similarities(graph, self._held_out)

    def measure(self, graph: Path) -> Measured:
        """Quality on the held-out texts, and accuracy or recall on the rows."""
        similarities = self.similarities(graph)
        run = graph_runner(graph, self._comparison.outputs)
        return Measured(
            mean=float(np.mean(similarities)),
            worst=min(similarities),
            agreement=self._agreements.measure(graph),
            **self._on_rows(self._answered(run)),
        )

    def _answered(self, run: Runner) -> list[int]:
        return self._labelled.answers(run, self._items) if self._labelled else []

    def _on_rows(self, found: Sequence[int]) -> dict[str, Accuracy]:
        rows = self._labelled
        return {rows.share: paired(found, self._answers, rows.labels)} if rows else {}

    def _similarities(self, graph: Path, texts: Sequence[Feeds]) -> list[float]:
        run = graph_runner(graph, self._comparison.outputs)
        return self._comparison.similarities((run(each), self._reference(each)) for each in texts)


class _Reference:
    """Runs fp32 once for each input; again only if the cache is full."""

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._cached: dict[int, Outputs] = {}
        self._free_bytes = REFERENCE_CACHE_BYTES

    def __call__(self, feeds: Feeds) -> Outputs:
        key = id(feeds)  # the evaluator holds every input as long as this lives
        if key in self._cached:
            return self._cached[key]
        outputs = self._run(feeds)
        size = sum(output.nbytes for output in outputs)
        if size <= self._free_bytes:
            self._free_bytes -= size
            self._cached[key] = outputs
        return outputs


class Trials:
    """Writes the graph of an assignment and measures it, each once.

    Attributes:
        exact: quality of fp32.
        layer_sizes: weights of each linear layer.
        table_size: numbers in the embedding tables that can be int8.

    Args:
        prepared: the calibrated fp32 graph.
        source: the fp32 graph.
        scratch: a folder for one graph at a time.
        evaluator: measures quality.
        cache: of measurements.
        timed: an input to time graphs on; None times nothing.
    """

    def __init__(
        self,
        prepared: Prepared,
        source: Path,
        scratch: Path,
        evaluator: Evaluator,
        cache: MeasurementCache,
        timed: Mapping[str, NDArray[np.int64]] | None,
    ) -> None:
        self._prepared = prepared
        self._source = source
        self._graph = scratch / "trial.onnx"
        self._evaluator = evaluator
        self._ledger = cache
        self._timed = timed
        self.exact = evaluator.exact
        self.layer_sizes = [layer.columns.size for layer in prepared.layers]
        self.table_size = table_parameters(ir.load(prepared.graph).graph)

    def loss(self, assignment: Assignment) -> float:
        """1 − mean similarity on some calibration texts; for assignments of a single layer."""
        name = f"loss {assignment}"
        known = self._ledger.get(name)
        if known is None:
            self.write(assignment, [Output(self._graph)])
            known = self._evaluator.loss(self._graph)
            self._ledger.put(name, known)
        return float(known)

    def point(self, assignment: Assignment) -> Point:
        """Quality on held-out texts, size and speed."""
        name = f"point {assignment}"
        known = self._ledger.get(name)
        if known is None:
            self.write(assignment, [Output(self._graph)])
            point = self._measure(assignment)
            self._ledger.put(name, _to_json(point))
            return point
        return _from_json(assignment, known)

    def similarities(self, graph: Path) -> list[float]:
        """Similarity of a graph to fp32, on each held-out text."""
        return self._evaluator.similarities(graph)

    def write(self, assignment: Assignment, outputs: Sequence[Output]) -> None:
        """Write the graphs of an assignment, as `write_graphs` does."""
        schemes = list(assignment.schemes)
        write_graphs(self._prepared, outputs, schemes, tables=assignment.tables)

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
        "measured": to_plain(point.measured),
        "size_bytes": point.size_bytes,
        "speed": None if speed is None else [speed.candidate_ms, speed.source_ms],
    }


def _from_json(assignment: Assignment, known: Mapping[str, Any]) -> Point:
    speed, measured = known["speed"], known["measured"]
    agreement = measured["agreement"]
    shares = {name: measured[name] and Accuracy(**measured[name]) for name in TITLES}
    return Point(
        assignment=assignment,
        measured=Measured(
            mean=measured["mean"],
            worst=measured["worst"],
            agreement=agreement and Agreement(**agreement),
            **shares,
        ),
        size_bytes=known["size_bytes"],
        speed=speed and Speed(candidate_ms=tuple(speed[0]), source_ms=tuple(speed[1])),
    )
