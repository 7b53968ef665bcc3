"""Answers of a bundle's graphs to the same items, and how far they agree with those of fp32."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.engine.native import NativeLibrary
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import InputError
from edgebert_runtime.inference.arrays import Floats
from edgebert_runtime.postprocessing.activations import sigmoid, softmax
from edgebert_runtime.tasks.agreement import RESOLUTION, YES, Agreement, AgreementSpec
from edgebert_runtime.tasks.base import RowOutputs
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item

PROVIDER: Final = "cpu"

Ran = list[list[RowOutputs]]
"""Of each item its rows with their outputs."""


def quality_items(bundle: Bundle, texts: Sequence[str]) -> Sequence[Item]:
    """What outputs are compared on: texts, or the pairs that a task scores."""
    return _items_of(require_task(bundle.manifest.default_task).agreement, texts)


def _items_of(spec: AgreementSpec | None, texts: Sequence[str]) -> Sequence[Item]:
    return texts if spec is None or spec.items is None else spec.items(texts)


class AgreementEvaluator:
    """Measures how far answers of other graphs agree with those of fp32.

    Args:
        bundle: with its tokenizer and a task.
        source: the fp32 graph.
        texts: the items are made of, as the task makes them.

    Attributes:
        spec: how answers are compared; None if the task does not say.
    """

    def __init__(self, bundle: Bundle, source: Path, texts: Sequence[str]) -> None:
        task, manifest = require_task(bundle.manifest.default_task), bundle.manifest
        self.spec: AgreementSpec | None = task.agreement
        if self.spec is None:
            return
        activation = manifest.task.head.activation if manifest.task.head else "none"
        self._activation = activation if self.spec.chosen else "none"
        session, variant = Session(source, provider=PROVIDER), next(iter(manifest.variants))
        self._model = task.model(bundle, variant, session, open_tokenizer(bundle), "never")
        make = self.spec.items or (lambda each: [task.item(manifest, text) for text in each])
        self._options = self.spec.options
        self._encoded = [each for item in make(texts) for each in self._taken(item)]
        self._expected = self._ran(session)

    @property
    def metric(self) -> str | None:
        """Name of the metric; None if answers are not compared."""
        return None if self.spec is None else self.spec.metric

    @property
    def exact(self) -> Agreement | None:
        """Agreement of fp32 with itself; None if answers are not compared."""
        return None if self.spec is None else self._compare(self.spec, self._expected)

    def items(self, texts: Sequence[str]) -> Sequence[Item]:
        """As `quality_items`."""
        return _items_of(self.spec, texts)

    def measure(
        self, graph: Path, provider: str = PROVIDER, library: NativeLibrary | None = None
    ) -> Agreement | None:
        """How far a graph's answers agree; None where answers are not compared."""
        if self.spec is None:
            return None
        session = Session(graph, provider=provider, library=library)
        return self._compare(self.spec, self._ran(session))

    def _taken(self, item: Any) -> list[EncodedItem]:
        """An item as rows; none where the task refuses it, such as a context without tokens."""
        try:
            return self._model.encode([item], self._options)
        except InputError:
            return []

    def _compare(self, spec: AgreementSpec, found: Ran) -> Agreement | None:
        pairs = zip(found, self._expected, strict=True)
        settled = [list(_settled(*pair, self._activation)) for pair in pairs]
        return spec.compare(self._decode(settled), self._decode(self._expected))

    def _decode(self, ran: Ran) -> Sequence[Any]:
        answers: Sequence[Any] = self._model.decode(self._encoded, ran, self._options)
        return answers

    def _ran(self, session: Session) -> Ran:
        """Each item alone, as a batch may change the answer of one that is not batch-invariant."""
        run, options = self._model.run, self._options
        return [
            list(run([each], options, session=session, finite=False)[0]) for each in self._encoded
        ]


def _settled(
    found: Sequence[RowOutputs], expected: Sequence[RowOutputs], activation: str
) -> Iterator[RowOutputs]:
    for (row, ours), (_, theirs) in zip(found, expected, strict=True):
        yield row, tuple(settle_ties(*pair, activation) for pair in zip(ours, theirs, strict=True))


def settle_ties(found: Floats, expected: Floats, activation: str) -> Floats:
    """Logits with those of fp32 in place of a choice that is another one and a tie in fp32.

    Args:
        found: logits of a graph, (…, choices).
        expected: likewise of fp32.
        activation: of the head; `softmax` chooses one, `sigmoid` each or not, `none` nothing.
    """
    if activation == "softmax":
        best, other = (each.argmax(axis=-1, keepdims=True) for each in (expected, found))
        scores = softmax(expected)
        ahead = np.take_along_axis(scores, best, -1) - np.take_along_axis(scores, other, -1)
        tied = (best != other) & (ahead <= RESOLUTION)
    elif activation == "sigmoid":
        chances = sigmoid(expected)
        changed = (sigmoid(found) >= YES) != (chances >= YES)
        tied = changed & (np.abs(chances - YES) <= RESOLUTION)
    else:
        return found
    settled: Floats = np.where(tied, expected, found)
    return settled
