"""Sentence embeddings from a bundle."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import BundleError, ConfigError, InputError
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import Call
from edgebert_runtime.postprocessing.vector_precision import Precision, find_precision
from edgebert_runtime.postprocessing.window_aggregation import gather, weighted_means
from edgebert_runtime.tasks.base import Feeds, TaskModel
from edgebert_runtime.tokenization.sliding_window import Long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.device_vectors import DeviceVectors


class Embedder(TaskModel):
    """Turns texts into vectors; made by `load`."""

    OUTPUTS: ClassVar[tuple[str, ...]] = ("last_hidden_state", "sentence_embedding")
    RUN: ClassVar[tuple[str, ...]] = ("sentence_embedding",)

    def _prepare(self) -> None:
        if self._bundle.manifest.embedding is None:
            raise BundleError(f"{self._bundle.folder} is no embedding bundle: it names no pooling")
        self._embedding: EmbeddingInfo = self._bundle.manifest.embedding

    @overload
    def embed(
        self,
        texts: Iterator[str],
        *,
        normalize: bool | None = None,
        dimensions: int | None = None,
        prompt: str | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        precision: Precision = "float32",
    ) -> Iterator[NDArray[Any]]: ...

    @overload
    def embed(
        self,
        texts: Sequence[str],
        *,
        normalize: bool | None = None,
        dimensions: int | None = None,
        prompt: str | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        precision: Literal["float32"] = "float32",
    ) -> NDArray[np.float32]: ...

    @overload
    def embed(
        self,
        texts: Sequence[str],
        *,
        normalize: bool | None = None,
        dimensions: int | None = None,
        prompt: str | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        precision: Precision,
    ) -> NDArray[Any]: ...

    def embed(
        self,
        texts: Any,
        *,
        normalize: bool | None = None,
        dimensions: int | None = None,
        prompt: str | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        precision: Precision = "float32",
    ) -> Any:
        """Embed texts, in the order given.

        Args:
            texts: a list of strings, a column of them (numpy, pandas, Polars, Arrow), or an
                iterator, which is read as far as vectors are taken. An empty string has a vector.
            normalize: whether vectors have length 1; None does as the bundle says.
            dimensions: keep the first so many dimensions (Matryoshka embeddings, Kusupati et
                al. 2022); vectors that had length 1 are normalised again.
            prompt: name of one of the bundle's prompts to put before each text; None takes the
                bundle's default.
            long: what becomes of texts beyond the bundle's limit: `truncate` cuts them, with one
                `TruncationWarning` a call; `error` refuses them; `window` runs them in windows
                and takes the mean of their vectors, each as often as it has tokens.
            stride: tokens that neighbouring windows share; None is half a window, at most 128.
            precision: `float32`; `int8`, each vector stretched until its largest number is 127,
                to be compared by cosine; `binary`, one bit a dimension, to be compared by Hamming
                distance.

        Returns:
            (number of texts, dimensions), float32 or int8; `binary`: uint8, (number of texts,
            dimensions / 8, rounded up), the first dimension in the highest bit. For an iterator
            an iterator of such rows.

        Raises:
            InputError: `texts` is one string, an item is not a string or not text, or it is too
                long and `long` is `error`.
            ConfigError: unknown prompt, `long` or precision, more dimensions than the model has,
                or a stride that a window has no room for.
        """
        self._check_dimensions(dimensions)
        encode = find_precision(precision)
        prefix = self._prefix(prompt)
        unit = self._embedding.normalized if normalize is None else normalize

        def answer(chunk: list[str], call: Call) -> NDArray[Any]:
            vectors = self._embed(chunk, call, prefix, unit=unit)
            return encode(_shorten(vectors, dimensions, unit=unit))

        call = self._call(long, stride)
        if isinstance(texts, Iterator):
            return self._stream(texts, answer, call)
        items = self._checked("embed", texts)
        vectors = gather(self._chunked(items, answer, call), len(items))
        self._finish(call, stacklevel=3)
        return answer([], call) if vectors is None else vectors

    aembed = asynchronous(embed)

    def embed_on_device(
        self,
        texts: Sequence[str],
        *,
        prompt: str | None = None,
        long: Literal["truncate", "error"] = "truncate",
    ) -> "DeviceVectors":
        """Embed texts, and leave their vectors in the memory of the device that computes them.

        All texts are one batch: there must be memory for it, and on a graph without padding
        (`info().target` is `cuda-packed`) their lengths may differ at no cost.

        Args:
            texts: a list of at least one string, or a column of them.
            prompt: as `embed` has it.
            long: as `embed` has it.

        Returns:
            (number of texts, dimensions), float32, as the bundle normalises them.

        Raises:
            InputError: as `embed`, or `texts` is empty.
            ConfigError: unknown prompt or `long`, or the provider's memory is not known.
            EngineMemoryError: the batch does not fit.
        """
        from edgebert_runtime.postprocessing.device_vectors import DeviceVectors

        items = self._checked("embed_on_device", texts)
        if not items:
            raise InputError("embed_on_device takes at least one text, got an empty list")
        call = self._call(long, windows=False)
        rows, _ = self._rows(items, call, self._prefix(prompt))
        session = self._session
        feeds = self._tokenizer.pad(rows, PROVIDERS[session.provider].length_multiple)
        (vectors,) = session.run_on_device(
            ["sentence_embedding"], {name: feeds[name] for name in session.inputs}
        )
        call.ran(rows, feeds["input_ids"].size, 1)
        call.texts += len(items)
        self._finish(call, stacklevel=3)
        return DeviceVectors(vectors)

    def _embed(
        self, texts: Sequence[str], call: Call, prefix: str, *, unit: bool
    ) -> NDArray[np.float32]:
        rows, owners = self._rows(texts, call, prefix)
        vectors = np.empty((len(rows), self._embedding.dimensions), dtype=np.float32)

        def work(session: Session, indices: list[int], feeds: Feeds) -> None:
            vectors[indices] = self._vectors(session, feeds, unit=unit)

        self._each_batch(rows, call, work)
        if len(rows) == len(texts):
            return vectors
        means = weighted_means(vectors, owners, [len(row.input_ids) for row in rows])
        return _unit(means) if unit else means

    def _vectors(self, session: Session, feeds: Feeds, *, unit: bool) -> NDArray[np.float32]:
        """One micro-batch, from the output that needs least work and least copying."""
        if unit or not self._embedding.normalized:
            (vectors,) = self._run(["sentence_embedding"], feeds, session)
            return _unit(vectors) if unit and not self._embedding.normalized else vectors
        from edgebert_runtime.postprocessing.pooling import apply_steps

        (hidden,) = self._run(["last_hidden_state"], feeds, session)
        steps = self._embedding.steps[:-1]
        return apply_steps(steps, hidden, feeds["attention_mask"], self._bundle.folder)

    def _prefix(self, prompt: str | None) -> str:
        name = self._embedding.default_prompt if prompt is None else prompt
        if name is None:
            return ""
        if name not in self._embedding.prompts:
            known = ", ".join(sorted(self._embedding.prompts)) or "none"
            raise ConfigError(f"prompt {name!r} is unknown; this bundle has: {known}")
        return self._embedding.prompts[name]

    def _check_dimensions(self, dimensions: int | None) -> None:
        if dimensions is not None and not 1 <= dimensions <= self._embedding.dimensions:
            raise ConfigError(
                f"dimensions must be between 1 and {self._embedding.dimensions}, got {dimensions}"
            )


def _shorten(
    vectors: NDArray[np.float32], dimensions: int | None, *, unit: bool
) -> NDArray[np.float32]:
    if dimensions is None or dimensions == vectors.shape[1]:
        return vectors
    return _unit(vectors[:, :dimensions]) if unit else vectors[:, :dimensions].copy()


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    from edgebert_runtime.postprocessing.pooling import (
        normalize,
    )  # most calls take vectors as the graph gives them

    return normalize(vectors)
