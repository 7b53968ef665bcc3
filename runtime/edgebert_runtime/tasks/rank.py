"""Documents in the order in which they answer a query."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edgebert_runtime.errors import BundleError
from edgebert_runtime.inference.arrays import logits
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import listed, require_top_k
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.postprocessing.activations import (
    ACTIVATIONS,
    Activation,
    require_activation,
)
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.window_aggregation import max_pool
from edgebert_runtime.progress import ProgressOption
from edgebert_runtime.tasks.agreement import AgreementSpec, order, queries
from edgebert_runtime.tasks.base import RowOutputs, TaskModel, flatten
from edgebert_runtime.tasks.explainable import require_no_target, require_pair
from edgebert_runtime.tasks.options import TaskOptions, option
from edgebert_runtime.tasks.spec import (
    AloneSpec,
    CommandSpec,
    TaskProbe,
    TaskSpec,
    columns_of,
    constant_columns,
    pair_item,
)
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item, check_text
from edgebert_runtime.tokenization.sliding_window import Long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened


@dataclass(frozen=True, kw_only=True)
class RankedDocument(AsDict):
    """One document.

    Attributes:
        index: its place in the list given, from 0.
        text: the document.
        score: relevance to the query: from 0 to 1 where the manifest's activation is `sigmoid`,
            any number where it is `none`.
    """

    index: int
    text: str
    score: float


@dataclass(frozen=True, kw_only=True)
class RankOptions(TaskOptions):
    """Arguments of `Ranker.rank`, which explains them."""

    top_k: int | None = option(
        None, "give the best K documents (default: all)", type=int, metavar="K"
    )
    activation: Activation | None = option(None)


class Ranker(TaskModel[RankOptions]):
    """Scores a query with each document, both seen at once; made by `load`.

    An item of `predict` is a pair of query and document, its answer is their score.
    """

    OPTIONS: ClassVar = RankOptions
    GRAPH: ClassVar = logits("labels")

    def _prepare(self) -> None:
        self._head = self._require_head("sigmoid", "none")
        self._require_labels()
        if len(self._head.labels) != 1:
            raise BundleError(
                f"{self._bundle.folder} has task 'rank' and {len(self._head.labels)} labels, "
                "expected 1; export the checkpoint again with task='classify'",
                shell=f"{self._bundle.folder} has task 'rank' and {len(self._head.labels)} labels, "
                "expected 1; export the checkpoint again with --task classify",
            )

    def check_options(self, options: RankOptions) -> None:
        """Refuse a `top_k` below 1, and an unknown activation.

        Raises:
            InputError: it is below 1.
            ConfigError: the activation is unknown.
        """
        require_top_k(options.top_k)
        require_activation(options.activation)

    def rank(
        self,
        query: str,
        documents: Sequence[str],
        *,
        top_k: int | None = None,
        activation: Activation | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> list[RankedDocument]:
        """Score every document and sort, best first; equal scores keep the order given.

        Args:
            query: one string.
            documents: a list of strings, or a column (numpy, pandas, Polars, Arrow).
            top_k: how many documents to return at most; None returns all.
            activation: from the logit to the score, `sigmoid` or `none`; None as the manifest says.
            long: what to do with a document that exceeds the bundle's limit together with the
                query: `truncate` cuts the longer of both first, with one `TruncationWarning` a
                call; `error` refuses it; `window` runs the query with every window of the document
                and takes the highest score (Dai and Callan 2019, MaxP).
            stride: tokens that neighbouring windows share; None is half a window, at most 128.
            progress: as `predict` has it.

        Returns:
            As `CrossEncoder.rank` of sentence-transformers (5.x), with the activation of the
            manifest where none is given.

        Raises:
            InputError: `documents` is one string, a text is not one, a document is too long and
                `long` is `error`, the query fills a window, or `top_k` is below 1.
            ConfigError: unknown `long` or activation, or a stride that a window has no room for.
        """
        options = RankOptions(top_k=top_k, activation=activation, long=long, stride=stride)
        documents = listed("rank", documents)
        check_text("query", query)
        for index, document in enumerate(documents):
            check_text(f"document {index}", document)
        pairs = [(query, text) for text in documents]
        scores: list[float] = self._predict("rank", pairs, options, progress)
        return ranked(documents, scores, top_k)

    arank = asynchronous(rank)

    def decode(
        self,
        encoded: Sequence[EncodedItem],
        ran: Sequence[Iterable[RowOutputs]],
        options: RankOptions | None = None,
    ) -> list[float]:
        """A score for each pair: of a windowed document the highest of its windows'."""
        chosen = options or RankOptions()
        flat, activate = flatten(ran), ACTIVATIONS[chosen.activation or self._head.activation]
        best = max_pool(np.array(flat.outputs), flat.owners)
        return [float(activate(each)[0]) for each in best]

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The score of a query and a document."""
        require_no_target(wanted, "rank")
        pair = require_pair(item, "query", "document")

        def values(shorter: Sequence["Shortened"]) -> list[float]:
            scores: list[float] = self.predict([each.item for each in shorter], progress=False)
            return scores

        return Target(name="score", item=pair, values=values)


def ranked(
    documents: Sequence[str], scores: Sequence[float], top_k: int | None = None
) -> list[RankedDocument]:
    """Documents by falling score; equal scores keep the order given.

    Args:
        documents: any number.
        scores: of each.
        top_k: how many at most; None is all.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float32), kind="stable")[:top_k]
    return [
        RankedDocument(index=int(index), text=documents[index], score=scores[index])
        for index in order
    ]


def _rank_pairs(
    model: TaskModel[Any],
    pairs: Iterator[tuple[str, str]],
    options: RankOptions,
    progress: ProgressOption,
) -> list[RankedDocument]:
    """The documents of one query, ranked."""
    assert isinstance(model, Ranker)
    found = list(pairs)
    query = found[0][0] if found else ""
    return model.rank(
        query, [document for _, document in found], progress=progress, **vars(options)
    )


SPEC: Final = TaskSpec(
    name="rank",
    model=Ranker,
    labels="one",
    pipeline_tag="text-ranking",
    example='documents = model.rank("a query", ["a document", "another"])',
    columns=constant_columns(columns_of(RankedDocument)),
    record=RankedDocument.to_dict,
    command=CommandSpec(
        summary="Sort documents by relevance to a query; prints a JSON line for each document",
        text="DOCUMENT",
        question="query",
        example='"a query" "a document" "another document"',
    ),
    probe=TaskProbe(
        options=RankOptions(),
        comparable=lambda score: [{"relevance": score}],
        measure="scores",
    ),
    item=pair_item,
    answer_all=_rank_pairs,
    alone=AloneSpec(columns={"score": float}, record=lambda score: {"score": score}),
    agreement=AgreementSpec(
        metric="order", unit="pairs", measure=order, chosen=False, items=queries
    ),
)
