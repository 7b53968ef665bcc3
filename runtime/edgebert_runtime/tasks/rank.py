"""Documents in the order in which they answer a query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebert_runtime.errors import BundleError
from edgebert_runtime.tasks.asynchronous import asynchronous
from edgebert_runtime.tasks.base import TaskModel, require_list, require_top_k
from edgebert_runtime.tasks.scores import ACTIVATIONS
from edgebert_runtime.tokenization import check_text


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
        self, query: str, documents: Sequence[str], *, top_k: int | None = None
    ) -> list[RankedDocument]:
        """Score every document and sort, best first; equal scores keep the order given.

        Args:
            query: one string.
            documents: a list of strings. Where query and document together exceed the bundle's
                limit, the longer is cut first, with one `TruncationWarning` a call.
            top_k: how many documents to return at most; None returns all.

        Returns:
            As `CrossEncoder.rank` of sentence-transformers (5.x), with the activation of the
            manifest.

        Raises:
            InputError: `documents` is one string, a text is not one, or `top_k` is below 1.
        """
        require_list("rank", documents)
        require_top_k(top_k)
        check_text("query", query)
        for index, document in enumerate(documents):
            check_text(f"document {index}", document)
        rows = self._run_all(self._tokenizer.encode_items([(query, text) for text in documents]))
        scores = [float(ACTIVATIONS[self._head.activation](logits)[0]) for (logits,) in rows]
        self._warn_if_truncated()
        order = np.argsort(-np.asarray(scores, dtype=np.float32), kind="stable")[:top_k]
        return [
            RankedDocument(index=int(index), text=documents[index], score=scores[index])
            for index in order
        ]

    arank = asynchronous(rank)
