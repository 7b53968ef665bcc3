"""What activations look like on real text."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ExportError

Feeds = Mapping[str, NDArray[np.int64]]

MOMENTS_BYTES: Final = 2**30
"""What second moments may take at a time; a larger model is run over the texts more than once."""


@dataclass(frozen=True, kw_only=True)
class ActivationStatistics:
    """One activation over all calibrated tokens, padding left out.

    Attributes:
        minimum, maximum: (channels,), float32
        mean: over texts of the mean over a text's tokens, (channels,), float32
        moment: mean over texts of the mean of x xᵀ over a text's tokens, (channels, channels),
            float32; so a short text counts as much as a long one, as their vectors do
    """

    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    mean: NDArray[np.float32]
    moment: NDArray[np.float32]

    @property
    def largest(self) -> NDArray[np.float32]:
        """Largest magnitude of each channel, (channels,), float32."""
        return np.maximum(np.abs(self.minimum), np.abs(self.maximum))

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value of all, zero between them."""
        return min(0.0, float(self.minimum.min())), max(0.0, float(self.maximum.max()))

    @staticmethod
    def together(parts: "Sequence[ActivationStatistics]") -> "ActivationStatistics":
        """Of activations that go through the same weights, each as often as the others."""
        return ActivationStatistics(
            minimum=np.min([part.minimum for part in parts], axis=0),
            maximum=np.max([part.maximum for part in parts], axis=0),
            mean=np.mean([part.mean for part in parts], axis=0),
            moment=np.mean([part.moment for part in parts], axis=0),
        )

    def divided(self, scales: NDArray[np.float32]) -> "ActivationStatistics":
        """The statistics of x / scales. Shapes: (channels,)."""
        return ActivationStatistics(
            minimum=self.minimum / scales,
            maximum=self.maximum / scales,
            mean=self.mean / scales,
            moment=self.moment / np.outer(scales, scales),
        )

    def reordered(self, order: NDArray[np.intp]) -> "ActivationStatistics":
        """The statistics of x with its channels in another order. Shapes: (channels,)."""
        return ActivationStatistics(
            minimum=self.minimum[order],
            maximum=self.maximum[order],
            mean=self.mean[order],
            moment=self.moment[np.ix_(order, order)],
        )

    def up_to(self, limit: float) -> "ActivationStatistics":
        """With no maximum above a limit; mean and moment stay those of the whole."""
        return replace(self, maximum=np.minimum(self.maximum, np.float32(limit)))


class Collector(Protocol):
    """What keeps something of an activation while a graph runs."""

    def add(self, rows: NDArray[np.float32], lengths: NDArray[np.int64]) -> None:
        """Take in texts one after the other. Shapes: (tokens, channels), (texts,)."""


def activation_statistics(
    model: Path, channels: Mapping[str, int], batches: Sequence[Feeds]
) -> dict[str, ActivationStatistics]:
    """Statistics of activations of an fp32 graph.

    Memory does not grow with the texts: an activation keeps its channels' extremes and one matrix.

    Args:
        model: an fp32 graph.
        channels: name of an activation of shape (batch, sequence, channels) → its channels.
        batches: what to run.

    Returns:
        name → its statistics
    """
    found: dict[str, ActivationStatistics] = {}
    for names in _within_memory(channels):
        running = {name: _Running(channels[name]) for name in names}
        watch(model, running, batches)
        found.update({name: each.statistics() for name, each in running.items()})
    return found


def watch(model: Path, collectors: Mapping[str, Collector], batches: Sequence[Feeds]) -> None:
    """Run a graph and hand out its activations as they come, padding left out.

    Args:
        model: an fp32 graph.
        collectors: name of an activation, one row a token or a text → what takes it in.
        batches: what to run; `attention_mask` tells tokens from padding.
    """
    names = list(collectors)
    with tempfile.TemporaryDirectory() as folder:
        watched = Path(folder) / "watched.onnx"
        _write_watched(model, names, watched)
        session = Session(watched, provider="cpu")
        for feeds in batches:
            kept = feeds["attention_mask"].astype(bool)
            activations = session.run(names, {name: feeds[name] for name in session.inputs})
            for name, activation in zip(names, activations, strict=True):
                collectors[name].add(*kept_rows(name, activation, kept))


def kept_rows(
    name: str, activation: NDArray[np.float32], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """An activation's rows without padding, one text after the other, and how many each text has.

    Args:
        name: for errors.
        activation: (batch, sequence, channels), (batch x sequence, channels) or (batch, channels).
        kept: (batch, sequence)

    Raises:
        ExportError: it has another shape.
    """
    *leading, channels = activation.shape
    if leading == list(kept.shape) or leading == [kept.size]:
        return activation.reshape(-1, channels)[kept.ravel()], kept.sum(axis=1)
    if leading == [len(kept)]:
        return activation, np.ones(len(kept), np.int64)
    raise ExportError(
        f"a linear layer reads {name} of shape {activation.shape}, expected a row for each of "
        f"{len(kept)} texts or of their {kept.shape[1]} tokens"
    )


class _Running:
    """Extremes, mean and second moment of texts seen so far."""

    def __init__(self, channels: int) -> None:
        self._minimum = np.full(channels, np.inf, np.float32)
        self._maximum = np.full(channels, -np.inf, np.float32)
        self._sum = np.zeros(channels, np.float32)
        self._products = np.zeros((channels, channels), np.float32)
        self._texts = 0

    def add(self, rows: NDArray[np.float32], lengths: NDArray[np.int64]) -> None:
        self._minimum = np.minimum(self._minimum, rows.min(axis=0))
        self._maximum = np.maximum(self._maximum, rows.max(axis=0))
        of_text = np.sqrt(np.repeat(lengths, lengths), dtype=np.float32)[:, np.newaxis]
        weighted = rows / of_text
        self._sum += (weighted / of_text).sum(axis=0)
        self._products += weighted.T @ weighted
        self._texts += len(lengths)

    def statistics(self) -> ActivationStatistics:
        return ActivationStatistics(
            minimum=self._minimum,
            maximum=self._maximum,
            mean=self._sum / np.float32(self._texts),
            moment=self._products / np.float32(self._texts),
        )


def _within_memory(channels: Mapping[str, int]) -> Iterator[list[str]]:
    """Names in groups whose second moments fit into `MOMENTS_BYTES`, at least one in each."""
    group: list[str] = []
    taken = 0
    for name, width in channels.items():
        size = 4 * width**2
        if group and taken + size > MOMENTS_BYTES:
            yield group
            group, taken = [], 0
        group.append(name)
        taken += size
    if group:
        yield group


def _write_watched(model: Path, names: Sequence[str], destination: Path) -> None:
    watched = ir.load(model)
    values = {value.name: value for node in watched.graph for value in node.outputs}
    for name in names:
        values[name].dtype = ir.DataType.FLOAT
        if not values[name].is_graph_output():
            watched.graph.outputs.append(values[name])
    ir.external_data.load_to_model(watched)
    ir.save(watched, destination)
