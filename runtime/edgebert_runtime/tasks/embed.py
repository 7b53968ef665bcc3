"""Sentence embeddings from a bundle."""

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle import Bundle
from edgebert_runtime.errors import BundleError, ConfigError, InputError, TruncationWarning
from edgebert_runtime.manifest import EmbeddingInfo
from edgebert_runtime.pooling import apply_steps, normalize
from edgebert_runtime.reports import ModelInfo, RunReport, TruncatedText
from edgebert_runtime.schedule import micro_batches
from edgebert_runtime.session import Session
from edgebert_runtime.tokenization import EncodedText, TextTokenizer

MICRO_BATCH_TOKENS: Final = 512
"""Padded tokens a micro-batch may hold: what stays in cache, docs/decisions/0005."""


class Embedder:
    """Turns texts into vectors; made by `load`.

    Attributes:
        last_report: what the last `embed` did; None before the first.
    """

    def __init__(
        self,
        bundle: Bundle,
        variant: str,
        session: Session,
        tokenizer: TextTokenizer,
        verified: str,
    ) -> None:
        if bundle.manifest.embedding is None:
            raise BundleError(f"{bundle.folder} is no embedding bundle: it names no pooling")
        self._bundle = bundle
        self._variant = variant
        self._session = session
        self._tokenizer = tokenizer
        self._embedding: EmbeddingInfo = bundle.manifest.embedding
        self._verified = verified
        self.last_report: RunReport | None = None

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
        if isinstance(texts, str):
            raise InputError("embed takes a list of strings, got one string; write embed([text])")
        self._check_dimensions(dimensions)
        encoded = self._tokenizer.encode(texts, self._prefix(prompt))
        wanted = self._embedding.normalized if normalize is None else normalize
        vectors = self._run_all(encoded, unit=wanted)
        self._warn_if_truncated()
        return _shorten(vectors, dimensions, unit=wanted)

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
            dimensions=self._embedding.dimensions,
            batch_invariant=variant.batch_invariant,
            sha256={path: manifest.files[path].sha256 for path in opened},
            verified=self._verified,
        )

    @property
    def session(self) -> Session:
        """The open graph, for benchmarks that feed it ids."""
        return self._session

    def _run_all(self, encoded: list[EncodedText], *, unit: bool) -> NDArray[np.float32]:
        vectors = np.zeros((len(encoded), self._embedding.dimensions), dtype=np.float32)
        padded = batches = 0
        lengths = [len(text.input_ids) for text in encoded]
        for indices in micro_batches(lengths, MICRO_BATCH_TOKENS):
            feeds = self._tokenizer.pad([encoded[index] for index in indices])
            vectors[indices] = self._run(feeds, unit=unit)
            padded += feeds["input_ids"].size
            batches += 1
        self.last_report = RunReport(
            texts=len(encoded),
            tokens=sum(lengths),
            padded_tokens=padded,
            micro_batches=batches,
            truncated=self._truncated(encoded),
        )
        return vectors

    def _run(self, feeds: dict[str, NDArray[np.int64]], *, unit: bool) -> NDArray[np.float32]:
        """One micro-batch, from the output that needs least work and least copying."""
        wanted = {name: feeds[name] for name in self._session.inputs}
        if unit or not self._embedding.normalized:
            (vectors,) = self._session.run(["sentence_embedding"], wanted)
            return normalize(vectors) if unit and not self._embedding.normalized else vectors
        (hidden,) = self._session.run(["last_hidden_state"], wanted)
        steps = self._embedding.steps[:-1]
        return apply_steps(steps, hidden, feeds["attention_mask"], self._bundle.folder)

    def _truncated(self, encoded: list[EncodedText]) -> tuple[TruncatedText, ...]:
        limit = self._bundle.manifest.tokenizer.max_length
        return tuple(
            TruncatedText(index=index, tokens=text.tokens, limit=limit)
            for index, text in enumerate(encoded)
            if text.tokens > len(text.input_ids)
        )

    def _warn_if_truncated(self) -> None:
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
    return normalize(vectors[:, :dimensions]) if unit else vectors[:, :dimensions].copy()
