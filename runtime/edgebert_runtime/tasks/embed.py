"""Sentence embeddings from a bundle."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, overload

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import BundleError, ConfigError, InputError
from edgebert_runtime.inference.arrays import Feeds, Floats, GraphOutput
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import Call
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.output_dtype import OutputDtype, find_output_dtype
from edgebert_runtime.postprocessing.window_aggregation import gather, weighted_means
from edgebert_runtime.progress import ProgressOption
from edgebert_runtime.tasks.base import RowOutputs, TaskModel, flatten
from edgebert_runtime.tasks.embed_options import EmbedOptions, TokenVectorOptions
from edgebert_runtime.tasks.explainable import require_no_target, require_pair
from edgebert_runtime.tasks.spec import Columns, CommandSpec, TaskProbe, TaskSpec, VectorType
from edgebert_runtime.tasks.token_vectors import HIDDEN, token_vectors
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item, strings_of
from edgebert_runtime.tokenization.sliding_window import Long, check_long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.device_vectors import DeviceVectors
    from edgebert_runtime.postprocessing.explanation.words import Shortened


class Embedder(TaskModel[EmbedOptions]):
    """Turns texts into vectors; made by `load`."""

    OPTIONS: ClassVar = EmbedOptions
    PAIRS: ClassVar[bool] = False
    GRAPH: ClassVar = (
        GraphOutput("last_hidden_state", ("batch", "sequence", "hidden")),
        GraphOutput("sentence_embedding", ("batch", "dimensions")),
    )
    RUN: ClassVar[tuple[str, ...]] = ("sentence_embedding",)

    def _prepare(self) -> None:
        if self._task.embedding is None:
            raise BundleError(
                f"{self._bundle.folder} is not an embedding bundle: its manifest has no pooling"
            )
        self._embedding: EmbeddingInfo = self._task.embedding

    def _required_outputs(self) -> tuple[str, ...]:
        embedding = self._task.embedding
        pools = embedding is None or embedding.pools
        return super()._required_outputs() if pools else self.RUN

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
        output_dtype: OutputDtype = "float32",
        precision: OutputDtype | None = None,
        progress: ProgressOption = None,
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
        output_dtype: Literal["float32"] = "float32",
        progress: ProgressOption = None,
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
        output_dtype: OutputDtype = "float32",
        precision: OutputDtype | None = None,
        progress: ProgressOption = None,
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
        output_dtype: OutputDtype = "float32",
        precision: OutputDtype | None = None,
        progress: ProgressOption = None,
    ) -> Any:
        """Embed texts, in the order given.

        Args:
            texts: a list of strings, a column of them (numpy, pandas, Polars, Arrow), or an
                iterator, which is read as far as vectors are taken. An empty string has a vector.
            normalize: whether vectors have length 1; None does as the bundle says.
            dimensions: keep the first so many dimensions (Matryoshka embeddings, Kusupati et
                al. 2022); vectors that had length 1 are normalised again.
            prompt: name of one of the bundle's prompts to put before each text; None takes the
                bundle's default, an empty string puts none.
            long: what to do with texts beyond the bundle's limit: `truncate` cuts them, with one
                `TruncationWarning` a call; `error` refuses them; `window` runs them in windows
                and takes the mean of their vectors, each as often as it has tokens.
            stride: tokens that neighbouring windows share; None is half a window, at most 128.
            output_dtype: `float32`; `int8`, each vector scaled until its largest number is 127,
                to be compared by cosine; `binary`, one bit a dimension, to be compared by Hamming
                distance.
            precision: the former name of `output_dtype`.
            progress: as `predict` has it.

        Returns:
            (number of texts, dimensions), float32 or int8; `binary`: uint8, (number of texts,
            dimensions / 8, rounded up), the first dimension in the highest bit. For an iterator
            an iterator of such rows.

        Raises:
            InputError: `texts` is one string, an item is not a string or not text, or it is too
                long and `long` is `error`.
            ConfigError: unknown prompt, `long` or `output_dtype`, more dimensions than the model
                has, or a stride that a window has no room for.
        """
        if precision is not None:
            output_dtype = _renamed(precision)
        options = EmbedOptions(
            normalize=normalize,
            dimensions=dimensions,
            prompt=prompt,
            output_dtype=output_dtype,
            long=long,
            stride=stride,
        )
        return self._predict("embed", texts, options, progress)

    aembed = asynchronous(embed)

    def embed_tokens(
        self,
        texts: Sequence[str],
        *,
        prompt: str | None = None,
        long: Literal["truncate", "error"] = "truncate",
        progress: ProgressOption = None,
    ) -> list[NDArray[np.float32]]:
        """The vector of each token, as the last layer gives it, before pooling.

        Args:
            texts: a list of strings, or a column of them.
            prompt: as `embed` has it.
            long: as `embed` has it.
            progress: as `predict` has it.

        Returns:
            For each text (tokens, hidden), float32, special tokens included.

        Raises:
            InputError: as `embed`.
            ConfigError: unknown prompt or `long`, or the graph gives no vectors of tokens.
        """
        options: Any = TokenVectorOptions(prompt=prompt, long=long)
        found: list[NDArray[np.float32]] = self._predict("embed_tokens", texts, options, progress)
        return found

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
        check_long(long, windows=False)
        options, call = EmbedOptions(prompt=prompt, long=long), Call(self._tokenizer.limit)
        self.check_options(options)
        encoded = self.encode(items, options)
        call.encoded(encoded)
        rows = [row for item in encoded for row in item.rows]
        session = self.session
        feeds = self._tokenizer.pad(rows, PROVIDERS[session.provider].length_multiple)
        (vectors,) = session.run_on_device(
            ["sentence_embedding"], {name: feeds[name] for name in session.inputs}
        )
        found = DeviceVectors(vectors)
        self._check_shapes({"sentence_embedding": found}, feeds)
        call.ran(rows, feeds["input_ids"].size, 1)
        call.texts += len(items)
        self._last_call = call
        self._warn_if_truncated(stacklevel=3)
        return found

    def check_options(self, options: EmbedOptions | TokenVectorOptions) -> None:
        """Refuse a prompt, a number of dimensions or a number format that the bundle lacks.

        Raises:
            ConfigError: it does.
        """
        self._prefix(options)
        if isinstance(options, TokenVectorOptions):
            self._check_tokens()
            return
        self._check_dimensions(options.dimensions)
        if options.normalize is False and self._embedding.normalized and not self._embedding.pools:
            raise ConfigError(
                "normalize=False is for graphs that give token vectors; this one gives vectors of "
                "length 1 only",
                shell="--no-normalize is for graphs that give token vectors; this one gives "
                "vectors of length 1 only",
            )
        find_output_dtype(options.output_dtype)

    def decode(
        self,
        encoded: Sequence[EncodedItem],
        ran: Sequence[Iterable[RowOutputs]],
        options: EmbedOptions | TokenVectorOptions | None = None,
    ) -> Any:
        """A vector for each item: of a windowed one the mean of its windows'."""
        if isinstance(options, TokenVectorOptions):
            return token_vectors(ran)
        chosen = options or EmbedOptions()
        flat, unit = flatten(ran), self._unit_length(chosen)
        vectors = np.empty((len(flat.outputs), self._embedding.dimensions), dtype=np.float32)
        for at, vector in enumerate(flat.outputs):
            vectors[at] = vector
        if len(vectors) != len(encoded):
            means = weighted_means(vectors, flat.owners, flat.weights)
            vectors = _unit(means) if unit else means
        convert = find_output_dtype(chosen.output_dtype)
        return convert(_shorten(vectors, chosen.dimensions, unit=unit))

    def _inputs(self, item: Item) -> Sequence[Item]:
        return strings_of(item)

    def _target(self, item: Item, wanted: str | None) -> Target:
        """How similar a text is to another, which stays whole: the dot product, or the cosine."""
        require_no_target(wanted, "embed")
        pair = require_pair(item, "a text", "another")
        by_dot = self._embedding.similarity == "dot"
        options = EmbedOptions(normalize=None if by_dot else True)

        def values(shorter: Sequence["Shortened"]) -> list[float]:
            texts = [pair[1], *(strings_of(each.item)[0] for each in shorter)]
            other, *vectors = self.predict(texts, options, progress=False)
            return [float(each @ other) for each in vectors]

        return Target(
            name="dot product" if by_dot else "cosine",
            item=pair,
            values=values,
            is_fixed=lambda word: word.part == 1,
        )

    def _gather(
        self, parts: Iterable[Any], count: int, options: EmbedOptions | TokenVectorOptions
    ) -> Any:
        if isinstance(options, TokenVectorOptions):
            return [vectors for part in parts for vectors in part]
        vectors = gather(parts, count)
        return self.decode([], [], options) if vectors is None else vectors

    def _unit_length(self, options: EmbedOptions) -> bool:
        """Whether vectors are to have length 1."""
        return self._embedding.normalized if options.normalize is None else options.normalize

    def _run_batch(
        self, feeds: Feeds, session: Session, options: EmbedOptions | TokenVectorOptions
    ) -> Sequence[Floats]:
        """Vectors of one micro-batch, from the output that needs least work and least copying."""
        if isinstance(options, TokenVectorOptions):
            return self._run_graph([HIDDEN], feeds, session)
        unit = self._unit_length(options)
        if unit or not self._embedding.normalized:
            (vectors,) = self._run_graph(["sentence_embedding"], feeds, session)
            return [_unit(vectors) if unit and not self._embedding.normalized else vectors]
        from edgebert_runtime.postprocessing.pooling import apply_steps

        (hidden,) = self._run_graph([HIDDEN], feeds, session)
        steps = self._embedding.steps[:-1]
        return [apply_steps(steps, hidden, feeds["attention_mask"], self._bundle.folder)]

    def _prefix(self, options: EmbedOptions | TokenVectorOptions) -> str:
        name = self._embedding.default_prompt if options.prompt is None else options.prompt
        if not name:
            return ""
        if name not in self._embedding.prompts:
            known = ", ".join(sorted(self._embedding.prompts)) or "none"
            raise ConfigError(f"prompt {name!r} is unknown; this bundle has: {known}")
        return self._embedding.prompts[name]

    def _check_tokens(self) -> None:
        if HIDDEN not in self.session.outputs:
            raise ConfigError(
                f"this bundle's graph has no output {HIDDEN}, so there are no vectors of tokens; "
                "export the model with one"
            )

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
    # most calls take vectors as the graph gives them
    from edgebert_runtime.postprocessing.pooling import normalize

    return normalize(vectors)


def _renamed(precision: OutputDtype) -> OutputDtype:
    """What the former parameter says."""
    warnings.warn(
        "embed's parameter precision is called output_dtype now, and will be refused in the next "
        f"release; write output_dtype={precision!r}",
        DeprecationWarning,
        stacklevel=3,
    )
    return precision


def _columns(model: TaskModel[Any], options: EmbedOptions) -> Columns:
    none = model.predict([], options)
    return {"embedding": VectorType(none.dtype.str, none.shape[1])}


SPEC: Final = TaskSpec(
    name="embed",
    model=Embedder,
    labels=None,
    pipeline_tag="feature-extraction",
    example='vectors = model.embed(["a text", "another"])  # float32 (2, {dimensions})',
    columns=_columns,
    record=lambda vector: {"embedding": vector},
    command=CommandSpec(
        summary="Turn texts into vectors; prints a JSON line for each text",
        renamed={"precision": "output_dtype"},
    ),
    probe=TaskProbe(
        options=EmbedOptions(), comparable=lambda vector: vector.tolist(), measure="distance"
    ),
)
