"""Documents in the order in which they answer a query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebert_runtime.errors import BundleError
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import Call, listed, require_top_k
from edgebert_runtime.postprocessing.activations import ACTIVATIONS
from edgebert_runtime.postprocessing.window_aggregation import max_pool
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tokenization.sliding_window import Long
from edgebert_runtime.tokenization.tokenizer import check_text


@dataclass(frozen=True, kw_only=True)
class RankedDocument:
    """One document, its index in the list given, and its score."""

    index: int
    text: str
    score: float


class Ranker(TaskModel):
    """Scores a query with each document, both seen at once; made by `load`."""

    def _prepare(self) -> None:
        self._head = self._require_head("sigmoid", "none")
        self._require_labels()
        if len(self._head.labels) != 1:
            raise BundleError(
                f"{self._bundle.folder} has task 'rank' and {len(self._head.labels)} labels, "
                "expected 1; load the model for 'classify'"
            )

    def rank(
        self,
        query: str,
        documents: Sequence[str],
        *,
        top_k: int | None = None,
        long: Long = "truncate",
        stride: int | None = None,
    ) -> list[RankedDocument]:
        """Score every document and sort, best first; equal scores keep the order given.

        Args:
            query: one string.
            documents: a list of strings, or a column (numpy, pandas, Polars, Arrow).
            top_k: how many documents to return at most; None returns all.
            long: what becomes of a document that exceeds the bundle's limit together with the
                query: `truncate` cuts the longer of both first, with one `TruncationWarning` a
                call; `error` refuses it; `window` runs the query with every window of the document
                and takes the highest score (Dai and Callan 2019, MaxP).
            stride: tokens that neighbouring windows share; None is half a window, at most 128.

        Returns:
            As `CrossEncoder.rank` of sentence-transformers (5.x), with the activation of the
            manifest.

        Raises:
            InputError: `documents` is one string, a text is not one, a document is too long and
                `long` is `error`, the query fills a window, or `top_k` is below 1.
            ConfigError: unknown `long`, or a stride that a window has no room for.
        """
        documents = listed("rank", documents)
        require_top_k(top_k)
        check_text("query", query)
        for index, document in enumerate(documents):
            check_text(f"document {index}", document)
        pairs = [(query, text) for text in documents]
        call = self._call(long, stride)
        scores = [score for part in self._chunked(pairs, self._scores, call) for score in part]
        self._finish(call, stacklevel=3)
        order = np.argsort(-np.asarray(scores, dtype=np.float32), kind="stable")[:top_k]
        return [
            RankedDocument(index=int(index), text=documents[index], score=scores[index])
            for index in order
        ]

    def _scores(self, pairs: list[tuple[str, str]], call: Call) -> list[float]:
        rows, owners = self._rows(pairs, call)
        logits = np.array([logits for (logits,) in self._run_all(rows, call)])
        activate = ACTIVATIONS[self._head.activation]
        return [float(activate(each)[0]) for each in max_pool(logits, owners)]

    arank = asynchronous(rank)
