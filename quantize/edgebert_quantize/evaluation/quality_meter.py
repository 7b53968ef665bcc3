"""How near graphs of a bundle are to its fp32, all on the same texts."""

from collections.abc import Callable
from pathlib import Path

from edgebert_quantize.calibration.text_split import Feeder, TextSplit
from edgebert_quantize.evaluation.agreement import AgreementEvaluator, quality_items
from edgebert_quantize.evaluation.quality import Quality, Remembered, compare, graph_runner
from edgebert_quantize.recipes import Recipe
from edgebert_quantize.similarity import QualityThreshold, comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.engine.native import NativeLibrary


class QualityMeter:
    """Measures graphs of one recipe.

    Args:
        bundle: with its tokenizer and a task.
        exact: its fp32 graph.
        split: whose texts of quality are run.
        recipe: whose thresholds hold.
        within: makes another threshold of the recipe's, such as a budget's.
    """

    def __init__(
        self,
        bundle: Bundle,
        exact: Path,
        split: TextSplit,
        recipe: Recipe,
        within: Callable[[QualityThreshold], QualityThreshold] | None = None,
    ) -> None:
        self._bundle, self._split = bundle, split
        self._comparison = comparison_of(bundle.manifest)
        self._reference = Remembered(graph_runner(exact, self._comparison.outputs))
        self._agreements = AgreementEvaluator(bundle, exact, split.quality)
        threshold = recipe.threshold(self._comparison.metric, self._agreements.metric)
        self._threshold = threshold if within is None else within(threshold)

    @property
    def uncompared(self) -> str | None:
        """What answers would be compared by, if fp32 gave any for these texts; else None."""
        agreements = self._agreements
        return agreements.metric if agreements.exact is None else None

    def measure(self, graph: Path, library: NativeLibrary | None = None) -> Quality:
        """The quality of a graph.

        Args:
            graph: that runs on this CPU.
            library: of custom operators, that it is run with.
        """
        outputs = self._comparison.outputs
        return compare(
            self._comparison,
            graph_runner(graph, outputs, library=library),
            self._reference,
            Feeder.of(self._bundle),
            quality_items(self._bundle, self._split.quality),
            threshold=self._threshold,
            data=self._split.source,
            agreement=self._agreements.measure(graph, library=library),
        )
