"""What a manifest says, as typed values; `docs/bundle-format.md` is its specification."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final

from edgebert_runtime.bundle import manifest_values as values
from edgebert_runtime.storage.json_values import REQUIRED, Array, Structure, Table

SCHEMA_VERSION: Final = 2
"""The version that is written, and the one in memory."""


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One graph input or output; strings in `shape` are symbolic dimensions."""

    name: str
    dtype: Annotated[str, values.DTYPE]
    shape: Annotated[tuple[str | int, ...], values.SHAPE]


@dataclass(frozen=True, kw_only=True)
class TokenizerInfo:
    """How texts become ids; `max_length` and `max_positions` are in tokens, specials included.

    `tokens` is how its tokens were checked at export: `choice`, `texts` and `witnesses`; None in
    bundles of older versions.
    """

    file: Annotated[str, values.PATH]
    max_length: Annotated[int, values.MAX_LENGTH]
    max_positions: Annotated[int, values.MAX_LENGTH]
    padding_side: Annotated[str, values.PADDING_SIDE]
    pad_id: int
    pad_token: str
    pad_type_id: int
    special_tokens: Mapping[str, str]
    tokens: Annotated[Mapping[str, Any] | None, values.TOKENS] = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step from `last_hidden_state` to `sentence_embedding`.

    Attributes:
        kind: `pool`, `dense`, `normalize` or `truncate`.
        modes: for `pool`, the pooled vectors to concatenate.
        file: for `dense`, the safetensors file with `linear.weight` and perhaps `linear.bias`.
        activation: for `dense`, what follows the linear map.
        dimensions: for `truncate`, how many of the first numbers of a vector are kept.
    """

    kind: Annotated[str, values.STEP]
    modes: Annotated[tuple[str, ...], values.MODES] = ()
    file: Annotated[str | None, values.PATH] = None
    activation: Annotated[str | None, values.DENSE_ACTIVATION] = None
    dimensions: Annotated[int | None, values.DIMENSIONS] = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingInfo:
    """How token vectors become one vector of `dimensions` numbers.

    Without a step that pools, the graph gives one vector a text and no token vectors.

    `similarity` is what the model's author compares vectors by: `cosine`, `dot`, `euclidean` or
    `manhattan`; None where nothing says so.
    """

    dimensions: Annotated[int, values.DIMENSIONS]
    steps: tuple[Step, ...]
    prompts: Mapping[str, str] = field(default_factory=dict, metadata=REQUIRED)
    default_prompt: str | None = field(default=None, metadata=REQUIRED)
    similarity: Annotated[str | None, values.SIMILARITY] = None

    @property
    def pools(self) -> bool:
        """Whether the graph gives token vectors, from which the steps make one."""
        return any(step.kind == "pool" for step in self.steps)

    @property
    def normalized(self) -> bool:
        """Whether the last step gives vectors of length 1."""
        return bool(self.steps) and self.steps[-1].kind == "normalize"


@dataclass(frozen=True, kw_only=True)
class HeadInfo:
    """What the logits of a task other than `embed` mean.

    Attributes:
        labels: names in the order of the logits' last axis; empty where that axis is no label.
        activation: from logits to scores: `softmax`, `sigmoid` or `none`.
        aggregation: for `tag`, how tokens are put together unless the caller says otherwise; None
            is `simple`, as in bundles of older versions.
    """

    labels: tuple[str, ...]
    activation: Annotated[str, values.ACTIVATION]
    aggregation: Annotated[str | None, values.AGGREGATION] = None


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """One task of the bundle.

    Attributes:
        outputs: of the graph, in order, that the task reads.
        embedding: how vectors are made; None for tasks without vectors.
        head: what logits mean; None for `embed`.
    """

    outputs: Annotated[tuple[TensorInfo, ...], Array(Structure(TensorInfo), least=1)]
    embedding: EmbeddingInfo | None = field(default=None, metadata=REQUIRED)
    head: HeadInfo | None = field(default=None, metadata=REQUIRED)


@dataclass(frozen=True, kw_only=True)
class ExternalRange:
    """Bytes of another file that a graph's tensors use; `offset` and `length` are in bytes."""

    file: Annotated[str, values.PATH]
    offset: Annotated[int, values.SIZE]
    length: Annotated[int, values.LENGTH]


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library of custom operators, as the distribution that brings it.

    Attributes:
        name: of the distribution.
        version: the least that has the operators.
        required: whether the graph cannot run without it.
    """

    name: str
    version: Annotated[str, values.VERSION]
    required: bool


@dataclass(frozen=True, kw_only=True)
class Way:
    """What is known about a variant in one of the ways that it can run.

    Attributes:
        scheme: where the ranges of quantized activations come from: `static` (calibration),
            `token` or `dynamic` (the batch); None where activations are not quantized or nothing
            was recorded.
        quality: comparison with fp32; None where nothing was compared.
        samples: task → path of its self-test samples.
        speed: what quantization measured: `over_fp32` (its time over that of fp32), `rounds` and
            `cpu`; None where nothing was measured.
    """

    scheme: Annotated[str | None, values.SCHEME] = field(default=None, metadata=REQUIRED)
    quality: Annotated[Mapping[str, Any] | None, values.QUALITY] = field(
        default=None, metadata=REQUIRED
    )
    samples: Annotated[Mapping[str, str], Table(values.PATH)] = field(
        default_factory=dict, metadata=REQUIRED
    )
    speed: Annotated[Mapping[str, Any] | None, values.SPEED] = field(
        default=None, metadata=REQUIRED
    )


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One graph of the bundle and what is known about it; `docs/bundle-format.md` has each key."""

    tasks: Annotated[tuple[str, ...], values.TASKS]
    file: Annotated[str, values.PATH]
    files: Annotated[tuple[str, ...], values.PATHS]
    external: tuple[ExternalRange, ...] = field(default=(), metadata=REQUIRED)
    precision: str
    target: Annotated[str, values.TARGET]
    recipe: str | None
    opset: Annotated[int, values.POSITIVE]
    ir_version: Annotated[int, values.POSITIVE]
    min_onnxruntime: Annotated[str, values.VERSION]
    instruction_sets: Annotated[tuple[str, ...], values.INSTRUCTION_SETS] = field(
        default=(), metadata=REQUIRED
    )
    needs: Annotated[str | None, values.PROVIDER] = field(default=None, metadata=REQUIRED)
    library: Library | None = field(default=None, metadata=REQUIRED)
    ways: Annotated[Mapping[str, Way], Table(Structure(Way), values.WAY, least=1)] = field(
        default_factory=lambda: {values.STOCK: Way()}, metadata=REQUIRED
    )
    fusions: Mapping[str, int]
    parity: Annotated[Mapping[str, Any] | None, values.PARITY]
    batch_invariant: bool
    verified: bool = field(default=True, metadata=REQUIRED)
    capturable: bool = field(default=True, metadata=REQUIRED)

    @property
    def shows_attention(self) -> bool:
        """Whether it gives attention maps, too; it then runs only where its name is asked for."""
        return self.target == values.ATTENTION

    @property
    def way(self) -> Way:
        """The first of `ways`: without a library, how it runs everywhere."""
        return next(iter(self.ways.values()))


