"""Measure where a variant's time goes."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from edgebert.profiling.events import NodeTime, Recording, joined
from edgebert.profiling.isolated_matmul import has_bare
from edgebert.profiling.layers import UNASSIGNED, regions_of
from edgebert.profiling.products import Product, products_of
from edgebert.profiling.report import Operator, ProfileReport
from edgebert.profiling.roofline import (
    ROUNDS,
    BareRate,
    ProductsAlone,
    fastest,
    require_positive,
    squares,
)
from edgebert.profiling.tracing import GraphRun, record, time_plain
from edgebert.progress import ProgressCallback
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.loading.load import load, model_class

if TYPE_CHECKING:
    import onnx_ir as ir

SEQUENCE: Final = 128
RUNS: Final = 50


def profile(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    *,
    batch: int = 1,
    sequence: int | None = None,
    threads: int | None = None,
    runs: int = RUNS,
    progress: ProgressCallback | None = None,
) -> ProfileReport:
    """Measure a variant on the CPU, operator by operator, and its matrix products alone.

    The graph under the profiler, the graph without it and the products take turns for three rounds,
    each in a process of its own.

    Args:
        bundle: the bundle or its folder.
        variant: as `load` takes it; the bundle's own graph is measured, not one that `warm` kept.
        batch: texts.
        sequence: tokens of each; None takes 128, or as many as the model takes.
        threads: intra-operator threads; None takes every core the process may use.
        runs: of the graph and of each product, at least; spread over the rounds.
        progress: is told what is going on.

    Raises:
        BundleError: the bundle cannot be read, or ONNX Runtime cannot open the graph.
        ConfigError: an unknown variant, a count below 1, or more tokens than the model takes.
        EngineError: ONNX Runtime wrote no profile, or not all of it.
        ProviderUnavailableError: the variant needs another provider than the CPU.
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    sequence = _checked(manifest, batch, sequence, runs)
    with load(opened, variant, "cpu", threads=threads, cache_dir=False) as model:
        info = model.info()
    graph = opened.path_of(manifest.variants[info.variant].file)
    rounds = min(ROUNDS, runs)
    with TemporaryDirectory() as folder:
        task = _task(Path(folder), graph, manifest, batch, sequence)
        turns = _Turns(task, info.threads, math.ceil(runs / rounds))
        for number in range(rounds):
            if progress is not None:
                progress(f"profiling {info.variant}, round {number + 1} of {rounds}")
            turns.take(backwards=bool(number % 2))
        operators = turns.operators("pooling" if manifest.task == "embed" else "head")
    return ProfileReport(
        bundle=opened.folder.resolve().name,
        variant=info.variant,
        engine=str(import_engine().__version__),
        batch=batch,
        sequence=sequence,
        threads=info.threads,
        runs=len(turns.plain_us),
        operators=operators,
        outside_us=median(turns.recording.outside_us),
        profiled=Quartiles.of(turns.recording.wall_us),
        plain=Quartiles.of(turns.plain_us),
        rates=turns.rates,
        ceilings=fastest(turns.square_rates),
    )


def _checked(manifest: Manifest, batch: int, sequence: int | None, runs: int) -> int:
    """Tokens of a text, once all counts make sense.

    Raises:
        ConfigError: they do not.
    """
    limit = manifest.tokenizer.max_positions
    sequence = min(SEQUENCE, limit) if sequence is None else sequence
    for name, count in {"batch": batch, "sequence": sequence, "runs": runs}.items():
        require_positive(name, count)
    if sequence > limit:
        raise ConfigError(f"sequence must be at most {limit}, the model's limit; got {sequence}")
    return sequence


