"""Size, times and right answers of the bundles of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from edgebert.search.trial import ShapeTime, Trial
from edgebert_quantize.calibration.text_split import Feeder
from edgebert_quantize.evaluation.accuracy import paired
from edgebert_quantize.evaluation.labelled_data import Labelled
from edgebert_quantize.evaluation.quality import graph_runner
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.benchmarking.worker import time_in_a_process
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.loading.selection import library_of, pick, situation_here
from edgebert_runtime.measurement.rounds import measure_in_rounds

SHAPES: Final = ((1, 32), (8, 128))
MIXED: Final = "mixed"
"""Texts of the evaluation as they are, in one call."""

MIXED_ITEMS: Final = 32
ROUNDS: Final = 3
SECONDS: Final = 0.3
"""Of each shape in each round."""


def variant_here(bundle: Bundle, precision: str) -> Variant:
    """The variant that `load` takes for a precision on this machine."""
    situation = situation_here(bundle, LoadOptions.of(), asked=precision)
    return bundle.manifest.variants[pick(bundle, situation).name]


def answers_of(bundle: Bundle, precision: str, labelled: Labelled) -> list[int]:
    """The answers to all rows, each alone, as `paired` takes them."""
    variant = variant_here(bundle, precision)
    outputs = comparison_of(bundle.manifest).outputs
    run = graph_runner(bundle.path_of(variant.file), outputs, library=library_of(variant))
    return labelled.answers(run, Feeder.of(bundle).alone(labelled.items))


@dataclass(frozen=True, kw_only=True)
class Meter:
    """Measures bundles beside that of the unchanged model.

    Attributes:
        unchanged: the bundle of the unchanged model.
        labelled: rows with their right answers.
        reference: the answers of the unchanged model in fp32.
    """

    unchanged: Bundle
    labelled: Labelled
    reference: Sequence[int]

    def trial(self, bundle: Bundle, steps: tuple[str, ...], precision: str) -> Trial:
        """Measure a bundle in a precision that it and the unchanged one have.

        Raises:
            EdgebertError: a measuring process failed.
        """
        found = answers_of(bundle, precision, self.labelled)
        return Trial(
            steps=steps,
            precision=precision,
            size_bytes=bundle.size_bytes(variant_here(bundle, precision)),
            times=self._times(bundle, precision),
            rows=paired(found, self.reference, self.labelled.labels),
        )

    def _times(self, bundle: Bundle, precision: str) -> dict[str, ShapeTime]:
        """Both in turn; the unchanged model is not timed beside itself."""
        folders = dict.fromkeys((bundle.folder, self.unchanged.folder))
        measures = {each: partial(self._timed, Bundle.open(each), precision) for each in folders}
        rounds = measure_in_rounds(measures, ROUNDS)
        model, unchanged = rounds[bundle.folder], rounds[self.unchanged.folder]
        return {
            shape: ShapeTime(
                model_ms=tuple(each[shape] for each in model),
                unchanged_ms=tuple(each[shape] for each in unchanged),
            )
            for shape in model[0]
        }

    def _timed(self, bundle: Bundle, precision: str) -> Mapping[str, float]:
        limit = bundle.manifest.tokenizer.max_length
        shapes = [(batch, min(sequence, limit)) for batch, sequence in SHAPES]
        items = self.labelled.items
        mixed = items[:: max(1, len(items) // MIXED_ITEMS)][:MIXED_ITEMS]
        how: dict[str, Any] = {"variant": precision, "threads": usable_cores()}
        found = time_in_a_process(str(bundle.folder), how, shapes, SECONDS, mixed)
        times = zip(shapes, found["shapes"], strict=True)
        named = {f"{batch}x{sequence}": each["median_ms"] for (batch, sequence), each in times}
        return {**named, MIXED: found["items_ms"]}
