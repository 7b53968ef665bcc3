"""Sentence embeddings from a bundle."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import BundleError, ConfigError
from edgebert_runtime.manifest import EmbeddingInfo
from edgebert_runtime.tasks.asynchronous import asynchronous
from edgebert_runtime.tasks.base import Feeds, TaskModel, require_list
from edgebert_runtime.tokenization import EncodedText


class Embedder(TaskModel):
    """Turns texts into vectors; made by `load`."""

    OUTPUTS: ClassVar[tuple[str, ...]] = ("last_hidden_state", "sentence_embedding")

    def _prepare(self) -> None:
        if self._bundle.manifest.embedding is None:
            raise BundleError(f"{self._bundle.folder} is no embedding bundle: it names no pooling")
        self._embedding: EmbeddingInfo = self._bundle.manifest.embedding

    def embed(
        self,
        texts: Sequence[str],
        *,
        normalize: bool | None = None,
        dimensions: int | None = None,
        prompt: str | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts, in the order given.

        Args:
            texts: a list of strings; an empty string has a vector too. Longer texts than the
                bundle's limit are cut, with one `TruncationWarning` a call.
            normalize: whether vectors have length 1; None does as the bundle says.
            dimensions: keep the first so many dimensions (Matryoshka embeddings, Kusupati et
                al. 2022); vectors that had length 1 are normalised again.
            prompt: name of one of the bundle's prompts to put before each text; None takes the
                bundle's default.

        Returns:
            float32, (number of texts, dimensions)

        Raises:
            InputError: `texts` is one string, or an item is not a string or not text.
            ConfigError: unknown prompt, or more dimensions than the model has.
        """
        require_list("embed", texts)
        self._check_dimensions(dimensions)
        encoded = self._tokenizer.encode(texts, self._prefix(prompt))
        wanted = self._embedding.normalized if normalize is None else normalize
        vectors = self._embed(encoded, unit=wanted)
        self._warn_if_truncated()
        return _shorten(vectors, dimensions, unit=wanted)

    aembed = asynchronous(embed)

    def _embed(self, encoded: list[EncodedText], *, unit: bool) -> NDArray[np.float32]:
        vectors = np.zeros((len(encoded), self._embedding.dimensions), dtype=np.float32)
        for indices, feeds in self._micro_batches(encoded):
            vectors[indices] = self._vectors(feeds, unit=unit)
        return vectors

    def _vectors(self, feeds: Feeds, *, unit: bool) -> NDArray[np.float32]:
        """One micro-batch, from the output that needs least work and least copying."""
        if unit or not self._embedding.normalized:
            (vectors,) = self._run(["sentence_embedding"], feeds)
            return _unit(vectors) if unit and not self._embedding.normalized else vectors
        from edgebert_runtime.pooling import apply_steps

        (hidden,) = self._run(["last_hidden_state"], feeds)
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
    from edgebert_runtime.pooling import (
        normalize,
    )  # most calls take vectors as the graph gives them

    return normalize(vectors)