def _task(folder: Path, graph: Path, manifest: Manifest, batch: int, sequence: int) -> GraphRun:
    """A variant's graph and random tokens, which dense speed does not see."""
    vocabulary = manifest.architecture["vocabulary"] or 1
    ids = np.random.default_rng(0).integers(0, vocabulary, (batch, sequence), dtype=np.int64)
    feeds = folder / "feeds.npz"
    np.savez(feeds, input_ids=ids, attention_mask=np.ones_like(ids), token_type_ids=ids * 0)
    asked = model_class(manifest.task).OUTPUTS
    return GraphRun(
        graph=graph,
        feeds=feeds,
        outputs=["sentence_embedding"] if manifest.task == "embed" else asked,
        optimized=folder / "optimized.onnx",
    )


class _Turns:
    """A graph with the profiler, the same without, and its products alone, round by round.

    Args:
        task: the graph; files are written beside what it reads.
        threads: intra-operator threads.
        runs: of each in a round.

    Attributes:
        plain_us: of each run without the profiler.
    """

    def __init__(self, task: GraphRun, threads: int, runs: int) -> None:
        self._task, self._threads, self._runs = task, threads, runs
        self._recordings: list[Recording] = []
        self.plain_us: list[float] = []

    def take(self, *, backwards: bool) -> None:
        """One round; the first goes forwards, because it finds out what the products are."""
        steps = (self._record, self._time, self._time_products)
        for step in reversed(steps) if backwards else steps:
            step()

    @property
    def recording(self) -> Recording:
        """Of all rounds."""
        return joined(self._recordings)

    @property
    def rates(self) -> dict[Product, BareRate]:
        """The graph's products alone, but for those of which there is no graph."""
        rates = self._alone.rates
        return {product: rates[product] for product in self._products if has_bare(product)}

    @property
    def square_rates(self) -> list[BareRate]:
        """Large products of the same kinds."""
        return [self._alone.rates[product] for product in self._squares]

    def operators(self, head: str) -> tuple[Operator, ...]:
        """What all rounds found of each operator; `head` is what follows the layers."""
        regions = regions_of(self._graph, head)
        rates = self.rates
        return tuple(
            Operator(
                name=node.name,
                kind=node.operator,
                region=regions.get(node.name, UNASSIGNED),
                microseconds=node.microseconds,
                products=self._products_of(node),
                floor_us=_floor(self._products_of(node), rates),
            )
            for node in self.recording.nodes
        )

    def _record(self) -> None:
        task = replace(self._task, optimized=None) if self._recordings else self._task
        self._recordings += record([task], self._threads, self._runs)

    def _time(self) -> None:
        self.plain_us += time_plain(self._task, self._threads, self._runs)

    def _time_products(self) -> None:
        self._alone.measure(self._threads, self._runs)

    @cached_property
    def _graph(self) -> "ir.Graph":
        """As ONNX Runtime runs it, which the first recording leaves behind."""
        import onnx_ir as ir

        return ir.load(str(self._task.optimized)).graph

    @cached_property
    def _nodes(self) -> "dict[str, ir.Node]":
        """Name → node, of names that only one node has."""
        uses = Counter(node.name for node in self._graph)
        return {str(node.name): node for node in self._graph if uses[node.name] == 1}

    @cached_property
    def _products(self) -> list[Product]:
        """Each that the graph has, once."""
        nodes = self._recordings[0].nodes
        return list(dict.fromkeys(item for node in nodes for item in self._products_of(node)))

    @cached_property
    def _squares(self) -> list[Product]:
        return squares(dict.fromkeys(product.kind for product in self._products))

    @cached_property
    def _alone(self) -> ProductsAlone:
        known = [product for product in self._products if has_bare(product)]
        return ProductsAlone(self._task.feeds.parent, [*known, *self._squares])

    def _products_of(self, node: NodeTime) -> tuple[Product, ...]:
        return products_of(node, self._nodes.get(node.name))


def _floor(products: tuple[Product, ...], rates: Mapping[Product, BareRate]) -> float | None:
    """What products take alone; None where one of them has no graph of its own."""
    if not all(product in rates for product in products):
        return None
    return sum((rates[product].microseconds for product in products), 0.0)
