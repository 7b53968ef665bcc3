"""What an exporter must know of a module that it cannot read from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edgebert_runtime.bundle.manifest import HeadInfo, Step
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.arrays import INPUTS
from edgebert_runtime.tasks.registry import EMBED, TaskName, require_task

PROMISES: Final = ("attention", "gelu", "layer_norm")
"""What a spec may promise, and a finished graph is counted for."""


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """One int64 input of shape (batch, sequence).

    Attributes:
        name: of the input.
        upper: its values are from 0 to below this number.
    """

    name: str
    upper: int


@dataclass(frozen=True, kw_only=True)
class OutputSpec:
    """One float32 output.

    Attributes:
        name: of the output.
        shape: sizes of its dimensions; `batch` and `sequence` are symbolic.
    """

    name: str
    shape: tuple[str | int, ...]

    @property
    def per_token(self) -> bool:
        """Whether it has a value for every token, or one for every text."""
        return "sequence" in self.shape

    def sized(self, batch: int, sequence: int) -> tuple[str | int, ...]:
        """The shape for a batch.

        Args:
            batch: number of texts.
            sequence: tokens of each.
        """
        sizes: dict[str | int, int] = {"batch": batch, "sequence": sequence}
        return tuple(sizes.get(size, size) for size in self.shape)


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """A text encoder, seen from outside.

    For the task `embed` the module gives `last_hidden_state` (batch, sequence, hidden), from which
    `steps` make `sentence_embedding`, or, without a step that pools, `sentence_embedding` (batch,
    dimensions) itself; for others it gives the task's logits (docs/bundle-format.md).

    Attributes:
        vocabulary: token ids are below it.
        hidden: width of a token vector.
        max_positions: longest sequence the module takes, in tokens.
        layers: attention layers.
        token_types: segment ids are below it; 0 where the module takes none.
        heads: attention heads, where known.
        max_length: where texts are cut, in tokens; `max_positions` when None.
        task: what the module is for.
        head: for tasks other than `embed`, what its logits mean.
        steps: for `embed`, from token vectors to one vector; mean pooling when left out. Without
            a step that pools, the module gives one vector a text.
        dimensions: length of that vector; `hidden` when None.
        promises: fusion → how many the finished graph must have. `attention` is `layers` unless
            said otherwise; a fusion that is not named is counted and not held to a number.
        model_type: the family, for people and other tools.

    Raises:
        ConfigError: a size is not positive, a limit is above `max_positions`, a promise names
            a fusion that is not counted, or task and head do not go together.
    """

    vocabulary: int
    hidden: int
    max_positions: int
    layers: int
    token_types: int = 0
    heads: int | None = None
    max_length: int | None = None
    task: TaskName = EMBED
    head: HeadInfo | None = None
    steps: tuple[Step, ...] = (Step(kind="pool", modes=("mean",)),)
    dimensions: int | None = None
    promises: Mapping[str, int] = field(default_factory=dict)
    model_type: str | None = None

    def __post_init__(self) -> None:
        sizes = ("vocabulary", "hidden", "max_positions", "layers")
        bad = [f"{name}={getattr(self, name)!r}" for name in sizes if getattr(self, name) < 1]
        if bad:
            raise ConfigError(f"ExportSpec sizes must be at least 1, got {', '.join(bad)}")
        if not 1 <= self.text_limit <= self.max_positions:
            raise ConfigError(
                f"max_length must be between 1 and max_positions ({self.max_positions}), "
                f"got {self.max_length}"
            )
        unknown = sorted(self.promises.keys() - set(PROMISES))
        if unknown:
            raise ConfigError(f"promises may name {', '.join(PROMISES)}; got {', '.join(unknown)}")
        self._check_task()

    def _check_task(self) -> None:
        spec = require_task(self.task)
        if (self.head is not None) != spec.has_head:
            raise ConfigError(
                f"task {self.task!r} with head={self.head}: {EMBED!r} has none, every other task "
                "needs HeadInfo(labels=..., activation=...)"
            )
        labels = self.head.labels if self.head else ()
        if bool(labels) != (spec.labels is not None):
            needed = "no labels" if spec.labels is None else "labels"
            raise ConfigError(f"task {self.task!r} takes {needed}, got {labels}")
        if spec.labels == "one" and len(labels) != 1:
            raise ConfigError(f"task {self.task!r} takes one label, got {labels}")

    @property
    def embeds(self) -> bool:
        """Whether the module gives vectors, and has no head."""
        return self.head is None

    @property
    def pools(self) -> bool:
        """Whether the module gives token vectors, from which `steps` make one."""
        return self.embeds and any(step.kind == "pool" for step in self.steps)

    @property
    def text_limit(self) -> int:
        """Where texts are cut, in tokens."""
        return self.max_positions if self.max_length is None else self.max_length

    @property
    def vector_size(self) -> int:
        """Length of `sentence_embedding`."""
        return self.hidden if self.dimensions is None else self.dimensions

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The graph's inputs, in order."""
        uppers = (self.vocabulary, 2, self.token_types)
        return tuple(
            InputSpec(name=name, upper=upper)
            for name, upper in zip(INPUTS, uppers, strict=True)
            if upper > 0
        )

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """The graph's outputs, in order."""
        sizes: dict[str | int, int] = {
            "hidden": self.hidden,
            "dimensions": self.vector_size,
            "vocabulary": self.vocabulary,
            "labels": len(self.head.labels) if self.head else 0,
        }
        outputs = (
            OutputSpec(name=name, shape=tuple(sizes.get(size, size) for size in shape))
            for name, shape in require_task(self.task).graph
        )
        whole = not self.embeds or self.pools
        return tuple(item for item in outputs if whole or not item.per_token)

    @property
    def promised(self) -> dict[str, int]:
        """Fusion → required count, attention included."""
        return {"attention": self.layers, **self.promises}
