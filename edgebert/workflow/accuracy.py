"""Accuracy or recall of a bundle's variants, beside torch, and the budgets they keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert_quantize.evaluation.accuracy import TITLES, Accuracy, paired
from edgebert_quantize.evaluation.pairs import read_evaluation
from edgebert_quantize.evaluation.quality import graph_runner
from edgebert_quantize.search.budget import Budget, keeps, parse_budget
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.errors import QualityError
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.loading.selection import library_of

if TYPE_CHECKING:
    from torch import nn

    from edgebert_runtime.inference.arrays import Feeds


@dataclass(frozen=True, kw_only=True)
class AccuracyCheck(AsDict):
    """Accuracy or recall of a variant beside torch, and the budget it was made within.

    Attributes:
        share: which of them, a key of `TITLES`.
        accuracy: on the rows of `data`.
        data: name of the file with the right answers.
        budget: the limits of the search that made the variant; None if none is on it.
    """

    share: str
    accuracy: Accuracy
    data: str
    budget: Budget | None

    @property
    def passed(self) -> bool:
        """Whether it drops by no more than the budget allows."""
        limit = None if self.budget is None else self.budget.drops.get(self.share)
        return limit is None or keeps(limit, self.accuracy)

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            QualityError: with the drop, its rows and the budget.
        """
        if not self.passed and self.budget is not None:
            raise QualityError(
                f"{TITLES[self.share]} on {self.data} is {self.accuracy} below fp32; the variant "
                f"was made within {self.budget.text!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """What the manifest would say of it, and whether it passed."""
        budget = None if self.budget is None else self.budget.text
        return {"passed": self.passed, "budget": budget, **self.accuracy.to_manifest()}


class AccuracyChecks:
    """Measures variants of a classifier on labelled rows, or of vectors on pairs.

    Args:
        bundle: whose variants.
        path: the file with the right answers.

    Raises:
        ConfigError: the bundle has another task, or the file has fewer rows than a variant's
            budget needs.
        InputError: the file cannot be used.
    """

    def __init__(self, bundle: Bundle, path: str | PathLike[str]) -> None:
        from edgebert_quantize.calibration.text_split import Feeder

        self._bundle = bundle
        self._labelled = read_evaluation(path, bundle)
        self._outputs = comparison_of(bundle.manifest).outputs
        self._data = Path(path).name
        self._reference: Sequence[int] = ()
        for variant in bundle.manifest.variants.values():
            budget = accuracy_budget(bundle, variant)
            if budget is not None:
                budget.require_rows(len(self._labelled.labels), self._data)
        self._feeds: Sequence[Feeds] = list(Feeder.of(bundle).alone(self._labelled.items))

    def run_reference(self, module: "nn.Module") -> None:
        """Answer all rows by torch."""
        from edgebert.workflow.torch_reference import torch_runner

        run = torch_runner(self._bundle, module)
        self._reference = self._labelled.answers(run, self._feeds)

    def check(self, variant: Variant) -> AccuracyCheck:
        """Answer all rows by a variant."""
        graph = self._bundle.path_of(variant.file)
        provider, library = variant.needs or "cpu", library_of(variant)
        run = graph_runner(graph, self._outputs, provider, library)
        found = self._labelled.answers(run, self._feeds)
        return AccuracyCheck(
            share=self._labelled.share,
            accuracy=paired(found, self._reference, self._labelled.labels),
            data=self._data,
            budget=accuracy_budget(self._bundle, variant),
        )


def accuracy_budget(bundle: Bundle, variant: Variant) -> Budget | None:
    """The budget that a variant was made within, if it limits what rows lose."""
    text = (variant.way.quality or {}).get("budget")
    if text is None:
        return None
    budget = parse_budget(text, comparison_of(bundle.manifest).metric, answers=True)
    return budget if budget.drops else None