def under(name: str, target: str) -> str:
    """What the variant for a target is called, of several that are made under one name."""
    return f"{name}-{target}"


def named(variants: Mapping[str, Variant], name: str) -> list[str]:
    """The variant of a name; else those that were made under it, one for each target."""
    if name in variants:
        return [name]
    return [each for each, found in variants.items() if each == under(name, found.target)]


@dataclass(frozen=True, kw_only=True)
class ProvenanceStep:
    """Something that was done to the model, or to one variant.

    Attributes:
        step: `trained`, `trimmed`, `pruned`, `distilled`, `quantized` or `compressed`.
        by: distribution → version of what did it.
        variant: which variant it made; None where it changed the model of all.
        budget: what was allowed to be lost, as it was given; None without one.
        details: what was done, under names of the writer's choice.
    """

    step: Annotated[str, values.PROVENANCE]
    by: Mapping[str, str]
    variant: str | None
    budget: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """Size in bytes and lower-case hex sha256 of one file."""

    size_bytes: Annotated[int, values.SIZE]
    sha256: Annotated[str, values.SHA256]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything `edgebert.json` says."""

    created_by: Mapping[str, str]
    source: Annotated[Mapping[str, str | None], values.SOURCE]
    architecture: Annotated[Mapping[str, int | None], values.ARCHITECTURE]
    inputs: Annotated[tuple[TensorInfo, ...], Array(Structure(TensorInfo), least=1)]
    tokenizer: TokenizerInfo
    tasks: Annotated[Mapping[str, TaskInfo], Table(Structure(TaskInfo), values.TASK, least=1)]
    default_task: str
    variants: Annotated[Mapping[str, Variant], Table(Structure(Variant), values.NAME, least=1)]
    default_variant: str
    provenance: tuple[ProvenanceStep, ...] = field(default=(), metadata=REQUIRED)
    files: Annotated[Mapping[str, FileInfo], Table(Structure(FileInfo), values.PATH)]
    schema_version: int = SCHEMA_VERSION

    @property
    def task(self) -> TaskInfo:
        """What `tasks` says of the default task."""
        return self.tasks[self.default_task]

    def named(self, name: str) -> list[str]:
        """As the function `named`, of this manifest's variants."""
        return named(self.variants, name)

    def to_json(self) -> str:
        """The manifest as the text of `edgebert.json`."""
        fields = asdict(self)
        ordered = {"schema_version": fields.pop("schema_version"), **fields}
        for name, task in self.tasks.items():
            if task.embedding is not None:
                steps = [_bare(step) for step in task.embedding.steps]
                ordered["tasks"][name]["embedding"]["steps"] = steps
        return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def _bare(step: Step) -> dict[str, Any]:
    """A step with only the keys its kind has."""
    return {key: value for key, value in asdict(step).items() if value not in (None, ())}
