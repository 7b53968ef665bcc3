"""Statistics of activations on calibration texts."""

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
from edgebert_runtime.inference.arrays import Feeds

MOMENTS_BYTES: Final = 2**30
"""Memory for second moments; a model that needs more is run over the texts several times."""


@dataclass(frozen=True, kw_only=True)
class ActivationStatistics:
    """Statistics of one activation over all tokens of the calibration texts, without padding.

    Means are taken over the tokens of each text, then over the texts. So a short text has the same
    weight as a long one, as in measured quality.

    Attributes:
        minimum, maximum: (channels,), float32
        mean: (channels,), float32
        moment: mean of x xᵀ, (channels, channels), float32
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
        """Lowest and highest value over all channels, extended to include zero."""
        return min(0.0, float(self.minimum.min())), max(0.0, float(self.maximum.max()))

    @staticmethod
    def merged(parts: "Sequence[ActivationStatistics]") -> "ActivationStatistics":
        """Merge activations that go through the same weights; each has the same weight."""
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
        """Clip the maximum at a limit; mean and moment are unchanged."""
        return replace(self, maximum=np.minimum(self.maximum, np.float32(limit)))


class Collector(Protocol):
    """Collects statistics of an activation while a graph runs."""

    def add(self, rows: NDArray[np.float32], lengths: NDArray[np.int64]) -> None:
        """Add a batch: rows of all its texts, and tokens of each text. Shapes: (tokens, channels),
        (texts,).
        """


def activation_statistics(
    model: Path,
    channels: Mapping[str, int],
    batches: Sequence[Feeds],
    *,
    moments_bytes: int = MOMENTS_BYTES,
) -> dict[str, ActivationStatistics]:
    """Statistics of activations of an fp32 graph.

    Memory does not grow with the number of texts.

    Args:
        model: an fp32 graph.
        channels: name of an activation of shape (batch, sequence, channels) → its channels.
        batches: inputs to run.
        moments_bytes: memory for second moments; at least one is held.

    Returns:
        name → its statistics
    """
    found: dict[str, ActivationStatistics] = {}
    for names in _within_memory(channels, moments_bytes):
        collectors = {name: _RunningStatistics(channels[name]) for name in names}
        observe(model, collectors, batches)
        found.update({name: each.statistics() for name, each in collectors.items()})
    return found


def observe(model: Path, collectors: Mapping[str, Collector], batches: Sequence[Feeds]) -> None:
    """Run a graph and pass its activations, without padding, to collectors.

    Args:
        model: an fp32 graph.
        collectors: name of an activation, with a row per token or per text → its collector.
        batches: inputs to run; `attention_mask` marks padding.
    """
    names = list(collectors)
    with tempfile.TemporaryDirectory() as folder:
        observed = Path(folder) / "observed.onnx"
        _write_with_outputs(model, names, observed)
        session = Session(observed, provider="cpu")
        for feeds in batches:
            mask = feeds["attention_mask"].astype(bool)
            activations = session.run(names, {name: feeds[name] for name in session.inputs})
            for name, activation in zip(names, activations, strict=True):
                collectors[name].add(*unpadded_rows(name, activation, mask))


def unpadded_rows(
    name: str, activation: NDArray[np.float32], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of an activation without padding, text after text, and the rows of each text.

    Args:
        name: for errors.
        activation: (batch, sequence, channels), (batch x sequence, channels) or (batch, channels).
        mask: (batch, sequence), false for padding.

    Raises:
        ExportError: it has another shape.
    """
    *leading, channels = activation.shape
    if leading == list(mask.shape) or leading == [mask.size]:
        return activation.reshape(-1, channels)[mask.ravel()], mask.sum(axis=1)
    if leading == [len(mask)]:
        return activation, np.ones(len(mask), np.int64)
    raise ExportError(
        f"a linear layer reads {name} of shape {activation.shape}, expected a row for each of "
        f"{len(mask)} texts or of their {mask.shape[1]} tokens"
    )


class _RunningStatistics:
    """Extremes, mean and second moment of the texts so far."""

    def __init__(self, channels: int) -> None:
        self._minimum = np.full(channels, np.inf, np.float32)
        self._maximum = np.full(channels, -np.inf, np.float32)
        self._sum = np.zeros(channels, np.float32)
        self._products = np.zeros((channels, channels), np.float32)
        self._texts = 0

    def add(self, rows: NDArray[np.float32], lengths: NDArray[np.int64]) -> None:
        self._minimum = np.minimum(self._minimum, rows.min(axis=0))
        self._maximum = np.maximum(self._maximum, rows.max(axis=0))
        root_lengths = np.sqrt(np.repeat(lengths, lengths), dtype=np.float32)[:, np.newaxis]
        weighted = rows / root_lengths
        self._sum += (weighted / root_lengths).sum(axis=0)
        self._products += weighted.T @ weighted
        self._texts += len(lengths)

    def statistics(self) -> ActivationStatistics:
        return ActivationStatistics(
            minimum=self._minimum,
            maximum=self._maximum,
            mean=self._sum / np.float32(self._texts),
            moment=self._products / np.float32(self._texts),
        )


def _within_memory(channels: Mapping[str, int], limit: int) -> Iterator[list[str]]:
    """Groups of names whose second moments fit into so many bytes; at least one name each."""
    group: list[str] = []
    taken = 0
    for name, width in channels.items():
        size = 4 * width**2
        if group and taken + size > limit:
            yield group
            group, taken = [], 0
        group.append(name)
        taken += size
    if group:
        yield group


def _write_with_outputs(model: Path, names: Sequence[str], destination: Path) -> None:
    observed = ir.load(model)
    values = {value.name: value for node in observed.graph for value in node.outputs}
    for name in names:
        values[name].dtype = ir.DataType.FLOAT
        if not values[name].is_graph_output():
            observed.graph.outputs.append(values[name])
    ir.external_data.load_to_model(observed)
    ir.save(observed, destination)
