"""What the models of all tasks share: an open bundle, micro-batches, reports."""

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle import Bundle
from edgebert_runtime.errors import (
    BundleError,
    InputError,
    ModelClosedError,
    TruncationWarning,
)
from edgebert_runtime.manifest import HeadInfo
from edgebert_runtime.reports import ModelInfo, RunReport, TruncatedText
from edgebert_runtime.schedule import micro_batches
from edgebert_runtime.session import Session
from edgebert_runtime.tokenization import EncodedText, TextTokenizer

Floats = NDArray[np.float32]
Feeds = dict[str, NDArray[np.int64]]

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""What a text becomes; a graph takes those of them that it names."""

MICRO_BATCH_TOKENS: Final = 512
"""Padded tokens a micro-batch may hold: what stays in cache, docs/decisions/0005."""


class TaskModel:
    """Base of the models `load` makes.

    Attributes:
        OUTPUTS: what the graph must offer, by name.
        last_report: what the last call did; None before the first.

    Raises:
        BundleError: the graph lacks an output of the task, or wants an input no tokenizer makes.
    """

    OUTPUTS: ClassVar[tuple[str, ...]] = ("logits",)

    def __init__(
        self,
        bundle: Bundle,
        variant: str,
        session: Session,
        tokenizer: TextTokenizer,
        verified: str,
    ) -> None:
        self._bundle = bundle
        self._variant = variant
        self._session = session
        self._opened_tokenizer: TextTokenizer | None = tokenizer
        self._verified = verified
        self.last_report: RunReport | None = None
        strange = [name for name in self._session.inputs if name not in INPUTS]
        if strange:
            raise BundleError(
                f"{self._bundle.folder} has a graph that wants {', '.join(strange)}; a tokenizer "
                f"makes {', '.join(INPUTS)}"
            )
        missing = [name for name in self.OUTPUTS if name not in self._session.outputs]
        if missing:
            raise BundleError(
                f"{self._bundle.folder} has task {self._bundle.manifest.task!r} and a graph "
                f"without output {', '.join(missing)}; it has {', '.join(self._session.outputs)}"
            )
        self._prepare()

    def _prepare(self) -> None:
        """Check what the task needs of the manifest, and keep it.

        Raises:
            BundleError: the manifest does not fit the task.
        """

    def info(self) -> ModelInfo:
        """What is running, for logs and bug reports."""
        manifest = self._bundle.manifest
        variant = manifest.variants[self._variant]
        opened = (*variant.files, manifest.tokenizer.file)
        return ModelInfo(
            bundle=str(self._bundle.folder),
            task=manifest.task,
            variant=self._variant,
            precision=variant.precision,
            target=variant.target,
            provider=self._session.provider,
            threads=self._session.threads,
            max_length=manifest.tokenizer.max_length,
            dimensions=manifest.embedding.dimensions if manifest.embedding else None,
            batch_invariant=variant.batch_invariant,
            sha256={path: manifest.files[path].sha256 for path in opened},
            verified=self._verified,
        )

    def close(self) -> None:
        """Give the memory back; using the model afterwards is a `ModelClosedError`."""
        self._session.close()
        self._opened_tokenizer = None

    @property
    def _tokenizer(self) -> TextTokenizer:
        if self._opened_tokenizer is None:
            raise ModelClosedError("this model is closed; load it again")
        return self._opened_tokenizer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by path: whoever unpickles it loads the bundle anew."""
        from edgebert_runtime.loading import reload

        folder, session = os.path.abspath(self._bundle.folder), self._session
        how = session.provider, session.asked_threads, self._verified
        return reload, (folder, self._variant, *how)

    @property
    def session(self) -> Session:
        """The open graph, for benchmarks that feed it ids."""
        return self._session

    def _require_head(self, *activations: str) -> HeadInfo:
        """The manifest's head, with one of the activations that make sense for the task."""
        head = self._bundle.manifest.head
        if head is None or head.activation not in activations:
            found = "no head" if head is None else f"activation {head.activation!r}"
            raise BundleError(
                f"{self._bundle.folder} has task {self._bundle.manifest.task!r} and {found}, "
                f"expected a head with activation {' or '.join(activations)}; export it again"
            )
        return head

    def _require_labels(self) -> None:
        """Refuse a manifest that names more or fewer labels than the graph has logits."""
        head, outputs = self._bundle.manifest.head, self._bundle.manifest.outputs
        labels = len(head.labels) if head else 0
        sizes = [output.shape[-1] for output in outputs if output.name in self.OUTPUTS]
        if labels == 0 or any(size != labels for size in sizes if isinstance(size, int)):
            raise BundleError(
                f"{self._bundle.folder} names {labels} labels for logits of {sizes}; export it "
                "again"
            )

    def _micro_batches(self, encoded: Sequence[EncodedText]) -> Iterator[tuple[list[int], Feeds]]:
        """Yield the indices and the padded arrays of each micro-batch; at the end, report."""
        padded = batches = 0
        lengths = [len(text.input_ids) for text in encoded]
        for indices in micro_batches(lengths, MICRO_BATCH_TOKENS):
            feeds = self._tokenizer.pad([encoded[index] for index in indices])
            yield indices, feeds
            padded += feeds["input_ids"].size
            batches += 1
        self.last_report = RunReport(
            texts=len(encoded),
            tokens=sum(lengths),
            padded_tokens=padded,
            micro_batches=batches,
            truncated=self._truncated(encoded),
        )

    def _run(self, outputs: Sequence[str], feeds: Feeds) -> list[Floats]:
        """One micro-batch, with the inputs the graph has."""
        return self._session.run(outputs, {name: feeds[name] for name in self._session.inputs})

    def _run_all(self, encoded: Sequence[EncodedText]) -> list[tuple[Floats, ...]]:
        """Run every text; for each its row of every output, padding included."""
        rows: list[tuple[Floats, ...]] = [()] * len(encoded)
        for indices, feeds in self._micro_batches(encoded):
            outputs = self._run(self.OUTPUTS, feeds)
            for row, index in enumerate(indices):
                rows[index] = tuple(output[row] for output in outputs)
        return rows

    def _truncated(self, encoded: Sequence[EncodedText]) -> tuple[TruncatedText, ...]:
        limit = self._bundle.manifest.tokenizer.max_length
        return tuple(
            TruncatedText(index=index, tokens=text.tokens, limit=limit)
            for index, text in enumerate(encoded)
            if text.tokens > len(text.input_ids)
        )

    def _warn_if_truncated(self) -> None:
        """Called by the public method itself, so that the warning names its caller's line."""
        cut = self.last_report.truncated if self.last_report else ()
        if cut:
            longest = max(cut, key=lambda text: text.tokens)
            warnings.warn(
                f"{len(cut)} of {self.last_report.texts if self.last_report else 0} texts were cut "
                f"to {longest.limit} tokens (the longest, number {longest.index}, has "
                f"{longest.tokens}); see last_report.truncated",
                TruncationWarning,
                stacklevel=3,
            )


def require_list(method: str, texts: object) -> None:
    """Refuse one string where a list of them is meant.

    Raises:
        InputError: `texts` is a string.
    """
    if isinstance(texts, str):
        raise InputError(
            f"{method} takes a list of strings, got one string; write {method}([text])"
        )


def require_positive(name: str, value: object) -> None:
    """Refuse a count below 1.

    Raises:
        InputError: `value` is no positive integer.
    """
    if not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be at least 1, got {value!r}")


def require_top_k(top_k: int | None) -> None:
    """Refuse to give fewer than one answer; None is all of them.

    Raises:
        InputError: `top_k` is neither None nor a positive integer.
    """
    if top_k is not None:
        require_positive("top_k", top_k)
